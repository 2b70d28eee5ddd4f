#include "lang/attribute.h"

#include <fmt/format.h>

#include "nnx/number.h"
#include "nnx/probe.h"

namespace nnx::lang {
namespace {

struct ListRef final : ContainerRef {
  Attribute::List& items;
  explicit ListRef(Attribute::List& list) : items(list) {}
  bool is_list() const override { return true; }
  size_t size() const override { return items.size(); }
  void reshape(const std::vector<Key>& keys) override { items.resize(keys.size()); }
};

struct MapRef final : ContainerRef {
  Attribute::Map& items;
  explicit MapRef(Attribute::Map& map) : items(map) {}
  bool is_list() const override { return false; }
  size_t size() const override { return items.size(); }
  void reshape(const std::vector<Key>& keys) override {
    Attribute::Map reshaped;
    for (const Key& key : keys) reshaped[key.name] = std::move(items[key.name]);
    items = std::move(reshaped);
  }
};

// Copies the attributes of one Module, containers included; handles keep pointing at the same objects.
class Copier final : public FieldVisitor {
 public:
  struct Item {
    Key key;
    Found found;
  };
  std::vector<Item> items;

  void variable(FieldName name, Variable& v) override { add(name, Attribute{v}); }
  void module(FieldName name, RefSlot slot) override {
    ModuleBase* module = slot.module();
    add(name, Attribute{module ? Ref<ModuleBase>(module->shared_from_this()) : Ref<ModuleBase>()});
  }
  void array(FieldName name, Array& a) override { add(name, a); }
  void number(FieldName name, Number& n) override { add(name, n.array()); }
  void attribute(FieldName name, StaticRef member) override {
    std::visit(
        [&](auto&& value) {
          if constexpr (std::is_same_v<std::remove_cvref_t<decltype(value)>, std::monostate>) add(name, Attribute{});
          else add(name, Attribute{value});
        },
        member.get());
  }
  void begin(FieldName name, ContainerRef& container) override { open_.push_back({name.key(), container.is_list(), {}, {}}); }
  void end() override {
    Open top = std::move(open_.back());
    open_.pop_back();
    Attribute all = top.is_list ? Attribute{std::move(top.list)} : Attribute{std::move(top.map)};
    if (open_.empty()) items.push_back({top.key, std::move(all)});
    else put(open_.back(), top.key, std::move(all));
  }

 private:
  struct Open {
    Key key;
    bool is_list;
    Attribute::List list;
    Attribute::Map map;
  };
  static void put(Open& open, const Key& key, Attribute a) {
    if (open.is_list) open.list.push_back(std::move(a));
    else open.map[key.to_string()] = std::move(a);
  }
  void add(FieldName name, Found found) {
    if (open_.empty()) items.push_back({name.key(), std::move(found)});
    else if (auto* a = std::get_if<Attribute>(&found)) put(open_.back(), name.key(), std::move(*a));
    else put(open_.back(), name.key(), Attribute{Variable(std::get<Array>(found))});
  }
  std::vector<Open> open_;
};

std::vector<Copier::Item> attributes_of(ModuleBase& module) {
  Copier copier;
  behind(module).accept(copier);
  return std::move(copier.items);
}

}  // namespace

ModuleBase& behind(ModuleBase& module) {
  auto* stand_in = dynamic_cast<StandIn*>(&module);
  return stand_in ? stand_in->behind() : module;
}

Ref<ModuleBase> Attribute::module() const {
  const auto* held = std::get_if<Ref<ModuleBase>>(&value);
  return held ? *held : Ref<ModuleBase>();
}

Variable Attribute::variable() const {
  const auto* held = std::get_if<Variable>(&value);
  return held ? *held : Variable();
}

std::string Attribute::kind() const {
  struct Namer {
    std::string operator()(const Ref<ModuleBase>& m) const { return m ? "the Module " + behind(*m).type().name : "nothing"; }
    std::string operator()(const Variable& v) const { return v ? fmt::format("the {} {}", v.kind().name, v.type().to_string()) : "nothing"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return in_quotes(v); }
    std::string operator()(const std::vector<int64_t>& v) const { return fmt::format("a list of {} integers", v.size()); }
    std::string operator()(const List& v) const { return fmt::format("a list of {}", v.size()); }
    std::string operator()(const Map& v) const { return fmt::format("a map of {}", v.size()); }
  };
  return std::visit(Namer{}, value);
}

void Attribute::visit(FieldVisitor& visitor, FieldName name) {
  if (auto* list = std::get_if<List>(&value)) {
    ListRef container(*list);
    visitor.begin(name, container);
    for (size_t i = 0; i < list->size(); ++i) (*list)[i].visit(visitor, FieldName(static_cast<int64_t>(i)));
    visitor.end();
  } else if (auto* map = std::get_if<Map>(&value)) {
    MapRef container(*map);
    visitor.begin(name, container);
    for (auto& [key, item] : *map) item.visit(visitor, std::string_view(key));
    visitor.end();
  } else {
    std::visit(
        [&](auto& held) {
          using Held = std::remove_cvref_t<decltype(held)>;
          if constexpr (!std::is_same_v<Held, List> && !std::is_same_v<Held, Map>) nnx::detail::visit_field(visitor, name, held);
        },
        value);
  }
}

Attribute blank_attribute(const GraphDef& def, const AttributeDef& attribute) {
  using Form = AttributeDef::Form;
  if (attribute.form == Form::fixed) {
    Attribute a;
    std::visit(
        [&](const auto& v) {
          if constexpr (!std::is_same_v<std::remove_cvref_t<decltype(v)>, std::monostate>) a.value = v;
        },
        attribute.value);
    return a;
  }
  if (attribute.form != Form::node) return {};
  const NodeDef& node = def.nodes[static_cast<size_t>(attribute.node)];
  switch (node.form) {
    case NodeDef::Form::module: return {};
    case NodeDef::Form::variable: return {Variable()};
    case NodeDef::Form::list: {
      Attribute::List list;
      for (const AttributeDef& item : node.attributes) list.push_back(blank_attribute(def, item));
      return {std::move(list)};
    }
    case NodeDef::Form::map: {
      Attribute::Map map;
      for (const AttributeDef& item : node.attributes) map[item.key.name] = blank_attribute(def, item);
      return {std::move(map)};
    }
  }
  return {};
}

std::optional<Found> find_attribute(ModuleBase& module, std::string_view name) {
  for (Copier::Item& item : attributes_of(module))
    if (item.key.index < 0 && item.key.name == name) return std::move(item.found);
  return std::nullopt;
}

std::vector<std::string> attribute_names(ModuleBase& module) {
  std::vector<std::string> names;
  for (const Copier::Item& item : attributes_of(module)) names.push_back(item.key.to_string());
  return names;
}

}  // namespace nnx::lang
