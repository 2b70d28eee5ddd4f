#include "base/side_by_side.h"

#include <omp.h>
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace nnx {
namespace {

// Under OMP_PROC_BIND a thread is bound to one processor, and so are the threads that it starts: lets this one go to all that
// OpenMP may use.
void unbind() {
  cpu_set_t processors;
  CPU_ZERO(&processors);
  for (int place = 0; place < omp_get_num_places(); ++place) {
    std::vector<int> ids(static_cast<size_t>(omp_get_place_num_procs(place)));
    omp_get_place_proc_ids(place, ids.data());
    for (const int id : ids) CPU_SET(id, &processors);
  }
  if (CPU_COUNT(&processors) > 0) ::pthread_setaffinity_np(::pthread_self(), sizeof processors, &processors);
}

class Pieces {
 public:
  Pieces(size_t count, const std::function<void(size_t)>& piece) : count_(count), piece_(piece), failed_at_(count) {}

  void work() noexcept {
    for (size_t i = 0; !stop_ && (i = next_++) < count_;) {
      try {
        piece_(i);
      } catch (...) {
        const std::lock_guard lock(mutex_);
        if (i < failed_at_) error_ = std::current_exception();
        failed_at_ = std::min(failed_at_, i);
        stop_ = true;
      }
    }
  }
  void rethrow() const {
    if (error_) std::rethrow_exception(error_);
  }

 private:
  size_t count_;
  const std::function<void(size_t)>& piece_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stop_{false};
  std::mutex mutex_;   // guards what follows
  size_t failed_at_;
  std::exception_ptr error_;
};

}  // namespace

void side_by_side(size_t count, int threads, const std::function<void(size_t)>& piece) {
  const size_t workers = std::min(count, static_cast<size_t>(std::max(threads, 1)));
  Pieces pieces(count, piece);
  {
    std::vector<std::jthread> others;
    try {
      while (others.size() + 1 < workers)
        others.emplace_back([&] {
          unbind();
          pieces.work();
        });
    } catch (const std::system_error&) {}   // fewer threads do it as well
    pieces.work();
  }
  pieces.rethrow();
}

}  // namespace nnx
