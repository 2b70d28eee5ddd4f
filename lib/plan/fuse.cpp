#include <algorithm>
#include <map>
#include <set>

#include "plan/epilogue.h"
#include "plan/kernel_choice.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

// A loop keeps a tile of each value it loads or computes in L1: more values would leave it.
constexpr size_t loop_limit = 64;

// Greedy merging of groups of one iteration space, in the order of the nodes. Two groups may become one when no third
// one must run between them; `before_`/`after_` hold what must run around each group, the guards being a group without
// nodes.
class Fuser {
 public:
  explicit Fuser(const Bound& bound)
      : bound_(bound), graph_(bound.graph), generated_(generated_nodes(bound)), owner_(graph_.nodes.size(), none) {}

  std::vector<Group> run(bool enabled) {
    find_stored();
    find_overwritten();
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
      if (is_step(i)) {
        owner_[i] = static_cast<uint32_t>(members_.size());
        members_.push_back({i});
        kinds_.push_back(kind_of(i));
      }
    connect();
    if (enabled) {
      const std::map<Value, uint32_t> readers = only_readers(bound_);
      for (uint32_t i = 0; i < graph_.nodes.size(); ++i)
        if (is_matmul(graph_, graph_.nodes[i])) absorb(i, readers);
      merge_producers();
      merge_siblings();
      merge_producers();
    }
    return finish();
  }

 private:
  static constexpr uint32_t none = UINT32_MAX;

  Value root_of(Value v) const { return bound_.views.root(v); }
  bool is_inlined(uint32_t reader, Value v) const { return generated_[root_of(v).node] && flows(bound_, reader, v); }
  bool is_step(uint32_t i) const {
    const Node& node = graph_.nodes[i];
    return node.kind == NodeKind::op && !is_view_op(*node.op) && (!generated_[i] || stored_[i]);
  }
  GroupKind kind_of(uint32_t i) const {
    if (is_matmul(graph_, graph_.nodes[i])) return GroupKind::matmul;
    return bound_.roles[i].fits ? GroupKind::loop : GroupKind::kernel;
  }

