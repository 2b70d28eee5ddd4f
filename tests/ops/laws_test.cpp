// The laws every op obeys, generated from all_ops() and the table of cases.h. A failing check names the sample.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <functional>
#include <set>

#include "base/error.h"
#include "ops/all.h"
#include "ops/cases.h"
#include "ops/elementwise.h"
#include "reference/reference.h"
#include "transform/body_rules.h"
#include "transform/vjp.h"
#include "transform/vmap.h"

namespace nnx::test {
namespace {

std::vector<Type> types_of(std::span<const Array> arrays) {
  std::vector<Type> types;
  for (const Array& a : arrays) types.push_back(a.type());
  return types;
}

std::vector<Type> input_types(const Sample& sample) {
  std::vector<Type> types;
  for (const Input& input : sample.inputs) types.push_back(input.type);
  return types;
}

Graph op_graph(const OpDef& op, const Sample& sample) {
  return trace(input_types(sample), [&](std::span<const Array> in) { return emit(op, sample.attrs, in); }).graph;
}

// Runs a law over every sample of every op that is in the table. An exception fails its sample, not the whole law.
void for_each_sample(const std::function<void(const OpDef&, const Row&, const Sample&)>& law) {
  reference::install_evaluator();
  for (const Row& row : rows(DType::f64)) {
    const OpDef* op = find_op(row.op);
    if (!op) continue;
    for (const Sample& sample : row.samples) {
      const std::string text = to_string(row, sample);
      INFO(text);
      try {
        law(*op, row, sample);
      } catch (const Error& error) { FAIL_CHECK(text << ": " << error.what()); }
    }
  }
}

void check_close(const Arrays& a, const Arrays& b, double tolerance, const std::string& what) {
  INFO(what);
  REQUIRE(a.size() == b.size());
  for (size_t i = 0; i < a.size(); ++i) CHECK(difference(a[i], b[i], tolerance) == "");
}

double inner(std::span<const Array> a, std::span<const Array> b) {
  double total = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const std::vector<double> va = to_doubles(a[i]), vb = to_doubles(b[i]);
    for (size_t k = 0; k < va.size(); ++k) total += va[k] * vb[k];
  }
  return total;
}

Arrays directions(std::span<const Type> types, uint64_t seed) {
  Arrays arrays;
  for (const Type& type : types) arrays.push_back(make_array({type, -1, 1}, seed, arrays.size()));
  return arrays;
}

template <class T> Array moved_as(const Array& x, const Array& direction, double h) {
  std::vector<T> values = x.to_vector<T>();
  const std::vector<T> d = direction.to_vector<T>();
  for (size_t i = 0; i < values.size(); ++i) values[i] = static_cast<T>(values[i] + h * d[i]);
  return array<T>(values, x.shape());
}

Array moved(const Array& x, const Array& direction, double h) {
  return x.dtype() == DType::f64 ? moved_as<double>(x, direction, h) : moved_as<float>(x, direction, h);
}

std::vector<int> floating(const std::vector<Type>& types) {
  std::vector<int> which;
  for (size_t i = 0; i < types.size(); ++i)
    if (is_floating(types[i].dtype)) which.push_back(static_cast<int>(i));
  return which;
}

Arrays chosen(const Arrays& all, const std::vector<int>& which) {
  Arrays some;
  for (const int i : which) some.push_back(all[static_cast<size_t>(i)]);
  return some;
}

// <vjp(x; c), d> against the central difference of <f(x + h d), c>, then the same for the vjp itself.
void check_gradient(const Graph& graph, const Arrays& inputs, double step, int order, double scale = 1) {
  const std::vector<int> wrt = floating(graph.input_types()), of = floating(graph.output_types());
  if (wrt.empty() || of.empty()) return;
  const Graph backward = vjp(graph, wrt, of);
  verify(backward);
  const Arrays c = directions(types_of(chosen(reference::evaluate(graph, inputs), of)), 7);
  const Arrays d = directions(types_of(chosen(inputs, wrt)), 11);
  Arrays arguments = inputs;
  arguments.insert(arguments.end(), c.begin(), c.end());
  const Arrays results = reference::evaluate(backward, arguments);
  const size_t n = graph.outputs.size();
  check_close({results.begin(), results.begin() + static_cast<std::ptrdiff_t>(n)}, reference::evaluate(graph, inputs),
              1e-12, "the outputs of the vjp");
  const double from_vjp = inner(std::span(results).subspan(n), d);

  const auto along = [&](double h) {
    Arrays x = inputs;
    for (size_t k = 0; k < wrt.size(); ++k) {
      Array& input = x[static_cast<size_t>(wrt[k])];
      input = moved(input, d[k], h);
    }
    return inner(chosen(reference::evaluate(graph, x), of), c);
  };
  const double numeric = (along(step) - along(-step)) / (2 * step);
  INFO("order " << order << ": vjp " << from_vjp << ", differences " << numeric);
  CHECK(std::abs(from_vjp - numeric) <= 2e-6 * scale * (1 + std::abs(numeric)));
  if (order < 2) check_gradient(backward, arguments, step, order + 1, 5);
}

void check_zero_gradient(const Graph& graph, const Arrays& inputs) {
  const std::vector<int> wrt = floating(graph.input_types()), of = floating(graph.output_types());
  Arrays arguments = inputs;
  const Arrays c = directions(types_of(chosen(reference::evaluate(graph, inputs), of)), 7);
  arguments.insert(arguments.end(), c.begin(), c.end());
  const Arrays results = reference::evaluate(vjp(graph, wrt, of), arguments);
  for (size_t i = graph.outputs.size(); i < results.size(); ++i)
    for (const double v : to_doubles(results[i])) CHECK(v == 0);
}

// The gradients of a sample's floating inputs for some cotangents.
Arrays gradients_of(const OpDef& op, const Sample& sample) {
  const Graph graph = op_graph(op, sample);
  const std::vector<int> wrt = floating(graph.input_types()), of = floating(graph.output_types());
  Arrays arguments = make_inputs(sample, 0);
  for (const Array& c : directions(types_of(chosen(reference::evaluate(graph, arguments), of)), 7))
    arguments.push_back(c);
  const Arrays results = reference::evaluate(vjp(graph, wrt, of), arguments);
  return {results.begin() + static_cast<std::ptrdiff_t>(graph.outputs.size()), results.end()};
}

// The batched graph applied to stacked inputs against the stack of single results, for one choice of batched inputs.
void check_vmap(const Graph& graph, const Sample& sample, const std::vector<bool>& batched, int64_t size) {
  std::vector<Arrays> examples;
  for (int64_t b = 0; b < size; ++b) {
    Arrays example = make_inputs(sample, static_cast<uint64_t>(b) + 1);
    for (size_t i = 0; i < example.size(); ++i)
      if (!batched[i] && b > 0) example[i] = examples[0][i];
    examples.push_back(example);
  }
  Arrays stacked;
  for (size_t i = 0; i < batched.size(); ++i) {
    Arrays column;
    for (const Arrays& example : examples) column.push_back(example[i]);
    stacked.push_back(batched[i] ? stack_arrays(column) : column[0]);
  }
  const Graph over_batch = vmap(graph, batched, size);
  verify(over_batch);
  const Arrays results = reference::evaluate(over_batch, stacked);
  std::vector<Arrays> singles;
  for (const Arrays& example : examples) singles.push_back(reference::evaluate(graph, example));
  for (size_t o = 0; o < graph.outputs.size(); ++o) {
    Arrays column;
    for (const Arrays& single : singles) column.push_back(single[o]);
    CHECK(difference(results[o], stack_arrays(column), 1e-12) == "");
  }
}

std::string mask_text(const std::vector<bool>& batched) {
  std::string text;
  for (const bool b : batched) text += b ? 'b' : '-';
  return text;
}

}  // namespace

