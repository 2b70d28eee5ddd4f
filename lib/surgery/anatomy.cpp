#include "surgery/anatomy.h"

#include <fmt/format.h>

#include <algorithm>

#include "nnx/selective_visitor.h"
#include "nnx/walk.h"

namespace nnx {
namespace {

// Two objects that share their children, and theirs again, have paths beyond number: the first ones stand for all.
constexpr size_t most_paths = 10'000;

// Every path of every node, by depth first as flatten numbers them; a path that comes back to its own start ends.
class PathLister {
 public:
  explicit PathLister(const GraphDef& def) : def_(def), open_(def.nodes.size(), false) {
    paths.resize(def.nodes.size());
    if (!def.nodes.empty()) visit(0, {});
  }
  std::vector<std::vector<Path>> paths;   // by node

 private:
  void visit(int node, const Path& path) {
    const auto n = static_cast<size_t>(node);
    const bool first = paths[n].empty();
    if (open_[n] || (!first && ++repeated_ > most_paths)) return;
    paths[n].push_back(path);
    open_[n] = true;
    for (const AttributeDef& a : def_.nodes[n].attributes) {
      if (a.form != AttributeDef::Form::node) continue;
      Path child = path;
      child.push_back(a.key);
      visit(a.node, child);
    }
    open_[n] = false;
  }

  const GraphDef& def_;
  std::vector<bool> open_;
  size_t repeated_ = 0;
};

// The attributes of one Module, with paths that begin at `prefix`.
class SlotCollector final : public SelectiveVisitor {
 public:
  SlotCollector(Path prefix, ModuleBase& owner) : path_(std::move(prefix)), owner_(owner) {}
  std::vector<ModuleSlot> modules;
  std::vector<VariableSlot> variables;

  void module(FieldName name, RefSlot slot) override {
    if (slot.module()) modules.push_back({at(name), slot, &owner_});
  }
  void variable(FieldName name, Variable& v) override {
    if (v) variables.push_back({at(name), &v});
  }
  void begin(FieldName name, ContainerRef&) override { path_.push_back(name.key()); }
  void end() override { path_.pop_back(); }

 private:
  Path at(FieldName name) const {
    Path path = path_;
    path.push_back(name.key());
    return path;
  }
  Path path_;
  ModuleBase& owner_;
};

class AttributeLister final : public SelectiveVisitor {
 public:
  explicit AttributeLister(Members& out) : out_(out) {}
  void attribute(FieldName name, StaticRef member) override { add(out_.fixed, name, member); }
  void number(FieldName name, Number& number) override { add(out_.numbers, name, &number); }
  void variable(FieldName name, Variable& v) override { add(out_.variables, name, &v); }
  void module(FieldName name, RefSlot slot) override { add(out_.modules, name, slot); }
  void begin(FieldName, ContainerRef&) override { ++depth_; }
  void end() override { --depth_; }

 private:
  void add(auto& list, FieldName name, auto value) {
    if (depth_ == 0) list.emplace_back(std::string(name.name), value);
  }
  Members& out_;
  int depth_ = 0;
};

}  // namespace

Members::Members(ModuleBase& module) {
  AttributeLister lister(*this);
  module.accept(lister);
}

Anatomy::Anatomy(ModuleBase& root) {
  const Flattened flat = flatten(root);
  PathLister lister(flat.def);
  std::map<const void*, size_t> module_at, cell_at;
  for (size_t n = 0; n < flat.def.nodes.size(); ++n) {
    if (flat.modules[n]) {
      module_at[flat.modules[n].get()] = modules.size();
      modules.push_back({lister.paths[n], flat.modules[n], {}});
    } else if (flat.variables[n]) {
      cell_at[flat.variables[n].cell().get()] = variables.size();
      variables.push_back({lister.paths[n], flat.variables[n], flat.holders[n], {}});
    }
  }
  for (size_t i = 0; i < modules.size(); ++i) {
    SlotCollector collector(modules[i].path(), *modules[i].module);
    modules[i].module->accept(collector);
    for (ModuleSlot& slot : collector.modules) modules[module_at.at(slot.slot.module())].slots.push_back(std::move(slot));
    for (VariableSlot& slot : collector.variables)
      variables[cell_at.at(slot.variable->cell().get())].slots.push_back(std::move(slot));
  }
}

std::string described(const ModulePlace& place) {
  return fmt::format("{} ({})", place.path().empty() ? "the model itself" : to_string(place.path()), place.module->type().name);
}

std::string described(const VariablePlace& place) {
  return fmt::format("{} ({} {})", to_string(place.path()), place.variable.kind().name, place.variable.type().to_string());
}

}  // namespace nnx
