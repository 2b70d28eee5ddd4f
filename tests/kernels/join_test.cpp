// Joining instructions into chains changes no bit: random programs against the same programs run one instruction at a
// time.
#include <doctest/doctest.h>

#include <algorithm>
#include <array>

#include "kernels/loop_support.h"

namespace nnx::kernels {
namespace {

struct Choice {
  std::string_view op;
  int arity;
};
constexpr Choice choices[] = {{"add", 2},      {"sub", 2}, {"mul", 2},  {"div", 2},   {"maximum", 2}, {"minimum", 2},
                              {"negative", 1}, {"abs", 1}, {"sqrt", 1}, {"rsqrt", 1}, {"add", 2},     {"mul", 2},
                              {"sub", 2},      {"div", 2}, {"relu", 1}, {"select", 3}};

constexpr int inputs = 5;  // the last two are scalars

// A program of about `steps` instructions that mostly read recent registers, so that chains of all kinds form.
FusedLoop random_program(uint32_t seed, int64_t n, int steps) {
  FusedLoop loop{.dims = {n}, .inputs = {}, .code = {}, .outputs = {}};
  for (int i = 0; i < inputs; ++i) loop.inputs.push_back({DType::f32, {i < inputs - 2 ? 1 : 0}});
  uint64_t draw = 0;
  const auto below = [&](int limit) {
    return static_cast<int>(random_bits(random_key(seed), draw++) % static_cast<uint32_t>(limit));
  };
  std::vector<int> floats{0, 1, 2, 3, 4}, masks;
  const auto pick = [&] {
    const int count = static_cast<int>(floats.size());
    return floats[static_cast<size_t>(below(2) == 0 ? count - 1 - below(std::min(count, 3)) : below(count))];
  };
  const auto emit = [&](std::string_view op, std::vector<int> args, DType dtype) {
    loop.code.push_back({op, std::move(args), dtype});
    return inputs + static_cast<int>(loop.code.size()) - 1;
  };
  for (int i = 0; i < steps; ++i) {
    const Choice c = choices[below(static_cast<int>(std::size(choices)))];
    std::vector<int> args;
    if (c.op == "select") {  // by a mask of its own, or one that others use too
      if (masks.empty() || below(2) == 0)
        masks.push_back(emit(below(2) == 0 ? "greater" : "less_equal", {pick(), pick()}, DType::boolean));
      args.push_back(masks[static_cast<size_t>(below(static_cast<int>(masks.size())))]);
    }
    while (static_cast<int>(args.size()) < c.arity) args.push_back(pick());
    floats.push_back(emit(c.op, args, DType::f32));
  }
  loop.outputs.push_back({floats.back(), {1}});
  loop.outputs.push_back({floats[static_cast<size_t>(below(static_cast<int>(floats.size())))], {1}});
  return loop;
}

// Every register by itself, each instruction a loop of its own.
std::vector<std::vector<float>> one_by_one(const FusedLoop& loop, std::vector<std::vector<float>> registers) {
  const int64_t n = loop.dims[0];
  for (auto& r : registers) r.resize(static_cast<size_t>(n), r[0]);
  for (const LoopInstruction& code : loop.code) {
    FusedLoop single{.dims = {n},
                     .inputs = {},
                     .code = {{code.op, {}, code.dtype}},
                     .outputs = {{static_cast<int>(code.args.size()), {1}}}};
    std::vector<void*> args;
    for (size_t a = 0; a < code.args.size(); ++a) {
      const bool condition = code.op == "select" && a == 0;
      single.inputs.push_back({condition ? DType::boolean : DType::f32, {1}});
      single.code[0].args.push_back(static_cast<int>(a));
      args.push_back(registers[static_cast<size_t>(code.args[a])].data());
    }
    std::vector<float> result(static_cast<size_t>(n));  // room for a bool too
    args.push_back(result.data());
    run_kernel(*make_fused_loop(single, 1), args);
    registers.push_back(std::move(result));
  }
  return registers;
}

bool same(const std::vector<float>& a, const std::vector<float>& b) {  // bit for bit, any NaN being any other
  for (size_t i = 0; i < a.size(); ++i) {
    if (std::memcmp(&a[i], &b[i], 4) != 0 && !(std::isnan(a[i]) && std::isnan(b[i]))) return false;
  }
  return true;
}

}  // namespace

TEST_CASE("joined instructions give the bits of single ones") {
  for (uint32_t seed = 0; seed < 400; ++seed) {
    const int64_t n = std::array<int64_t, 5>{1, 17, 130, 1000, 3000}[seed % 5];
    const FusedLoop loop = random_program(seed, n, 3 + static_cast<int>(seed % 40));
    std::vector<std::vector<float>> data;
    for (uint32_t i = 0; i < inputs; ++i)
      data.push_back(random_floats(seed * 8 + i, loop.inputs[i].strides[0] == 0 ? 1 : n, -2, 2));
    std::vector<float> first(static_cast<size_t>(n)), second(first);
    std::vector<void*> args;
    for (auto& d : data) args.push_back(d.data());
    args.push_back(first.data());
    args.push_back(second.data());
    const KernelPtr kernel = make_fused_loop(loop, 1 + static_cast<int>(seed % 2));
    run_kernel(*kernel, args);
    const auto expected = one_by_one(loop, data);
    INFO("seed ", seed, " ", kernel->name());
    CHECK(same(first, expected[static_cast<size_t>(loop.outputs[0].reg)]));
    CHECK(same(second, expected[static_cast<size_t>(loop.outputs[1].reg)]));
  }
}

}  // namespace nnx::kernels
