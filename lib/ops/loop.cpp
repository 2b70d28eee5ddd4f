// The records of the ops with body Graphs: what their inputs and bodies have to be.
#include "ops/loop.h"

#include <fmt/format.h>

#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/families.h"

namespace nnx {
namespace {

using Types = std::span<const Type>;

void expect_type(const std::string& where, const Type& expected, const Type& got) {
  if (got != expected) fail(ErrorKind::shape, {.where = where, .expected = expected.to_string(), .got = got.to_string()});
}

void expect_count(const std::string& where, size_t expected, std::string_view what, size_t got) {
  if (got != expected)
    fail(ErrorKind::shape, {.where = where, .expected = fmt::format("{} {}", expected, what), .got = std::to_string(got)});
}

const Graph& body_of(const GraphRef& body) {
  check(body != nullptr, "an op with a body has none");
  check(body->guards.empty(), "the body of an op holds guards");
  return *body;
}

// `got` must be what the body takes, one for one.
void expect_inputs_of(const std::string& where, const Graph& body, Types got) {
  const std::vector<Type> expected = body.input_types();
  expect_count(where, expected.size(), "inputs, as its body", got.size());
  for (size_t i = 0; i < got.size(); ++i) expect_type(fmt::format("{}: input {}", where, i), expected[i], got[i]);
}

void expect_outputs(const std::string& where, const Graph& body, const std::vector<Type>& expected) {
  const std::vector<Type> got = body.output_types();
  expect_count(where, expected.size(), "outputs", got.size());
  for (size_t o = 0; o < got.size(); ++o) expect_type(fmt::format("{}: output {}", where, o), expected[o], got[o]);
}

std::vector<Type> infer_body(const std::string& op, Types in, const Attrs& attrs) {
  const Graph& body = body_of(attrs.as<CallAttrs>().body);
  expect_inputs_of(op, body, in);
  return body.output_types();
}

std::vector<Type> infer_scan(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<ScanAttrs>();
  const Graph& body = body_of(a.body);
  check(a.length >= 0 && a.constants >= 0 && a.carries >= 0, "a scan of a negative length or number of inputs");
  const std::vector<Type> expected = body.input_types();
  const auto constants = static_cast<size_t>(a.constants), carries = static_cast<size_t>(a.carries);
  if (in.size() != expected.size() || in.size() < constants + carries)
    fail(ErrorKind::shape,
         {.where = "scan", .expected = fmt::format("a body of {} constants, {} carries and a slice of each xs, in all {}",
                                                   constants, carries, in.size()),
          .got = fmt::format("{} inputs", expected.size())});
  for (size_t i = 0; i < in.size(); ++i) {
    if (i < constants) {
      expect_type(fmt::format("scan: constant {}", i), expected[i], in[i]);
    } else if (i < constants + carries) {
      expect_type(fmt::format("scan: carry {}", i - constants), expected[i], in[i]);
    } else {
      expect_type(fmt::format("scan: xs {}", i - constants - carries),
                  {expected[i].dtype, expected[i].shape.inserted(0, a.length)}, in[i]);
    }
  }
  std::vector<Type> out = body.output_types();
  if (out.size() < carries)
    fail(ErrorKind::shape, {.where = "scan", .expected = fmt::format("a body that gives {} carries back", carries),
                            .got = fmt::format("{} outputs", out.size())});
  for (size_t o = 0; o < out.size(); ++o) {
    if (o >= carries) out[o].shape = out[o].shape.inserted(0, a.length);
    else expect_type(fmt::format("scan: carry {} that comes out of the body", o), expected[constants + o], out[o]);
  }
  return out;
}

std::vector<Type> infer_while(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<WhileAttrs>();
  const Graph &condition = body_of(a.condition), &body = body_of(a.body);
  check(a.condition_constants >= 0 && a.body_constants >= 0, "a while_loop of a negative number of inputs");
  const auto of_condition = static_cast<size_t>(a.condition_constants), of_body = static_cast<size_t>(a.body_constants);
  if (in.size() < of_condition + of_body)
    fail(ErrorKind::shape, {.where = "while_loop", .expected = fmt::format("at least {} inputs", of_condition + of_body),
                            .got = std::to_string(in.size())});
  const Types carries = in.subspan(of_condition + of_body);
  std::vector<Type> for_condition(in.begin(), in.begin() + a.condition_constants);
  for_condition.insert(for_condition.end(), carries.begin(), carries.end());
  expect_inputs_of("while_loop condition", condition, for_condition);
  expect_outputs("while_loop condition", condition, {{DType::boolean, {}}});
  expect_inputs_of("while_loop body", body, in.subspan(of_condition));
  const std::vector<Type> out(carries.begin(), carries.end());
  expect_outputs("while_loop body, as the carries it takes", body, out);
  return out;
}

std::vector<Type> infer_switch(std::span<const Type> in, const Attrs& attrs) {
  const auto& branches = attrs.as<SwitchAttrs>().branches;
  if (in.empty() || in[0] != Type{DType::i32, {}}) fail_types("switch", "an index i32[]", in.first(in.empty() ? 0 : 1));
  if (branches.empty()) fail(ErrorKind::shape, {.where = "switch", .expected = "at least one branch", .got = "none"});
  const std::vector<Type> out = body_of(branches[0]).output_types();
  for (size_t b = 0; b < branches.size(); ++b) {
    expect_inputs_of(fmt::format("switch branch {}", b), body_of(branches[b]), in.subspan(1));
    expect_outputs(fmt::format("switch branch {}, as the first", b), *branches[b], out);
  }
  return out;
}

std::vector<Type> floating_of(const std::vector<Type>& types) {
  std::vector<Type> floating;
  for (const Type& t : types)
    if (is_floating(t.dtype)) floating.push_back(t);
  return floating;
}

std::vector<Type> infer_custom_vjp(std::span<const Type> in, const Attrs& attrs) {
  const auto& a = attrs.as<CustomVjpAttrs>();
  const Graph &body = body_of(a.body), &forward = body_of(a.forward);
  check(a.backward != nullptr, "a custom_vjp has no backward");
  expect_inputs_of("custom_vjp", body, in);
  expect_inputs_of("custom_vjp forward", forward, in);
  const std::vector<Type> out = body.output_types(), with_residuals = forward.output_types();
  if (with_residuals.size() < out.size())
    fail(ErrorKind::shape, {.where = "custom_vjp forward", .expected = fmt::format("{} outputs, then residuals", out.size()),
                            .got = std::to_string(with_residuals.size())});
  for (size_t o = 0; o < out.size(); ++o)
    expect_type(fmt::format("custom_vjp forward: output {}", o), out[o], with_residuals[o]);
  std::vector<Type> taken(with_residuals.begin() + static_cast<std::ptrdiff_t>(out.size()), with_residuals.end());
  for (const Type& t : floating_of(out)) taken.push_back(t);
  expect_inputs_of("custom_vjp backward: residuals, then cotangents", *a.backward, taken);
  expect_outputs("custom_vjp backward: cotangents of the floating inputs", *a.backward, floating_of(body.input_types()));
  return out;
}

const OpDef call_op{
    .name = "call",
    .family = Family::higher_order,
    .infer = [](Types in, const Attrs& attrs) { return infer_body("call", in, attrs); },
    .expand = [](std::span<const Array> in, const Attrs& attrs) { return nnx::apply(*attrs.as<CallAttrs>().body, in); },
};
const OpDef scan_op{.name = "scan", .family = Family::higher_order, .infer = infer_scan};
const OpDef while_op{.name = "while_loop", .family = Family::higher_order, .infer = infer_while};
const OpDef switch_op{.name = "switch", .family = Family::higher_order, .infer = infer_switch};
const OpDef remat_op{
    .name = "remat",
    .family = Family::higher_order,
    .infer = [](Types in, const Attrs& attrs) { return infer_body("remat", in, attrs); },
};
const OpDef custom_vjp_op{
    .name = "custom_vjp",
    .family = Family::higher_order,
    .infer = infer_custom_vjp,
    .expand =
        [](std::span<const Array> in, const Attrs& attrs) { return nnx::apply(*attrs.as<CustomVjpAttrs>().body, in); },
};

}  // namespace

std::span<const OpDef* const> loop_ops() {
  static constexpr const OpDef* ops[] = {&call_op, &scan_op, &while_op, &switch_op, &remat_op, &custom_vjp_op};
  return ops;
}

}  // namespace nnx
