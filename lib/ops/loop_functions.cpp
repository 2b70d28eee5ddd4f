// The public functions of ops with bodies: guards leave their bodies here, and scans are unrolled.
#include <algorithm>
#include <limits>

#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/loop.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

using Span = std::span<const Array>;

Arrays joined(std::initializer_list<Span> parts) {
  Arrays all;
  for (const Span part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

GraphRef traced(const std::vector<Type>& types, const std::function<Arrays(Span)>& body) {
  return std::make_shared<const Graph>(trace(types, body).graph);
}

// A body without its guards; what they watch are its last outputs.
struct Unguarded {
  GraphRef body;
  std::vector<std::string> guards;   // names
};

Unguarded unguarded(const GraphRef& body) {
  check(body != nullptr, "an op with a body has none");
  if (body->guards.empty()) return {body, {}};
  Graph graph = *body;
  Unguarded result;
  for (const Guard& g : graph.guards) {
    graph.outputs.push_back(g.value);
    result.guards.push_back(g.name);
  }
  graph.guards.clear();
  result.body = std::make_shared<const Graph>(std::move(graph));
  return result;
}

// Takes the last of `outputs` off: they must be finite where the op stands.
void guard_last(Arrays& outputs, const std::vector<std::string>& guards) {
  const size_t kept = outputs.size() - guards.size();
  for (size_t g = 0; g < guards.size(); ++g) check_finite(outputs[kept + g], guards[g]);
  outputs.resize(kept);
}

// ---- scan

struct Scanned {
  GraphRef body;   // without guards
  Span constants;
  bool reverse;
};

// `count` runs of the body, recorded one after the other over slices of xs.
Arrays repeated(const Scanned& s, Span carries, Span xs, int64_t count) {
  Arrays state(carries.begin(), carries.end());
  std::vector<Arrays> ys(s.body->outputs.size() - carries.size(), Arrays(static_cast<size_t>(count)));
  for (int64_t step = 0; step < count; ++step) {
    const int64_t i = s.reverse ? count - 1 - step : step;
    Arrays slices;
    for (const Array& x : xs) slices.push_back(index_axis(x, 0, i));
    const Arrays out = nnx::apply(*s.body, joined({s.constants, state, slices}));
    std::copy_n(out.begin(), state.size(), state.begin());
    for (size_t y = 0; y < ys.size(); ++y) ys[y][static_cast<size_t>(i)] = out[state.size() + y];
  }
  for (const Arrays& slices : ys) state.push_back(stack(slices));
  return state;
}

ScanAttrs attrs_of(const Scanned& s, Span carries, int64_t length) {
  return {s.body, length, static_cast<int>(s.constants.size()), static_cast<int>(carries.size()), s.reverse};
}

Arrays scan_node(const Scanned& s, Span carries, Span xs, int64_t length) {
  static const OpDef& op = op_named("scan");
  return emit(op, attrs_of(s, carries, length), joined({s.constants, carries, xs}));
}

// The slices [first, last) of each xs.
Arrays part_of(Span xs, int64_t first, int64_t last) {
  Arrays parts;
  for (const Array& x : xs) parts.push_back(slice_axis(x, 0, first, last));
  return parts;
}

// A scan over pieces of `unroll` slices, then one over the `rest`, which comes last: at the front when the scan is reversed.
Arrays scan_pieces(const Scanned& s, Span carries, Span xs, int64_t length, int64_t unroll) {
  const int64_t pieces = length / unroll, rest = length % unroll, first = s.reverse ? rest : 0;
  std::vector<Type> types = s.body->input_types();
  for (size_t i = s.constants.size() + carries.size(); i < types.size(); ++i)
    types[i].shape = types[i].shape.inserted(0, unroll);
  Scanned longer = s;
  longer.body = traced(types, [&](Span in) {
    Scanned inner = s;
    inner.constants = in.first(s.constants.size());
    return repeated(inner, in.subspan(s.constants.size(), carries.size()), in.subspan(s.constants.size() + carries.size()),
                    unroll);
  });
  Arrays in_pieces;
  for (const Array& x : part_of(xs, first, first + pieces * unroll))
    in_pieces.push_back(reshape(x, x.shape().without(0).inserted(0, unroll).inserted(0, pieces)));
  Arrays out = scan_node(longer, carries, in_pieces, pieces);
  for (size_t y = carries.size(); y < out.size(); ++y)
    out[y] = reshape(out[y], out[y].shape().without(0).with(0, pieces * unroll));
  if (rest == 0) return out;

  const Arrays after = out;
  const Span state = Span(after).first(carries.size());
  const Arrays xs_rest = s.reverse ? part_of(xs, 0, rest) : part_of(xs, length - rest, length);
  out = rest == 1 ? repeated(s, state, xs_rest, rest) : scan_node(s, state, xs_rest, rest);
  for (size_t y = carries.size(); y < out.size(); ++y)
    out[y] = concatenate(s.reverse ? Arrays{out[y], after[y]} : Arrays{after[y], out[y]}, 0);
  return out;
}

// ---- guards of branches and loops

// Every branch gives what the guards of all branches watch: its own values, and zeros for those of the others.
std::vector<GraphRef> with_common_guards(const std::vector<GraphRef>& branches, std::vector<std::string>& guards) {
  std::vector<Unguarded> plain;
  std::vector<Type> watched;
  for (const GraphRef& branch : branches) {
    plain.push_back(unguarded(branch));
    guards.insert(guards.end(), plain.back().guards.begin(), plain.back().guards.end());
    for (const Guard& g : branch->guards) watched.push_back(branch->type(g.value));
  }
  if (guards.empty()) return branches;
  std::vector<GraphRef> common;
  size_t first = 0;
  for (const Unguarded& branch : plain) {
    const size_t own = branch.guards.size();
    common.push_back(traced(branch.body->input_types(), [&](Span in) {
      Arrays out = nnx::apply(*branch.body, in);
      const Arrays values(out.end() - static_cast<std::ptrdiff_t>(own), out.end());
      out.resize(out.size() - own);
      for (size_t g = 0; g < watched.size(); ++g)
        out.push_back(g >= first && g < first + own ? values[g - first] : zeros(watched[g].shape, watched[g].dtype));
      return out;
    }));
    first += own;
  }
  return common;
}

// One more carry f32[] for each guard, which becomes NaN, and stays it, once what the guard watches is not finite.
GraphRef with_guard_carries(const Unguarded& body) {
  std::vector<Type> types = body.body->input_types();
  const size_t plain = types.size();
  types.resize(plain + body.guards.size(), Type{DType::f32, {}});
  return traced(types, [&](Span in) {
    Arrays out = nnx::apply(*body.body, in.first(plain));
    const size_t first = out.size() - body.guards.size();
    for (size_t g = 0; g < body.guards.size(); ++g)
      if (is_floating(out[first + g].dtype()))
        out[first + g] =
            select(all(is_finite(out[first + g])), in[plain + g], full({}, std::numeric_limits<double>::quiet_NaN()));
      else out[first + g] = in[plain + g];
    return out;
  });
}

// The condition over `more` carries f32[], which it does not read.
GraphRef with_more_carries(const GraphRef& condition, size_t more) {
  std::vector<Type> types = condition->input_types();
  const size_t plain = types.size();
  types.resize(plain + more, Type{DType::f32, {}});
  return traced(types, [&](Span in) { return nnx::apply(*condition, in.first(plain)); });
}

}  // namespace

Arrays call(const GraphRef& body, Span inputs) {
  static const OpDef& op = op_named("call");
  const Unguarded plain = unguarded(body);
  Arrays outputs = emit(op, CallAttrs{plain.body}, inputs);
  guard_last(outputs, plain.guards);
  return outputs;
}

ScanResult scan(const GraphRef& body, Span constants, Span carries, Span xs, int64_t length, bool reverse,
                int64_t unroll) {
  static const OpDef& op = op_named("scan");
  const Unguarded plain = unguarded(body);
  const Scanned s{plain.body, constants, reverse};
  if (length < 0 || unroll < 1)
    fail(ErrorKind::shape, {.where = "scan", .expected = "a length of at least 0 and an unroll of at least 1",
                            .got = std::to_string(length) + " and " + std::to_string(unroll)});
  // Asked here, so that what does not fit is the same error whether a node is left or not.
  std::vector<Type> in;
  for (const Array& a : joined({constants, carries, xs})) in.push_back(a.type());
  const std::vector<Type> types = op.infer(in, attrs_of(s, carries, length));

  Arrays out;
  if (length == 0) {
    out.assign(carries.begin(), carries.end());
    for (size_t y = carries.size(); y < types.size(); ++y) out.push_back(zeros(types[y].shape, types[y].dtype));
  } else if (unroll >= length) {
    out = repeated(s, carries, xs, length);
  } else if (unroll > 1) {
    out = scan_pieces(s, carries, xs, length, unroll);
  } else {
    out = scan_node(s, carries, xs, length);
  }
  guard_last(out, plain.guards);
  const auto split = out.begin() + static_cast<std::ptrdiff_t>(carries.size());
  return {{out.begin(), split}, {split, out.end()}};
}

Arrays while_loop(const GraphRef& condition, Span condition_constants, const GraphRef& body, Span body_constants,
                  Span carries) {
  static const OpDef& op = op_named("while_loop");
  const Unguarded plain = unguarded(body);
  if (!condition || !condition->guards.empty())
    fail(ErrorKind::structure, {.where = "while_loop condition", .message = "a condition cannot watch over finite values",
                                .hint = "guard them in the body"});
  WhileAttrs attrs{condition, body, static_cast<int>(condition_constants.size()), static_cast<int>(body_constants.size())};
  if (plain.guards.empty()) return emit(op, attrs, joined({condition_constants, body_constants, carries}));
  attrs.condition = with_more_carries(condition, plain.guards.size());
  attrs.body = with_guard_carries(plain);
  const Arrays watching(plain.guards.size(), zeros({}));
  Arrays out = emit(op, attrs, joined({condition_constants, body_constants, carries, watching}));
  guard_last(out, plain.guards);
  return out;
}

Arrays switch_case(const Array& index, const std::vector<GraphRef>& branches, Span operands) {
  static const OpDef& op = op_named("switch");
  std::vector<std::string> guards;
  const SwitchAttrs attrs{with_common_guards(branches, guards)};
  Arrays out = emit(op, attrs, joined({{&index, 1}, operands}));
  guard_last(out, guards);
  return out;
}

Arrays remat(const GraphRef& body, Span inputs) {
  static const OpDef& op = op_named("remat");
  const Unguarded plain = unguarded(body);
  Arrays outputs = emit(op, CallAttrs{plain.body}, inputs);
  guard_last(outputs, plain.guards);
  return outputs;
}

Arrays custom_vjp(const GraphRef& body, const GraphRef& forward, const GraphRef& backward, Span inputs) {
  static const OpDef& op = op_named("custom_vjp");
  std::vector<std::string> guards;
  const std::vector<GraphRef> both = with_common_guards({body, forward}, guards);
  if (guards.empty()) return emit(op, CustomVjpAttrs{body, forward, backward}, inputs);

  // What is watched counts as outputs, which come before the residuals; the backward takes their cotangents for nothing.
  const auto outputs = static_cast<std::ptrdiff_t>(body->outputs.size());
  Graph watched_forward = *both[1];
  std::vector<Value>& out = watched_forward.outputs;
  std::rotate(out.begin() + outputs, out.end() - static_cast<std::ptrdiff_t>(guards.size()), out.end());
  std::vector<Type> taken = backward->input_types();
  const size_t plain = taken.size();
  const std::vector<Type> given = both[0]->output_types();
  for (size_t o = body->outputs.size(); o < given.size(); ++o)
    if (is_floating(given[o].dtype)) taken.push_back(given[o]);
  const CustomVjpAttrs attrs{both[0], std::make_shared<const Graph>(std::move(watched_forward)),
                             traced(taken, [&](Span in) { return nnx::apply(*backward, in.first(plain)); })};
  Arrays results = emit(op, attrs, inputs);
  guard_last(results, guards);
  return results;
}

}  // namespace nnx