  // Generated nodes that somebody reads from memory all the same.
  void find_stored() {
    stored_.assign(graph_.nodes.size(), false);
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      const Node& node = graph_.nodes[i];
      if (node.kind != NodeKind::op || is_view_op(*node.op)) continue;
      for (const Value v : node.inputs)
        if (!is_inlined(i, v)) stored_[root_of(v).node] = true;
    }
    for (const OutputBinding& o : bound_.outputs) stored_[o.root.node] = true;
    for (const Guard& g : graph_.guards) stored_[root_of(g.value).node] = true;
  }

  void find_overwritten() {
    for (const OutputBinding& o : bound_.outputs)
      if (o.kind == OutputKind::aliased)
        overwrites_[o.root.node].push_back(graph_.inputs[static_cast<size_t>(o.index)]);
  }

  void absorb(uint32_t dot, const std::map<Value, uint32_t>& readers) {
    for (const uint32_t node : epilogue_chain(bound_, generated_, readers, dot)) {
      const bool taken = kinds_[owner_[node]] != GroupKind::loop;  // a sum of two products is written by the first
      if (taken || path_around(owner_[dot], owner_[node])) return;
      join(owner_[dot], owner_[node]);
    }
  }

  // What the group computes: its members and the generated nodes they read, ascending.
  std::vector<uint32_t> evaluated(const std::vector<uint32_t>& members) const {
    std::set<uint32_t> nodes(members.begin(), members.end());
    std::vector<uint32_t> stack = members;
    while (!stack.empty()) {
      const uint32_t n = stack.back();
      stack.pop_back();
      for (const Value v : graph_.nodes[n].inputs)
        if (is_inlined(n, v) && nodes.insert(root_of(v).node).second) stack.push_back(root_of(v).node);
    }
    return {nodes.begin(), nodes.end()};
  }

  void connect() {
    const std::vector<std::vector<uint32_t>> before = predecessors(bound_, groups());
    after_.resize(before.size());
    before_.resize(before.size());
    for (uint32_t g = 0; g < before.size(); ++g)
      for (const uint32_t p : before[g]) {
        before_[g].insert(p);
        after_[p].insert(g);
      }
  }

  // Whether something must run after `from` and before `to`.
  bool path_around(uint32_t from, uint32_t to) {
    if (seen_.empty()) seen_.assign(after_.size(), 0);
    ++search_;
    std::vector<uint32_t> stack;
    for (const uint32_t next : after_[from])
      if (next != to) stack.push_back(next);
    while (!stack.empty()) {
      const uint32_t at = stack.back();
      stack.pop_back();
      if (at == to) return true;
      if (seen_[at] == search_) continue;
      seen_[at] = search_;
      stack.insert(stack.end(), after_[at].begin(), after_[at].end());
    }
    return false;
  }

  // Values inside one loop flow in registers, and an input that is overwritten is read element by element.
  bool fits_one_loop(const std::vector<uint32_t>& members) const {
    const std::vector<uint32_t> nodes = evaluated(members);
    std::set<Value> loads;
    std::set<Value> overwritten;
    for (const uint32_t n : nodes)
      if (const auto found = overwrites_.find(n); found != overwrites_.end())
        overwritten.insert(found->second.begin(), found->second.end());
    for (const uint32_t n : nodes) {
      const Node& node = graph_.nodes[n];
      for (const Value v : node.inputs) {
        const Value root = root_of(v);
        const bool inside = std::ranges::binary_search(nodes, root.node);
        if (inside && flows(bound_, n, v)) continue;
        if (std::ranges::find(members, root.node) != members.end()) return false;
        if (overwritten.contains(root) && (!bound_.views.is_whole(v) || node.op->name == "random_bits")) return false;
        loads.insert(v);
      }
    }
    return nodes.size() + loads.size() <= loop_limit;
  }

  bool is_apart(uint32_t group) const {
    const Node& node = graph_.nodes[members_[group].front()];
    return node.op == &copy_op && node.attrs.as<CopyAttrs>().apart;
  }

  bool try_merge(uint32_t a, uint32_t b) {
    if (a == b || kinds_[a] != GroupKind::loop || kinds_[b] != GroupKind::loop || is_apart(a) || is_apart(b))
      return false;
    if (bound_.roles[members_[a].front()].space != bound_.roles[members_[b].front()].space) return false;
    std::vector<uint32_t> members;
    std::ranges::merge(members_[a], members_[b], std::back_inserter(members));
    if (!fits_one_loop(members) || path_around(a, b) || path_around(b, a)) return false;
    join(a, b);
    return true;
  }

  // Group b becomes part of group a.
  void join(uint32_t a, uint32_t b) {
    std::vector<uint32_t> members;
    std::ranges::merge(members_[a], members_[b], std::back_inserter(members));
    for (const uint32_t n : members_[b]) owner_[n] = a;
    members_[a] = std::move(members);
    members_[b].clear();
    const auto take_over = [&](std::set<uint32_t>& mine, std::set<uint32_t>& theirs,
                               std::vector<std::set<uint32_t>>& back) {
      for (const uint32_t other : theirs) {
        back[other].erase(b);
        if (other != a) {
          back[other].insert(a);
          mine.insert(other);
        }
      }
      theirs.clear();
      mine.erase(b);
    };
    take_over(after_[a], after_[b], before_);
    take_over(before_[a], before_[b], after_);
  }

  void merge_producers() {
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (owner_[i] == none) continue;
      for (const uint32_t n : evaluated({i}))
        for (const Value v : graph_.nodes[n].inputs) {
          const uint32_t producer = root_of(v).node;
          if (owner_[producer] != none && flows(bound_, n, v)) try_merge(owner_[producer], owner_[i]);
        }
    }
  }

  // Groups that read the same large value, and all small scalar ones.
  void merge_siblings() {
    std::map<Value, std::vector<uint32_t>> readers;
    std::vector<uint32_t> scalars;
    for (uint32_t i = 0; i < graph_.nodes.size(); ++i) {
      if (owner_[i] == none || kinds_[owner_[i]] != GroupKind::loop) continue;
      if (bound_.roles[i].space.size() == 1) scalars.push_back(i);
      for (const Value v : graph_.nodes[i].inputs)
        if (graph_.type(v).size() != 1 && !generated_[root_of(v).node] && bound_.views.is_whole(v))
          readers[root_of(v)].push_back(i);
    }
    for (const auto& [root, nodes] : readers) merge_all(nodes);
    merge_all(scalars);
  }

  void merge_all(const std::vector<uint32_t>& nodes) {
    std::vector<uint32_t> distinct;  // groups that could not be merged so far
    for (const uint32_t node : nodes) {
      const uint32_t group = owner_[node];
      const bool known = std::ranges::find(distinct, group) != distinct.end();
      if (!known && !std::ranges::any_of(distinct, [&](uint32_t other) { return try_merge(other, group); }))
        distinct.push_back(group);
    }
  }

  // Groups in the order of their first member, with what others read of them.
  std::vector<Group> groups() const {
    std::vector<bool> needed(graph_.nodes.size(), false);  // by another group, or from outside
    for (const OutputBinding& o : bound_.outputs)
      if (o.kind == OutputKind::computed || o.kind == OutputKind::aliased) needed[o.root.node] = true;
    for (const Guard& g : graph_.guards) needed[root_of(g.value).node] = true;
    for (uint32_t g = 0; g < members_.size(); ++g)
      for (const uint32_t n : evaluated(members_[g]))
        for (const Value v : graph_.nodes[n].inputs) {
          const Value root = root_of(v);
          const bool in_register = is_inlined(n, v) || owner_[root.node] == g;
          if (!in_register) needed[root.node] = true;
        }
    std::vector<Group> result;
    for (size_t g = 0; g < members_.size(); ++g) {
      Group group{.kind = kinds_[g], .nodes = evaluated(members_[g])};
      for (const uint32_t n : members_[g])
        for (uint32_t out = 0; out < graph_.nodes[n].types.size(); ++out)
          if (needed[n] || kinds_[g] == GroupKind::kernel) group.outputs.push_back({n, out});
      result.push_back(std::move(group));
    }
    return result;
  }

  std::vector<Group> finish() const {
    std::vector<Group> result = groups();
    std::erase_if(result, [](const Group& g) { return g.nodes.empty(); });
    return result;
  }

  const Bound& bound_;
  const Graph& graph_;
  std::vector<bool> generated_, stored_;
  std::map<uint32_t, std::vector<Value>> overwrites_;  // the inputs that a node's results are written over
  std::vector<uint32_t> owner_;                 // the group of a node
  std::vector<std::vector<uint32_t>> members_;  // the nodes of a group, ascending; empty when merged away
  std::vector<GroupKind> kinds_;
  std::vector<std::set<uint32_t>> before_, after_;
  std::vector<uint32_t> seen_;  // the last search that came by a group
  uint32_t search_ = 0;
};

}  // namespace

std::vector<Group> fuse(const Bound& bound, bool enabled) { return Fuser(bound).run(enabled); }

}  // namespace nnx::plan
