// gather and scatter_add: rows of `post` elements, in the words of ops/attrs.h.
#include <algorithm>
#include <cstring>

#include "kernels/factories.h"
#include "kernels/loop_program.h"
#include "kernels/parallel.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

struct IndexSpace {
  int64_t batch = 1, pre = 1, n = 1, count = 1, post = 1;  // products of the dimensions of each part
  bool is_signed = true;

  IndexSpace(const Type& x, const Type& indices, const GatherAttrs& a)
      : n(x.shape[a.axis]), is_signed(indices.dtype == DType::i32) {
    for (int i = 0; i < a.batch_dims; ++i) batch *= x.shape[i];
    for (int i = a.batch_dims; i < a.axis; ++i) pre *= x.shape[i];
    for (int i = a.axis + 1; i < x.shape.rank(); ++i) post *= x.shape[i];
    for (int i = a.batch_dims; i < indices.shape.rank(); ++i) count *= indices.shape[i];
  }
  // Index i, negative ones counted from the end; it may still lie outside [0, n).
  int64_t at(const void* indices, int64_t i) const {
    if (!is_signed) return static_cast<const uint32_t*>(indices)[i];
    const int64_t index = static_cast<const int32_t*>(indices)[i];
    return index < 0 ? index + n : index;
  }
};

class GatherKernel final : public Kernel {
 public:
  GatherKernel(const OpCall& call)
      : space_(call.in[0], call.in[1], call.attrs.as<GatherAttrs>()),
        row_bytes_(space_.post * static_cast<int64_t>(size_of(call.in[0].dtype))),
        bytes_(2.0 * static_cast<double>(call.out[0].bytes())),
        threads_(useful_threads(call.threads, call.out[0].size())) {}

  void run(void* const* args) const override {
    const int64_t rows = space_.batch * space_.pre * space_.count;
    for_pieces(threads_, row_bytes_ == 0 ? 0 : rows, [&](int64_t begin, int64_t end, int) {
      for (int64_t row = begin; row < end; ++row) {
        const int64_t outer = row / space_.count, k = row % space_.count;
        const int64_t index =
            std::clamp<int64_t>(space_.at(args[1], outer / space_.pre * space_.count + k), 0, space_.n - 1);
        const auto* from = static_cast<const std::byte*>(args[0]) + (outer * space_.n + index) * row_bytes_;
        auto* to = static_cast<std::byte*>(args[2]) + row * row_bytes_;
        if (row_bytes_ == 4) std::memcpy(to, from, 4);
        else std::memcpy(to, from, static_cast<size_t>(row_bytes_));
      }
    });
  }
  std::string name() const override { return "gather"; }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 private:
  IndexSpace space_;
  int64_t row_bytes_;
  double bytes_;
  int threads_;
};

// Each thread adds what falls into its part of the indexed axis, in the order of the indices: the result does not
// depend on the number of threads.
class ScatterAddKernel final : public Kernel {
 public:
  ScatterAddKernel(const OpCall& call)
      : space_(call.in[0], call.in[1], call.attrs.as<GatherAttrs>()),
        x_bytes_(call.in[0].bytes()),
        add_(find_vector("add", call.in[0].dtype, call.in[0].dtype)),
        bytes_(2.0 * static_cast<double>(call.in[0].bytes() + call.in[2].bytes())),
        threads_(useful_threads(call.threads, call.in[2].size())) {}

  void run(void* const* args) const override {
    auto* out = static_cast<uint32_t*>(args[3]);
    if (args[3] != args[0] && x_bytes_ > 0) std::memcpy(args[3], args[0], x_bytes_);
    for_pieces(threads_, space_.n, [&](int64_t begin, int64_t end, int) {
      for (int64_t outer = 0; outer < space_.batch * space_.pre; ++outer) {
        for (int64_t k = 0; k < space_.count; ++k) {
          const int64_t index = space_.at(args[1], outer / space_.pre * space_.count + k);
          if (index < begin || index >= end) continue;
          VectorCall call;
          call.out = out + (outer * space_.n + index) * space_.post;
          call.in[0] = call.out;
          call.in[1] = static_cast<const uint32_t*>(args[2]) + (outer * space_.count + k) * space_.post;
          call.step[0] = call.step[1] = 1;
          call.n = space_.post;
          add_(call);
        }
      }
    });
  }
  std::string name() const override { return "scatter_add"; }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 private:
  IndexSpace space_;
  size_t x_bytes_;
  VectorFn add_;
  double bytes_;
  int threads_;
};

}  // namespace

KernelPtr make_index_kernel(const OpCall& call) {
  if (call.op.name == "gather") return std::make_unique<GatherKernel>(call);
  if (call.op.name == "scatter_add" && call.in[0].dtype != DType::f64) return std::make_unique<ScatterAddKernel>(call);
  return nullptr;
}

}  // namespace nnx::kernels