TEST_CASE("every op has a row, every row an op") {
  std::set<std::string> in_table;
  for (const Row& row : rows(DType::f64)) {
    CHECK_MESSAGE(in_table.insert(row.op).second, "two rows for " << row.op);
    CHECK_MESSAGE(!row.samples.empty(), "no samples for " << row.op);
    CHECK_MESSAGE(find_op(row.op) != nullptr, "a row for an op that does not exist: " << row.op);
  }
  std::set<std::string_view> names;
  for (const OpDef* op : all_ops()) {
    CHECK_MESSAGE(in_table.contains(std::string(op->name)), "no row in tests/ops/cases.cpp for the op " << op->name);
    CHECK_MESSAGE(names.insert(op->name).second, "two ops are called " << op->name);
    CHECK(find_op(op->name) == op);
  }
  CHECK(find_op("no such op") == nullptr);
}

TEST_CASE("every op can be computed, differentiated and batched") {
  for (const OpDef* op : all_ops()) {
    INFO(op->name);
    CHECK((op->infer != nullptr));
    CHECK((reference::has_kernel(*op) || op->expand));
    const bool by_body = find_body_rule(*op) != nullptr;
    CHECK((!op->differentiable || op->vjp || op->expand || by_body));
    // fill and iota have no inputs
    CHECK((op->batch || op->expand || by_body || op->name == "fill" || op->name == "iota"));
  }
}

