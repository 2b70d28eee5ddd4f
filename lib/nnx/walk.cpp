#include "nnx/walk.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <utility>

#include "graph/trace.h"
#include "nnx/run_time_names.h"

namespace nnx {
namespace {

// One attribute as a visitor saw it. Pointers stay valid while the owning object lives; containers keep their elements.
struct Item {
  enum class Form { variable, module, array, number, fixed, list, map };
  Form form;
  Key key;
  Variable* variable = nullptr;
  RefSlot slot = {};
  Array* array = nullptr;
  Number* number = nullptr;
  StaticRef fixed = {};
  bool sown = false;
  std::vector<Item> children = {};
};

// Collects attributes, then sorts them by name: Flax's flatten order.
class Collector final : public FieldVisitor {
 public:
  Collector() { open_.push_back(&items_); }
  std::vector<Item> take() {
    sort(items_);
    return std::move(items_);
  }

  void variable(FieldName name, Variable& v) override {
    add({.form = Item::Form::variable, .key = name.key(), .variable = &v, .sown = name.sown});
  }
  void module(FieldName name, RefSlot slot) override { add({.form = Item::Form::module, .key = name.key(), .slot = slot}); }
  void array(FieldName name, Array& a) override { add({.form = Item::Form::array, .key = name.key(), .array = &a}); }
  void number(FieldName name, Number& n) override { add({.form = Item::Form::number, .key = name.key(), .number = &n}); }
  void attribute(FieldName name, StaticRef m) override { add({.form = Item::Form::fixed, .key = name.key(), .fixed = m}); }
  void begin(FieldName name, ContainerRef& container) override {
    add({.form = container.is_list() ? Item::Form::list : Item::Form::map, .key = name.key(), .sown = name.sown});
    open_.push_back(&open_.back()->back().children);
  }
  void end() override { open_.pop_back(); }

 private:
  void add(Item item) { open_.back()->push_back(std::move(item)); }
  static void sort(std::vector<Item>& items) {
    std::ranges::stable_sort(items, {}, &Item::key);
    for (Item& item : items) sort(item.children);
  }

  std::vector<Item> items_;
  std::vector<std::vector<Item>*> open_;
};

std::vector<Item> attributes_of(ModuleBase& module) {
  Collector collector;
  module.accept(collector);
  return collector.take();
}

class Flattener {
 public:
  Flattened run(std::vector<Item> roots) {
    check(roots.size() == 1, "a walk starts at one root");
    flatten(roots.front(), {});
    return std::move(out_);
  }

  int flatten_module(ModuleBase& module, const Path& path) {
    register_module_type(module.type());
    const ModuleType* outer = std::exchange(holder_, &module.type());
    const int node = add_node({.form = NodeDef::Form::module, .type = &module.type()}, path);
    module.visit_epoch = epoch_;
    module.visit_index = node;
    out_.modules[static_cast<size_t>(node)] = shared_of(module);
    fill(node, attributes_of(module), path);
    holder_ = outer;
    return node;
  }
  Flattened take() { return std::move(out_); }

 private:
  // An object that lives on the stack is not owned by anybody: a reference without ownership stands for it.
  static std::shared_ptr<ModuleBase> shared_of(ModuleBase& module) {
    if (auto owned = module.weak_from_this().lock()) return owned;
    return {std::shared_ptr<void>(), &module};
  }

  int add_node(NodeDef def, const Path& path) {
    out_.def.nodes.push_back(std::move(def));
    out_.modules.emplace_back();
    out_.variables.emplace_back();
    out_.paths.push_back(path);
    out_.holders.push_back(holder_);
    return static_cast<int>(out_.def.nodes.size()) - 1;
  }

  void fill(int node, std::vector<Item> items, const Path& path) {
    for (Item& item : items) {
      Path child = path;
      child.push_back(item.key);
      AttributeDef attribute = flatten(item, child);
      attribute.sown = item.sown;
      out_.def.nodes[static_cast<size_t>(node)].attributes.push_back(std::move(attribute));
    }
  }

