#include "data/loader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

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

// An option that may be built in code, so its range is checked here too.
void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    fail(ErrorKind::config,
         {.where = key, .expected = fmt::format("a number from {} to {}", low, high), .got = fmt::to_string(value)});
}

}  // namespace

LoaderOptions evaluation_options(int64_t batch_size) {
  return {.batch_size = batch_size, .shuffle = false, .drop_last = false};
}

Loader::Loader(Dataset data, const LoaderOptions& options, uint64_t seed, RowHook hook)
    : data_(std::move(data)), options_(options), seed_(seed), hook_(std::move(hook)) {
  check_range("batch_size", options.batch_size, 1, int64_t{1} << 31);
  check_range("prefetch", options.prefetch, 1, 64);
  const int64_t size = options_.batch_size, tail = data_.rows % size;
  batches_ = data_.rows / size + (tail && !options_.drop_last ? 1 : 0);
  if (batches_ == 0)
    fail(ErrorKind::config, {.where = "batch_size",
                             .expected = fmt::format("at most the {} rows there are", data_.rows),
                             .got = fmt::to_string(size),
                             .hint = "or set drop_last: false"});
  full_weight_ = make_weight(size, size);
  last_weight_ = tail ? make_weight(size, tail) : full_weight_;
  slots_.resize(static_cast<size_t>(options_.prefetch) + max_held);
  free_.reserve(slots_.size());
  ready_.reserve(slots_.size());
  held_.reserve(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    allocate(slots_[i]);
    free_.push_back(i);
  }
  thread_ = std::thread([this] { work(); });
}

Loader::~Loader() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  work_.notify_one();
  thread_.join();
}

void Loader::allocate(Slot& slot) const {
  const auto rows = static_cast<size_t>(options_.batch_size);
  slot.x = Buffer::allocate(rows * static_cast<size_t>(data_.schema.features()) * sizeof(float));
  slot.y = Buffer::allocate(rows * static_cast<size_t>(data_.schema.target_width()) * sizeof(float));  // f32 or i32
}

int64_t Loader::count_of(int64_t batch) const {
  return std::min(options_.batch_size, data_.rows - batch * options_.batch_size);
}

int64_t Loader::rows_per_epoch() const { return (batches_ - 1) * options_.batch_size + count_of(batches_ - 1); }

Cursor Loader::after(Cursor at) const {
  return at.batch + 1 < batches_ ? Cursor{at.epoch, at.batch + 1} : Cursor{at.epoch + 1, 0};
}

// Takes back what nobody holds any more, and gives away the oldest of too many. The mutex is held.
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

Batch Loader::next() {
  std::unique_lock lock(mutex_);
  reclaim();
  work_.notify_one();
  ready_changed_.wait(lock, [this] { return !ready_.empty() || error_; });
  if (ready_.empty()) std::rethrow_exception(error_);
  const size_t i = ready_.front();
  ready_.erase(ready_.begin());
  held_.push_back(i);
  lock.unlock();

  const Slot& slot = slots_[i];
  check(slot.at == cursor_, "the loader's thread is out of step");
  const int64_t count = count_of(cursor_.batch);
  cursor_ = after(cursor_);
  return {slot.x, slot.y, count == options_.batch_size ? full_weight_ : last_weight_, count, slot.at};
}

void Loader::set_cursor(Cursor at) {
  if (at.epoch < 0 || at.epoch > max_epoch || at.batch < 0 || at.batch >= batches_)
    fail(ErrorKind::data, {.where = "data cursor",
                           .expected = fmt::format("a batch from 0 to {}", batches_ - 1),
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
    fill_at_ = after(at);
    const uint64_t generation = generation_;
    lock.unlock();
    fill(slots_[i], at);
    lock.lock();
    (generation == generation_ ? ready_ : free_).push_back(i);
    ready_changed_.notify_one();
  }
} catch (...) {
  const std::lock_guard lock(mutex_);
  error_ = std::current_exception();
  ready_changed_.notify_one();
}

void Loader::fill(Slot& slot, Cursor at) {
  check(at.epoch <= max_epoch, "more than 2^32 - 2 epochs");
  if (options_.shuffle && order_epoch_ != at.epoch) {
    order_.assign(epoch_key(seed_, at.epoch), data_.rows);
    order_epoch_ = at.epoch;
  }
  slot.at = at;
  const auto features = static_cast<size_t>(data_.schema.features());
  const size_t x_bytes = features * sizeof(float);
  const size_t y_bytes = static_cast<size_t>(data_.schema.target_width()) * sizeof(float);  // f32 or i32
  char* x = slot.x->as<char>();
  char* y = slot.y->as<char>();
  const int64_t first = at.batch * options_.batch_size, count = count_of(at.batch);
  for (int64_t i = 0; i < count; ++i, x += x_bytes, y += y_bytes) {
    const int64_t row = options_.shuffle ? order_[first + i] : first + i;
    std::memcpy(x, data_.features->as<char>() + static_cast<size_t>(row) * x_bytes, x_bytes);
    std::memcpy(y, data_.targets->as<char>() + static_cast<size_t>(row) * y_bytes, y_bytes);
    if (hook_) hook_(at, row, {reinterpret_cast<float*>(x), features});
  }
  const auto padding = static_cast<size_t>(options_.batch_size - count);
  std::memset(x, 0, padding * x_bytes);
  std::memset(y, 0, padding * y_bytes);
}

}  // namespace nnx