TEST_CASE("types: what runs has the inferred types, and what does not fit is refused") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    const std::vector<Type> in = input_types(sample);
    const std::vector<Type> inferred = op.infer(in, sample.attrs);
    CHECK(types_of(emit(op, sample.attrs, make_inputs(sample, 1))) == inferred);
    if (op.expand) {
      const auto expand = [&](std::span<const Array> args) { return op.expand(args, sample.attrs); };
      CHECK(trace(in, expand).graph.output_types() == inferred);
    }
    if (!in.empty()) CHECK_THROWS_AS(op.infer({}, sample.attrs), Error);
    if (op.family == Family::elementwise && in.size() > 1) {
      std::vector<Type> uneven = in;
      uneven[1].shape = uneven[1].shape.inserted(0, 2);
      CHECK_THROWS_AS(op.infer(uneven, sample.attrs), Error);
    }
  });
}

TEST_CASE("a reference kernel writes every element of its outputs and nothing else") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    const Arrays inputs = make_inputs(sample, 1);
    const std::vector<Type> in = input_types(sample), out = op.infer(in, sample.attrs);
    std::vector<const void*> sources;
    for (const Array& a : inputs) sources.push_back(a.buffer()->data());
    constexpr size_t canary = 64;
    std::vector<std::vector<std::vector<unsigned char>>> runs;
    for (const unsigned char poison : {'\x00', '\x01'}) {  // both are booleans, so that a bool output stays legal
      std::vector<std::vector<unsigned char>>& blocks = runs.emplace_back();
      std::vector<void*> targets;
      for (const Type& type : out) blocks.emplace_back(type.bytes() + canary, poison);
      for (std::vector<unsigned char>& block : blocks) targets.push_back(block.data());
      reference::run(op, sample.attrs, in, sources, out, targets);
      for (std::vector<unsigned char>& block : blocks) {
        CHECK(std::all_of(block.end() - canary, block.end(), [&](unsigned char c) { return c == poison; }));
        block.resize(block.size() - canary);
      }
    }
    CHECK(runs[0] == runs[1]);
  });
}

TEST_CASE("vjp, and the vjp of the vjp, agree with finite differences") {
  for_each_sample([](const OpDef& op, const Row& row, const Sample& sample) {
    const Graph graph = op_graph(op, sample);
    if (row.stops_gradient) check_zero_gradient(graph, make_inputs(sample, 0));
    else check_gradient(graph, make_inputs(sample, 0), sample.step, 1);
  });
}

