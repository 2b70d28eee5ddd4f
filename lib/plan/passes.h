// The passes from a Graph to a Plan: pure functions, one file each, in the order in which compile() applies them.
//
//   Graph g = simplify(trim(expand(linearize(graph))));
//   if (options.precision == Precision::bf16_mixed) g = narrow_products(g);
//   Bound bound = bind(layout(g), aliases, options.alias);
//   Schedule steps = schedule(bound, fuse(bound, options.fuse));
//
// Invariant: nothing depends on the order in which the nodes were recorded, only on the Graph reached from its outputs.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "plan/plan.h"
#include "plan/view.h"

namespace nnx::plan {

// ---- linearize.cpp: the same Graph with its nodes in the order of a depth-first walk from outputs, then guards;
// inputs first. Unreached nodes are dropped.
Graph linearize(const Graph& graph);

// ---- expand.cpp: ops without a kernel for their types replaced by their expansion; guards replaced by bool scalars
// (all of is_finite), guards of integers dropped. Throws ErrorKind::internal for an op that nothing can run.
Graph expand(const Graph& graph);

// ---- trim.cpp: loops, switches and remats without the results that nothing reads (a gradient nobody asked for, a carry
// that only feeds itself) and without the inputs that what is left of their bodies does not read; bodies likewise.
Graph trim(const Graph& graph);

// ---- simplify.cpp: constants folded, identities removed; every rewrite keeps each result bit for bit.
Graph simplify(const Graph& graph);

// ---- precision.cpp: large f32 products with both operands cast to bf16. Sums of products, and all else, stay f32.
Graph narrow_products(const Graph& graph);

// ---- layout.cpp: copies inserted where an operand's View does not fit what will read it.
Graph layout(const Graph& graph);

// ---- bind.cpp: where outputs go, and what must run before what.
enum class OutputKind {
  computed,   // `root` is computed in the output's own Buffer
  aliased,    // `root` is computed in the Buffer of input `index`
  unchanged,  // aliased to input `index`, and is that input
  input,      // shares the Buffer of input `index`
  constant,   // shares the Buffer of constant node `root`
  output,     // shares the Buffer of output `index`
};
struct OutputBinding {
  OutputKind kind = OutputKind::computed;
  Value root = {};
  int index = -1;
};
struct Order {
  uint32_t first, then;  // nodes
};
// How a node takes part in fused loops: elementwise nodes and reductions of dtypes that loops take.
struct LoopRole {
  bool fits = false;
  Shape space = {};  // the shape of what it reads, without dimensions of size 1
};
LoopRole loop_role(const Graph& graph, const Node& node);
struct Bound {
  Graph graph = {};  // with copies appended for outputs
  Views views = {};
  std::vector<LoopRole> roles = {};  // of each node
  std::vector<OutputBinding> outputs = {};
  std::vector<Order> order = {};         // readers of an aliased input before its writer
  std::vector<std::string> copied = {};  // aliases that cost a copy, as text
};
// `share`: outputs may be inputs, constants or other outputs; an alias that cannot be kept costs a copy. Without it every
// output is written on its own, and such an alias is dropped: its output is computed beside its input.
Bound bind(Graph graph, const std::vector<Alias>& aliases, bool in_place, bool share = true);

// ---- fuse.cpp: which nodes run in one step.
enum class GroupKind { loop, matmul, kernel };
struct Group {
  GroupKind kind = GroupKind::kernel;
  std::vector<uint32_t> nodes = {};  // what it evaluates, ascending; generated nodes may be in several groups
  std::vector<Value> outputs = {};   // what it stores
};
std::vector<Group> fuse(const Bound& bound, bool enabled);

// ---- loop_nodes.cpp: what may be part of a fused loop.
// Whether `value` can reach node `reader` in a register when both are in one loop: it is computed element by element
// over the reader's own space.
bool flows(const Bound& bound, uint32_t reader, Value value);
// Per node: whether it is generated, so that every reader computes it again rather than read it from memory: from counters
// and scalars alone (constants, noise), or from one stored array in an instruction or two.
std::vector<bool> generated_nodes(const Bound& bound);

// ---- schedule.cpp: the groups in the order in which they run: first what no state depends on, then, after the guards,
// what writes state. `before_guards` is how many come first.
struct Schedule {
  std::vector<Group> groups;
  size_t before_guards = 0;
};
Schedule schedule(const Bound& bound, std::vector<Group> groups);
// For each group those that must run before it; the last entry is the guards, which must run before groups that write
// state.
std::vector<std::vector<uint32_t>> predecessors(const Bound& bound, const std::vector<Group>& groups);

// ---- place.cpp: offsets, 64-byte aligned, such that blocks alive at the same time do not overlap.
struct Block {
  size_t bytes = 0;
  int first = 0, last = 0;  // steps, both included
};
struct Placement {
  std::vector<size_t> offsets;
  size_t bytes = 0;       // of the arena
  size_t live_bytes = 0;  // the largest sum of blocks alive at once
};
Placement place(const std::vector<Block>& blocks);

// ---- threads.cpp
int loop_threads(int64_t elements, int available);
int matmul_threads(double flops, int available);

// ---- report.cpp
std::string to_string(const PlanReport& report);

}  // namespace nnx::plan