  AttributeDef flatten(Item& item, const Path& path) {
    using Form = AttributeDef::Form;
    switch (item.form) {
      case Item::Form::fixed: return {.key = item.key, .form = Form::fixed, .value = item.fixed.get()};
      case Item::Form::number:
        out_.numbers.push_back(item.number);
        return {.key = item.key, .form = Form::number, .value = item.number->value()};
      case Item::Form::array:
        if (!item.array->defined()) return {.key = item.key};
        expect_alive(*item.array, "Array", in_quotes(to_string(path)));
        out_.arrays.emplace_back(path, item.array);
        return {.key = item.key, .form = Form::array, .node = static_cast<int>(out_.arrays.size()) - 1};
      case Item::Form::variable: return {.key = item.key, .form = *item.variable ? Form::node : Form::none, .node = flatten_variable(item, path)};
      case Item::Form::module: {
        ModuleBase* module = item.slot.module();
        if (!module) return {.key = item.key};
        if (module->visit_epoch != epoch_) return {.key = item.key, .form = Form::node, .node = flatten_module(*module, path)};
        out_.aliases.emplace_back(path, module->visit_index);
        return {.key = item.key, .form = Form::node, .node = module->visit_index};
      }
      case Item::Form::list:
      case Item::Form::map: {
        const int node = add_node({.form = item.form == Item::Form::list ? NodeDef::Form::list : NodeDef::Form::map}, path);
        fill(node, std::move(item.children), path);
        return {.key = item.key, .form = Form::node, .node = node};
      }
    }
    return {};
  }

  int flatten_variable(Item& item, const Path& path) {
    if (!*item.variable) {
      out_.empty.emplace_back(path, item.variable);
      return -1;
    }
    Cell& cell = *item.variable->cell();
    if (cell.visit_epoch == epoch_) {
      out_.aliases.emplace_back(path, cell.visit_index);
      return cell.visit_index;
    }
    expect_alive(cell.value, item.variable->kind().name, in_quotes(to_string(path)));
    const int node = add_node({.form = NodeDef::Form::variable, .kind = &item.variable->kind(), .metadata = cell.metadata, .tag = cell.tag}, path);
    cell.visit_epoch = epoch_;
    cell.visit_index = node;
    out_.variables[static_cast<size_t>(node)] = *item.variable;
    return node;
  }

  const uint64_t epoch_ = next_visit_epoch();
  const ModuleType* holder_ = nullptr;
  Flattened out_;
};

// Assigns attributes of existing objects from their definitions.
class Builder final : public FieldVisitor {
 public:
  Builder(const GraphDef& def, const RebuildSource& source) : def_(def), source_(source) {
    for (size_t i = 0; i < def.nodes.size(); ++i) {
      const NodeDef& node = def.nodes[i];
      modules_.push_back(node.form == NodeDef::Form::module ? make(node, static_cast<int>(i)) : nullptr);
      variables_.push_back(node.form == NodeDef::Form::variable ? source_.variable(static_cast<int>(i)) : Variable());
    }
    for (size_t i = 0; i < def.nodes.size(); ++i)
      if (modules_[i]) fill(def.nodes[i], *modules_[i]);
  }

  const std::shared_ptr<ModuleBase>& root() const { return modules_[0]; }
  void visit_roots(const Roots& roots) {
    const NodeDef top{.form = NodeDef::Form::map, .attributes = {{.key = Key(""), .form = AttributeDef::Form::node, .node = 0}}};
    open_.push_back(&top);
    roots(*this);
    open_.pop_back();
  }

