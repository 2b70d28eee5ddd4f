#include <fmt/format.h>

#include <algorithm>

#include "nnx/module.h"
#include "nnx/selective_visitor.h"
#include "ops/ops.h"

namespace nnx {
namespace {

// Finds the attribute of `fields` with a name.
class AttributeFinder final : public FieldVisitor {
 public:
  explicit AttributeFinder(std::string_view name) : name_(name) {}
  Variable* found = nullptr;
  std::string other = {};   // what it is when it is not a Variable

  void variable(FieldName name, Variable& v) override {
    if (is_it(name)) found = &v;
  }
  void module(FieldName name, RefSlot) override { note(name, "a Module"); }
  void array(FieldName name, Array&) override { note(name, "an Array"); }
  void number(FieldName name, Number&) override { note(name, "a Number"); }
  void attribute(FieldName name, StaticRef member) override { note(name, to_string(member.get())); }
  void begin(FieldName name, ContainerRef&) override {
    note(name, "a container");
    ++depth_;
  }
  void end() override { --depth_; }

 private:
  bool is_it(FieldName name) const { return depth_ == 0 && !name.sown && name.index < 0 && name.name == name_; }
  void note(FieldName name, std::string what) {
    if (is_it(name)) other = std::move(what);
  }

  std::string_view name_;
  int depth_ = 0;
};

void expect_kind(const ModuleBase& module, std::string_view name, const Variable& variable, const VariableKind& kind) {
  if (!variable.kind().is_a(kind))
    fail(ErrorKind::structure, {.where = module.type().name,
                                .message = fmt::format("expected '{}' to be of type '{}', got '{}'", name, kind.name, variable.kind().name)});
}

// The attribute of `fields`; null when there is none.
Variable* declared(ModuleBase& module, std::string_view name) {
  AttributeFinder finder(name);
  module.accept(finder);
  if (!finder.other.empty())
    fail(ErrorKind::structure, {.where = module.type().name,
                                .message = fmt::format("expected '{}' to be a Variable, got {}", name, finder.other)});
  return finder.found;
}

Sown* find_sown(ModuleBase& module, std::string_view name) {
  const auto at = std::ranges::find(module.sown, name, &Sown::name);
  return at == module.sown.end() ? nullptr : &*at;
}

}  // namespace

void ModuleBase::visit_sown(FieldVisitor& visitor) {
  for (Sown& s : sown) {
    FieldName name{std::string_view(s.name)};
    name.sown = true;
    std::visit([&](auto& value) { detail::visit_field(visitor, name, value); }, s.value);
  }
}

void ModuleBase::sow(const VariableKind& kind, std::string_view name, const Array& value, const SowReduce& reduce, const Array& init) {
  const Array first = reduce && init.defined() ? reduce(init, value) : value;
  const auto set_one = [&](Variable& variable) {
    if (!variable) {
      variable = Variable(kind, first);
      return;
    }
    expect_kind(*this, name, variable, kind);
    variable.set(reduce ? reduce(variable.get(), value) : value);
  };
  if (Sown* there = find_sown(*this, name)) {
    if (auto* one = std::get_if<Variable>(&there->value)) return set_one(*one);
    auto& list = std::get<std::vector<Variable>>(there->value);
    if (!list.empty()) expect_kind(*this, name, list.front(), kind);
    if (reduce)
      fail(ErrorKind::structure, {.where = type().name, .message = fmt::format("'{}' was sown as a list before", name),
                                  .hint = "always give the same reduce function"});
    list.emplace_back(kind, value);
  } else if (Variable* variable = declared(*this, name)) {
    set_one(*variable);
  } else if (reduce) {
    sown.push_back({std::string(name), Variable(kind, first)});
  } else {
    sown.push_back({std::string(name), std::vector<Variable>{Variable(kind, value)}});
  }
}

Array ModuleBase::perturb(std::string_view name, const Array& value) {
  const VariableKind& kind = Perturbation::static_kind();
  Sown* there = find_sown(*this, name);
  Variable* variable = there ? std::get_if<Variable>(&there->value) : declared(*this, name);
  if (there && !variable)
    fail(ErrorKind::structure, {.where = type().name, .message = fmt::format("expected '{}' to be a Variable, got a list", name)});
  if (!variable) {
    sown.push_back({std::string(name), Variable()});
    variable = &std::get<Variable>(sown.back().value);
  }
  if (!*variable) *variable = Variable(kind, zeros_like(value));
  expect_kind(*this, name, *variable, kind);
  if (!(variable->type() == value.type()))
    fail(ErrorKind::shape, {.where = fmt::format("{}: perturbation '{}'", type().name, name),
                            .expected = value.type().to_string(), .got = variable->type().to_string()});
  return value + variable->get();
}

}  // namespace nnx
