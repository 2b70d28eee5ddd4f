// A Variable is a handle on a shared cell that holds an Array. Copying a Variable shares the cell: two attributes holding
// one Variable stay one Variable through split, merge, checkpoints and surgery.
//
//   struct Count : VariableOf<Count> { using VariableOf::VariableOf; static constexpr std::string_view name = "Count"; };
//   Count count(scalar<int32_t>(0));
//   count.set(count.get() + 1);
//
//   count.set_metadata("frozen", true);       Param twin = kernel.copy();       w * x + b    // Variables convert to Array
//
// - The kind (name and parent kind) lives in the cell: a LoRAParam stays one in a member declared as Param.
// - Values change by set() only; assigning an Array to a Variable does not compile.
// - Setting a Variable of an outer trace from an inner one is an error naming it: pass its owner as an argument.
// - Reading one that holds a value of a trace that has ended is an error naming it: the value has leaked.
// - Metadata is part of the GraphDef: changing it compiles again. Copies have it, and the tag, too.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <variant>

#include "graph/array.h"

namespace nnx {

// A kind is compared by address, and known to files by its name.
struct VariableKind {
  std::string_view name;
  const VariableKind* parent = nullptr;
  bool is_a(const VariableKind& ancestor) const;
};

using MetadataValue = std::variant<bool, int64_t, double, std::string>;
using Metadata = std::map<std::string, MetadataValue>;

// The shared storage of a Variable. Only the object layer touches it directly.
struct Cell : std::enable_shared_from_this<Cell> {
  const VariableKind* kind = nullptr;
  Array value;
  Metadata metadata = {};
  std::string tag = {};        // the stream of RNG state
  std::string path = {};       // the longest path make() has seen it under: for messages
  int level = 0;               // the trace level that may set it; 0 is outside all traces
  uint64_t visit_epoch = 0;    // marks of the last walk, see walk.h
  int visit_index = 0;
};

class Variable {
 public:
  Variable() = default;                                   // empty: an attribute that is None
  Variable(const VariableKind& kind, Array value, Metadata metadata = {});
  explicit Variable(std::shared_ptr<Cell> cell) : cell_(std::move(cell)) {}
  explicit Variable(Array value) : Variable(base_kind(), std::move(value)) {}
  Variable& operator=(const Array&) = delete;             // use set()

  explicit operator bool() const { return cell_ != nullptr; }
  Array get() const;                                      // throws ErrorKind::structure when empty
  operator Array() const { return get(); }
  void set(const Array& value);
  Array get(int64_t index) const;                         // along the first axis; negative from the end
  void set(int64_t index, const Array& value);            // value: the type of get(index)

  bool has_metadata(const std::string& name) const { return metadata().contains(name); }
  MetadataValue get_metadata(const std::string& name) const;   // throws ErrorKind::structure naming what there is
  MetadataValue get_metadata(const std::string& name, MetadataValue otherwise) const;
  void set_metadata(const std::string& name, MetadataValue value) const { metadata()[name] = std::move(value); }
  void set_metadata(Metadata all) const { metadata() = std::move(all); }   // replaces all
  void del_metadata(const std::string& name) const;            // throws as get_metadata

  Variable copy() const { return Variable(copied(get())); }    // a Variable of its own; the Buffer is shared until written
  Variable replace(const Array& value) const { return Variable(copied(value)); }   // the same, with another value
  // Takes value, metadata and tag; throws ErrorKind::structure unless the kinds are one.
  void copy_from(const Variable& other);

  const VariableKind& kind() const { return cell_->kind ? *cell_->kind : base_kind(); }
  const Type& type() const { return cell_->value.type(); }
  const Shape& shape() const { return type().shape; }
  Metadata& metadata() const { return cell_->metadata; }
  const std::string& tag() const { return cell_->tag; }
  const std::shared_ptr<Cell>& cell() const { return cell_; }
  bool same(const Variable& other) const { return cell_ == other.cell_; }   // identity, not equal values

  static const VariableKind& base_kind();
  static const VariableKind& static_kind() { return base_kind(); }

 protected:
  std::shared_ptr<Cell> copied(const Array& value) const;
  std::shared_ptr<Cell> cell_;
};

// Defines a kind: `struct Count : VariableOf<Count> { using VariableOf::VariableOf; static constexpr ... name = "Count"; };`
template <class Self, class Parent = Variable>
struct VariableOf : Parent {
  VariableOf() = default;
  explicit VariableOf(Array value, Metadata metadata = {}) : Parent(static_kind(), std::move(value), std::move(metadata)) {}
  VariableOf(const VariableKind& kind, Array value, Metadata metadata = {})
      : Parent(kind, std::move(value), std::move(metadata)) {}
  explicit VariableOf(std::shared_ptr<Cell> cell) : Parent(std::move(cell)) {}
  VariableOf& operator=(const Array&) = delete;

  Self copy() const { return Self(this->copied(this->get())); }
  Self replace(const Array& value) const { return Self(this->copied(value)); }

  static const VariableKind& static_kind() {
    static const VariableKind kind{Self::name, &Parent::static_kind()};
    return kind;
  }
};

// The kinds of Flax NNX.
struct Param : VariableOf<Param> { using VariableOf::VariableOf; static constexpr std::string_view name = "Param"; };
struct LoRAParam : VariableOf<LoRAParam, Param> { using VariableOf::VariableOf; static constexpr std::string_view name = "LoRAParam"; };
struct BatchStat : VariableOf<BatchStat> { using VariableOf::VariableOf; static constexpr std::string_view name = "BatchStat"; };
struct Cache : VariableOf<Cache> { using VariableOf::VariableOf; static constexpr std::string_view name = "Cache"; };
struct Intermediate : VariableOf<Intermediate> { using VariableOf::VariableOf; static constexpr std::string_view name = "Intermediate"; };
struct Perturbation : VariableOf<Perturbation, Intermediate> { using VariableOf::VariableOf; static constexpr std::string_view name = "Perturbation"; };
struct RngState : VariableOf<RngState> { using VariableOf::VariableOf; static constexpr std::string_view name = "RngState"; };
struct RngKey : VariableOf<RngKey, RngState> { using VariableOf::VariableOf; static constexpr std::string_view name = "RngKey"; };
struct RngCount : VariableOf<RngCount, RngState> { using VariableOf::VariableOf; static constexpr std::string_view name = "RngCount"; };
struct OptState : VariableOf<OptState> { using VariableOf::VariableOf; static constexpr std::string_view name = "OptState"; };
struct MetricState : VariableOf<MetricState> { using VariableOf::VariableOf; static constexpr std::string_view name = "MetricState"; };

}  // namespace nnx
