// What plans of single passes take, against the roofline of the machine: the larger of FLOPs / peak and bytes / bandwidth,
// both measured in the same run, the bandwidth by a pass over as many bytes.
//
//   OMP_PROC_BIND=true build/tests/bench_kernels [part of a name]
#include <fmt/format.h>

#include <cstring>

#include "bench/timing.h"
#include "ops/ops.h"
#include "plan/plan.h"
#include "train/meter.h"
#include "transform/vjp.h"

namespace {

using namespace nnx;
using In = std::span<const Array>;

Type f32(Shape shape) { return {DType::f32, std::move(shape)}; }

struct Case {
  std::string name;
  std::vector<Type> inputs;
  std::function<Arrays(In)> body;
  std::vector<Alias> aliases = {};
};

// Moments and parameters of n elements, updated in place by their gradient.
Case adam(const std::string& name, int64_t n) {
  const auto body = [](In in) {
    const Array m = in[1] * 0.9 + in[3] * 0.1, v = in[2] * 0.999 + square(in[3]) * 0.001;
    return Arrays{in[0] - in[4] * (m * in[5]) / (sqrt(v * in[6]) + 1e-8), m, v};
  };
  return {name,
          {f32({n}), f32({n}), f32({n}), f32({n}), f32({}), f32({}), f32({})},
          body,
          {{.output = 0, .input = 0}, {.output = 1, .input = 1}, {.output = 2, .input = 2}}};
}

Array normalized(const Array& x, const Array& scale, const Array& bias) {
  const Arrays m = moments(x);
  return batch_norm(x, m[0], m[1], scale, bias, 1e-5);
}

Array dropped(const Array& x, const Array& key) {
  return select(random::bernoulli(key, 0.9, x.shape()), x / 0.9, zeros_like(x));
}

// The outputs and, for the cotangent that is the last input, the gradients of all floating inputs.
Case with_gradient(const std::string& name, std::vector<Type> inputs, const std::function<Arrays(In)>& body) {
  const Graph forward = trace(inputs, body).graph;
  std::vector<int> wrt;
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].dtype == DType::f32) wrt.push_back(static_cast<int>(i));
  const Graph both = vjp(forward, wrt, {0});
  inputs.push_back(forward.type(forward.outputs[0]));
  return {name, inputs, [both](In in) { return apply(both, in); }};
}

std::vector<Case> cases() {
  const Type x = f32({256, 1024}), row = f32({1024}), key{DType::u32, {2}};
  const Type tens = f32({512, 10}), labels{DType::i32, {512}};
  std::vector<Case> list{
      adam("adam, in the caches", 1 << 19),
      adam("adam, in a shared cache", 1 << 20),
      adam("adam, in memory", 1 << 23),
      {"finite check", {f32({1 << 19})}, [](In in) { return Arrays{all(is_finite(in[0]))}; }},
      {"residual add", {x, x}, [](In in) { return Arrays{in[0] + in[1]}; }},
      {"column sums", {x}, [](In in) { return Arrays{sum(in[0], {0})}; }},
      {"moments", {x}, [](In in) { return moments(in[0]); }},
      {"relu backward, bias gradient",
       {x, x},
       [](In in) {
         const Array g = select(greater(in[0], 0.0), in[1], zeros({}));
         return Arrays{g, sum(g, {0})};
       }},
      {"gelu", {x}, [](In in) { return Arrays{gelu(in[0])}; }},
      {"gelu exact", {x}, [](In in) { return Arrays{gelu(in[0], false)}; }},
      {"mask", {key}, [](In in) { return Arrays{random::bernoulli(in[0], 0.9, {256, 1024})}; }},
      {"dropout", {x, key}, [](In in) { return Arrays{dropped(in[0], in[1])}; }},
      {"softmax", {x}, [](In in) { return Arrays{softmax(in[0])}; }},
      {"softmax, rows of ten", {tens}, [](In in) { return Arrays{softmax(in[0])}; }},
      {"log_softmax, rows of ten", {tens}, [](In in) { return Arrays{log_softmax(in[0])}; }},
      {"cross-entropy, rows of ten",
       {tens, labels},
       [](In in) { return Arrays{softmax_cross_entropy(in[0], in[1])}; }},
      {"argmax, rows of ten", {tens}, [](In in) { return Arrays{argmax(in[0], -1)}; }},
  };
  list.push_back(with_gradient("cross-entropy and gradient, of ten", {tens, labels},
                               [](In in) { return Arrays{softmax_cross_entropy(in[0], in[1])}; }));
  for (const bool approximate : {true, false})
    list.push_back(with_gradient(approximate ? "norm, gelu, dropout and gradients" : "the same with exact gelu",
                                 {x, row, row, key}, [approximate](In in) {
                                   return Arrays{dropped(gelu(normalized(in[0], in[1], in[2]), approximate), in[3])};
                                 }));
  return list;
}

void measure(const Case& c, PeakMeter& peak, BandwidthMeter& bandwidth) {
  const auto plan = Plan::compile(trace(c.inputs, c.body).graph, c.aliases);
  std::vector<BufferRef> buffers;
  std::vector<BufferRef*> holders;
  for (const Type& type : c.inputs) {
    buffers.push_back(Buffer::allocate(type.bytes()));
    for (int64_t i = 0; i < type.size(); ++i) {
      if (type.dtype == DType::i32) buffers.back()->as<int32_t>()[i] = static_cast<int32_t>(i % 10);
      else buffers.back()->as<float>()[i] = 0.001f * static_cast<float>(i % 1999 - 999);
    }
  }
  for (BufferRef& buffer : buffers) holders.push_back(&buffer);
  std::vector<BufferRef> outputs(plan->output_types().size());
  const auto run = [&] { plan->run(holders, outputs); };
  bench::seconds_of(run, 3);
  plan->start_timing();
  for (int i = 0; i < 60; ++i) run();
  const auto times = plan->stop_timing();
  const PlanReport& report = plan->report();
  double total = 0, limit = 0;
  for (size_t s = 0; s < report.steps.size(); ++s) {
    std::vector<double> of_step;
    for (const auto& r : times) of_step.push_back(r[s].end - r[s].begin);
    total += bench::median(of_step);
    const double bytes = report.steps[s].bytes;
    limit += std::max(1e-9 * report.steps[s].flops / peak.gflops(), bytes / bandwidth.of(bytes));
  }
  fmt::print("{:<36} {:>2} steps {:>9.1f} us {:>8.1f} GB/s {:>7.1f} GFLOP/s {:>6.1f} % of the roofline\n", c.name,
             report.steps.size(), 1e6 * total, 1e-9 * report.bytes / total, 1e-9 * report.flops / total,
             100 * limit / total);
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = kernels::max_threads();
  PeakMeter peak(threads);
  BandwidthMeter bandwidth(threads);
  peak.measure();
  for (const Case& c : cases())
    if (argc < 2 || std::strstr(c.name.c_str(), argv[1])) measure(c, peak, bandwidth);
}
