#include "nnx/variable.h"

#include <fmt/format.h>

#include "base/error.h"
#include "graph/trace.h"
#include "nnx/construction.h"
#include "nnx/filter.h"

namespace nnx {
namespace {

int current_level() { return Trace::current() ? Trace::current()->level() : 0; }

std::string described(const Cell& cell) {
  const std::string_view kind = cell.kind ? cell.kind->name : "Variable";
  return cell.path.empty() ? std::string(kind) : fmt::format("{} {}", kind, cell.path);
}

}  // namespace

bool VariableKind::is_a(const VariableKind& ancestor) const {
  for (const VariableKind* k = this; k; k = k->parent)
    if (k == &ancestor) return true;
  return false;
}

const VariableKind& Variable::base_kind() {
  static const VariableKind kind{"Variable", nullptr};
  return kind;
}

Variable::Variable(const VariableKind& kind, Array value, Metadata metadata) : cell_(std::make_shared<Cell>()) {
  register_kind(kind);
  cell_->kind = &kind;
  cell_->value = std::move(value);
  cell_->metadata = std::move(metadata);
  cell_->level = current_level();
  detail::note_new_cell(cell_);
}

Array Variable::get() const {
  if (!cell_) fail(ErrorKind::structure, {.where = "Variable", .message = "an empty Variable was read"});
  if (has_leaked(cell_->value)) fail_without_value(cell_->value, described(*cell_));
  // Reached under a trace without being an argument: read afresh at every run.
  if (cell_->level == 0 && cell_->value.concrete())
    if (Trace* outermost = Trace::outermost()) return outermost->live_input(cell_, cell_->value.type());
  return cell_->value;
}

void Variable::set(const Array& value) {
  if (!cell_) fail(ErrorKind::structure, {.where = "Variable", .message = "an empty Variable was set"});
  check(value.defined(), "a Variable was set to an undefined Array");
  if (cell_->level != current_level())
    fail(ErrorKind::structure,
         {.where = described(*cell_),
          .message = "cannot be mutated from a different trace level",
          .hint = "pass the Module that owns it as an argument of the transformed function"});
  cell_->value = value;
}

}  // namespace nnx
