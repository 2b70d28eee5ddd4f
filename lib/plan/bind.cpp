#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "plan/bodies.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

// Decides where each output is written, keeping "what runs before what" free of cycles. Nodes are vertices 1..n of that
// relation; vertex 0 is the guards.
class Binder {
 public:
  Binder(Graph graph, bool in_place, bool share)
      : result_{.graph = std::move(graph)}, in_place_(in_place), share_(share) {
    const Graph& g = result_.graph;
    result_.views = Views(g);
    successors_.resize(g.nodes.size() + 1);
    for (uint32_t i = 0; i < g.nodes.size(); ++i) connect(i);
    for (const Guard& guard : g.guards) successors_[vertex(guard.value.node)].push_back(guards);
    for (size_t i = 0; i < g.inputs.size(); ++i) input_index_[g.inputs[i].node] = static_cast<int>(i);
    result_.outputs.resize(g.outputs.size());
  }

  // Whether the alias was kept; one that is not kept still has no place.
  bool alias(const Alias& a) {
    const Graph& g = result_.graph;
    const auto output = static_cast<size_t>(a.output);
    const Value value = g.outputs[output];
    const Value root = root_of(value);
    const uint32_t input = g.inputs[static_cast<size_t>(a.input)].node;
    if (root.node == input && result_.views.is_whole(value)) {
      result_.outputs[output] = {OutputKind::unchanged, root, a.input};
      return true;
    }
    const bool computed = g.nodes[root.node].kind == NodeKind::op;
    if (in_place_ && computed && result_.views.is_whole(value) && !claimed_.contains(root) && can_write(root, input)) {
      write(output, root, a.input);
      return true;
    }
    if (!share_) return false;
    // The copy has no reader, so writing it last closes no cycle; a copy of an input is read out first.
    const Value source = computed ? value : copy(value, !in_place_);
    write(output, copy(source, !in_place_), a.input);
    result_.copied.push_back(fmt::format("output {} to input {} ({})", a.output, a.input, g.type(value).to_string()));
    return true;
  }

  size_t outputs() const { return result_.outputs.size(); }

  void place(size_t output) {
    const Graph& g = result_.graph;
    const Value value = g.outputs[output], root = root_of(value);
    const NodeKind kind = g.nodes[root.node].kind;
    OutputBinding binding{.kind = OutputKind::computed, .root = root};
    const bool beside = kind != NodeKind::op || claimed_.contains(root);  // not computed here, but lies somewhere
    if (!result_.views.is_whole(value) || (beside && !share_)) {
      binding.root = copy(value, false);
    } else if (kind == NodeKind::constant) {
      binding.kind = OutputKind::constant;
    } else if (kind == NodeKind::input && !writer_.contains(root.node)) {
      binding = {OutputKind::input, root, input_index_.at(root.node)};
    } else if (kind == NodeKind::input) {
      binding.root = copy(value, false);
    } else if (const auto it = claimed_.find(root); it != claimed_.end()) {
      if (result_.outputs[it->second].kind == OutputKind::computed)
        binding = {OutputKind::output, root, static_cast<int>(it->second)};
      else binding.root = copy(value, false);
    }
    if (binding.kind == OutputKind::computed) claimed_.emplace(binding.root, output);
    result_.outputs[output] = binding;
  }

  Bound finish() {
    for (const Node& node : result_.graph.nodes) result_.roles.push_back(loop_role(result_.graph, node));
    return std::move(result_);
  }

 private:
  static constexpr size_t guards = 0;
  static size_t vertex(uint32_t node) { return size_t{node} + 1; }

  Value root_of(Value v) const { return result_.views.root(v); }

  void connect(uint32_t i) {
    const Node& node = result_.graph.nodes[i];
    for (const Value v : node.inputs) {
      successors_[vertex(v.node)].push_back(vertex(i));
      if (is_view_op(*node.op)) continue;
      std::vector<uint32_t>& readers = readers_[root_of(v).node];
      if (std::ranges::find(readers, i) == readers.end()) readers.push_back(i);
    }
  }

  bool reaches(size_t from, size_t to) const {
    std::vector<bool> seen(successors_.size(), false);
    std::vector<size_t> stack{from};
    while (!stack.empty()) {
      const size_t at = stack.back();
      stack.pop_back();
      if (at == to) return true;
      if (seen[at]) continue;
      seen[at] = true;
      stack.insert(stack.end(), successors_[at].begin(), successors_[at].end());
    }
    return false;
  }

