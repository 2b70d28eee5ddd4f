#include "nnx/module.h"

#include <cxxabi.h>
#include <fmt/format.h>

#include <cstdlib>
#include <typeinfo>

#include "nnx/construction.h"
#include "nnx/selective_visitor.h"
#include "nnx/walk.h"

namespace nnx {
namespace {

thread_local std::vector<std::weak_ptr<Cell>> noted;
thread_local int open_scopes = 0;

// Marks every cell below a module, and tells each the longest path it is known by.
class PathMarker final : public SelectiveVisitor {
 public:
  explicit PathMarker(uint64_t epoch) : epoch_(epoch) {}

  void variable(FieldName name, Variable& v) override {
    if (!v) return;
    Cell& cell = *v.cell();
    const std::string path = joined(name);
    if (cell.visit_epoch != epoch_ && path.size() > cell.path.size()) cell.path = path;
    cell.visit_epoch = epoch_;
  }
  void module(FieldName name, RefSlot slot) override {
    ModuleBase* m = slot.module();
    if (!m || m->visit_epoch == epoch_) return;
    m->visit_epoch = epoch_;
    push(name);
    m->accept(*this);
    end();
  }
  void begin(FieldName name, ContainerRef&) override { push(name); }
  void end() override {
    lengths_.pop_back();
    prefix_.resize(lengths_.empty() ? 0 : lengths_.back());
  }

 private:
  std::string joined(FieldName name) const {
    return prefix_ + (name.index >= 0 ? std::to_string(name.index) : std::string(name.name));
  }
  void push(FieldName name) {
    prefix_ = joined(name) + ".";
    lengths_.push_back(prefix_.size());
  }

  uint64_t epoch_;
  std::string prefix_;
  std::vector<size_t> lengths_;
};

}  // namespace

std::string type_name_of(const std::type_info& info) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(info.name(), nullptr, nullptr, &status);
  std::string name = status == 0 ? demangled : info.name();
  std::free(demangled);
  const size_t end = std::min(name.find('<'), name.size());
  const size_t scope = name.rfind("::", end);
  return scope == std::string::npos ? name : name.substr(scope + 2);
}

namespace detail {

constinit thread_local CallObserver* call_observer = nullptr;

void note_new_cell(const std::shared_ptr<Cell>& cell) {
  if (open_scopes > 0) noted.push_back(cell);
}

ConstructionScope::ConstructionScope() : first_(noted.size()) { ++open_scopes; }

ConstructionScope::~ConstructionScope() {
  --open_scopes;
  noted.resize(std::min(noted.size(), first_));
}

void ConstructionScope::finish(ModuleBase& module) {
  const uint64_t epoch = next_visit_epoch();
  PathMarker marker(epoch);
  module.visit_epoch = epoch;
  module.accept(marker);
  for (size_t i = first_; i < noted.size(); ++i)
    if (const auto cell = noted[i].lock(); cell && cell->visit_epoch != epoch)
      fail(ErrorKind::structure,
           {.where = module.type().name,
            .message = fmt::format("its constructor made a {} {} that `fields` does not list",
                                   cell->kind ? cell->kind->name : "Variable", cell->value.type().to_string()),
            .hint = "add it to `fields`, so that split, checkpoints and optimizers see it"});
}

void fail_ref_type(const std::shared_ptr<ModuleBase>& module, const std::type_info& expected) {
  fail(ErrorKind::structure, {.where = "Ref", .expected = type_name_of(expected), .got = module->type().name});
}

void fail_fixed_size() { fail(ErrorKind::structure, {.where = "tuple", .message = "a tuple cannot change its size"}); }

}  // namespace detail
}  // namespace nnx
