// Scan over layers: what compiling a train step of 64 layers costs against 4, the steps of their plans, and the arena
// with and without remat.
//
//   build/tests/bench_scan_layers [rounds] [--plan]
#include <fmt/format.h>

#include <cstdlib>
#include <cstring>

#include "bench/timing.h"
#include "ops/ops.h"
#include "plan/plan.h"
#include "transform/vjp.h"

namespace {

using namespace nnx;

constexpr int64_t batch = 64, width = 64, hidden = 256;
constexpr size_t params = 4;

// (x, parameters..., moments..., moments...) -> (loss, new parameters..., new moments...): residual blocks of two
// products under a scan, the mean of squares, and Adam. Traced, differentiated and compiled.
std::shared_ptr<Plan> compile(int64_t layers, bool with_remat) {
  const Type x{DType::f32, {batch, width}};
  std::vector<Type> slices{x,
                           {DType::f32, {width, hidden}},
                           {DType::f32, {hidden}},
                           {DType::f32, {hidden, width}},
                           {DType::f32, {width}}};
  const auto layer = [](std::span<const Array> in) {
    return Arrays{in[0] + matmul(gelu(matmul(in[0], in[1]) + in[2]), in[3]) + in[4]};
  };
  const auto inner = std::make_shared<const Graph>(trace(slices, layer).graph);
  const auto body = std::make_shared<const Graph>(
      trace(slices, [&](std::span<const Array> in) { return with_remat ? remat(inner, in) : layer(in); }).graph);
  std::vector<Type> inputs{x};
  for (size_t i = 1; i <= params; ++i) inputs.push_back({DType::f32, slices[i].shape.inserted(0, layers)});
  const Graph loss = trace(inputs, [&](std::span<const Array> in) {
                       return Arrays{mean(square(scan(body, {}, in.subspan(0, 1), in.subspan(1), layers).carries[0]))};
                     }).graph;
  const Graph gradients = value_and_grad(loss, {1, 2, 3, 4});
  for (int moment = 0; moment < 2; ++moment)
    for (size_t i = 1; i <= params; ++i) inputs.push_back(inputs[i]);
  const Graph step = trace(inputs, [&](std::span<const Array> in) {
                       const Arrays found = apply(gradients, in.subspan(0, 1 + params));
                       Arrays out{found[0]}, first, second;
                       for (size_t i = 1; i <= params; ++i) {
                         first.push_back(in[params + i] * 0.9 + found[i] * 0.1);
                         second.push_back(in[2 * params + i] * 0.999 + square(found[i]) * 0.001);
                         out.push_back(in[i] - first.back() * 1e-3 / (sqrt(second.back()) + 1e-8));
                       }
                       out.insert(out.end(), first.begin(), first.end());
                       out.insert(out.end(), second.begin(), second.end());
                       return out;
                     }).graph;
  std::vector<Alias> aliases;
  for (int i = 1; i <= static_cast<int>(3 * params); ++i) aliases.push_back({.output = i, .input = i});
  return Plan::compile(step, aliases);
}

void report(bool with_remat, int rounds) {
  const auto seconds =
      bench::time_in_turn({[&] { compile(4, with_remat); }, [&] { compile(64, with_remat); }}, rounds, 1);
  std::vector<double> ratios;
  for (size_t r = 0; r < seconds[0].size(); ++r) ratios.push_back(seconds[1][r] / seconds[0][r]);
  const auto few = compile(4, with_remat), many = compile(64, with_remat);
  fmt::print("{}: compiling 4 layers {:.2f} ms, 64 layers {:.2f} ms, ratio {:.3f} ({} rounds in turn, medians)\n",
             with_remat ? "scan of remat" : "scan", 1e3 * bench::median(seconds[0]), 1e3 * bench::median(seconds[1]),
             bench::median(ratios), rounds);
  fmt::print("  plan: {} steps for 4 layers, {} for 64; arena {:.2f} MB and {:.2f} MB\n", few->report().steps.size(),
             many->report().steps.size(), 1e-6 * static_cast<double>(few->report().arena_bytes),
             1e-6 * static_cast<double>(many->report().arena_bytes));
}

}  // namespace

int main(int argc, char** argv) {
  const bool show = argc > 1 && std::strcmp(argv[argc - 1], "--plan") == 0;
  const int rounds = argc > 1 && !show ? std::atoi(argv[1]) : 21;
  if (show) fmt::print("{}\n{}\n", compile(64, false)->to_string(), compile(64, true)->to_string());
  report(false, rounds);
  report(true, rounds);
}
