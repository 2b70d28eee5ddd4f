#include "nnx/capture.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace nnx::detail {
namespace {

std::vector<std::pair<Path, std::shared_ptr<ModuleBase>>> modules_of(ModuleBase& module) {
  const Flattened flat = flatten(module);
  std::vector<std::pair<Path, std::shared_ptr<ModuleBase>>> out;
  for (size_t i = 0; i < flat.modules.size(); ++i)
    if (flat.modules[i]) out.emplace_back(flat.paths[i], flat.modules[i]);
  return out;
}

// Calls f(path, variable) for each Variable that `module`, at `path`, has sown.
void for_each_sown(ModuleBase& module, const Path& path, const std::function<void(const Path&, Variable&)>& f) {
  for (Sown& s : module.sown) {
    Path at = path;
    at.push_back(Key(s.name));
    if (auto* one = std::get_if<Variable>(&s.value)) {
      f(at, *one);
      continue;
    }
    int64_t index = 0;
    for (Variable& v : std::get<std::vector<Variable>>(s.value)) {
      Path element = at;
      element.push_back(Key(index++));
      f(element, v);
    }
  }
}

void plant(ModuleBase& root, const State& init) {
  const auto modules = modules_of(root);
  for (const auto& [path, leaf] : init) {
    check(!path.empty(), "a sown Variable without a name");
    const Path owner(path.begin(), path.end() - 1);
    const auto at = std::ranges::find(modules, owner, [](const auto& entry) { return entry.first; });
    if (at == modules.end())
      fail(ErrorKind::structure, {.where = "capture", .message = fmt::format("there is no Module '{}' for '{}' of init", to_string(owner), to_string(path))});
    Variable variable(*leaf.kind, leaf.value, leaf.metadata);
    variable.cell()->path = to_string(path);
    at->second->sown.push_back({path.back().name, std::move(variable)});
  }
}

}  // namespace

void drop_empty_sown(ModuleBase& module) {
  if (module.sown.empty()) return;
  std::erase_if(module.sown, [](Sown& s) {
    if (auto* one = std::get_if<Variable>(&s.value)) return !*one;
    auto& list = std::get<std::vector<Variable>>(s.value);
    std::erase_if(list, [](const Variable& v) { return !v; });
    return list.empty();
  });
}

CaptureScope::CaptureScope(ModuleBase& module, const Filter& kinds, const State& init) : module_(module), kinds_(kinds) {
  for (const auto& [path, m] : modules_of(module))
    if (!m->sown.empty()) aside_.emplace_back(m, std::exchange(m->sown, {}));
  try {
    plant(module, init);
  } catch (...) {   // a scope that was not made is not destroyed
    put_back();
    throw;
  }
}

CaptureScope::~CaptureScope() {
  if (open_) put_back();
}

State CaptureScope::finish() {
  State out;
  for (const auto& [path, m] : modules_of(module_)) {
    for_each_sown(*m, path, [&](const Path& at, Variable& v) {
      if (!kinds_.matches({at, v.kind(), v.tag(), &v.metadata(), &m->type(), &v.cell()->value})) return;
      out.insert(at, {v.get(), &v.kind(), v.metadata(), v.tag(), &m->type()});
    });
  }
  put_back();
  return out;
}

// The Modules as they were, whatever was sown since.
void CaptureScope::put_back() {
  for (const auto& [path, m] : modules_of(module_)) m->sown.clear();
  for (auto& [m, sown] : aside_) m->sown = std::move(sown);
  open_ = false;
}

}  // namespace nnx::detail
