// What jit and grad share: traced inputs put in the place of everything dynamic that a call can reach.
#pragma once

#include "graph/trace.h"
#include "nnx/lifted_core.h"
#include "nnx/number_access.h"
#include "nnx/signature.h"

namespace nnx::detail {

// Everything dynamic that a call can reach, and what it held before the call: put back when the scope ends unless kept.
class Substitution {
 public:
  // `types` of the inputs, in order of cells and Arrays, where they are not those of the values.
  Substitution(const Leaves& leaves, TraceScope& scope, std::span<const Type> types = {}) : leaves_(leaves) {
    const int level = scope.trace()->level();
    const auto type = [&](const Array& value) { return types.empty() ? value.type() : types[inputs_.size()]; };
    for (Cell* cell : leaves.cells) saved_.push_back({cell->value, cell->level});
    for (Array* array : leaves.arrays) saved_arrays_.push_back(*array);
    for (size_t i = 0; i < leaves.cells.size(); ++i) {
      leaves.cells[i]->value = scope.input(type(saved_[i].value));
      leaves.cells[i]->level = level;
      inputs_.push_back(leaves.cells[i]->value);
    }
    for (Array* array : leaves.arrays) inputs_.push_back(*array = scope.input(type(*array)));
    for (Number* number : leaves.numbers) {
      saved_numbers_.push_back(NumberAccess::traced(*number));
      NumberAccess::traced(*number) = scope.input({DType::f32, {}});
    }
  }
  ~Substitution() { restore(); }
  Substitution(const Substitution&) = delete;
  Substitution& operator=(const Substitution&) = delete;

  void restore() {
    for (size_t i = 0; i < saved_.size(); ++i) {
      leaves_.cells[i]->value = std::move(saved_[i].value);
      leaves_.cells[i]->level = saved_[i].level;
    }
    for (size_t i = 0; i < saved_arrays_.size(); ++i) *leaves_.arrays[i] = std::move(saved_arrays_[i]);
    for (size_t i = 0; i < saved_numbers_.size(); ++i) NumberAccess::traced(*leaves_.numbers[i]) = std::move(saved_numbers_[i]);
    saved_.clear(), saved_arrays_.clear(), saved_numbers_.clear();
  }

  // Whether the value of leaf i (cells, then arrays) is no longer the input that stood for it.
  bool changed_cell(size_t i) const { return !is_input(leaves_.cells[i]->value, i); }
  const Type& input_type(size_t i) const { return inputs_[i].type(); }
  bool changed_array(size_t i) const { return !is_input(*leaves_.arrays[i], saved_.size() + i); }

 private:
  struct Saved { Array value; int level; };
  bool is_input(const Array& value, size_t i) const {
    return value.trace() == inputs_[i].trace() && value.value() == inputs_[i].value();
  }
  const Leaves& leaves_;
  std::vector<Saved> saved_;
  Arrays saved_arrays_, saved_numbers_, inputs_;
};

inline Roots result_roots(const ResultSlot& slot) {
  return [slot](FieldVisitor& v) { slot.visit(slot.object, v); };
}

// Arguments and result of a call as one list, so that objects in both are one object.
inline Roots both(const Roots& arguments, const Roots& result) {
  return [&arguments, result](FieldVisitor& v) {
    TupleRef pair(2), one(1);
    v.begin("", pair);
    v.begin("arguments", one);
    arguments(v);
    v.end();
    v.begin("result", one);
    result(v);
    v.end();
    v.end();
  };
}

}  // namespace nnx::detail
