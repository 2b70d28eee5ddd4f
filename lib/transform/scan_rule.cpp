// Batching of scans: inside, the batch comes after the axis that is scanned over.
#include "ops/attrs.h"
#include "ops/loop.h"
#include "ops/shape.h"
#include "transform/body_rules.h"
#include "transform/scan_vjp.h"
#include "transform/vmap.h"

namespace nnx {
namespace {

BatchedArrays batch_scan(const Node& node, std::span<const Array> in, const Flags& batched, int64_t size) {
  const auto& a = node.attrs.as<ScanAttrs>();
  const auto constants = static_cast<size_t>(a.constants), carries = static_cast<size_t>(a.carries);
  const size_t xs = in.size() - constants - carries, ys = node.types.size() - carries;
  const Flags of_constants = part_of(batched, 0, constants), of_xs = part_of(batched, constants + carries, xs);
  // A carry is batched when it comes in so, or when the body makes it so in any round.
  Flags of_carries = part_of(batched, constants, carries);
  Batched body;
  for (bool grown = true; grown;) {
    body = batch(*a.body, joined({of_constants, of_carries, of_xs}), size, joined({of_carries, Flags(ys, false)}));
    grown = part_of(body.outputs, 0, carries) != of_carries;
    of_carries = part_of(body.outputs, 0, carries);
  }

  Arrays initial, slices;
  for (size_t c = 0; c < carries; ++c)
    initial.push_back(of_carries[c] ? with_batch(in[constants + c], batched[constants + c], size) : in[constants + c]);
  for (size_t x = 0; x < xs; ++x) {
    const Array& stacked = in[constants + carries + x];
    slices.push_back(of_xs[x] ? moveaxis(stacked, 0, 1) : stacked);
  }
  ScanResult out = scan(shared(body.graph), in.first(constants), initial, slices, a.length, a.reverse);
  for (size_t y = 0; y < ys; ++y)
    if (body.outputs[carries + y]) out.ys[y] = moveaxis(out.ys[y], 1, 0);
  out.carries.insert(out.carries.end(), out.ys.begin(), out.ys.end());
  return {out.carries, body.outputs};
}

}  // namespace

const BodyRule scan_rule{
    .op = "scan", .batch = batch_scan, .varying = varying_scan, .needed = needed_scan, .vjp = vjp_scan};

}  // namespace nnx
