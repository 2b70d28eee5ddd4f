#include "data/loader.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/error.h"

namespace nnx {
namespace {

// A caller holds at most this many batches before the ring lets go of the oldest: the one in use, the one that a plan
// is still bound to, and one to spare.
constexpr size_t max_held = 3;

BufferRef make_weight(int64_t batch_size, int64_t count) {
  BufferRef weight = Buffer::allocate(static_cast<size_t>(batch_size) * sizeof(float));
  std::fill_n(weight->as<float>(), batch_size, 0.0f);
  std::fill_n(weight->as<float>(), count, 1.0f);
  return weight;
}

}  // namespace

int64_t batches_ahead(const LoaderOptions& options) {
  const auto processors = static_cast<int>(std::thread::hardware_concurrency());
  return options.prefetch.value_or(options.threads < processors ? 8 : 0);
}

Loader::Loader(Dataset data, const LoaderOptions& options, uint64_t seed, RowHook hook)
    : reader_(std::move(data), options, seed, std::move(hook)), threads_(options.threads) {
  const int64_t size = batch_size(), tail = this->data().rows % size;
  full_weight_ = make_weight(size, size);
  last_weight_ = tail ? make_weight(size, tail) : full_weight_;
  const auto ahead = static_cast<size_t>(batches_ahead(options));
  slots_.resize(ahead + max_held);
  free_.reserve(slots_.size());
  ready_.reserve(slots_.size());
  held_.reserve(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    allocate(slots_[i]);
    free_.push_back(i);
  }
  if (ahead > 0) thread_ = std::thread([this] { work(); });
}

Loader::~Loader() {
  if (!thread_.joinable()) return;
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void Loader::allocate(Slot& slot) const {
  slot.x = Buffer::allocate(reader_.x_bytes());
  slot.y = Buffer::allocate(reader_.y_bytes());
}

// Takes back what nobody holds any more, and gives away the oldest of too many. The mutex is held, where there is a thread.
void Loader::reclaim() {
  std::erase_if(held_, [this](size_t i) {
    const bool dropped = slots_[i].x.use_count() == 1 && slots_[i].y.use_count() == 1;
    if (dropped) free_.push_back(i);
    return dropped;
  });
  if (held_.size() < max_held) return;
  allocate(slots_[held_.front()]);
  free_.push_back(held_.front());
  held_.erase(held_.begin());
}

// A slot that the loader's thread has filled.
size_t Loader::wait_for_batch() {
  std::unique_lock lock(mutex_);
  reclaim();
  work_.notify_one();
  ready_changed_.wait(lock, [this] { return !ready_.empty() || error_; });
  if (ready_.empty()) std::rethrow_exception(error_);
  const size_t i = ready_.front();
  ready_.erase(ready_.begin());
  return i;
}

// A slot that is filled now.
size_t Loader::gather_batch() {
  reclaim();
  const size_t i = free_.back();
  slots_[i].at = cursor_;
  reader_.read(cursor_, slots_[i].x->data(), slots_[i].y->data(), threads_);
  free_.pop_back();
  return i;
}

Batch Loader::next() {
  const size_t i = thread_.joinable() ? wait_for_batch() : gather_batch();
  held_.push_back(i);
  const Slot& slot = slots_[i];
  check(slot.at == cursor_, "the loader's thread is out of step");
  const int64_t count = reader_.count_of(cursor_.batch);
  cursor_ = reader_.after(cursor_);
  return {slot.x, slot.y, count == batch_size() ? full_weight_ : last_weight_, count, slot.at};
}

void Loader::set_cursor(Cursor at) {
  if (at.epoch < 0 || at.epoch > max_epoch || at.batch < 0 || at.batch >= batches_per_epoch())
    fail(ErrorKind::data, {.where = "data cursor",
                           .expected = fmt::format("a batch from 0 to {}", batches_per_epoch() - 1),
                           .got = fmt::format("epoch {}, batch {}", at.epoch, at.batch)});
  if (at == cursor_) return;
  cursor_ = at;
  const std::lock_guard lock(mutex_);
  ++generation_;
  fill_at_ = at;
  free_.insert(free_.end(), ready_.begin(), ready_.end());
  ready_.clear();
  work_.notify_one();
}

void Loader::work() try {
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [this] { return stop_ || !free_.empty(); });
    if (stop_) return;
    const size_t i = free_.back();
    free_.pop_back();
    const Cursor at = fill_at_;
    fill_at_ = reader_.after(at);
    const uint64_t generation = generation_;
    lock.unlock();
    slots_[i].at = at;
    reader_.read(at, slots_[i].x->data(), slots_[i].y->data());
    lock.lock();
    (generation == generation_ ? ready_ : free_).push_back(i);
    ready_changed_.notify_one();
  }
} catch (...) {
  const std::lock_guard lock(mutex_);
  error_ = std::current_exception();
  ready_changed_.notify_one();
}

}  // namespace nnx
