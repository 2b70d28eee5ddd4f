// What the processor can do, measured by our own kernels in the same process as what is held against it: the clock of a
// shared machine drifts.
//
//   PeakMeter peak(threads);       peak.measure();    peak.gflops();
//   BandwidthMeter bandwidth(threads);                bandwidth.of(5e6);     // bytes a second, where 5 MB are touched
#pragma once

#include <map>

#include "array/buffer.h"
#include "kernels/kernel.h"

namespace nnx {

double clock_seconds();  // of a clock that only goes forward

// The best of many products of two matrices of 384 x 384. They fit the caches, and each takes so little time that on a
// busy machine some run without an interruption.
class PeakMeter {
 public:
  explicit PeakMeter(int threads);
  void measure();  // takes 0.04 seconds
  double gflops() const { return best_; }

 private:
  kernels::KernelPtr kernel_;
  BufferRef matrices_[3], scratch_;
  double best_ = 0;
};

// The best of many passes c = a + b over arrays of as many bytes together: caches hold small ones, memory large ones.
class BandwidthMeter {
 public:
  explicit BandwidthMeter(int threads) : threads_(threads) {}
  double of(double bytes);  // bytes a second; measured once a power of four, between 16 KB and 64 MB

 private:
  int threads_;
  std::map<int64_t, double> known_;
};

}  // namespace nnx
