#include <fmt/format.h>

#include <algorithm>

#include "nnx/selective_visitor.h"
#include "nnx/substitution.h"

namespace nnx::detail {

// Where an output of the plan goes.
struct OutputTarget {
  enum class Form : uint8_t { result, cell, array, new_cell };
  Form form;
  size_t index;     // of the result's Arrays, the arguments' cells or Arrays, or the new cells
  Type type;
  bool aliased = false;
};

struct JitCore::Entry {
  Signature arguments;
  std::shared_ptr<Plan> plan;
  std::vector<std::shared_ptr<Cell>> live;      // Variables reached without being arguments
  std::vector<OutputTarget> targets;
  std::vector<size_t> result_places;            // which of all Arrays of the result hold a value
  std::shared_ptr<void> prototype;              // the result without its Arrays
  bool structural = false;                      // the call made or moved objects: later calls replay `after`
  GraphDef after;                               // of (arguments, result)
  std::vector<int> input_module, input_cell;    // by node of `after`: which input object it is, or -1 for a new one
  std::vector<int> new_cell;                    // by node of `after`: which new cell, or -1

  // Kept between calls, so that a call allocates nothing.
  Leaves leaves, result_leaves;
  std::vector<Array*> result_arrays;            // all, undefined ones too
  std::vector<BufferRef> numbers;
  std::vector<BufferRef*> inputs;
  std::vector<BufferRef> outputs;

  void trace(const LiftedCall& call, const PlanOptions& options);
  void execute();
  void deliver(const LiftedCall& call, bool replay);

 private:
  void record_structure(const LiftedCall& call, const Leaves& before);
  std::vector<std::shared_ptr<Cell>> new_cells_;   // of the call that traced
  Flattened before_;                               // of that call: keeps what the function dropped until it has run
};

JitCore::JitCore(const PlanOptions& options) : options_(options) {}
JitCore::~JitCore() = default;
size_t JitCore::entries() const { return entries_.size(); }
const Plan* JitCore::last_plan() const { return last_ ? last_->plan.get() : nullptr; }

namespace {
// Collects the Arrays of a result in the order of Signature, undefined ones too.
class ArrayCollector final : public SelectiveVisitor {
 public:
  explicit ArrayCollector(std::vector<Array*>& arrays) : arrays_(arrays) { arrays_.clear(); }
  void array(FieldName, Array& a) override { arrays_.push_back(&a); }
  void module(FieldName, RefSlot slot) override {
    ModuleBase* m = slot.module();
    if (!m || m->visit_epoch == epoch_) return;
    m->visit_epoch = epoch_;
    m->accept(*this);
  }

