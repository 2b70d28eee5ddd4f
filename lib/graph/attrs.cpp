#include "graph/attrs.h"

#include <fmt/format.h>

#include <bit>

#include "graph/graph.h"

namespace nnx::detail {

uint64_t attr_hash(double v) { return std::bit_cast<uint64_t>(v); }
uint64_t attr_hash(const std::string& v) { return hash_bytes(v); }
uint64_t attr_hash(const GraphRef& v) { return v ? hash_graph(*v) : 0; }

bool attr_equal(double a, double b) { return std::bit_cast<uint64_t>(a) == std::bit_cast<uint64_t>(b); }
bool attr_equal(const GraphRef& a, const GraphRef& b) { return a == b || (a && b && same_graph(*a, *b)); }

std::string attr_text(double v) { return fmt::format("{}", v); }
std::string attr_text(const std::string& v) { return v; }
std::string attr_text(const GraphRef& v) { return v ? fmt::format("graph<{} nodes, {:016x}>", v->nodes.size(), hash_graph(*v)) : "null"; }

}  // namespace nnx::detail
