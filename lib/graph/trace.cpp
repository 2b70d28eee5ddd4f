#include "graph/trace.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "base/hash.h"

namespace nnx {
namespace {

thread_local std::vector<std::shared_ptr<Trace>> open_traces;
Evaluator evaluator{};

const Evaluator& installed_evaluator() {
  check(evaluator.op && evaluator.graph, "no evaluator is installed; include nnx.h, or call install_plan_evaluator()");
  return evaluator;
}

template <class T>
bool all_finite(std::span<const T> values) {
  for (const T v : values)
    if (!std::isfinite(v)) return false;
  return true;
}

}  // namespace

void set_evaluator(const Evaluator& e) { evaluator = e; }

Array abstract_array(const Type& type) {
  const auto trace = std::make_shared<Trace>();
  trace->closed_ = trace->abstract_ = true;
  const Value value = trace->add_input(type);
  return trace->make_array(value);
}

bool has_leaked(const Array& array) {
  const Trace* trace = array.trace().get();
  return trace && trace->closed() && !trace->abstract();
}

void fail_without_value(const Array& array, std::string where) {
  const std::string type = array.type().to_string();
  if (array.trace() && array.trace()->abstract())
    fail(ErrorKind::structure, {.where = std::move(where), .message = fmt::format("an abstract {} has a type but no value", type),
                                .hint = "make the object outside eval_shape, or give it values by update"});
  fail(ErrorKind::structure,
       {.where = std::move(where), .message = fmt::format("a traced {} is used after its trace has ended", type),
        .hint = "a value computed inside jit, grad, vmap or scan must leave it as a result or in a Variable of an argument"});
}

Trace* Trace::current() { return open_traces.empty() ? nullptr : open_traces.back().get(); }
Trace* Trace::outermost() { return open_traces.empty() ? nullptr : open_traces.front().get(); }

Array Trace::make_array(Value value) { return Array(graph_.type(value), shared_from_this(), value); }

Value Trace::add_input(Type type) {
  const Value value{static_cast<uint32_t>(graph_.nodes.size()), 0};
  graph_.nodes.push_back({.kind = NodeKind::input, .types = {std::move(type)}});
  graph_.inputs.push_back(value);
  return value;
}

Value Trace::import(const Array& array) {
  check(array.defined(), "an undefined Array was given to an op");
  if (array.trace().get() == this) return array.value();
  if (array.concrete()) {
    std::vector<uint32_t>& same_buffer = constants_[array.buffer().get()];
    for (const uint32_t node : same_buffer)
      if (graph_.nodes[node].types[0] == array.type()) return {node, 0};
    const uint32_t node = static_cast<uint32_t>(graph_.nodes.size());
    graph_.nodes.push_back({.kind = NodeKind::constant, .types = {array.type()}, .constant = array.buffer()});
    same_buffer.push_back(node);
    return {node, 0};
  }
  if (array.trace()->closed() || array.trace()->level() >= level_) fail_without_value(array, "trace");
  const std::pair<const Trace*, Value> key{array.trace().get(), array.value()};
  for (const auto& [captured, value] : captured_)
    if (captured == key) return value;
  const Value value = add_input(array.type());
  captured_.emplace_back(key, value);
  captures_.push_back({.array = array});
  return value;
}

Array Trace::live_input(const std::shared_ptr<void>& key, const Type& type) {
  const size_t declared = graph_.inputs.size() - captures_.size();
  for (size_t i = 0; i < captures_.size(); ++i)
    if (captures_[i].live == key) return make_array(graph_.inputs[declared + i]);
  const Value value = add_input(type);
  captures_.push_back({.array = {}, .live = key});
  return make_array(value);
}

void Trace::guard(const Array& array, std::string name) { graph_.guards.push_back({import(array), std::move(name)}); }

Arrays Trace::record(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types) {
  std::vector<Value> values;
  values.reserve(inputs.size());
  uint64_t hash = hash_combine(hash_bytes(op.name), attrs.hash());
  for (const Array& a : inputs) {
    values.push_back(import(a));
    hash = hash_combine(hash, (uint64_t{values.back().node} << 32) | values.back().out);
  }
  uint32_t index = static_cast<uint32_t>(graph_.nodes.size());
  const auto [first, last] = nodes_by_hash_.equal_range(hash);
  for (auto it = first; it != last; ++it) {
    const Node& node = graph_.nodes[it->second];
    if (node.op == &op && node.inputs == values && node.attrs == attrs) index = it->second;
  }
  if (index == graph_.nodes.size()) {
    graph_.nodes.push_back({.kind = NodeKind::op, .op = &op, .attrs = attrs, .inputs = std::move(values), .types = types});
    nodes_by_hash_.emplace(hash, index);
  }
  Arrays outputs;
  for (uint32_t i = 0; i < types.size(); ++i) outputs.push_back(make_array({index, i}));
  return outputs;
}

TraceScope::TraceScope() : trace_(std::make_shared<Trace>()) {
  trace_->level_ = open_traces.empty() ? 1 : open_traces.back()->level_ + 1;
  open_traces.push_back(trace_);
}

TraceScope::~TraceScope() {
  if (!trace_->closed_) close();
}

void TraceScope::close() {
  check(!open_traces.empty() && open_traces.back() == trace_, "traces must close in the order they opened");
  open_traces.pop_back();
  trace_->closed_ = true;
}

Array TraceScope::input(Type type) {
  check(trace_->graph_.nodes.size() == trace_->graph_.inputs.size() && trace_->captures_.empty(),
        "inputs of a trace are declared before its first op");
  return trace_->make_array(trace_->add_input(std::move(type)));
}

Traced TraceScope::finish(std::span<const Array> outputs) {
  for (const Array& a : outputs) {
    const Value value = trace_->import(a);   // may add a node: before the reference to outputs is taken
    trace_->graph_.outputs.push_back(value);
  }
  close();
  Traced traced{without_dead_nodes(trace_->graph_), std::move(trace_->captures_)};
#ifndef NDEBUG
  verify(traced.graph);
#endif
  return traced;
}

Traced trace(const std::vector<Type>& inputs, const std::function<Arrays(std::span<const Array>)>& body) {
  TraceScope scope;
  Arrays arguments;
  for (const Type& type : inputs) arguments.push_back(scope.input(type));
  const Arrays outputs = body(arguments);
  return scope.finish(outputs);
}

Arrays emit(const OpDef& op, Attrs attrs, std::span<const Array> inputs) {
  std::vector<Type> in;
  in.reserve(inputs.size());
  for (const Array& a : inputs) {
    check(a.defined(), "an undefined Array was given to an op");
    in.push_back(a.type());
  }
  const std::vector<Type> types = op.infer(in, attrs);
  if (Trace* current = Trace::current()) return current->record(op, attrs, inputs, types);
  for (const Array& a : inputs)
    if (!a.concrete()) fail_without_value(a, "trace");
  return installed_evaluator().op(op, attrs, inputs, types);
}

Array emit1(const OpDef& op, Attrs attrs, std::initializer_list<Array> inputs) {
  return emit(op, std::move(attrs), {inputs.begin(), inputs.size()}).front();
}

Arrays apply(const Graph& graph, std::span<const Array> inputs) {
  check(inputs.size() == graph.inputs.size(), "a Graph was applied to a wrong number of inputs");
  for (size_t i = 0; i < inputs.size(); ++i)
    if (inputs[i].type() != graph.type(graph.inputs[i]))
      fail(ErrorKind::shape, {.where = fmt::format("input {} of a graph", i),
                              .expected = graph.type(graph.inputs[i]).to_string(), .got = inputs[i].type().to_string()});
  Trace* current = Trace::current();
  if (!current) return installed_evaluator().graph(graph, inputs);

  std::vector<Arrays> results(graph.nodes.size());
  for (size_t i = 0; i < inputs.size(); ++i) results[graph.inputs[i].node] = {inputs[i]};
  Arrays arguments;
  for (size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    if (node.kind == NodeKind::constant) results[i] = {Array(node.types[0], node.constant)};
    if (node.kind != NodeKind::op) continue;
    arguments.clear();
    for (const Value v : node.inputs) arguments.push_back(results[v.node][v.out]);
    results[i] = current->record(*node.op, node.attrs, arguments, node.types);
  }
  for (const Guard& g : graph.guards) current->guard(results[g.value.node][g.value.out], g.name);
  Arrays outputs;
  for (const Value v : graph.outputs) outputs.push_back(results[v.node][v.out]);
  return outputs;
}

Array check_finite(const Array& x, std::string name) {
  if (Trace* current = Trace::current()) {
    current->guard(x, std::move(name));
    return x;
  }
  const bool finite = x.dtype() == DType::f32   ? all_finite(x.data<float>())
                      : x.dtype() == DType::f64 ? all_finite(x.data<double>())
                                                : true;
  if (!finite) fail(ErrorKind::numeric, {.where = std::move(name), .expected = "finite values", .got = "a NaN or infinity"});
  return x;
}

}  // namespace nnx