  void variable(FieldName name, Variable& v) override {
    const AttributeDef& a = find(name);
    v = a.form == AttributeDef::Form::node ? variables_[static_cast<size_t>(a.node)] : Variable();
  }
  void module(FieldName name, RefSlot slot) override {
    const AttributeDef& a = find(name);
    slot.assign(a.form == AttributeDef::Form::node ? modules_[static_cast<size_t>(a.node)] : nullptr);
  }
  void array(FieldName name, Array& array) override {
    const AttributeDef& a = find(name);
    if (a.form == AttributeDef::Form::none) array = Array();
    if (a.form == AttributeDef::Form::array && source_.array) array = source_.array(a.node);
  }
  void number(FieldName name, Number& number) override { number.set(std::get<double>(find(name).value)); }
  void attribute(FieldName name, StaticRef member) override {
    const AttributeDef& a = find(name);
    if (!member.equals(a.value)) member.set(a.value);
  }
  void begin(FieldName name, ContainerRef& container) override {
    const NodeDef& node = def_.nodes[static_cast<size_t>(find(name).node)];
    std::vector<Key> keys;
    for (const AttributeDef& a : node.attributes) keys.push_back(a.key);
    container.reshape(keys);
    open_.push_back(&node);
  }
  void end() override { open_.pop_back(); }

 private:
  std::shared_ptr<ModuleBase> make(const NodeDef& node, int index) const {
    if (source_.module)
      if (auto existing = source_.module(index)) return existing;
    if (!node.type->create)
      fail(ErrorKind::structure, {.where = node.type->name, .message = "this Module type is not known to the program",
                                  .hint = "register it, or link the code that defines it"});
    return node.type->create();
  }

  void fill(const NodeDef& node, ModuleBase& module) {
    module.sown.clear();
    for (const AttributeDef& a : node.attributes)
      if (a.sown) module.sown.push_back({a.key.name, sown_slot(a)});
    open_.push_back(&node);
    if (auto* named = dynamic_cast<RunTimeNames*>(&module)) named->take_names(def_, node);
    module.accept(*this);
    open_.pop_back();
  }

  // An empty place of the form that `a` has: `accept` then fills it as it fills attributes of `fields`.
  Sown::Value sown_slot(const AttributeDef& a) const {
    const bool is_list = a.form == AttributeDef::Form::node && def_.nodes[static_cast<size_t>(a.node)].form == NodeDef::Form::list;
    if (is_list) return std::vector<Variable>();
    return Variable();
  }

  const AttributeDef& find(FieldName name) const {
    const Key key = name.key();
    for (const AttributeDef& a : open_.back()->attributes)
      if (a.key == key) return a;
    fail(ErrorKind::structure, {.where = open_.back()->type ? open_.back()->type->name : "container",
                                .message = fmt::format("the GraphDef has no attribute '{}'", key.to_string())});
  }

  const GraphDef& def_;
  const RebuildSource& source_;
  std::vector<std::shared_ptr<ModuleBase>> modules_;
  std::vector<Variable> variables_;
  std::vector<const NodeDef*> open_;
};

}  // namespace

void expect_alive(const Array& value, std::string_view kind, const std::string& path) {
  if (has_leaked(value)) fail_without_value(value, fmt::format("{} {}", kind, path));
}

uint64_t next_visit_epoch() {
  static std::atomic<uint64_t> epoch{0};
  return epoch.fetch_add(1, std::memory_order_relaxed) + 1;
}

Flattened flatten(ModuleBase& module) {
  Flattener flattener;
  flattener.flatten_module(module, {});
  return flattener.take();
}

Flattened flatten(const Roots& roots) {
  Collector collector;
  roots(collector);
  return Flattener().run(collector.take());
}

void rebuild(const GraphDef& def, const Roots& roots, const RebuildSource& source) { Builder(def, source).visit_roots(roots); }

std::shared_ptr<ModuleBase> rebuild_module(const GraphDef& def, const RebuildSource& source) {
  check(!def.nodes.empty() && def.nodes[0].form == NodeDef::Form::module, "a GraphDef whose root is not a Module was merged");
  return Builder(def, source).root();
}

}  // namespace nnx
