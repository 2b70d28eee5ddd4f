// The update by moments, which has a loop of its own, against the same operations one by one.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "kernels/loop_support.h"

namespace nnx::kernels {
namespace {

enum Input { parameter, first_moment, second_moment, gradient, scalars };
constexpr float scalar_values[] = {0.9f, 0.1f, 0.001f, 0.999f, 1.25f, 1e-8f, 1.5f, 0.01f, -1e-3f};

// Products with the scalar first or last, and the moment's product before or after the gradient's.
struct Order {
  bool decays, scalar_first, gradient_first;
};

FusedLoop update_loop(int64_t n, Order order) {
  FusedLoop loop;
  loop.dims = {n};
  for (int i = 0; i < scalars; ++i) loop.inputs.push_back({f32, {1}});
  for (size_t i = 0; i < std::size(scalar_values); ++i) loop.inputs.push_back({f32, {0}});
  const int codes_at = static_cast<int>(loop.inputs.size());
  const auto code = [&](std::string_view op, std::vector<int> args) {
    loop.code.push_back({op, std::move(args)});
    return codes_at + static_cast<int>(loop.code.size()) - 1;
  };
  const auto scaled = [&](int array, int scalar) {
    return code("mul",
                order.scalar_first ? std::vector{scalars + scalar, array} : std::vector{array, scalars + scalar});
  };
  const int old = scaled(first_moment, 0), fresh = scaled(gradient, 1);
  const int m = order.gradient_first ? code("add", {fresh, old}) : code("add", {old, fresh});
  const int square = scaled(code("mul", {gradient, gradient}), 2);
  const int v = code("add", {square, scaled(second_moment, 3)});
  const int root = code("add", {code("sqrt", {code("mul", {v, scalars + 4})}), scalars + 5});
  int step = code("div", {scaled(m, 6), root});
  if (order.decays) step = code("add", {step, scaled(parameter, 7)});
  const int p = code("add", {code("mul", {step, scalars + 8}), parameter});
  loop.outputs = {{.reg = p, .strides = {1}}, {.reg = m, .strides = {1}}, {.reg = v, .strides = {1}}};
  return loop;
}

void expected_update(std::vector<std::vector<float>>& x, bool decays) {
  const float* const s = scalar_values;
  for (size_t i = 0; i < x[parameter].size(); ++i) {
    float &p = x[parameter][i], &m = x[first_moment][i], &v = x[second_moment][i];
    const float g = x[gradient][i];
    m = m * s[0] + g * s[1];
    v = g * g * s[2] + v * s[3];
    float step = m * s[6] / (std::sqrt(v * s[4]) + s[5]);
    if (decays) step = step + p * s[7];
    p = step * s[8] + p;
  }
}

}  // namespace

TEST_CASE("an update by moments: the bits of its operations, in place, for any length") {
  for (const Order order :
       {Order{false, false, false}, {false, true, true}, {true, false, true}, {true, true, false}}) {
    for (const int64_t n : {1, 7, 16, 33, 64, 65, 200, 4099, 40007}) {
      for (const int threads : {1, 2}) {
        std::vector<std::vector<float>> x;
        for (uint32_t i = 0; i < scalars; ++i) x.push_back(random_floats(i, n, i == second_moment ? 0.0f : -1.0f));
        auto expected = x;
        expected_update(expected, order.decays);
        const KernelPtr kernel = make_fused_loop(update_loop(n, order), threads);
        CHECK((n == 1 || kernel->name().ends_with(" by moments")));  // of one element all is scalar
        std::vector<float> numbers(std::begin(scalar_values), std::end(scalar_values));
        std::vector<void*> args;
        for (auto& array : x) args.push_back(array.data());
        for (float& number : numbers) args.push_back(&number);
        for (const Input output : {parameter, first_moment, second_moment}) args.push_back(x[output].data());
        run_kernel(*kernel, args);
        CHECK(x == expected);
      }
    }
  }
}

TEST_CASE("what only resembles an update by moments is an ordinary loop") {
  FusedLoop other_gradient = update_loop(100, {});
  other_gradient.inputs.push_back({f32, {1}});
  for (LoopInstruction& code : other_gradient.code)
    for (int& arg : code.args) arg += arg >= static_cast<int>(other_gradient.inputs.size()) - 1;
  for (LoopOutput& out : other_gradient.outputs) ++out.reg;
  CHECK(make_fused_loop(other_gradient, 1)->name().ends_with(" by moments"));  // the added input is not read
  for (int& arg : other_gradient.code[2].args)
    if (arg == gradient) arg = static_cast<int>(other_gradient.inputs.size()) - 1;
  for (int& arg : other_gradient.code[3].args)
    if (arg == gradient) arg = static_cast<int>(other_gradient.inputs.size()) - 1;
  CHECK_FALSE(make_fused_loop(other_gradient, 1)->name().ends_with(" by moments"));
}

}  // namespace nnx::kernels
