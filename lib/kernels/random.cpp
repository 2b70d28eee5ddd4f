// Random words as ops of their own: threefry2x32 (key derivation), and random_bits of many keys (the masks of an ensemble).
// The draws of one key are "random_bits" of a FusedLoop.
#include "base/threefry.h"
#include "kernels/factories.h"
#include "kernels/loop_program.h"
#include "kernels/parallel.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

class Threefry final : public Kernel {
 public:
  explicit Threefry(int64_t count)
      : count_(count),
        first_(find_vector("threefry2x32.0", DType::u32, DType::u32)),
        second_(find_vector("threefry2x32.1", DType::u32, DType::u32)) {}
  void run(void* const* args) const override {
    if (count_ < vector_from) return run_scalar(args);
    VectorCall call;
    for (int k = 0; k < 4; ++k) call.in[k] = args[k], call.step[k] = 1;
    call.n = count_;
    call.out = args[4];
    first_(call);
    call.out = args[5];
    second_(call);
  }
  std::string name() const override { return "threefry2x32"; }
  double bytes() const override { return 24.0 * static_cast<double>(count_); }

 private:
  static constexpr int64_t vector_from = 4;
  void run_scalar(void* const* args) const {
    const auto word = [&](int arg, int64_t i) { return static_cast<const uint32_t*>(args[arg])[i]; };
    for (int64_t i = 0; i < count_; ++i) {
      const RandomKey result = threefry2x32({word(0, i), word(1, i)}, word(2, i), word(3, i));
      static_cast<uint32_t*>(args[4])[i] = result.hi;
      static_cast<uint32_t*>(args[5])[i] = result.lo;
    }
  }
  int64_t count_;
  VectorFn first_, second_;
};

// `each` words of every key, one key after the other.
class ManyDraws final : public Kernel {
 public:
  ManyDraws(int64_t keys, int64_t each, int threads)
      : keys_(keys),
        each_(each),
        threads_(useful_threads(threads, 4 * keys * each)),
        draw_(find_vector("random_bits", DType::u32, DType::u32)) {}
  void run(void* const* args) const override {
    const auto* keys = static_cast<const uint32_t*>(args[0]);
    auto* out = static_cast<uint32_t*>(args[1]);
    for_pieces(threads_, keys_, [&](int64_t begin, int64_t end, int) {
      VectorCall call;
      call.n = each_;
      call.index_step = 1;
      for (int64_t k = begin; k < end; ++k) {
        call.in[0] = keys + 2 * k;
        call.out = out + each_ * k;
        draw_(call);
      }
    });
  }
  std::string name() const override { return "random_bits of " + std::to_string(keys_) + " keys"; }
  double bytes() const override { return 8.0 * static_cast<double>(keys_) + 4.0 * static_cast<double>(keys_ * each_); }
  int threads() const override { return threads_; }

 private:
  int64_t keys_, each_;
  int threads_;
  VectorFn draw_;
};

}  // namespace

KernelPtr make_random_kernel(const OpCall& call) {
  if (call.op.name == "threefry2x32") return std::make_unique<Threefry>(call.out[0].size());
  if (call.op.name != "random_bits" || call.in[0].shape.rank() < 2) return nullptr;
  return std::make_unique<ManyDraws>(call.in[0].size() / 2, call.attrs.as<RandomBitsAttrs>().shape.size(), call.threads);
}

}  // namespace nnx::kernels
