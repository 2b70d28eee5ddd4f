// The text form of a GraphDef: {"version": 1, "nodes": [...]}, one node a line, in flatten order.
//
// A node has one of "module": type, "variable": kind (with "tag" and "metadata"), "list": size, "map": size; and
// "attributes": [{"key": name or index, ...}], each with one of "node", "value", "number", "array", or none when empty, and
// "sown": true where it is an attribute of run time.
#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <cmath>
#include <map>
#include <mutex>

#include "base/error.h"
#include "nnx/filter.h"
#include "nnx/graphdef.h"
#include "nnx/known_names.h"
#include "nnx/strict_json.h"

namespace nnx {
namespace {

using nlohmann::json;
using Form = AttributeDef::Form;

constexpr int64_t version = 1;
constexpr size_t max_nodes = 1'000'000;
constexpr size_t max_depth = 1000;  // of objects: walks over a GraphDef are recursive
const std::string title = "graphdef";

// Placeholders live as long as the process: kinds and types are compared by address.
struct Placeholders {
  std::mutex mutex;
  std::map<std::string, VariableKind, std::less<>> kinds;
  std::map<std::string, ModuleType, std::less<>> types;
};

Placeholders& placeholders() {
  static Placeholders& all = *new Placeholders;
  return all;
}

// ---- the order of nodes

// Follows the references from the root and checks that nodes and Arrays are numbered in flatten order, that all are
// reached, and that only Modules and Variables are shared. `kind` is what a violation is: data when read, structure
// when written.
class OrderCheck {
 public:
  OrderCheck(const GraphDef& def, ErrorKind kind) : def_(def), kind_(kind) {}

  void run() {
    if (def_.nodes.empty()) return;
    if (def_.nodes.size() > max_nodes) refuse(fmt::format("has more than {} nodes", max_nodes));
    open_.push_back({0, 0});
    while (!open_.empty()) {
      auto& [node, next] = open_.back();
      const auto& attributes = def_.nodes[node].attributes;
      if (next == attributes.size()) open_.pop_back();
      else visit(node, next++);
    }
    if (reached_ != def_.nodes.size()) refuse(fmt::format("node {} is not reached from the root", reached_));
  }

 private:
  [[noreturn]] void refuse(const std::string& message) const { fail(kind_, {.where = title, .message = message}); }

  void visit(size_t node, size_t index) {
    const NodeDef& owner = def_.nodes[node];
    const AttributeDef& a = owner.attributes[index];
    const bool in_order = owner.form == NodeDef::Form::list
                              ? a.key == Key(static_cast<int64_t>(index))
                              : a.key.index < 0 && (index == 0 || owner.attributes[index - 1].key < a.key);
    if (!in_order) refuse(fmt::format("node {}: attribute {} is out of order", node, in_quotes(a.key.to_string())));
    if (owner.form == NodeDef::Form::variable) refuse(fmt::format("node {}: a Variable has attributes", node));
    if (a.form == Form::array && a.node != arrays_++) refuse(fmt::format("node {}: Arrays are out of order", node));
    if (a.form == Form::node) follow(node, a);
  }

  void follow(size_t node, const AttributeDef& a) {
    const auto refuse_target = [&](const char* why) {
      refuse(fmt::format("node {}: attribute {} names node {}, which {}", node, in_quotes(a.key.to_string()), a.node,
                         why));
    };
    if (a.node < 0 || static_cast<size_t>(a.node) >= def_.nodes.size()) refuse_target("is not there");
    const size_t target = static_cast<size_t>(a.node);
    if (target > reached_) refuse_target("is not the next one");
    const NodeDef::Form form = def_.nodes[target].form;
    if (target < reached_) {
      if (form == NodeDef::Form::list || form == NodeDef::Form::map)
        refuse_target("is a container and cannot be shared");
      return;
    }
    if (open_.size() >= max_depth) refuse(fmt::format("objects are nested deeper than {} levels", max_depth));
    ++reached_;
    open_.push_back({target, 0});
  }

