#include "plan/passes.h"
namespace nnx::plan {
Graph simplify(const Graph& graph) { return graph; }
}
