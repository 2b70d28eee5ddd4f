// What size costs. Compiling the train step of 2, 8, 32 and 128 layers: seconds and steps of the plan, in all and a
// layer. And a step of two layers for batches of 1 to 4096 and widths of 16 to 4096, as a share of the roofline: the
// time its products take at the machine's peak, or reading and writing all it is given at the speed of copying as much
// memory, whichever is longer. Last, how the share changes from the neighbour half the size: below 0.5 is a cliff.
//
//   build/tests/bench_size_costs [layers] [batch] [width]        all three by default
#include <fmt/format.h>

#include <cmath>
#include <set>
#include <string>

#include "bench/models.h"
#include "bench/timing.h"
#include "kernels/fused_loop.h"
#include "kernels/matmul.h"
#include "optim/optim.h"
#include "plan/plan.h"

namespace {

using namespace nnx;
using bench::MlpStack;

// ---- the machine

// The shortest of many runs: what a busy machine does between interruptions.
double best_seconds(const kernels::Kernel& kernel, std::vector<BufferRef> buffers) {
  buffers.push_back(Buffer::allocate(kernel.scratch_bytes() + 64));
  std::vector<void*> args;
  for (const BufferRef& b : buffers) args.push_back(b->data());
  double best = 1e9;
  for (double spent = 0; spent < 0.03;) {
    const double once = bench::seconds_of([&] { kernel.run(args.data()); }, 1);
    best = std::min(best, once);
    spent += once;
  }
  return best;
}

BufferRef filled(int64_t floats) {
  BufferRef buffer = Buffer::allocate(static_cast<size_t>(floats) * sizeof(float));
  std::fill_n(buffer->as<float>(), floats, 0.5f);
  return buffer;
}

double peak_flops() {
  const int64_t n = 512;
  const auto kernel = kernels::make_matmul(
      {.m = n, .n = n, .k = n, .lhs = {0, n, 1}, .rhs = {0, n, 1}, .out = {0, n, 1}}, kernels::max_threads());
  return kernel->flops() / best_seconds(*kernel, {filled(n * n), filled(n * n), filled(n * n)});
}

// Bytes a second of copying so many bytes, read and written together.
double copy_speed(size_t bytes) {
  const auto n = std::max<int64_t>(static_cast<int64_t>(bytes / 8), 1024);
  const auto kernel = kernels::make_fused_loop(
      {.dims = {n}, .inputs = {{DType::f32, {1}}}, .code = {}, .outputs = {{0, {1}}}}, kernels::max_threads());
  return 8 * static_cast<double>(n) / best_seconds(*kernel, {filled(n), filled(n)});
}

// ---- layers

struct Problem {
  Ref<MlpStack> model;
  Ref<Optimizer> optimizer;
  Array x, y;
  Problem(int64_t pairs, int64_t width, int64_t batch) {
    Rngs rngs(0);
    model = make<MlpStack>(pairs, width, width, rngs);
    optimizer = make<Optimizer>(model, optim::adam(1e-3));
    x = random::normal(rngs.params(), {batch, width});
    y = random::normal(rngs.params(), {batch, width});
  }
};

void table_of_layers() {
  fmt::print("{:>7} {:>12} {:>10} {:>12} {:>10} {:>12}\n", "layers", "compile ms", "a layer", "plan steps", "a layer",
             "arena KB");
  for (const int64_t layers : {2, 8, 32, 128}) {
    Problem p(layers / 2, 64, 64);
    std::vector<double> seconds;
    PlanReport report;
    for (int round = 0; round < 5; ++round) {
      const auto step = jit(bench::train_step<MlpStack, true>);
      const double first = bench::seconds_of([&] { step(p.model, p.optimizer, p.x, p.y); }, 1);
      seconds.push_back(first - bench::seconds_of([&] { step(p.model, p.optimizer, p.x, p.y); }, 3));
      report = step.plan()->report();
    }
    const double ms = 1e3 * bench::median(seconds), count = static_cast<double>(layers);
    const auto steps = static_cast<double>(report.steps.size());
    fmt::print("{:>7} {:>12.2f} {:>10.3f} {:>12} {:>10.2f} {:>12.1f}\n", layers, ms, ms / count, steps, steps / count,
               1e-3 * static_cast<double>(report.arena_bytes));
  }
}

// ---- batch and width

struct Point {
  double seconds, roofline;
  double share() const { return roofline / seconds; }
};

Point measure(int64_t batch, int64_t width, double peak) {
  Problem p(1, width, batch);
  const auto step = jit(bench::train_step<MlpStack>);
  const auto run = [&] { step(p.model, p.optimizer, p.x, p.y); };
  run();
  const double once = bench::seconds_of(run, 1);
  const int repeats = std::clamp(static_cast<int>(2e-3 / once), 1, 1000);
  std::vector<double> seconds;
  for (double spent = 0; spent < 0.2 || seconds.size() < 3;) {
    seconds.push_back(bench::seconds_of(run, repeats));
    spent += seconds.back() * repeats;
  }
  // Two layers forward, three products backward: the first layer's input needs no gradient.
  const double flops = 5 * 2.0 * static_cast<double>(batch) * static_cast<double>(width * width);
  const PlanReport& report = step.plan()->report();
  const size_t bytes = report.input_bytes + report.output_bytes;
  return {bench::median(seconds), std::max(flops / peak, static_cast<double>(bytes) / copy_speed(bytes))};
}

// A step of two layers, of sizes that double from line to line.
void table(const char* what, int64_t first, int64_t last, double peak, auto&& point) {
  fmt::print("{:>22} {:>12} {:>14} {:>8} {:>16}\n", what, "step us", "roofline us", "share", "to half the size");
  double before = 0;
  for (int64_t size = first; size <= last; size *= 2) {
    const Point p = point(size, peak);
    fmt::print("{:>22} {:>12.1f} {:>14.1f} {:>7.1f}% {:>16}\n", size, 1e6 * p.seconds, 1e6 * p.roofline,
               100 * p.share(),
               before > 0 ? fmt::format("{:.2f}{}", p.share() / before, p.share() < 0.5 * before ? " cliff" : "") : "");
    before = p.share();
  }
}

}  // namespace

int main(int argc, char** argv) {
  const std::set<std::string> wanted(argv + 1, argv + argc);
  const auto asked = [&](const char* name) { return wanted.empty() || wanted.contains(name); };
  if (asked("layers")) table_of_layers();
  if (!asked("batch") && !asked("width")) return 0;
  const double peak = peak_flops();
  fmt::print("peak {:.0f} GFLOP/s, {} threads\n", 1e-9 * peak, kernels::max_threads());
  if (asked("batch")) {
    for (const int64_t width : {64, 512}) {
      table(fmt::format("width {}, batch", width).c_str(), 1, 4096, peak,
            [&](int64_t batch, double f) { return measure(batch, width, f); });
    }
  }
  if (asked("width")) {
    for (const int64_t batch : {16, 256}) {
      table(fmt::format("batch {}, width", batch).c_str(), 16, 4096, peak,
            [&](int64_t width, double f) { return measure(batch, width, f); });
    }
  }
}