  const GraphDef& def_;
  ErrorKind kind_;
  std::vector<std::pair<size_t, size_t>> open_;  // a node and its next attribute
  size_t reached_ = 1;
  int arrays_ = 0;
};

// ---- writing

double finite(double value, const AttributeDef& a) {
  if (!std::isfinite(value))
    fail(ErrorKind::numeric,
         {.where = title, .message = fmt::format("the attribute {} is not finite", in_quotes(a.key.to_string()))});
  return value;
}

json value_to_json(const AttributeDef& a) {
  const auto write = [&](const auto& v) -> json {
    if constexpr (std::same_as<std::remove_cvref_t<decltype(v)>, std::monostate>) return nullptr;
    else if constexpr (std::same_as<std::remove_cvref_t<decltype(v)>, double>) return finite(v, a);
    else return v;
  };
  return std::visit(write, a.value);
}

json attribute_to_json(const AttributeDef& a) {
  json out = {{"key", key_to_json(a.key)}};
  switch (a.form) {
    case Form::none: break;
    case Form::node: out["node"] = a.node; break;
    case Form::array: out["array"] = a.node; break;
    case Form::fixed: out["value"] = value_to_json(a); break;
    case Form::number: out["number"] = value_to_json(a); break;
  }
  if (a.sown) out["sown"] = true;
  return out;
}

json node_to_json(const NodeDef& node) {
  json out;
  switch (node.form) {
    case NodeDef::Form::module: out["module"] = node.type->name; break;
    case NodeDef::Form::variable: out["variable"] = node.kind->name; break;
    case NodeDef::Form::list: out["list"] = node.attributes.size(); break;
    case NodeDef::Form::map: out["map"] = node.attributes.size(); break;
  }
  if (!node.tag.empty()) out["tag"] = node.tag;
  if (!node.metadata.empty()) out["metadata"] = metadata_to_json(node.metadata, title);
  if (node.attributes.empty()) return out;
  json& attributes = out["attributes"] = json::array();
  for (const AttributeDef& a : node.attributes) attributes.push_back(attribute_to_json(a));
  return out;
}

// ---- reading

[[noreturn]] void refuse_entry(const std::string& at, const std::string& message) {
  fail(ErrorKind::data, {.where = at, .message = message});
}

StaticValue value_from_json(const json& value, const std::string& at) {
  if (value.is_null()) return std::monostate{};
  if (value.is_boolean()) return value.get<bool>();
  if (value.is_number_float()) return value.get<double>();
  if (value.is_string()) return value.get<std::string>();
  if (!value.is_array()) return integer_of(value, at);
  std::vector<int64_t> list;
  for (const json& item : value) list.push_back(integer_of(item, at));
  return list;
}

int index_from_json(const json& value, const std::string& at) {
  const int64_t index = integer_of(value, at);
  if (index < 0 || index >= int64_t{1} << 30) refuse_entry(at, fmt::format("the index {} is out of range", index));
  return static_cast<int>(index);
}

AttributeDef attribute_from_json(const json& entry, const std::string& at) {
  AttributeDef out{.key = key_from_json(member_of(entry, "key", at), at)};
  if (entry.size() > 2 + entry.count("sown")) refuse_entry(at, "an attribute has more than a key and one value");
  for (const auto& [name, value] : entry.items()) {
    if (name == "key") continue;
    if (name == "node") out.form = Form::node, out.node = index_from_json(value, at);
    else if (name == "array") out.form = Form::array, out.node = index_from_json(value, at);
    else if (name == "value") out.form = Form::fixed, out.value = value_from_json(value, at);
    else if (name == "sown" && value == true) out.sown = true;
    else if (name == "number" && value.is_number()) out.form = Form::number, out.value = value.get<double>();
    else refuse_entry(at, fmt::format("an attribute has a wrong or unknown member {}", in_quotes(name)));
  }
  return out;
}

NodeDef node_from_json(const json& entry, const std::string& at) {
  if (!entry.is_object()) refuse_entry(at, "is not an object");
  NodeDef out;
  int forms = 0;
  size_t declared = 0;
  const auto container = [&](NodeDef::Form form, const json& size) {
    ++forms;
    out.form = form;
    declared = static_cast<size_t>(integer_of(size, at));
  };
  for (const auto& [name, value] : entry.items()) {
    if (name == "module") ++forms, out.type = &module_type_named(string_of(value, at));
    else if (name == "variable")
      ++forms, out.form = NodeDef::Form::variable, out.kind = &kind_named(string_of(value, at));
    else if (name == "list") container(NodeDef::Form::list, value);
    else if (name == "map") container(NodeDef::Form::map, value);
    else if (name == "tag") out.tag = string_of(value, at);
    else if (name == "metadata") out.metadata = metadata_from_json(value, at);
    else if (name == "attributes" && value.is_array())
      for (const json& attribute : value) out.attributes.push_back(attribute_from_json(attribute, at));
    else refuse_entry(at, fmt::format("has a wrong or unknown member {}", in_quotes(name)));
  }
  const bool variable = out.form == NodeDef::Form::variable;
  if (forms != 1) refuse_entry(at, "must be one of module, variable, list and map");
  if (!variable && (!out.tag.empty() || !out.metadata.empty())) refuse_entry(at, "has what only a Variable has");
  if ((out.form == NodeDef::Form::list || out.form == NodeDef::Form::map) && declared != out.attributes.size())
    refuse_entry(at, fmt::format("says {} elements but has {}", declared, out.attributes.size()));
  return out;
}

}  // namespace

const VariableKind& kind_named(std::string_view name) {
  if (const VariableKind* known = find_kind(name)) return *known;
  const std::lock_guard lock(placeholders().mutex);
  const auto [at, fresh] = placeholders().kinds.try_emplace(std::string(name));
  if (fresh) at->second.name = at->first;
  return at->second;
}

const ModuleType& module_type_named(std::string_view name) {
  if (const ModuleType* known = find_module_type(name)) return *known;
  const std::lock_guard lock(placeholders().mutex);
  const auto [at, fresh] = placeholders().types.try_emplace(std::string(name));
  if (fresh) at->second.name = at->first;
  return at->second;
}

std::string GraphDef::to_json() const {
  OrderCheck(*this, ErrorKind::structure).run();
  std::string out = fmt::format("{{\"version\":{},\"nodes\":[\n", version);
  for (size_t i = 0; i < nodes.size(); ++i)
    out += dump_strict(node_to_json(nodes[i]), title) + (i + 1 < nodes.size() ? ",\n" : "\n");
  return out + "]}\n";
}

GraphDef GraphDef::from_json(std::string_view text) {
  const json file = parse_strict(text, title);
  const int64_t found = integer_of(member_of(file, "version", title), title);
  if (found != version)
    fail(ErrorKind::data,
         {.where = title, .expected = fmt::format("version {}", version), .got = std::to_string(found)});
  const json& entries = member_of(file, "nodes", title);
  if (!entries.is_array() || file.size() != 2)
    refuse_entry(title, "must have a version and a list of nodes, nothing else");
  GraphDef out;
  for (const json& entry : entries)
    out.nodes.push_back(node_from_json(entry, fmt::format("{} node {}", title, out.nodes.size())));
  OrderCheck(out, ErrorKind::data).run();
  return out;
}

}  // namespace nnx