TEST_CASE("the vjp in f32 follows the one in f64") {
  reference::install_evaluator();
  const std::vector<Row> single = rows(DType::f32), wide = rows(DType::f64);
  for (size_t r = 0; r < single.size(); ++r)
    for (size_t s = 0; s < single[r].samples.size(); ++s) {
      const OpDef* op = find_op(single[r].op);
      const std::string text = to_string(single[r], single[r].samples[s]);
      INFO(text);
      if (!op) continue;
      try {
        const Arrays gradients = gradients_of(*op, single[r].samples[s]),
                     expected = gradients_of(*op, wide[r].samples[s]);
        REQUIRE(gradients.size() == expected.size());
        for (size_t i = 0; i < gradients.size(); ++i)
          CHECK(difference(gradients[i], cast(expected[i], gradients[i].dtype()), 1e-4) == "");
      } catch (const Error& error) { FAIL_CHECK(text << ": " << error.what()); }
    }
}

TEST_CASE("vmap is the stack of single results for every combination of batched inputs") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    const Graph graph = op_graph(op, sample);
    const size_t n = sample.inputs.size();
    for (size_t mask = 0; mask < (size_t{1} << n); ++mask) {
      std::vector<bool> batched(n);
      for (size_t i = 0; i < n; ++i) batched[i] = (mask >> i & 1) != 0;
      INFO("batched " << mask_text(batched));
      check_vmap(graph, sample, batched, 3);
    }
    check_vmap(graph, sample, std::vector<bool>(n, true), 1);
  });
}

TEST_CASE("attributes: every member counts in equality, hash and text") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    if (sample.attrs.empty()) return;
    CHECK_MESSAGE(sample.perturbed.size() == sample.members, "`fields` does not list every member");
    const Attrs& attrs = sample.attrs;
    CHECK(attrs == Attrs(attrs));
    const Graph graph = op_graph(op, sample);
    for (const auto& [field, changed] : sample.perturbed) {
      INFO("field " << field << ": " << changed.to_string());
      CHECK(!(attrs == changed));
      CHECK(attrs.hash() != changed.hash());
      CHECK(attrs.to_string() != changed.to_string());
      Graph other = graph;
      other.nodes[graph.outputs[0].node].attrs = changed;
      CHECK(!same_graph(graph, other));
      CHECK(hash_graph(graph) != hash_graph(other));
      CHECK(to_string(graph) != to_string(other));
    }
  });
}

TEST_CASE("an expansion computes what the reference kernel does") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    if (!op.expand || !reference::has_kernel(op)) return;
    const auto expand = [&](std::span<const Array> in) { return op.expand(in, sample.attrs); };
    const Arrays inputs = make_inputs(sample, 1);
    check_close(reference::evaluate(trace(input_types(sample), expand).graph, inputs),
                reference::evaluate(op_graph(op, sample), inputs), 1e-6, "expansion and kernel");
  });
}

TEST_CASE("graphs: dead nodes, equality and hash") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    const Graph graph = op_graph(op, sample);
    const Graph again = op_graph(op, sample);
    CHECK(same_graph(graph, again));
    CHECK(hash_graph(graph) == hash_graph(again));
    CHECK(to_string(graph) == to_string(again));

    Graph longer = graph;  // the same node once more, used by nothing
    longer.nodes.push_back(graph.nodes.back());
    verify(longer);
    CHECK(same_graph(graph, longer));
    CHECK(hash_graph(graph) == hash_graph(longer));
    const Graph shorter = without_dead_nodes(longer);
    CHECK(shorter.nodes.size() == graph.nodes.size());
    CHECK(same_graph(graph, shorter));
    const Arrays inputs = make_inputs(sample, 1);
    check_close(reference::evaluate(shorter, inputs), reference::evaluate(graph, inputs), 0, "without dead nodes");
  });
}

TEST_CASE("hash-consing: the same op on the same inputs is one node") {
  for_each_sample([](const OpDef& op, const Row&, const Sample& sample) {
    const Traced traced = trace(input_types(sample), [&](std::span<const Array> in) {
      const Arrays first = emit(op, sample.attrs, in), second = emit(op, sample.attrs, in);
      for (size_t i = 0; i < first.size(); ++i) CHECK(first[i].value() == second[i].value());
      return first;
    });
    CHECK(traced.graph.nodes.size() == sample.inputs.size() + 1);
  });
}

}  // namespace nnx::test
