// The gradient of a scan: the vjp of its body, cut in a scan forward and a scan the other way.
#include "transform/scan_vjp.h"

#include "ops/attrs.h"
#include "ops/elementwise.h"
#include "ops/loop.h"
#include "ops/shape.h"
#include "transform/activity.h"
#include "transform/cut.h"
#include "transform/vjp.h"

namespace nnx {
namespace {

using Span = std::span<const Array>;

// Where the inputs and outputs of a scan lie.
struct Parts {
  size_t constants, carries, xs, ys;
  explicit Parts(const Node& node)
      : constants(static_cast<size_t>(node.attrs.as<ScanAttrs>().constants)),
        carries(static_cast<size_t>(node.attrs.as<ScanAttrs>().carries)),
        xs(node.inputs.size() - constants - carries),
        ys(node.types.size() - carries) {}
};

// The flags of the body's inputs when its carries vary with what comes round.
Flags varying_in_body(const Node& node, const Flags& inputs) {
  const Parts parts(node);
  Flags flags = inputs, before;
  do {
    before = flags;
    const Flags out = varying_outputs(*node.attrs.as<ScanAttrs>().body, flags);
    for (size_t c = 0; c < parts.carries; ++c)
      if (out[c]) flags[parts.constants + c] = true;
  } while (flags != before);
  return flags;
}

// The flags of the body's outputs when a carry is needed for a later round.
Flags needed_of_body(const Node& node, const Flags& outputs) {
  const Parts parts(node);
  Flags flags = outputs, before;
  do {
    before = flags;
    const Flags in = needed_inputs(*node.attrs.as<ScanAttrs>().body, flags);
    for (size_t c = 0; c < parts.carries; ++c)
      if (in[parts.constants + c]) flags[c] = true;
  } while (flags != before);
  return flags;
}

// What a scan and its gradient share: which inputs and outputs of the body take part, and the body's vjp in two halves.
struct Halves {
  Parts parts;
  ScanAttrs attrs;
  Flags wrt, of;   // of the body's inputs and outputs
  Cut cut;
};

Halves halves_of(const Node& node, const Flags& wrt, const Flags& of) {
  const Parts parts(node);
  const auto& attrs = node.attrs.as<ScanAttrs>();
  const Flags varying = varying_in_body(node, wrt), needed = needed_of_body(node, of);
  Flags inputs = both(varying, needed_inputs(*attrs.body, needed));
  const Flags outputs = both(varying_outputs(*attrs.body, varying), needed);
  // A carry goes round: what it passes on must come back to it.
  const Flags carries = both(part_of(varying, parts.constants, parts.carries), part_of(needed, 0, parts.carries));
  for (size_t c = 0; c < parts.carries; ++c) inputs[parts.constants + c] = carries[c];
  const Flags result = joined({carries, part_of(outputs, parts.carries, parts.ys)});
  const Flags at_hand = joined({Flags(parts.constants, true), Flags(parts.carries, false), Flags(parts.xs, true)});
  const Flags stacked = joined({Flags(parts.carries, false), Flags(parts.ys, true)});
  return {parts, attrs, inputs, result, cut(vjp(*attrs.body, indices_of(inputs), indices_of(result)), at_hand, stacked)};
}

Arrays defined_of(Span arrays) {
  Arrays some;
  for (const Array& a : arrays)
    if (a.defined()) some.push_back(a);
  return some;
}

void append(Arrays& to, Span more) { to.insert(to.end(), more.begin(), more.end()); }

// The scan backward: the cotangents of the active carries go round, with a sum for each active constant; the cotangents of
// active xs come out as ys. `kept` and `ct` are what the forward kept and the cotangents of all its outputs.
Arrays scan_backward(const Halves& h, const Arrays& in, const Arrays& kept, Span ct) {
  const Parts& parts = h.parts;
  Arrays constants, carries, sums, xs;
  for (const int r : h.cut.reread) {
    const auto i = static_cast<size_t>(r);
    (i < parts.constants ? constants : xs).push_back(in[i]);
  }
  const size_t xs_reread = xs.size();
  append(xs, kept);
  for (size_t c = 0; c < parts.constants; ++c)
    if (h.wrt[c]) sums.push_back(zeros_like(in[c]));
  for (size_t c = 0; c < parts.carries; ++c)
    if (h.of[c]) carries.push_back(ct[c].defined() ? ct[c] : zeros_like(in[parts.constants + c]));
  Arrays of_ys;
  for (size_t y = parts.carries; y < ct.size(); ++y)
    if (h.of[y]) of_ys.push_back(ct[y]);
  append(xs, defined_of(of_ys));

  std::vector<Type> types;
  for (const Array& a : constants) types.push_back(a.type());
  for (const Array& a : carries) types.push_back(a.type());
  for (const Array& a : sums) types.push_back(a.type());
  for (const Array& a : xs) types.push_back({a.dtype(), a.shape().without(0)});
  const Traced body = trace(types, [&](Span args) {
    const Span of_carries = args.subspan(constants.size(), carries.size());
    const Span before = args.subspan(constants.size() + carries.size(), sums.size());
    const Span slices = args.subspan(constants.size() + carries.size() + sums.size());
    Arrays arguments(args.begin(), args.begin() + std::ssize(constants));
    append(arguments, slices.first(xs_reread + kept.size()));
    append(arguments, of_carries);
    size_t next = xs_reread + kept.size();
    const std::vector<Type> outputs = h.attrs.body->output_types();
    for (size_t y = parts.carries, k = 0; y < ct.size(); ++y)
      if (h.of[y])
        arguments.push_back(of_ys[k++].defined() ? slices[next++] : zeros(outputs[y].shape, outputs[y].dtype));
    const Arrays gradients = nnx::apply(h.cut.backward, arguments);   // of constants, carries and xs
    Arrays results(gradients.begin() + std::ssize(sums), gradients.begin() + std::ssize(sums) + std::ssize(carries));
    for (size_t k = 0; k < sums.size(); ++k) results.push_back(before[k] + gradients[k]);
    append(results, Span(gradients).subspan(sums.size() + carries.size()));
    return results;
  });

  append(carries, sums);
  const ScanResult out = scan(shared(body.graph), constants, carries, xs, h.attrs.length, !h.attrs.reverse);
  Arrays cotangents(out.carries.end() - std::ssize(sums), out.carries.end());
  append(cotangents, Span(out.carries).first(carries.size() - sums.size()));
  append(cotangents, out.ys);
  return scattered(cotangents, h.wrt);
}

}  // namespace

Flags varying_scan(const Node& node, const Flags& inputs) {
  const Parts parts(node);
  const Flags in = varying_in_body(node, inputs);
  const Flags out = varying_outputs(*node.attrs.as<ScanAttrs>().body, in);
  return joined({part_of(in, parts.constants, parts.carries), part_of(out, parts.carries, parts.ys)});
}

Flags needed_scan(const Node& node, const Flags& outputs) {
  const Parts parts(node);
  const Flags out = needed_of_body(node, outputs);
  const Flags in = needed_inputs(*node.attrs.as<ScanAttrs>().body, out);
  return joined({part_of(in, 0, parts.constants), part_of(out, 0, parts.carries),
                 part_of(in, parts.constants + parts.carries, parts.xs)});
}

BodyVjp vjp_scan(const Node& node, Span in, const Flags& wrt, const Flags& of) {
  const auto halves = std::make_shared<const Halves>(halves_of(node, wrt, of));
  const Parts& parts = halves->parts;
  const ScanAttrs& attrs = halves->attrs;
  const ScanResult out = scan(shared(halves->cut.forward), in.first(parts.constants),
                              in.subspan(parts.constants, parts.carries), in.subspan(parts.constants + parts.carries),
                              attrs.length, attrs.reverse);
  Arrays outputs = out.carries, kept;
  append(outputs, Span(out.ys).first(parts.ys));
  for (const int k : halves->cut.kept) kept.push_back(out.ys[static_cast<size_t>(k) - parts.carries]);
  const Arrays inputs(in.begin(), in.end());
  return {outputs, [halves, inputs, kept](Span ct) { return scan_backward(*halves, inputs, kept, ct); }};
}

}  // namespace nnx
