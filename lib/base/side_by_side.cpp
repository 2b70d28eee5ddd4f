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

// Under OMP_PROC_BIND this thread is bound to one processor, and so would be the threads that it starts: as long as this lives,
// all may go to every processor that OpenMP has.
class Unbound {
 public:
  Unbound() {
    cpu_set_t all;
    CPU_ZERO(&all);
    for (int place = 0; place < omp_get_num_places(); ++place) {
      std::vector<int> ids(static_cast<size_t>(omp_get_place_num_procs(place)));
      omp_get_place_proc_ids(place, ids.data());
      for (const int id : ids) CPU_SET(id, &all);
    }
    bound_ = CPU_COUNT(&all) > 0 && ::pthread_getaffinity_np(::pthread_self(), sizeof before_, &before_) == 0;
    if (bound_) ::pthread_setaffinity_np(::pthread_self(), sizeof all, &all);
  }
  ~Unbound() {
    if (bound_) ::pthread_setaffinity_np(::pthread_self(), sizeof before_, &before_);
  }
  Unbound(const Unbound&) = delete;
  Unbound& operator=(const Unbound&) = delete;

 private:
  cpu_set_t before_;
  bool bound_;
};

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
  if (workers <= 1) {
    for (size_t i = 0; i < count; ++i) piece(i);
    return;
  }
  Pieces pieces(count, piece);
  {
    const Unbound scope;
    std::vector<std::jthread> others;
    try {
      while (others.size() + 1 < workers) others.emplace_back([&] { pieces.work(); });
    } catch (const std::system_error&) {}   // fewer threads do it as well
    pieces.work();
  }
  pieces.rethrow();
}

}  // namespace nnx
