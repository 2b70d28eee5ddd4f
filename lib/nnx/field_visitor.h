// FieldVisitor is how everything looks at a Module: split, merge, jit, display, counting, checkpoints and freezing are
// visitors over the one `fields` list. FieldAdapter turns typed members into its few calls.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "nnx/path.h"
#include "nnx/variable.h"

namespace nnx {

class ModuleBase;
template <class T> class Ref;
class Number;
class State;

// The name of an attribute, or the index of a list element.
struct FieldName {
  std::string_view name = {};
  int64_t index = -1;
  bool sown = false;   // an attribute that sow() or perturb() made
  FieldName(std::string_view n) : name(n) {}
  FieldName(const char* n) : name(n) {}
  explicit FieldName(int64_t i) : index(i) {}
  Key key() const { return index >= 0 ? Key(index) : Key(name); }
};

// A reference to a Ref<T> member whose T is not known.
struct RefSlot {
  void* ref = nullptr;
  ModuleBase* (*get)(const void* ref) = nullptr;                              // null when empty
  void (*set)(void* ref, const std::shared_ptr<ModuleBase>& module) = nullptr;   // throws when the type does not fit
  ModuleBase* module() const { return get(ref); }
  void assign(const std::shared_ptr<ModuleBase>& module) const { set(ref, module); }
};

// A static attribute: part of the GraphDef.
using StaticValue = std::variant<std::monostate, bool, int64_t, double, std::string, std::vector<int64_t>>;
std::string to_string(const StaticValue& value);

// A reference to a static member.
using StaticMember = std::variant<bool*, int*, int64_t*, double*, std::string*, std::vector<int>*, std::vector<int64_t>*,
                                  Shape*, DType*, std::optional<bool>*, std::optional<int64_t>*, std::optional<double>*>;
struct StaticRef {
  StaticMember member;
  StaticValue get() const;
  void set(const StaticValue& value) const;      // throws ErrorKind::structure when the type does not fit
  bool equals(const StaticValue& value) const;   // without building a StaticValue
};

// A list or map attribute. Containers are values: they have no identity of their own.
struct ContainerRef {
  virtual ~ContainerRef() = default;
  virtual bool is_list() const = 0;
  virtual size_t size() const = 0;
  virtual void reshape(const std::vector<Key>& keys) = 0;   // default elements for exactly these keys; kept where equal
};

class FieldVisitor {
 public:
  virtual ~FieldVisitor() = default;
  virtual void variable(FieldName name, Variable& variable) = 0;      // may be empty
  virtual void module(FieldName name, RefSlot slot) = 0;              // may be empty
  virtual void array(FieldName name, Array& array) = 0;               // a bare Array: dynamic state too
  virtual void number(FieldName name, Number& number) = 0;
  virtual void attribute(FieldName name, StaticRef member) = 0;
  virtual void begin(FieldName name, ContainerRef& container) = 0;    // its elements follow, then end()
  virtual void end() = 0;
};

namespace detail {

template <class T> struct is_ref : std::false_type {};
template <class T> struct is_ref<Ref<T>> : std::true_type {};
template <class T> struct is_vector : std::false_type {};
template <class T> struct is_vector<std::vector<T>> : std::true_type {};
template <class T> struct is_map : std::false_type {};
template <class T> struct is_map<std::map<std::string, T>> : std::true_type {};
template <class T> struct is_tuple : std::false_type {};
template <class... T> struct is_tuple<std::tuple<T...>> : std::true_type {};
template <class A, class B> struct is_tuple<std::pair<A, B>> : std::true_type {};
template <class T, class Variant> struct is_static_member : std::false_type {};
template <class T, class... M>
struct is_static_member<T, std::variant<M...>> : std::disjunction<std::is_same<T*, M>...> {};

void visit_state(FieldVisitor& visitor, FieldName name, State& state);
[[noreturn]] void fail_ref_type(const std::shared_ptr<ModuleBase>& module, const std::type_info& expected);
[[noreturn]] void fail_fixed_size();

template <class T>
struct VectorRef final : ContainerRef {
  std::vector<T>& items;
  explicit VectorRef(std::vector<T>& v) : items(v) {}
  bool is_list() const override { return true; }
  size_t size() const override { return items.size(); }
  void reshape(const std::vector<Key>& keys) override { items.resize(keys.size()); }
};

template <class T>
struct MapRef final : ContainerRef {
  std::map<std::string, T>& items;
  explicit MapRef(std::map<std::string, T>& m) : items(m) {}
  bool is_list() const override { return false; }
  size_t size() const override { return items.size(); }
  void reshape(const std::vector<Key>& keys) override {
    std::map<std::string, T> reshaped;
    for (const Key& key : keys) reshaped[key.name] = items.contains(key.name) ? items.at(key.name) : T();
    items = std::move(reshaped);
  }
};

struct TupleRef final : ContainerRef {
  size_t count;
  explicit TupleRef(size_t n) : count(n) {}
  bool is_list() const override { return true; }
  size_t size() const override { return count; }
  void reshape(const std::vector<Key>& keys) override { if (keys.size() != count) fail_fixed_size(); }
};

template <class T>
RefSlot slot_of(Ref<T>& ref) {
  return {.ref = &ref,
          .get = [](const void* p) -> ModuleBase* { return static_cast<const Ref<T>*>(p)->shared().get(); },
          .set = [](void* p, const std::shared_ptr<ModuleBase>& module) {
            auto typed = std::dynamic_pointer_cast<T>(module);
            if (module && !typed) fail_ref_type(module, typeid(T));
            *static_cast<Ref<T>*>(p) = Ref<T>(std::move(typed));
          }};
}

// Any value that may be an attribute, an argument or a result of a lifted function.
template <class T>
void visit_field(FieldVisitor& visitor, FieldName name, T& member) {
  if constexpr (std::derived_from<T, Variable>) visitor.variable(name, member);
  else if constexpr (is_ref<T>::value) visitor.module(name, slot_of(member));
  else if constexpr (std::same_as<T, Array>) visitor.array(name, member);
  else if constexpr (std::same_as<T, Number>) visitor.number(name, member);
  else if constexpr (std::same_as<T, State>) visit_state(visitor, name, member);
  else if constexpr (is_static_member<T, StaticMember>::value) visitor.attribute(name, StaticRef{&member});
  else if constexpr (is_vector<T>::value) {
    VectorRef container(member);
    visitor.begin(name, container);
    for (size_t i = 0; i < member.size(); ++i) visit_field(visitor, FieldName(static_cast<int64_t>(i)), member[i]);
    visitor.end();
  } else if constexpr (is_map<T>::value) {
    MapRef container(member);
    visitor.begin(name, container);
    for (auto& [key, item] : member) visit_field(visitor, std::string_view(key), item);
    visitor.end();
  } else if constexpr (is_tuple<T>::value) {
    TupleRef container(std::tuple_size_v<T>);
    visitor.begin(name, container);
    std::apply([&](auto&... item) { int64_t i = 0; (visit_field(visitor, FieldName(i++), item), ...); }, member);
    visitor.end();
  } else {
    static_assert(is_vector<T>::value, "this type cannot be an attribute of a Module, nor an argument or result of jit or "
                                       "grad: use Variables, Refs, Arrays, Numbers, static values, vectors, maps, tuples");
  }
}

}  // namespace detail

// What `fields` is called with for a Module; help texts and ranges are for the config language and ignored here.
struct FieldAdapter {
  FieldVisitor& visitor;
  void operator()(std::string_view name, auto& member, auto&&...) const { detail::visit_field(visitor, name, member); }
};

}  // namespace nnx
