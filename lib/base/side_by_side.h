// Does independent pieces of work at the same time, on this thread and others that live as long as it takes.
//
//   side_by_side(runs.size(), file_threads, [&](size_t i) { runs[i].save(); });
//
// The pieces are taken up in order. After an exception no further piece is, and the exception of the first piece that threw is
// thrown: the one that doing them one after the other would have thrown. One piece starts no thread.
#pragma once

#include <cstddef>
#include <functional>

namespace nnx {

// Threads for work that waits for the disk more than it computes: what is synced at the same time is written together.
inline constexpr int file_threads = 16;

void side_by_side(size_t count, int threads, const std::function<void(size_t)>& piece);

}  // namespace nnx
