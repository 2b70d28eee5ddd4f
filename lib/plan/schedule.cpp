#include <algorithm>
#include <map>
#include <queue>

#include "base/error.h"
#include "plan/passes.h"

namespace nnx::plan {
namespace {

bool writes_state(const Bound& bound, const Group& group) {
  return std::ranges::any_of(bound.outputs, [&](const OutputBinding& o) {
    return o.kind == OutputKind::aliased && std::ranges::find(group.outputs, o.root) != group.outputs.end();
  });
}

}  // namespace

std::vector<std::vector<uint32_t>> predecessors(const Bound& bound, const std::vector<Group>& groups) {
  const Graph& graph = bound.graph;
  const auto guards = static_cast<uint32_t>(groups.size());
  std::vector<uint32_t> stored_by(graph.nodes.size(), UINT32_MAX);
  std::map<uint32_t, std::vector<uint32_t>> evaluated_by;  // nodes may be generated in several groups
  for (uint32_t g = 0; g < guards; ++g) {
    for (const Value v : groups[g].outputs) stored_by[v.node] = g;
    for (const uint32_t n : groups[g].nodes) evaluated_by[n].push_back(g);
  }
  std::vector<std::vector<uint32_t>> before(groups.size() + 1);
  const auto reads = [&](uint32_t g, Value v) {
    const uint32_t p = stored_by[bound.views.root(v).node];
    if (p != UINT32_MAX && p != g) before[g].push_back(p);
  };
  for (uint32_t g = 0; g < guards; ++g) {
    for (const uint32_t n : groups[g].nodes)
      for (const Value v : graph.nodes[n].inputs) {
        const uint32_t root = bound.views.root(v).node;
        const bool in_register = std::ranges::binary_search(groups[g].nodes, root) && stored_by[root] != g;
        if (!in_register || !flows(bound, n, v)) reads(g, v);
      }
    if (writes_state(bound, groups[g])) before[g].push_back(guards);
  }
  for (const Guard& guard : graph.guards) reads(guards, guard.value);
  for (const Order& o : bound.order)
    for (const uint32_t first : evaluated_by[o.first])
      for (const uint32_t then : evaluated_by[o.then])
        if (first != then) before[then].push_back(first);
  for (auto& list : before) {
    std::ranges::sort(list);
    list.erase(std::unique(list.begin(), list.end()), list.end());
  }
  return before;
}

Schedule schedule(const Bound& bound, std::vector<Group> groups) {
  const std::vector<std::vector<uint32_t>> before = predecessors(bound, groups);
  std::vector<std::vector<uint32_t>> after(before.size());
  std::vector<size_t> waiting(before.size());
  for (uint32_t g = 0; g < before.size(); ++g) {
    waiting[g] = before[g].size();
    for (const uint32_t p : before[g]) after[p].push_back(g);
  }
  // The guards come when nothing else is left to do first; otherwise nodes run in their own order, but what only the
  // guards read (whether a gradient is finite) comes right after what it reads, which is then still in a cache.
  const auto guards = static_cast<uint32_t>(groups.size());
  const auto only_guards_read = [&](uint32_t g) { return after[g] == std::vector{guards} && !before[g].empty(); };
  const auto last_node = [&](uint32_t g) { return groups[g].nodes.back(); };
  const auto key = [&](uint32_t g) {
    if (g == guards) return std::pair(UINT32_MAX, UINT32_MAX);
    return std::pair(only_guards_read(g) ? last_node(before[g].back()) : last_node(g), last_node(g));
  };
  const auto later = [&](uint32_t a, uint32_t b) { return key(a) > key(b); };
  std::priority_queue<uint32_t, std::vector<uint32_t>, decltype(later)> ready(later);
  for (uint32_t g = 0; g < before.size(); ++g)
    if (waiting[g] == 0) ready.push(g);
  Schedule result;
  while (!ready.empty()) {
    const uint32_t g = ready.top();
    ready.pop();
    if (g == guards) result.before_guards = result.groups.size();
    else result.groups.push_back(groups[g]);
    for (const uint32_t next : after[g])
      if (--waiting[next] == 0) ready.push(next);
  }
  check(result.groups.size() == groups.size(), "the groups of a plan wait for each other");
  return result;
}

}  // namespace nnx::plan