 private:
  const uint64_t epoch_ = next_visit_epoch();
  std::vector<Array*>& arrays_;
};

// Empties a result of everything a later call puts there, so that a prototype keeps no trace and no object alive.
class Emptier final : public SelectiveVisitor {
 public:
  void variable(FieldName, Variable& v) override { v = Variable(); }
  void module(FieldName, RefSlot slot) override { slot.assign(nullptr); }
  void array(FieldName, Array& a) override { a = Array(); }
};
}  // namespace

namespace {
// The same structure made of the very same objects: swapping two equal children is a change too.
bool same_objects(const Flattened& a, const Flattened& b) {
  return a.def == b.def && a.modules == b.modules &&
         std::ranges::equal(a.variables, b.variables, [](const Variable& x, const Variable& y) { return x.same(y); });
}
}  // namespace

namespace {
// What is not as in the call before, at most so many lines.
std::string compile_reason(const Signature& before, const Signature& now) {
  constexpr size_t shown = 8;
  std::string text;
  const std::vector<Difference> differences = before.differences(now);
  for (size_t i = 0; i < std::min(shown, differences.size()); ++i)
    text += (i ? "\n" : "") + to_string(differences[i]);
  if (differences.size() > shown) text += fmt::format("\nand {} more", differences.size() - shown);
  return text;
}
}  // namespace

JitCore::Entry* JitCore::find(const LiftedCall& call) const {
  for (const auto& entry : entries_)
    if (entry->arguments.matches(call.arguments, entry->leaves)) return entry.get();
  return nullptr;
}

JitCore::Entry& JitCore::add(const LiftedCall& call) {
  auto entry = std::make_unique<Entry>();
  entry->trace(call, options_);
  reason_ = last_ ? compile_reason(last_->arguments, entry->arguments) : "the first call";
  entries_.push_back(std::move(entry));
  return *entries_.back();
}

void JitCore::run(const LiftedCall& call) {
  Entry* known = find(call);
  Entry& entry = known ? *known : add(call);
  last_ = &entry;
  entry.execute();
  entry.deliver(call, known != nullptr);
}

void JitCore::compile(const LiftedCall& call) {
  Entry* known = find(call);
  last_ = known ? known : &add(call);
}

void JitCore::Entry::trace(const LiftedCall& call, const PlanOptions& options) {
  arguments = Signature::record(call.arguments, leaves);
  before_ = flatten(call.arguments);
  TraceScope scope;
  Substitution substitution(leaves, scope);
  call.invoke();

  // What the call left behind: its result, changed values, and Variables it made.
  Leaves after_leaves;
  Signature::record(result_roots(call.result), result_leaves);
  Signature::record(both(call.arguments, result_roots(call.result)), after_leaves);
  ArrayCollector collector(result_arrays);
  result_roots(call.result)(collector);
  for (size_t i = 0; i < result_arrays.size(); ++i)
    if (result_arrays[i]->defined()) result_places.push_back(i);
  check(result_places.size() == result_leaves.arrays.size(), "the Arrays of a result were counted differently");
  Arrays results;
  std::vector<Alias> aliases;
  const auto target = [&](OutputTarget::Form form, size_t index, const Array& value) {
    targets.push_back({form, index, value.type()});
    results.push_back(value);
  };
  for (size_t i = 0; i < result_leaves.arrays.size(); ++i) target(OutputTarget::Form::result, i, *result_leaves.arrays[i]);
  for (size_t i = 0; i < leaves.cells.size(); ++i) {
    if (!substitution.changed_cell(i)) continue;
    target(OutputTarget::Form::cell, i, leaves.cells[i]->value);
    if (substitution.input_type(i) == targets.back().type) {
      targets.back().aliased = true;
      aliases.push_back({static_cast<int>(targets.size()) - 1, static_cast<int>(i)});
    }
  }
  for (size_t i = 0; i < leaves.arrays.size(); ++i)
    if (substitution.changed_array(i)) target(OutputTarget::Form::array, i, *leaves.arrays[i]);
  record_structure(call, leaves);
  for (size_t i = 0; i < new_cells_.size(); ++i) target(OutputTarget::Form::new_cell, i, new_cells_[i]->value);
  structural = structural || !new_cells_.empty() || !same_objects(flatten(call.arguments), before_);

  Traced traced = scope.finish(results);
  if (call.result.object) {
    prototype = call.result.copy(call.result.object);
    Emptier emptier;
    call.result.visit(prototype.get(), emptier);
  }
  substitution.restore();
  for (Capture& capture : traced.captures) {
    check(capture.live != nullptr, "a compiled function captured an Array of an outer trace");
    live.push_back(std::static_pointer_cast<Cell>(capture.live));
  }
  plan = Plan::compile(traced.graph, aliases, options);

  for (size_t i = 0; i < leaves.numbers.size(); ++i) numbers.push_back(Buffer::allocate(sizeof(float)));
  inputs.resize(traced.graph.inputs.size());
  outputs.resize(targets.size());
}

// Notes the object graph after the call, by the objects that went in.
void JitCore::Entry::record_structure(const LiftedCall& call, const Leaves& before) {
  Flattened flat = flatten(both(call.arguments, result_roots(call.result)));
  for (size_t i = 0; i < flat.def.nodes.size(); ++i) {
    const auto module = std::ranges::find(before.modules, flat.modules[i].get());
    const auto cell = std::ranges::find(before.cells, flat.variables[i].cell().get());
    input_module.push_back(module == before.modules.end() ? -1 : static_cast<int>(module - before.modules.begin()));
    input_cell.push_back(cell == before.cells.end() ? -1 : static_cast<int>(cell - before.cells.begin()));
    const bool is_new = flat.variables[i] && cell == before.cells.end();
    new_cell.push_back(is_new ? static_cast<int>(new_cells_.size()) : -1);
    if (is_new) new_cells_.push_back(flat.variables[i].cell());
    structural = structural || (flat.modules[i] != nullptr && module == before.modules.end());
  }
  structural = structural || !result_leaves.modules.empty();
  after = std::move(flat.def);
}

void JitCore::Entry::execute() {
  size_t next = 0;
  for (size_t i = 0; i < leaves.cells.size(); ++i) {
    Array& value = leaves.cells[i]->value;
    if (!value.concrete()) [[unlikely]] fail_without_value(value, "jit: " + argument_text(leaves.cell_paths[i]));
    inputs[next++] = value.holder();
  }
  for (size_t i = 0; i < leaves.arrays.size(); ++i) {
    if (!leaves.arrays[i]->concrete()) [[unlikely]] fail_without_value(*leaves.arrays[i], "jit: " + argument_text(leaves.array_paths[i]));
    inputs[next++] = leaves.arrays[i]->holder();
  }
  for (size_t i = 0; i < leaves.numbers.size(); ++i) {
    *numbers[i]->as<float>() = static_cast<float>(leaves.numbers[i]->value());
    inputs[next++] = &numbers[i];
  }
  for (const auto& cell : live) inputs[next++] = cell->value.holder();
  plan->run(inputs, outputs);
}

// Puts the plan's outputs where they belong; a replay first makes the objects look as the traced call left them.
void JitCore::Entry::deliver(const LiftedCall& call, bool replay) {
  std::vector<Variable> made;
  Flattened now;   // keeps the objects that a replay drops until all is delivered
  if (replay && call.result.object) call.result.assign(call.result.object, prototype.get());
  if (structural && !replay) {
    for (const auto& cell : new_cells_) made.emplace_back(cell);
  } else if (structural) {
    std::vector<std::shared_ptr<ModuleBase>> modules;
    std::vector<Variable> cells;
    now = flatten(call.arguments);
    const auto owner_of = [&](const ModuleBase* m) {
      for (const auto& candidate : now.modules)
        if (candidate.get() == m) return candidate;
      return std::shared_ptr<ModuleBase>();
    };
    for (ModuleBase* m : leaves.modules) modules.push_back(owner_of(m));
    for (Cell* c : leaves.cells)
      for (const Variable& v : now.variables)
        if (v && v.cell().get() == c) cells.push_back(v);
    made.resize(static_cast<size_t>(std::ranges::count_if(new_cell, [](int i) { return i >= 0; })));
    rebuild(after, both(call.arguments, result_roots(call.result)),
            {.module = [&](int n) { const int i = input_module[static_cast<size_t>(n)];
                                    return i < 0 ? nullptr : modules[static_cast<size_t>(i)]; },
             .variable = [&](int n) {
               const int i = input_cell[static_cast<size_t>(n)];
               if (i >= 0) return cells[static_cast<size_t>(i)];
               const NodeDef& def = after.nodes[static_cast<size_t>(n)];
               const size_t number = static_cast<size_t>(new_cell[static_cast<size_t>(n)]);
               Variable variable(*def.kind, Array(), def.metadata);
               variable.cell()->tag = def.tag;
               return made[number] = variable;
             },
             .array = {}});
  }
  if (replay) {
    ArrayCollector collector(result_arrays);
    call.result.visit(call.result.object, collector);
    for (size_t i = 0; i < result_places.size(); ++i) result_leaves.arrays[i] = result_arrays[result_places[i]];
  }
  for (size_t o = 0; o < targets.size(); ++o) {
    const OutputTarget& t = targets[o];
    if (t.aliased) continue;
    const Array value(t.type, outputs[o]);
    switch (t.form) {
      case OutputTarget::Form::result: *result_leaves.arrays[t.index] = value; break;
      case OutputTarget::Form::cell: leaves.cells[t.index]->value = value; break;
      case OutputTarget::Form::array: *leaves.arrays[t.index] = value; break;
      case OutputTarget::Form::new_cell:
        made[t.index].cell()->value = value;
        made[t.index].cell()->level = 0;
        break;
    }
  }
  new_cells_.clear();
  before_ = Flattened();
}

}  // namespace nnx::detail
