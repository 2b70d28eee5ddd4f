// Strict reading of ConfigNodes into structs that list their members with `fields` (base/fields.h).
//
// read<T> visits the fields of T: a key that is there is read by the type of the member, a key that is absent keeps the
// member's initial value, unless its Field says must(). A key that no member reads, a wrong type or a value out of
// range is reported to the Diagnostics; the member keeps its initial value and reading goes on, so check
// diagnostics.ok(), or call throw_if_any(), before using the result. What was read, defaults included, is recorded
// there.
//
// Types: bool, integers, float, double, std::string (with Field.among), enums with `enum_names`, ConfigNode (kept
// unread for a registry), std::optional<T> (null is nullopt), std::vector<T>, std::map<std::string, T>,
// std::vector<std::pair<std::string, T>> (a map in the order of the file), and structs with fields, nested as one
// likes. The Field of a list or map of scalars speaks of each element.
//
//   struct BatchNormOptions {
//     int64_t num_features = 0;
//     double momentum = 0.99;
//     static void fields(auto& self, auto&& f) {
//       f("num_features", self.num_features, Field{.help = "size of the last axis"}.at_least(1).must());
//       f("momentum", self.momentum, Field{.help = "decay of the running statistics"}.at_least(0).at_most(1));
//     }
//   };
//   auto options = read<BatchNormOptions>(node, diagnostics);
//   -> mlp.yaml:9:5: model.bn.num_features: expected an integer of at least 1, got 'abc'
//
// An enum names its values 0, 1, 2... through a function found next to it:
//   enum class Mode { min, max };
//   inline std::vector<std::string_view> enum_names(Mode) { return {"min", "max"}; }
#pragma once

#include <concepts>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/fields.h"
#include "config/diagnostics.h"
#include "config/node.h"
#include "config/scalar.h"

namespace nnx {

// The Field of a ConfigNode that a registry reads later: which one, by what it calls its components. It stands where a Field
// may stand.
//
//   f("kernel_init", self.kernel_init, component("initializer", Field{.help = "initializer of the kernel"}));
struct ComponentField {
  Field field;
  std::string_view component;
  bool or_number = false;   // a plain number may stand for one
  operator const Field&() const { return field; }
};
inline ComponentField component(std::string_view what, Field field) { return {std::move(field), what}; }
inline ComponentField component_or_number(std::string_view what, Field field) { return {std::move(field), what, true}; }

// What `explain` and the schema say about one key.
struct FieldDoc {
  std::string name = {}, type = {}, help = {};  // type: "integer", "list of number"...
  std::string default_value = {};               // YAML in one line; "" when required or a struct
  std::string range = {};                       // "at least 1", "in [0, 1)"; "" when any value goes
  std::optional<double> min = {}, max = {};     // the same for programs
  bool min_open = false, max_open = false;
  std::vector<std::string> one_of = {};
  bool required = false;
  std::string component = {};                   // "layer": the registry that reads it; "" for what none reads
  bool or_number = false;                       // a number may stand for a component
  std::vector<FieldDoc> fields = {};  // of a nested struct, or of the structs in a list or map
};

namespace config_detail {

template <class T> struct is_optional : std::false_type {};
template <class T> struct is_optional<std::optional<T>> : std::true_type {};
template <class T> struct is_list : std::false_type {};
template <class T> struct is_list<std::vector<T>> : std::true_type {};
template <class T> struct is_dictionary : std::false_type {};
template <class T> struct is_dictionary<std::map<std::string, T>> : std::true_type {};
template <class T> struct is_dictionary<std::vector<std::pair<std::string, T>>> : std::true_type {};
template <class T> constexpr bool always_false = false;

template <class T>
concept NamedEnum = std::is_enum_v<T> && requires(T t) {
  enum_names(t);
};

struct IntegerLimits {
  int64_t min;
  uint64_t max;
};
template <std::integral T> constexpr IntegerLimits limits_of() {
  return {static_cast<int64_t>(std::numeric_limits<T>::min()), static_cast<uint64_t>(std::numeric_limits<T>::max())};
}

// Each reads one scalar, or reports and leaves `out` alone.
void read_bool(const ConfigNode& node, bool& out, Diagnostics& diagnostics);
std::optional<Integer> read_integer(const ConfigNode& node, const Field& field, IntegerLimits limits,
                                    Diagnostics& diagnostics);
void read_number(const ConfigNode& node, const Field& field, double& out, Diagnostics& diagnostics);
void read_number(const ConfigNode& node, const Field& field, float& out, Diagnostics& diagnostics);
void read_string(const ConfigNode& node, const Field& field, std::string& out, Diagnostics& diagnostics);
std::optional<size_t> read_choice(const ConfigNode& node, const std::vector<std::string_view>& names,
                                  Diagnostics& diagnostics);
// Reports unless the node is a list, or a map.
bool expect_list(const ConfigNode& node, Diagnostics& diagnostics);
bool expect_map(const ConfigNode& node, Diagnostics& diagnostics);

// The keys of one map that a struct asks for; what is missing or left over is reported by finish().
class KeyReader {
 public:
  // In a component the key `type` belongs to the registry, not to the options.
  KeyReader(const ConfigNode& node, bool component, Diagnostics& diagnostics);
  const ConfigNode* take(std::string_view name, const Field& field);
  void finish();

