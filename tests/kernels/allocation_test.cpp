// Running a kernel allocates nothing of ours: operator new is counted.
#include <doctest/doctest.h>

#include "kernels/loop_support.h"
#include "kernels/matmul.h"
#include "ops/all.h"
#include "ops/attrs.h"
#include "support/allocations.h"

namespace nnx::kernels {
namespace {

int64_t allocations_of(const Kernel& kernel, std::vector<void*> args) {
  const BufferRef scratch = Buffer::allocate(kernel.scratch_bytes() + 64);
  args.push_back(scratch->data());
  kernel.run(args.data());  // oneDNN and OpenMP set themselves up
  const int64_t before = test::allocations();
  for (int i = 0; i < 3; ++i) kernel.run(args.data());
  return test::allocations() - before;
}

}  // namespace

TEST_CASE("running a kernel allocates nothing of ours") {
  std::vector<float> a(300 * 300, 1), b(a), c(a), d(a);
  for (const int threads : {1, 2}) {
    FusedLoop loop{.dims = {300, 300},
                   .inputs = {{DType::f32, {300, 1}}, {DType::f32, {1, 300}}},
                   .code = {{"add", {0, 1}}, {"exp", {2}}},
                   .outputs = {{3, {300, 1}}, {3, {0, 1}, Reduce::sum}}};
    CHECK(allocations_of(*make_fused_loop(loop, threads), {a.data(), b.data(), c.data(), d.data()}) == 0);
    MatmulSpec tiny;
    tiny.m = tiny.n = tiny.k = 8;
    tiny.lhs = tiny.rhs = tiny.out = {64, 8, 1};
    CHECK(allocations_of(*make_matmul(tiny, threads), {a.data(), b.data(), c.data()}) == 0);
    const Type matrix{DType::f32, {300, 300}};
    const std::vector<Type> one{matrix}, two{matrix, matrix};
    CHECK(allocations_of(*make_kernel(*find_op("softmax"), AxisAttrs{1}, one, one, threads), {a.data(), c.data()}) ==
          0);
    CHECK(allocations_of(*make_kernel(*find_op("sort"), AxisAttrs{0}, one, one, threads), {a.data(), c.data()}) == 0);
    CHECK(allocations_of(*make_kernel(*find_op("transpose"), TransposeAttrs{{1, 0}}, one, one, threads),
                         {a.data(), c.data()}) == 0);
  }
}

}  // namespace nnx::kernels
