// Tracing records ops into a Graph instead of running them. Traces nest; each sees the Arrays of the ones around it.
//
//   Traced t = trace({x.type()}, [&](std::span<const Array> in) { return Arrays{in[0] * w}; });
//   apply(t.graph, {x, ...t.captures});
//
// - While a trace is open every op is recorded, also on concrete Arrays (which become constants).
// - An Array of an outer trace used inside becomes an extra input of the inner Graph (a capture).
// - A Variable reached without being an argument is a live input: read afresh at every run, never baked in.
// - Equal nodes are made once (hash-consing): common subexpressions do not exist.
// - An Array of a trace that is closed has leaked; using it is an error.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "graph/graph.h"

namespace nnx {

// An extra input of a traced Graph: an Array of an outer trace, or something live (live != null) whose value the owner
// of the trace reads again before each run.
struct Capture {
  Array array;
  std::shared_ptr<void> live = {};
};

struct Traced {
  Graph graph;                      // inputs: the declared ones, then one for each capture
  std::vector<Capture> captures;
};

class Trace : public std::enable_shared_from_this<Trace> {
 public:
  static Trace* current();          // the innermost open trace of this thread, or null
  static Trace* outermost();
  int level() const { return level_; }   // 1 for the outermost

  // Records one op (types already inferred) or finds the equal node; inputs may be concrete, own, or of outer traces.
  Arrays record(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types);
  // The Value that stands for `array` in this trace.
  Value import(const Array& array);
  // The input that stands for something live; one for each key.
  Array live_input(const std::shared_ptr<void>& key, const Type& type);
  void guard(const Array& array, std::string name);
  bool closed() const { return closed_; }
  bool abstract() const { return abstract_; }   // of abstract Arrays: closed from the start

 private:
  friend class TraceScope;
  Value add_input(Type type);
  Array make_array(Value value);

  Graph graph_;
  std::vector<Capture> captures_;
  std::unordered_multimap<uint64_t, uint32_t> nodes_by_hash_;
  std::unordered_map<const Buffer*, std::vector<uint32_t>> constants_;
  std::vector<std::pair<std::pair<const Trace*, Value>, Value>> captured_;
  int level_ = 0;
  bool closed_ = false;
  bool abstract_ = false;

  friend Array abstract_array(const Type& type);
};

// An Array that has a type and will never have a value; using it in an op is an error that says so.
Array abstract_array(const Type& type);

// Whether `array` belongs to a trace that has ended; abstract Arrays do not count.
bool has_leaked(const Array& array);

// Throws ErrorKind::structure saying why `array`, abstract or leaked, cannot be used.
[[noreturn]] void fail_without_value(const Array& array, std::string where);

// Opens a trace; finish() closes it and gives the Graph. Destroyed unfinished (an exception), it drops what was recorded.
// All inputs must be declared before the first op.
class TraceScope {
 public:
  TraceScope();
  ~TraceScope();
  TraceScope(const TraceScope&) = delete;
  TraceScope& operator=(const TraceScope&) = delete;

  Array input(Type type);
  const std::shared_ptr<Trace>& trace() const { return trace_; }
  Traced finish(std::span<const Array> outputs);   // undefined outputs are not allowed

 private:
  void close();
  std::shared_ptr<Trace> trace_;
};

Traced trace(const std::vector<Type>& inputs, const std::function<Arrays(std::span<const Array>)>& body);

// Runs or records one op: the one door through which every op goes. Throws what `infer` throws.
Arrays emit(const OpDef& op, Attrs attrs, std::span<const Array> inputs);
Array emit1(const OpDef& op, Attrs attrs, std::initializer_list<Array> inputs);   // of an op with one output

// The outputs of `graph` for these inputs: recorded node by node under a trace, otherwise run as one plan.
Arrays apply(const Graph& graph, std::span<const Array> inputs);

// `x`, which must be finite before any state is written: under a trace a guard of the Graph, otherwise checked now.
// Throws ErrorKind::numeric naming `name`.
Array check_finite(const Array& x, std::string name);

// How concrete Arrays are computed; plan/ installs the real one, tests of the rooms below install reference/'s.
struct Evaluator {
  Arrays (*op)(const OpDef& op, const Attrs& attrs, std::span<const Array> inputs, const std::vector<Type>& types);
  Arrays (*graph)(const Graph& graph, std::span<const Array> inputs);
};
void set_evaluator(const Evaluator& evaluator);

}  // namespace nnx
