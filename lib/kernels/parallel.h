// A loop cut into equal pieces, one a thread; one thread never enters OpenMP. Private to kernels/.
#pragma once

#include <omp.h>

#include <algorithm>
#include <cstdint>

namespace nnx::kernels {

// The threads worth waking for `work` elements: below about 32 thousand a fork costs more than it saves.
inline int useful_threads(int threads, int64_t work) {
  return static_cast<int>(std::clamp<int64_t>(work / 16384, 1, std::max(1, threads)));
}

// body(begin, end, thread) over [0, n).
template <class Body> void for_pieces(int threads, int64_t n, Body body) {
  if (threads <= 1) return body(int64_t{0}, n, 0);
#pragma omp parallel num_threads(threads)
  {
    const int64_t t = omp_get_thread_num(), count = omp_get_num_threads();
    body(n * t / count, n * (t + 1) / count, static_cast<int>(t));
  }
}

}  // namespace nnx::kernels
