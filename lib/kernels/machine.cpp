// Which vector code and how many threads this process uses.
#include <omp.h>

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/error.h"
#include "kernels/kernel.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {
namespace {

int best_isa() {  // 0 baseline, 1 avx2, 2 avx512
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512vl")) {
    return 2;
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return 1;
#endif
  return 0;
}

int chosen_isa() {
  const char* wish = std::getenv("NNX_ISA");
  if (!wish || !*wish) return best_isa();
  const char* const names[] = {"baseline", "avx2", "avx512"};
  for (int i = 0; i < 3; ++i) {
    if (std::strcmp(wish, names[i]) == 0) return std::min(i, best_isa());
  }
  fail(ErrorKind::usage, {.where = "NNX_ISA", .expected = "baseline, avx2 or avx512", .got = in_quotes(wish)});
}

std::atomic<int> thread_limit{0};

}  // namespace

const VectorTable& vector_table() {
  static const VectorTable& table = []() -> const VectorTable& {
    switch (chosen_isa()) {
      case 2: return vector_table_avx512();
      case 1: return vector_table_avx2();
      default: return vector_table_baseline();
    }
  }();
  return table;
}

std::string isa_name() { return vector_table().isa; }

int max_threads() {
  const int limit = thread_limit.load();
  return limit > 0 ? limit : omp_get_max_threads();
}

void set_max_threads(int threads) {
  if (threads < 1)
    fail(ErrorKind::config, {.where = "threads", .expected = "at least 1", .got = std::to_string(threads)});
  thread_limit = threads;
}

}  // namespace nnx::kernels
