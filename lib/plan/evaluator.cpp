#include <list>
#include <unordered_map>

#include "base/hash.h"
#include "graph/trace.h"
#include "plan/plan.h"

namespace nnx {
namespace {

// The most recently used plans, by hash; the entries of one hash are compared by key.
template <class Key> class PlanCache {
 public:
  // `same(key)` finds the entry; `make()` gives the Key and the Plan of a new one.
  template <class Same, class Make> std::shared_ptr<Plan> get(uint64_t hash, Same&& same, Make&& make) {
    const auto [first, last] = by_hash_.equal_range(hash);
    for (auto it = first; it != last; ++it)
      if (same(it->second->key)) {
        entries_.splice(entries_.begin(), entries_, it->second);
        return it->second->plan;
      }
    auto [key, plan] = make();
    entries_.push_front({std::move(key), plan, hash});
    by_hash_.emplace(hash, entries_.begin());
    if (entries_.size() > capacity) drop_oldest();
    return plan;
  }

 private:
  static constexpr size_t capacity = 512;
  struct Entry {
    Key key;
    std::shared_ptr<Plan> plan;
    uint64_t hash;
  };
  void drop_oldest() {
    const auto oldest = std::prev(entries_.end());
    const auto [first, last] = by_hash_.equal_range(oldest->hash);
    for (auto it = first; it != last; ++it)
      if (it->second == oldest) {
        by_hash_.erase(it);
        break;
      }
    entries_.pop_back();
  }
  std::list<Entry> entries_;
  std::unordered_multimap<uint64_t, typename std::list<Entry>::iterator> by_hash_;
};

struct OpKey {
  const OpDef* op;
  Attrs attrs;
  std::vector<Type> in;
};

bool same_types(const std::vector<Type>& types, std::span<const Array> arrays) {
  if (types.size() != arrays.size()) return false;
  for (size_t i = 0; i < types.size(); ++i)
    if (types[i] != arrays[i].type()) return false;
  return true;
}

Graph graph_of(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types) {
  Graph graph;
  Node node{.op = &op, .attrs = attrs, .types = types};
  for (const Array& a : inputs) {
    const Value input{static_cast<uint32_t>(graph.nodes.size()), 0};
    graph.nodes.push_back({.kind = NodeKind::input, .types = {a.type()}});
    graph.inputs.push_back(input);
    node.inputs.push_back(input);
  }
  for (uint32_t out = 0; out < types.size(); ++out)
    graph.outputs.push_back({static_cast<uint32_t>(inputs.size()), out});
  graph.nodes.push_back(std::move(node));
  return graph;
}

Arrays run(Plan& plan, std::span<const Array> inputs) {
  // Nothing is aliased, so holders of our own serve.
  std::vector<BufferRef> holders;
  holders.reserve(inputs.size());
  std::vector<BufferRef*> pointers;
  for (const Array& a : inputs) {
    holders.push_back(a.buffer());
    pointers.push_back(&holders.back());
  }
  std::vector<BufferRef> outputs(plan.output_types().size());
  plan.run(pointers, outputs);
  Arrays results;
  for (size_t o = 0; o < outputs.size(); ++o) results.emplace_back(plan.output_types()[o], std::move(outputs[o]));
  return results;
}

// A cache a thread: a Plan has one arena, so threads cannot share one.
Arrays evaluate_op(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types) {
  thread_local PlanCache<OpKey> cache;
  uint64_t hash = hash_combine(hash_bytes(op.name), attrs.hash());
  for (const Array& a : inputs) hash = hash_combine(hash, a.type().hash());
  const auto same = [&](const OpKey& key) { return key.op == &op && same_types(key.in, inputs) && key.attrs == attrs; };
  const auto make = [&] {
    OpKey key{&op, attrs, {}};
    for (const Array& a : inputs) key.in.push_back(a.type());
    return std::pair(std::move(key), Plan::compile(graph_of(op, attrs, inputs, types)));
  };
  return run(*cache.get(hash, same, make), inputs);
}

Arrays evaluate_graph(const Graph& graph, std::span<const Array> inputs) {
  thread_local PlanCache<Graph> cache;
  const auto same = [&](const Graph& key) { return same_graph(key, graph); };
  const auto make = [&] { return std::pair(graph, Plan::compile(graph)); };
  return run(*cache.get(hash_graph(graph), same, make), inputs);
}

}  // namespace

void install_plan_evaluator() { set_evaluator({.op = evaluate_op, .graph = evaluate_graph}); }

}  // namespace nnx
