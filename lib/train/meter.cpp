#include "train/meter.h"

#include <algorithm>
#include <chrono>

#include "kernels/fused_loop.h"
#include "kernels/matmul.h"

namespace nnx {

double clock_seconds() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

namespace {

constexpr int64_t matrix_size = 384;

// The shortest of the runs that fit `seconds`.
double best_time(const kernels::Kernel& kernel, void* const* arguments, double seconds) {
  double best = 1e9;
  const double until = clock_seconds() + seconds;
  for (double begin = clock_seconds(), end; begin < until; begin = end) {
    kernel.run(arguments);
    end = clock_seconds();
    best = std::min(best, end - begin);
  }
  return best;
}

BufferRef filled(size_t bytes) {
  const BufferRef buffer = Buffer::allocate(bytes);
  std::fill_n(buffer->as<float>(), bytes / sizeof(float), 0.5f);
  return buffer;
}

BufferRef scratch_of(const kernels::Kernel& kernel) {
  return Buffer::allocate(std::max<size_t>(kernel.scratch_bytes(), 1));
}

double measure_bandwidth(int64_t bytes, int threads) {
  const int64_t n = bytes / 3 / static_cast<int64_t>(sizeof(float));
  kernels::FusedLoop loop{.dims = {n},
                          .inputs = {{.strides = {1}}, {.strides = {1}}},
                          .code = {{.op = "add", .args = {0, 1}}},
                          .outputs = {{.reg = 2, .strides = {1}}}};
  const size_t array_bytes = static_cast<size_t>(n) * sizeof(float);
  const BufferRef a = filled(array_bytes), b = filled(array_bytes), c = filled(array_bytes);
  double best = 1e9;
  for (const int count : {1, threads}) {
    const kernels::KernelPtr kernel = kernels::make_fused_loop(loop, count);
    const BufferRef scratch = scratch_of(*kernel);
    void* const arguments[] = {a->data(), b->data(), c->data(), scratch->data()};
    best = std::min(best, best_time(*kernel, arguments, 0.02));
  }
  return static_cast<double>(3 * array_bytes) / best;
}

}  // namespace

PeakMeter::PeakMeter(int threads)
    : kernel_(kernels::make_matmul({.m = matrix_size,
                                    .n = matrix_size,
                                    .k = matrix_size,
                                    .lhs = {0, matrix_size, 1},
                                    .rhs = {0, matrix_size, 1},
                                    .out = {0, matrix_size, 1}},
                                   threads)),
      scratch_(scratch_of(*kernel_)) {
  for (BufferRef& matrix : matrices_) matrix = filled(static_cast<size_t>(matrix_size * matrix_size) * sizeof(float));
  measure();  // first touch, and threads awake
  best_ = 0;
}

void PeakMeter::measure() {
  void* const arguments[] = {matrices_[0]->data(), matrices_[1]->data(), matrices_[2]->data(), scratch_->data()};
  const double n = matrix_size;
  best_ = std::max(best_, 2e-9 * n * n * n / best_time(*kernel_, arguments, 0.04));
}

double BandwidthMeter::of(double bytes) {
  int64_t size = 1 << 14;
  while (static_cast<double>(size) < bytes && size < 1 << 26) size *= 4;
  const auto [it, fresh] = known_.emplace(size, 0);
  if (fresh) it->second = measure_bandwidth(size, threads_);
  return it->second;
}

}  // namespace nnx
