// A Graph is a computation as a value: typed SSA nodes in an order where every node comes after its inputs.
//
// Invariants (verify.h checks them): inputs of a node have smaller indices; node types are what the op infers; `inputs`
// lists the input nodes in order. A Graph can be stored, printed, compared, differentiated, batched and compiled; it is
// never changed after it was built. What runs first is the plan's business: nothing may depend on the recording order.
#pragma once

#include <string>
#include <vector>

#include "graph/op.h"

namespace nnx {

enum class NodeKind : uint8_t { input, constant, op };

struct Node {
  NodeKind kind = NodeKind::op;
  const OpDef* op = nullptr;       // of an op node
  Attrs attrs = {};
  std::vector<Value> inputs = {};
  std::vector<Type> types = {};    // of the outputs; inputs and constants have one
  BufferRef constant = {};         // of a constant node: its value, never written
};

// A value that must be finite before the plan writes any state in place; `name` is what an error names.
struct Guard {
  Value value;
  std::string name;
};

struct Graph {
  std::vector<Node> nodes;
  std::vector<Value> inputs;       // the input nodes, in order
  std::vector<Value> outputs;
  std::vector<Guard> guards;

  const Type& type(Value v) const { return nodes[v.node].types[v.out]; }
  std::vector<Type> input_types() const;
  std::vector<Type> output_types() const;
};

// Same structure: equal nodes reached from the outputs in the same way (constants by content), whatever the numbering.
bool same_graph(const Graph& a, const Graph& b);
uint64_t hash_graph(const Graph& graph);

// The Graph without nodes that no output and no guard reaches. Inputs stay.
Graph without_dead_nodes(const Graph& graph);

// One line a node: %3:f32[5,16] = add(%1, %2) {attrs}
std::string to_string(const Graph& graph);

// Throws ErrorKind::internal naming the first node that breaks an invariant.
void verify(const Graph& graph);

}  // namespace nnx