 private:
  const ConfigNode& node_;
  Diagnostics& diagnostics_;
  std::vector<std::string> known_;
  std::vector<std::pair<std::string, std::string>> missing_;  // name, help
};

ConfigNode bool_node(bool value, const Origin& origin, const KeyPath& path);
ConfigNode integer_node(std::string text, const Origin& origin, const KeyPath& path);
ConfigNode string_node(const std::string& text, const Origin& origin, const KeyPath& path);
// What stands in `source` under `key` or at `index`: where an echoed value came from. Null stays null.
const ConfigNode* child_of(const ConfigNode* source, std::string_view key);
const ConfigNode* child_of(const ConfigNode* source, size_t index);

FieldDoc field_doc(std::string_view name, std::string type, const ComponentField& field, bool with_default,
                   const ConfigNode& default_value);
// What a `fields` list says of a member, in one form.
inline ComponentField described() { return {}; }
inline ComponentField described(Field field) { return {std::move(field), ""}; }
inline ComponentField described(ComponentField field) { return field; }

template <class T> void read_value(const ConfigNode& node, const Field& field, T& out, Diagnostics& diagnostics);

template <HasFields T> void read_struct(const ConfigNode& node, bool component, T& out, Diagnostics& diagnostics) {
  KeyReader keys(node, component, diagnostics);
  T::fields(out, [&](std::string_view name, auto& member, const Field& field = {}) {
    using Member = std::remove_cvref_t<decltype(member)>;
    const ConfigNode* value = keys.take(name, field);
    const KeyPath path = node.path().key(std::string(name));
    if (value) {
      read_value(*value, field, member, diagnostics);
    } else if constexpr (std::is_same_v<Member, ConfigNode>) {
      member = member.moved_to(path);
    } else if constexpr (HasFields<Member>) {
      // An absent section still has required keys and components with defaults inside.
      if (!field.required) read_struct(ConfigNode::map({}, node.origin(), path), false, member, diagnostics);
    }
  });
  keys.finish();
}

template <class T> void read_value(const ConfigNode& node, const Field& field, T& out, Diagnostics& diagnostics) {
  if constexpr (std::is_same_v<T, ConfigNode>) {
    out = node;
  } else if constexpr (std::is_same_v<T, bool>) {
    read_bool(node, out, diagnostics);
  } else if constexpr (std::is_integral_v<T>) {
    if (const auto v = read_integer(node, field, limits_of<T>(), diagnostics)) {
      out = static_cast<T>(v->negative ? uint64_t{0} - v->magnitude : v->magnitude);
    }
  } else if constexpr (std::is_floating_point_v<T>) {
    read_number(node, field, out, diagnostics);
  } else if constexpr (std::is_same_v<T, std::string>) {
    read_string(node, field, out, diagnostics);
  } else if constexpr (NamedEnum<T>) {
    if (const auto i = read_choice(node, enum_names(out), diagnostics)) out = static_cast<T>(*i);
  } else if constexpr (is_optional<T>::value) {
    if (node.is_null()) {
      out.reset();
    } else {
      typename T::value_type value{};
      read_value(node, field, value, diagnostics);
      out = std::move(value);
    }
  } else if constexpr (is_dictionary<T>::value) {
    if (!expect_map(node, diagnostics)) return;
    out.clear();
    for (const ConfigNode::Entry& entry : node.entries()) {
      typename T::value_type::second_type value{};
      read_value(entry.value, field, value, diagnostics);
      out.insert(out.end(), {entry.key, std::move(value)});
    }
  } else if constexpr (is_list<T>::value) {
    if (!expect_list(node, diagnostics)) return;
    out.clear();
    for (const ConfigNode& item : node.items()) {
      typename T::value_type value{};
      read_value(item, field, value, diagnostics);
      out.push_back(std::move(value));
    }
  } else if constexpr (HasFields<T>) {
    if (expect_map(node, diagnostics)) read_struct(node, false, out, diagnostics);
  } else {
    static_assert(always_false<T>, "a config member of this type cannot be read: see config/read.h for the types");
  }
}

template <class T> std::string type_name();

}  // namespace config_detail

// `value` as a node at `path`, every field written out; origins come from `source` where it has the same key.
template <class T> ConfigNode to_config(const T& value, const KeyPath& path = {}, const ConfigNode* source = nullptr) {
  namespace d = config_detail;
  const Origin origin = source ? source->origin() : Origin{};
  if constexpr (std::is_same_v<T, ConfigNode>) {
    return value;
  } else if constexpr (std::is_same_v<T, bool>) {
    return d::bool_node(value, origin, path);
  } else if constexpr (std::is_integral_v<T>) {
    return d::integer_node(std::to_string(value), origin, path);
  } else if constexpr (std::is_floating_point_v<T>) {
    return ConfigNode::scalar(format_number(value), false, origin, path);
  } else if constexpr (std::is_same_v<T, std::string>) {
    return d::string_node(value, origin, path);
  } else if constexpr (d::NamedEnum<T>) {
    return d::string_node(std::string(enum_names(value)[static_cast<size_t>(value)]), origin, path);
  } else if constexpr (d::is_optional<T>::value) {
    return value ? to_config(*value, path, source) : ConfigNode::null(origin, path);
  } else if constexpr (d::is_dictionary<T>::value) {
    std::vector<ConfigNode::Entry> entries;
    for (const auto& [key, item] : value) {
      const ConfigNode* from = d::child_of(source, key);
      entries.push_back({key, from ? from->origin() : Origin{}, to_config(item, path.key(key), from)});
    }
    return ConfigNode::map(std::move(entries), origin, path);
  } else if constexpr (d::is_list<T>::value) {
    std::vector<ConfigNode> items;
    for (size_t i = 0; i < value.size(); ++i) {
      // A copy, because an element of vector<bool> is a proxy.
      const typename T::value_type item = value[i];
      items.push_back(to_config(item, path.index(i), d::child_of(source, i)));
    }
    return ConfigNode::sequence(std::move(items), origin, path);
  } else {
    static_assert(HasFields<T>, "a config member of this type cannot be written: see config/read.h for the types");
    std::vector<ConfigNode::Entry> entries;
    T::fields(value, [&](std::string_view name, const auto& member, const Field& = {}) {
      const ConfigNode* from = d::child_of(source, name);
      std::string key(name);
      ConfigNode node = to_config(member, path.key(key), from);
      entries.push_back({std::move(key), node.origin(), std::move(node)});
    });
    return ConfigNode::map(std::move(entries), origin, path);
  }
}

// Reads `node` as a T (any of the types above) and records it in `diagnostics`. Never throws for bad input.
template <class T> T read(const ConfigNode& node, Diagnostics& diagnostics, const Field& field = {}) {
  T value{};
  config_detail::read_value(node, field, value, diagnostics);
  diagnostics.resolve(to_config(value, node.path(), &node));
  return value;
}

// The documentation of every field of T, nested ones included; defaults are those of a default-constructed T.
template <HasFields T> std::vector<FieldDoc> describe_fields();

namespace config_detail {

// The struct inside of T, whether T is one, or holds one in an optional, list or map.
template <class T> std::vector<FieldDoc> inner_fields() {
  if constexpr (is_dictionary<T>::value) {
    return inner_fields<typename T::value_type::second_type>();
  } else if constexpr (is_optional<T>::value || is_list<T>::value) {
    return inner_fields<typename T::value_type>();
  } else if constexpr (HasFields<T>) {
    return describe_fields<T>();
  } else {
    return {};
  }
}

template <class T> std::string type_name() {
  if constexpr (std::is_same_v<T, ConfigNode>) return "component";
  else if constexpr (std::is_same_v<T, bool>) return "true or false";
  else if constexpr (std::is_integral_v<T>) return "integer";
  else if constexpr (std::is_floating_point_v<T>) return "number";
  else if constexpr (std::is_same_v<T, std::string> || NamedEnum<T>) return "string";
  else if constexpr (is_optional<T>::value) return type_name<typename T::value_type>() + " or null";
  else if constexpr (is_dictionary<T>::value) return "map of " + type_name<typename T::value_type::second_type>();
  else if constexpr (is_list<T>::value) return "list of " + type_name<typename T::value_type>();
  else return "map";
}

}  // namespace config_detail

template <HasFields T> std::vector<FieldDoc> describe_fields() {
  namespace d = config_detail;
  std::vector<FieldDoc> docs;
  // On the heap: g++ 12 takes what an aggregate has from its base for uninitialised on the stack.
  const auto defaults = std::make_unique<const T>();
  T::fields(*defaults, [&](std::string_view name, const auto& member, const auto&... field) {
    using Member = std::remove_cvref_t<decltype(member)>;
    FieldDoc doc = d::field_doc(name, d::type_name<Member>(), d::described(field...), !HasFields<Member>, to_config(member));
    doc.fields = d::inner_fields<Member>();
    if constexpr (d::NamedEnum<Member>) {
      for (std::string_view value : enum_names(member)) doc.one_of.emplace_back(value);
    }
    docs.push_back(std::move(doc));
  });
  return docs;
}

}  // namespace nnx
