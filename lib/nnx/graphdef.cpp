#include "nnx/graphdef.h"

#include <fmt/format.h>

#include <bit>
#include <map>
#include <mutex>

#include "base/hash.h"
#include "nnx/known_names.h"

namespace nnx {
namespace {

uint64_t hash_of(const StaticValue& value) {
  struct Hasher {
    uint64_t operator()(std::monostate) const { return 0; }
    uint64_t operator()(bool v) const { return v; }
    uint64_t operator()(int64_t v) const { return static_cast<uint64_t>(v); }
    uint64_t operator()(double v) const { return std::bit_cast<uint64_t>(v); }
    uint64_t operator()(const std::string& v) const { return hash_bytes(v); }
    uint64_t operator()(const std::vector<int64_t>& v) const {
      uint64_t h = hash_seed;
      for (const int64_t x : v) h = hash_combine(h, static_cast<uint64_t>(x));
      return h;
    }
  };
  return hash_combine(value.index(), std::visit(Hasher{}, value));
}

struct Types {
  std::mutex mutex;
  std::map<std::string, const ModuleType*, std::less<>> by_name;
};

Types& types() {
  static Types all;
  return all;
}

void print_node(const GraphDef& def, int node, const std::string& indent, std::vector<bool>& seen, std::string& out);

void print_attribute(const GraphDef& def, const AttributeDef& a, const std::string& indent, std::vector<bool>& seen, std::string& out) {
  out += indent + a.key.to_string() + ": ";
  switch (a.form) {
    case AttributeDef::Form::none: out += "none\n"; break;
    case AttributeDef::Form::array: out += "Array\n"; break;
    case AttributeDef::Form::fixed:
    case AttributeDef::Form::number: out += to_string(a.value) + "\n"; break;
    case AttributeDef::Form::node: print_node(def, a.node, indent, seen, out); break;
  }
}

void print_node(const GraphDef& def, int node, const std::string& indent, std::vector<bool>& seen, std::string& out) {
  const NodeDef& n = def.nodes[static_cast<size_t>(node)];
  switch (n.form) {
    case NodeDef::Form::module: out += n.type->name; break;
    case NodeDef::Form::variable: out += n.kind->name; break;
    case NodeDef::Form::list: out += "list"; break;
    case NodeDef::Form::map: out += "map"; break;
  }
  out += fmt::format(" #{}", node);
  if (seen[static_cast<size_t>(node)]) {
    out += " (shared)\n";
    return;
  }
  seen[static_cast<size_t>(node)] = true;
  if (!n.tag.empty()) out += fmt::format(" tag={}", n.tag);
  out += "\n";
  for (const AttributeDef& a : n.attributes) print_attribute(def, a, indent + "  ", seen, out);
}

}  // namespace

uint64_t GraphDef::hash() const {
  uint64_t h = hash_combine(hash_seed, nodes.size());
  for (const NodeDef& n : nodes) {
    h = hash_combine(h, static_cast<uint64_t>(n.form));
    if (n.type) h = hash_combine(h, hash_bytes(n.type->name));
    if (n.kind) h = hash_combine(hash_combine(h, hash_bytes(n.kind->name)), hash_bytes(n.tag));
    for (const auto& [name, value] : n.metadata) {
      h = hash_combine(h, hash_bytes(name));
      h = std::visit([&](const auto& v) { return hash_combine(h, hash_of(StaticValue(v))); }, value);
    }
    for (const AttributeDef& a : n.attributes) {
      h = hash_combine(hash_combine(h, hash_bytes(a.key.to_string())), static_cast<uint64_t>(a.form));
      h = hash_combine(hash_combine(h, static_cast<uint64_t>(a.node)), hash_of(a.value));
    }
  }
  return h;
}

std::string GraphDef::to_string() const {
  std::string out;
  std::vector<bool> seen(nodes.size(), false);
  if (!nodes.empty()) print_node(*this, 0, "", seen, out);
  return out;
}

void register_module_type(const ModuleType& type) {
  const std::lock_guard lock(types().mutex);
  types().by_name.emplace(type.name, &type);
}

void define_module_type(const ModuleType& type) {
  const std::lock_guard lock(types().mutex);
  types().by_name.insert_or_assign(type.name, &type);
}

const ModuleType* find_module_type(std::string_view name) {
  const std::lock_guard lock(types().mutex);
  const auto it = types().by_name.find(name);
  return it == types().by_name.end() ? nullptr : it->second;
}

}  // namespace nnx
