#include "data/batch_reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/error.h"

namespace nnx {
namespace {

// A thread with less to copy is not worth waking.
constexpr size_t bytes_worth_a_thread = 64 << 10;

// An option that may be built in code, so its range is checked here too.
void check_range(const char* key, int64_t value, int64_t low, int64_t high) {
  if (value < low || value > high)
    fail(ErrorKind::config,
         {.where = key, .expected = fmt::format("a number from {} to {}", low, high), .got = fmt::to_string(value)});
}

}  // namespace

LoaderOptions evaluation_options(int64_t batch_size, int threads) {
  return {.batch_size = batch_size, .shuffle = false, .drop_last = false, .threads = threads};
}

BatchReader::BatchReader(Dataset data, const LoaderOptions& options, uint64_t seed, RowHook hook)
    : data_(std::move(data)), options_(options), seed_(seed), hook_(std::move(hook)) {
  check_range("batch_size", options.batch_size, 1, int64_t{1} << 31);
  check_range("prefetch", options.prefetch.value_or(0), 0, 64);
  const int64_t size = options_.batch_size, tail = data_.rows % size;
  batches_ = data_.rows / size + (tail && !options_.drop_last ? 1 : 0);
  if (batches_ == 0)
    fail(ErrorKind::config, {.where = "batch_size",
                             .expected = fmt::format("at most the {} rows there are", data_.rows),
                             .got = fmt::to_string(size),
                             .hint = "or set drop_last: false"});
}

int64_t BatchReader::count_of(int64_t batch) const {
  return std::min(options_.batch_size, data_.rows - batch * options_.batch_size);
}

int64_t BatchReader::rows_per_epoch() const { return (batches_ - 1) * options_.batch_size + count_of(batches_ - 1); }

Cursor BatchReader::after(Cursor at) const {
  return at.batch + 1 < batches_ ? Cursor{at.epoch, at.batch + 1} : Cursor{at.epoch + 1, 0};
}

size_t BatchReader::x_bytes() const {
  return static_cast<size_t>(options_.batch_size * data_.schema.features()) * sizeof(float);
}
size_t BatchReader::y_bytes() const {
  return static_cast<size_t>(options_.batch_size * data_.schema.target_width()) * sizeof(float);  // f32 or i32
}

void BatchReader::read(Cursor at, void* x_out, void* y_out, int threads) {
  check(at.epoch <= max_epoch, "more than 2^32 - 2 epochs");
  if (options_.shuffle && order_epoch_ != at.epoch) {
    order_.assign(epoch_key(seed_, at.epoch), data_.rows);
    order_epoch_ = at.epoch;
  }
  char* x = static_cast<char*>(x_out);
  char* y = static_cast<char*>(y_out);
  const int64_t count = count_of(at.batch);
  const auto worth = static_cast<int>(std::min<size_t>(x_bytes() / bytes_worth_a_thread, 1024));
  const int used = hook_ ? 1 : std::clamp(worth, 1, threads);
  if (used == 1) {
    copy_rows(at, 0, count, x, y);
  } else {
#pragma omp parallel for num_threads(used)
    for (int piece = 0; piece < used; ++piece) copy_rows(at, count * piece / used, count * (piece + 1) / used, x, y);
  }
  const auto rows = static_cast<size_t>(options_.batch_size), filled = static_cast<size_t>(count);
  std::memset(x + x_bytes() / rows * filled, 0, x_bytes() / rows * (rows - filled));
  std::memset(y + y_bytes() / rows * filled, 0, y_bytes() / rows * (rows - filled));
}

// Rows `begin` to `end` of a batch to their places.
void BatchReader::copy_rows(Cursor at, int64_t begin, int64_t end, char* x, char* y) const {
  const auto features = static_cast<size_t>(data_.schema.features());
  const size_t x_row = features * sizeof(float);
  const size_t y_row = static_cast<size_t>(data_.schema.target_width()) * sizeof(float);
  x += static_cast<size_t>(begin) * x_row;
  y += static_cast<size_t>(begin) * y_row;
  const int64_t first = at.batch * options_.batch_size;
  for (int64_t i = begin; i < end; ++i, x += x_row, y += y_row) {
    const int64_t row = options_.shuffle ? order_[first + i] : first + i;
    std::memcpy(x, data_.features->as<char>() + static_cast<size_t>(row) * x_row, x_row);
    std::memcpy(y, data_.targets->as<char>() + static_cast<size_t>(row) * y_row, y_row);
    if (hook_) hook_(at, row, {reinterpret_cast<float*>(x), features});
  }
}

}  // namespace nnx
