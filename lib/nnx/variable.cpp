#include "nnx/variable.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "graph/trace.h"
#include "nnx/construction.h"
#include "nnx/filter.h"
#include "ops/shape.h"

namespace nnx {
namespace {

int current_level() { return Trace::current() ? Trace::current()->level() : 0; }

std::string described(const Cell& cell) {
  const std::string_view kind = cell.kind ? cell.kind->name : "Variable";
  return cell.path.empty() ? std::string(kind) : fmt::format("{} {}", kind, cell.path);
}

[[noreturn]] void fail_no_metadata(const Cell& cell, const std::string& name) {
  std::vector<std::string> names;
  for (const auto& [key, value] : cell.metadata) names.push_back(key);
  fail(ErrorKind::structure, {.where = described(cell), .message = fmt::format("it has no metadata '{}'", name),
                              .hint = names.empty() ? "" : fmt::format("it has {}", fmt::join(names, ", "))});
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
  if (has_leaked(value)) fail_without_value(value, described(*cell_));
  cell_->value = value;
}

Array Variable::get(int64_t index) const { return index_axis(get(), 0, index); }

void Variable::set(int64_t index, const Array& value) {
  const Array all = get();
  if (all.rank() == 0) fail(ErrorKind::shape, {.where = described(*cell_), .message = "a scalar cannot be indexed"});
  const int64_t size = all.dim(0), at = index < 0 ? index + size : index;
  if (at < 0 || at >= size)
    fail(ErrorKind::shape, {.where = described(*cell_), .expected = fmt::format("an index in [{}, {})", -size, size),
                            .got = std::to_string(index)});
  const Array item = expand_dims(value, 0);
  set(concatenate({slice_axis(all, 0, 0, at), item, slice_axis(all, 0, at + 1, size)}, 0));
}

MetadataValue Variable::get_metadata(const std::string& name) const {
  if (!has_metadata(name)) fail_no_metadata(*cell_, name);
  return metadata().at(name);
}

MetadataValue Variable::get_metadata(const std::string& name, MetadataValue otherwise) const {
  return has_metadata(name) ? metadata().at(name) : std::move(otherwise);
}

void Variable::del_metadata(const std::string& name) const {
  if (metadata().erase(name) == 0) fail_no_metadata(*cell_, name);
}

std::shared_ptr<Cell> Variable::copied(const Array& value) const {
  const Variable made(kind(), value, metadata());
  made.cell()->tag = tag();
  return made.cell();
}

void Variable::copy_from(const Variable& other) {
  if (&kind() != &other.kind())
    fail(ErrorKind::structure, {.where = described(*cell_), .expected = std::string(kind().name), .got = std::string(other.kind().name)});
  set(other.get());
  cell_->metadata = other.metadata();
  cell_->tag = other.tag();
}

}  // namespace nnx
