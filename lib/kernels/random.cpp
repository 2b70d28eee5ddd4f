// threefry2x32 as an op of its own: the few words of key derivation. Masks and draws are "random_bits" of a FusedLoop.
#include "base/threefry.h"
#include "kernels/factories.h"

namespace nnx::kernels {
namespace {

class Threefry final : public Kernel {
 public:
  explicit Threefry(int64_t count) : count_(count) {}
  void run(void* const* args) const override {
    const auto word = [&](int arg, int64_t i) { return static_cast<const uint32_t*>(args[arg])[i]; };
    for (int64_t i = 0; i < count_; ++i) {
      const RandomKey result = threefry2x32({word(0, i), word(1, i)}, word(2, i), word(3, i));
      static_cast<uint32_t*>(args[4])[i] = result.hi;
      static_cast<uint32_t*>(args[5])[i] = result.lo;
    }
  }
  std::string name() const override { return "threefry2x32"; }
  double bytes() const override { return 24.0 * static_cast<double>(count_); }

 private:
  int64_t count_;
};

}  // namespace

KernelPtr make_random_kernel(const OpCall& call) {
  if (call.op.name != "threefry2x32") return nullptr;
  return std::make_unique<Threefry>(call.out[0].size());
}

}  // namespace nnx::kernels
