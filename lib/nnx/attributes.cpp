#include "nnx/attributes.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "nnx/selective_visitor.h"

namespace nnx {
namespace {

// Sets an attribute of one Module, or only looks whether it has it.
class AttributeSetter final : public SelectiveVisitor {
 public:
  AttributeSetter(std::string_view name, const StaticValue* value) : name_(name), value_(value) {}
  int found = 0;

  void attribute(FieldName name, StaticRef member) override {
    if (!is_it(name)) return;
    ++found;
    if (value_) member.set(*value_);
  }
  void number(FieldName name, Number& number) override {
    if (!is_it(name)) return;
    ++found;
    if (!value_) return;
    if (const auto* real = std::get_if<double>(value_)) return number.set(*real);
    if (const auto* integer = std::get_if<int64_t>(value_)) return number.set(static_cast<double>(*integer));
    fail(ErrorKind::structure, {.where = fmt::format("attribute '{}'", name_), .expected = "a number", .got = to_string(*value_)});
  }
  void begin(FieldName, ContainerRef&) override { ++depth_; }
  void end() override { --depth_; }

 private:
  bool is_it(FieldName name) const { return depth_ == 0 && name.index < 0 && name.name == name_; }

  std::string_view name_;
  const StaticValue* value_;
  int depth_ = 0;
};

std::vector<std::shared_ptr<ModuleBase>> chosen(ModuleBase& module, const ModuleFilter& which) {
  const Flattened flat = flatten(module);
  std::vector<std::shared_ptr<ModuleBase>> out;
  for (size_t i = 0; i < flat.modules.size(); ++i)
    if (flat.modules[i] && which.matches(flat.paths[i], *flat.modules[i])) out.push_back(flat.modules[i]);
  return out;
}

int visit_all(const std::vector<std::shared_ptr<ModuleBase>>& modules, std::string_view name, const StaticValue* value) {
  AttributeSetter setter(name, value);
  for (const auto& m : modules) m->accept(setter);
  return setter.found;
}

// The names that none of the modules has, as Flax prints them: ['a', 'b'].
std::string missing(const std::vector<std::shared_ptr<ModuleBase>>& modules, const Attributes& values) {
  std::vector<std::string> names;
  for (const auto& [name, value] : values)
    if (visit_all(modules, name, nullptr) == 0) names.push_back(fmt::format("'{}'", name));
  return names.empty() ? "" : fmt::format("[{}]", fmt::join(names, ", "));
}

void set_all(const std::vector<std::shared_ptr<ModuleBase>>& modules, const Attributes& values) {
  for (const auto& [name, value] : values) visit_all(modules, name, &value);
}

Attributes mode(bool training) { return {{"deterministic", !training}, {"use_running_average", !training}}; }

}  // namespace

ModuleFilter::ModuleFilter(const Filter& filter)
    : predicate_([filter](const Path& path, ModuleBase& m) {
        return filter.matches({path, module_kind(), {}, nullptr, &m.type(), nullptr, &m});
      }) {}

void set_attributes_of(ModuleBase& module, const Attributes& values, const ModuleFilter& which) {
  const auto modules = chosen(module, which);
  if (const std::string names = missing(modules, values); !names.empty())
    fail(ErrorKind::structure, {.where = "set_attributes",
                                .message = fmt::format("Could not find at least one instance of the following attributes: {}", names)});
  set_all(modules, values);
}

Ref<ModuleBase> view_of(ModuleBase& module, const Attributes& values, const ModuleFilter& which) {
  Ref<ModuleBase> copy = copy_modules_of(module);
  const auto modules = chosen(*copy, which);
  if (const std::string names = missing(modules, values); !names.empty())
    fail(ErrorKind::structure, {.where = "view", .message = fmt::format("Unused keys found in nnx.view: {}", names)});
  set_all(modules, values);
  return copy;
}

void set_training(ModuleBase& module, bool training) { set_all(chosen(module, {}), mode(training)); }

Ref<ModuleBase> mode_view_of(ModuleBase& module, bool training) {
  Ref<ModuleBase> copy = copy_modules_of(module);
  set_training(*copy, training);
  return copy;
}

int set_metadata_of(ModuleBase& module, const Filter& filter, const Metadata& values) {
  const Flattened flat = flatten(module);
  int count = 0;
  for (size_t i = 0; i < flat.variables.size(); ++i) {
    const Variable& v = flat.variables[i];
    if (!v || !filter.matches({flat.paths[i], v.kind(), v.tag(), &v.metadata(), flat.holders[i], &v.cell()->value})) continue;
    for (const auto& [name, value] : values) v.set_metadata(name, value);
    ++count;
  }
  return count;
}

}  // namespace nnx
