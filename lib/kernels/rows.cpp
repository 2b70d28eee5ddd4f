// Neural ops over the last axis, one row at a time: softmax, log_softmax, cross-entropy, layer_norm and their
// gradients.
#include <algorithm>

#include "kernels/factories.h"
#include "kernels/parallel.h"
#include "kernels/vector/table.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

class RowKernel : public Kernel {
 public:
  RowKernel(const OpCall& call) : kernels_(vector_table().rows), name_(call.op.name), c_(call.in[0].shape.back()) {
    rows_ = c_ == 0 ? 0 : call.in[0].size() / c_;
    threads_ = static_cast<int>(std::clamp<int64_t>(rows_, 1, useful_threads(call.threads, 4 * call.in[0].size())));
    for (const Type& t : call.in) bytes_ += static_cast<double>(t.bytes());
    for (const Type& t : call.out) bytes_ += static_cast<double>(t.bytes());
  }
  std::string name() const override { return name_; }
  double flops() const override { return 8.0 * static_cast<double>(rows_ * c_); }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 protected:
  const RowKernels& kernels_;
  std::string name_;
  int64_t c_, rows_;
  int threads_;
  double bytes_ = 0;
};

class SoftmaxKernel final : public RowKernel {
 public:
  SoftmaxKernel(const OpCall& call)
      : RowKernel(call), fn_(call.op.name == "softmax" ? kernels_.softmax : kernels_.log_softmax) {}
  void run(void* const* args) const override {
    for_pieces(threads_, rows_, [&](int64_t begin, int64_t end, int) {
      fn_(static_cast<const float*>(args[0]) + begin * c_, static_cast<float*>(args[1]) + begin * c_, end - begin, c_);
    });
  }

 private:
  void (*fn_)(const float*, float*, int64_t, int64_t);
};

class CrossEntropyKernel final : public RowKernel {
 public:
  using RowKernel::RowKernel;
  void run(void* const* args) const override {
    for_pieces(threads_, rows_, [&](int64_t begin, int64_t end, int) {
      kernels_.cross_entropy(static_cast<const float*>(args[0]) + begin * c_,
                             static_cast<const int32_t*>(args[1]) + begin, static_cast<float*>(args[2]) + begin,
                             end - begin, c_);
    });
  }
};

class CrossEntropyGradKernel final : public RowKernel {
 public:
  using RowKernel::RowKernel;
  void run(void* const* args) const override {
    for_pieces(threads_, rows_, [&](int64_t begin, int64_t end, int) {
      kernels_.cross_entropy_grad(
          static_cast<const float*>(args[0]) + begin * c_, static_cast<const int32_t*>(args[1]) + begin,
          static_cast<const float*>(args[2]) + begin, static_cast<float*>(args[3]) + begin * c_, end - begin, c_);
    });
  }
};

class LayerNormKernel final : public RowKernel {
 public:
  LayerNormKernel(const OpCall& call) : RowKernel(call), attrs_(call.attrs.as<NormAttrs>()) {}
  void run(void* const* args) const override {
    int next = 1;
    const auto* scale = attrs_.has_scale ? static_cast<const float*>(args[next++]) : nullptr;
    const auto* bias = attrs_.has_bias ? static_cast<const float*>(args[next++]) : nullptr;
    for_pieces(threads_, rows_, [&](int64_t begin, int64_t end, int) {
      kernels_.layer_norm(static_cast<const float*>(args[0]) + begin * c_, scale, bias,
                          static_cast<float>(attrs_.epsilon), static_cast<float*>(args[next]) + begin * c_, end - begin,
                          c_);
    });
  }

 private:
  NormAttrs attrs_;
};

// dscale and dbias are summed in double, one partial sum a thread, added up in order of threads.
class LayerNormGradKernel final : public RowKernel {
 public:
  LayerNormGradKernel(const OpCall& call) : RowKernel(call), attrs_(call.attrs.as<NormAttrs>()) {}
  size_t scratch_bytes() const override { return static_cast<size_t>(2 * c_ * threads_) * sizeof(double); }

  void run(void* const* args) const override {
    int next = 1;
    const auto* scale = attrs_.has_scale ? static_cast<const float*>(args[next++]) : nullptr;
    const auto* ct = static_cast<const float*>(args[next++]);
    auto* dx = static_cast<float*>(args[next++]);
    auto* dscale = attrs_.has_scale ? static_cast<float*>(args[next++]) : nullptr;
    auto* dbias = attrs_.has_bias ? static_cast<float*>(args[next++]) : nullptr;
    auto* sums = static_cast<double*>(args[next]);
    std::fill_n(sums, 2 * c_ * threads_, 0.0);
    for_pieces(threads_, rows_, [&](int64_t begin, int64_t end, int thread) {
      double* mine = sums + 2 * c_ * thread;
      kernels_.layer_norm_grad(static_cast<const float*>(args[0]) + begin * c_, scale, ct + begin * c_,
                               static_cast<float>(attrs_.epsilon), dx + begin * c_, dscale ? mine : nullptr,
                               dbias ? mine + c_ : nullptr, end - begin, c_);
    });
    add_up(sums, dscale);
    add_up(sums + c_, dbias);
  }

 private:
  void add_up(const double* sums, float* result) const {
    if (!result) return;
    for (int64_t j = 0; j < c_; ++j) {
      double total = 0;
      for (int t = 0; t < threads_; ++t) total += sums[2 * c_ * t + j];
      result[j] = static_cast<float>(total);
    }
  }
  NormAttrs attrs_;
};

}  // namespace

KernelPtr make_row_kernel(const OpCall& call) {
  const std::string_view op = call.op.name;
  if (call.in.empty() || call.in[0].dtype != DType::f32 || call.in[0].shape.rank() == 0) return nullptr;
  if (op == "softmax" || op == "log_softmax") {
    const bool last = call.attrs.as<AxisAttrs>().axis == call.in[0].shape.rank() - 1;
    return last ? std::make_unique<SoftmaxKernel>(call) : nullptr;
  }
  if (op == "softmax_cross_entropy") return std::make_unique<CrossEntropyKernel>(call);
  if (op == "softmax_cross_entropy_grad") return std::make_unique<CrossEntropyGradKernel>(call);
  if (op == "layer_norm") return std::make_unique<LayerNormKernel>(call);
  if (op == "layer_norm_grad") return std::make_unique<LayerNormGradKernel>(call);
  return nullptr;
}

}  // namespace nnx::kernels
