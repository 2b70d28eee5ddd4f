#include "nnx/traverse.h"

#include <fmt/format.h>

#include "nnx/rngs.h"
#include "nnx/selective_visitor.h"

namespace nnx {
namespace {

void visit_post_order(const Flattened& flat, int node, std::vector<bool>& seen, std::vector<Visited>& out) {
  const size_t n = static_cast<size_t>(node);
  if (seen[n]) return;
  seen[n] = true;
  for (const AttributeDef& a : flat.def.nodes[n].attributes) {
    if (a.form == AttributeDef::Form::node) visit_post_order(flat, a.node, seen, out);
    if (a.form != AttributeDef::Form::array) continue;
    const auto& [path, array] = flat.arrays[static_cast<size_t>(a.node)];
    out.push_back({path, nullptr, {}, *array});
  }
  if (flat.modules[n] || flat.variables[n]) out.push_back({flat.paths[n], flat.modules[n], flat.variables[n]});
}

bool is_random(const ModuleBase& module) {
  return dynamic_cast<const RngStream*>(&module) || dynamic_cast<const Rngs*>(&module);
}

}  // namespace

std::vector<Visited> iterate_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::vector<Visited> out;
  std::vector<bool> seen(flat.def.nodes.size(), false);
  visit_post_order(flat, 0, seen, out);
  return out;
}

std::vector<VisitedModule> iterate_modules_of(ModuleBase& module) {
  std::vector<VisitedModule> out;
  for (Visited& v : iterate_of(module))
    if (v.module && !is_random(*v.module)) out.push_back({std::move(v.path), Ref<ModuleBase>(std::move(v.module))});
  return out;
}

namespace {
void add_children(const Flattened& flat, size_t node, std::vector<bool>& seen, std::vector<VisitedModule>& out) {
  for (const AttributeDef& a : flat.def.nodes[node].attributes) {
    if (a.form != AttributeDef::Form::node || seen[static_cast<size_t>(a.node)]) continue;
    const size_t child = static_cast<size_t>(a.node);
    seen[child] = true;
    const auto& m = flat.modules[child];
    if (m && !is_random(*m)) out.push_back({flat.paths[child], Ref<ModuleBase>(m)});
    if (!m && !flat.variables[child]) add_children(flat, child, seen, out);   // a list or map
  }
}
}  // namespace

std::vector<VisitedModule> children_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::vector<bool> seen(flat.def.nodes.size(), false);
  std::vector<VisitedModule> out;
  add_children(flat, 0, seen, out);
  return out;
}

std::vector<std::vector<Path>> find_duplicates_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::map<int, std::vector<Path>> groups;
  for (const auto& [path, node] : flat.aliases) {
    auto& group = groups[node];
    if (group.empty()) group.push_back(flat.paths[static_cast<size_t>(node)]);
    group.push_back(path);
  }
  std::vector<std::vector<Path>> out;
  for (auto& [node, paths] : groups) out.push_back(std::move(paths));
  return out;
}

Ref<ModuleBase> copy_modules_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  return Ref<ModuleBase>(rebuild_module(flat.def, {.module = {},
                                                   .variable = [&](int n) { return flat.variables[static_cast<size_t>(n)]; },
                                                   .array = [&](int n) { return *flat.arrays[static_cast<size_t>(n)].second; }}));
}

namespace {

// Throws for a graph with a cycle: Modules in one have no order, and a copy of it would hold itself for ever.
class ExpectNoCycle final : public SelectiveVisitor {
 public:
  explicit ExpectNoCycle(ModuleBase& root) { visit(root); }

  void module(FieldName name, RefSlot slot) override {
    if (!slot.module()) return;
    path_.push_back(name.key());
    visit(*slot.module());
    path_.pop_back();
  }
  void begin(FieldName name, ContainerRef&) override { path_.push_back(name.key()); }
  void end() override { path_.pop_back(); }

 private:
  void visit(ModuleBase& module) {
    const auto [found, fresh] = left_.emplace(&module, false);
    if (!fresh && !found->second)
      fail(ErrorKind::structure, {.where = "recursive_map", .message = fmt::format("Found cycle in the graph at path '{}'", to_string(path_))});
    if (fresh) module.accept(*this);
    left_[&module] = true;
  }

  Path path_;
  std::map<const ModuleBase*, bool> left_;   // the Modules seen: whether all that they hold has been
};

// Replaces the Modules of a copied graph, each after those it holds.
class Mapper final : public SelectiveVisitor {
 public:
  explicit Mapper(const ModuleMap& f) : f_(f) {}

  Ref<ModuleBase> map(const Ref<ModuleBase>& module) {
    if (const auto done = mapped_.find(module.get()); done != mapped_.end()) return done->second.first;
    mapped_[module.get()] = {{}, module};
    module->accept(*this);
    Ref<ModuleBase> result = f_(path_, module);
    if (!result)
      fail(ErrorKind::structure, {.where = fmt::format("recursive_map: '{}'", to_string(path_)), .message = "the function gave no Module"});
    return mapped_[module.get()].first = result;
  }

  void module(FieldName name, RefSlot slot) override {
    if (!slot.module()) return;
    path_.push_back(name.key());
    const Ref<ModuleBase> old(slot.module()->shared_from_this());
    const Ref<ModuleBase> result = map(old);
    if (!(result == old)) assign(slot, result);
    path_.pop_back();
  }
  void begin(FieldName name, ContainerRef&) override { path_.push_back(name.key()); }
  void end() override { path_.pop_back(); }

 private:
  void assign(const RefSlot& slot, const Ref<ModuleBase>& result) const {
    try {
      slot.assign(result.shared());
    } catch (const Error& error) {
      ErrorParts parts = error.parts();
      parts.where = fmt::format("recursive_map: '{}'", to_string(path_));
      fail(error.kind(), std::move(parts));
    }
  }

  const ModuleMap& f_;
  Path path_;
  // Looked up, never walked. The old Module is kept, so that no new one gets its address.
  std::map<const ModuleBase*, std::pair<Ref<ModuleBase>, Ref<ModuleBase>>> mapped_;
};

}  // namespace

Ref<ModuleBase> recursive_map_of(const ModuleMap& f, ModuleBase& module) {
  ExpectNoCycle{module};
  return Mapper(f).map(copy_modules_of(module));
}

}  // namespace nnx