  // Whether the node of `root` may write over `input`: everybody else who reads it, and the guards, can come first, and
  // the node itself reads it element by element, or as the initial value of the carry whose last one it writes.
  bool can_write(Value root, uint32_t input) {
    const Graph& g = result_.graph;
    const Node& writer = g.nodes[root.node];
    if (reaches(vertex(root.node), guards)) return false;
    for (const uint32_t reader : readers_[input])
      if (reader != root.node && reaches(vertex(root.node), vertex(reader))) return false;
    if (std::ranges::find(readers_[input], root.node) == readers_[input].end()) return true;
    if (const auto carry = carry_operand(writer, root.out)) return reads_only_at(writer, *carry, input);
    if (!loop_role(g, writer).fits || writer.op->family == Family::reduce || writer.op->name == "random_bits")
      return false;
    for (const Value v : writer.inputs)
      if (root_of(v).node == input && !result_.views.is_whole(v)) return false;
    return true;
  }

  // Whether `node` reads `input` as its operand number `at` alone, all of it.
  bool reads_only_at(const Node& node, size_t at, uint32_t input) const {
    for (size_t i = 0; i < node.inputs.size(); ++i)
      if (root_of(node.inputs[i]).node == input && (i != at || !result_.views.is_whole(node.inputs[i]))) return false;
    return true;
  }

  void write(size_t output, Value root, int input_index) {
    const uint32_t input = result_.graph.inputs[static_cast<size_t>(input_index)].node;
    for (const uint32_t reader : readers_[input])
      if (reader != root.node) before(reader, root.node);
    successors_[guards].push_back(vertex(root.node));
    writer_[input] = root.node;
    claimed_.emplace(root, output);
    result_.outputs[output] = {OutputKind::aliased, root, input_index};
  }

  void before(uint32_t first, uint32_t then) {
    successors_[vertex(first)].push_back(vertex(then));
    result_.order.push_back({first, then});
  }

  Value copy(Value value, bool apart) {
    const uint32_t node = static_cast<uint32_t>(result_.graph.nodes.size());
    result_.graph.nodes.push_back({.op = &copy_op,
                                   .attrs = CopyAttrs{.tag = static_cast<int>(node), .apart = apart},
                                   .inputs = {value},
                                   .types = {result_.graph.type(value)}});
    successors_.emplace_back();
    connect(node);
    if (const auto it = writer_.find(root_of(value).node); it != writer_.end()) before(node, it->second);
    return {node, 0};
  }

  Bound result_;
  bool in_place_, share_;
  std::vector<std::vector<size_t>> successors_;
  std::map<uint32_t, std::vector<uint32_t>> readers_;  // of a root: the nodes that compute from it
  std::map<uint32_t, int> input_index_;
  std::map<uint32_t, uint32_t> writer_;  // of an aliased input
  std::map<Value, size_t> claimed_;      // roots that are computed in an output's or an input's Buffer
};

void check_aliases(const Graph& graph, const std::vector<Alias>& aliases) {
  std::vector<bool> output_seen(graph.outputs.size()), input_seen(graph.inputs.size());
  for (const Alias& a : aliases) {
    const auto o = static_cast<size_t>(a.output), i = static_cast<size_t>(a.input);
    check(o < output_seen.size() && i < input_seen.size(), "an alias names an output or input that does not exist");
    check(!output_seen[o] && !input_seen[i], "an output or input is aliased twice");
    check(graph.type(graph.outputs[o]) == graph.type(graph.inputs[i]), "an alias between different types");
    output_seen[o] = input_seen[i] = true;
  }
}

}  // namespace

Bound bind(Graph graph, const std::vector<Alias>& aliases, bool in_place, bool share) {
  check_aliases(graph, aliases);
  Binder binder(std::move(graph), in_place, share);
  std::vector<bool> placed(binder.outputs());
  for (const Alias& a : aliases) placed[static_cast<size_t>(a.output)] = binder.alias(a);
  for (size_t o = 0; o < binder.outputs(); ++o)
    if (!placed[o]) binder.place(o);
  return binder.finish();
}

}  // namespace nnx::plan
