// Anatomy is a model laid open for surgery: every Module and Variable with all paths that lead to it and every attribute
// that holds it, so that what is shared is known to be shared.
//
//   const Anatomy anatomy(*model);
//   for (const ModulePlace& place : anatomy.modules) place.slots[0].slot.assign(other);
//
// It is taken once and true until the first assignment: take a new one for the next operation.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "nnx/nnx.h"

namespace nnx {

// An attribute that holds a Module: of `owner`, whose first path is `path` without its last steps.
struct ModuleSlot {
  Path path;
  RefSlot slot;
  ModuleBase* owner = nullptr;
};
struct ModulePlace {
  std::vector<Path> paths;           // all of them, the first one in flatten order first
  std::shared_ptr<ModuleBase> module;
  std::vector<ModuleSlot> slots;     // none for the root
  const Path& path() const { return paths.front(); }
};

struct VariableSlot {
  Path path;
  Variable* variable = nullptr;
};
struct VariablePlace {
  std::vector<Path> paths;
  Variable variable;
  const ModuleType* holder = nullptr;
  std::vector<VariableSlot> slots;
  const Path& path() const { return paths.front(); }
};

struct Anatomy {
  explicit Anatomy(ModuleBase& root);
  std::vector<ModulePlace> modules;      // in flatten order; the root first
  std::vector<VariablePlace> variables;
  std::map<std::string, std::string> gone = {};   // paths that an operation took away, and which one: for messages
};

// The attributes of one Module by name, without those of containers.
struct Members {
  explicit Members(ModuleBase& module);
  std::vector<std::pair<std::string, StaticRef>> fixed;
  std::vector<std::pair<std::string, Number*>> numbers;
  std::vector<std::pair<std::string, Variable*>> variables;   // empty ones too, also below
  std::vector<std::pair<std::string, RefSlot>> modules;
};

// "linear1 (Linear)", "linear1.kernel (Param f32[64,128])": what there is, for messages.
std::string described(const ModulePlace& place);
std::string described(const VariablePlace& place);

}  // namespace nnx
