#include "kernels/loop_program.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"

namespace nnx::kernels {
namespace {

// How many elements lie between the first and the last of an operand, both included.
int64_t extent(const MatmulSpec::Operand& o, int64_t batch, int64_t rows, int64_t cols) {
  if (batch == 0 || rows == 0 || cols == 0) return 0;
  return 1 + (batch - 1) * o.batch_stride + (rows - 1) * o.row_stride + (cols - 1) * o.col_stride;
}

size_t place_bytes(int64_t elements) { return (static_cast<size_t>(elements) * sizeof(float) + 63) / 64 * 64; }

class WidenedMatmul final : public Kernel {
 public:
  WidenedMatmul(const MatmulSpec& spec, int threads)
      : elements_{extent(spec.lhs, spec.batch, spec.m, spec.k), extent(spec.rhs, spec.batch, spec.k, spec.n)},
        others_(1 + spec.bias + spec.residual),
        threads_(threads),
        widen_(find_vector("cast", DType::bf16, DType::f32)) {
    MatmulSpec wide = spec;
    wide.operands = DType::f32;
    matmul_ = make_matmul(wide, threads);
  }

  void run(void* const* args) const override {
    auto* scratch = static_cast<std::byte*>(args[2 + others_]);
    void* inner[6];
    for (int i = 0; i < 2; ++i) {
      widen(static_cast<const uint16_t*>(args[i]), reinterpret_cast<float*>(scratch), elements_[i]);
      inner[i] = scratch;
      scratch += place_bytes(elements_[i]);
    }
    for (int i = 0; i < others_; ++i) inner[2 + i] = args[2 + i];
    inner[2 + others_] = scratch;
    matmul_->run(inner);
  }

  std::string name() const override { return "widen+" + matmul_->name(); }
  size_t scratch_bytes() const override {
    return place_bytes(elements_[0]) + place_bytes(elements_[1]) + matmul_->scratch_bytes();
  }
  double flops() const override { return matmul_->flops(); }
  double bytes() const override { return matmul_->bytes() + 6 * static_cast<double>(elements_[0] + elements_[1]); }
  int threads() const override { return matmul_->threads(); }

 private:
  void widen(const uint16_t* from, float* to, int64_t n) const {
    for_pieces(useful_threads(threads_, n), n, [&](int64_t begin, int64_t end, int) {
      VectorCall call;
      call.out = to + begin;
      call.in[0] = from + begin;
      call.step[0] = 1;
      call.n = end - begin;
      widen_(call);
    });
  }

  int64_t elements_[2];
  int others_;  // arguments between the operands and the scratch
  int threads_;
  VectorFn widen_;
  KernelPtr matmul_;
};

}  // namespace

KernelPtr make_widened_matmul(const MatmulSpec& spec, int threads) {
  return std::make_unique<WidenedMatmul>(spec, threads);
}

}  // namespace nnx::kernels
