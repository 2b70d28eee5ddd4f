// Ops that move elements: each is one or a few strided copies, for every element type.
#include <cstring>
#include <numeric>

#include "kernels/factories.h"
#include "kernels/parallel.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

struct Piece {
  int input;
  StridedCopy copy;
};

class MovementKernel final : public Kernel {
 public:
  MovementKernel(const OpCall& call, std::vector<Piece> pieces, int fill_input = -1)
      : pieces_(std::move(pieces)),
        name_(call.op.name),
        inputs_(call.in.size()),
        out_(call.out[0]),
        fill_input_(fill_input) {
    for (Piece& p : pieces_) {
      p.copy.element = static_cast<int>(size_of(out_.dtype));
      bytes_ +=
          2.0 * static_cast<double>(p.copy.element) *
          static_cast<double>(std::accumulate(p.copy.dims.begin(), p.copy.dims.end(), int64_t{1}, std::multiplies<>{}));
      p.copy = simplified(std::move(p.copy));
    }
    threads_ = useful_threads(call.threads, out_.size());
  }

  void run(void* const* args) const override {
    void* out = args[inputs_];
    if (fill_input_ >= 0) fill(args[fill_input_], out);
    for (const Piece& p : pieces_) {
      for_pieces(threads_, p.copy.dims[0],
                 [&](int64_t begin, int64_t end, int) { strided_copy(p.copy, args[p.input], out, begin, end); });
    }
  }
  std::string name() const override { return name_; }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 private:
  void fill(const void* value, void* out) const {
    const StridedCopy splat{.dims = {1, out_.size()},
                            .from_strides = {0, 0},
                            .to_strides = {0, 1},
                            .element = static_cast<int>(size_of(out_.dtype))};
    strided_copy(splat, value, out, 0, 1);
  }

  std::vector<Piece> pieces_;
  std::string name_;
  size_t inputs_;
  Type out_;
  int fill_input_;
  double bytes_ = 0;
  int threads_ = 1;
};

std::vector<int64_t> sizes(const Shape& s) { return {s.begin(), s.end()}; }

StridedCopy broadcast(const Type& in, const Type& out, const std::vector<int>& dims) {
  StridedCopy c{.dims = sizes(out.shape), .to_strides = row_major_strides(out.shape)};
  c.from_strides.assign(c.dims.size(), 0);
  const auto strides = row_major_strides(in.shape);
  for (size_t i = 0; i < dims.size(); ++i) {
    if (in.shape[static_cast<int>(i)] != 1) c.from_strides[static_cast<size_t>(dims[i])] = strides[i];
  }
  return c;
}

StridedCopy transpose(const Type& in, const Type& out, const std::vector<int>& permutation) {
  StridedCopy c{.dims = sizes(out.shape), .to_strides = row_major_strides(out.shape)};
  const auto strides = row_major_strides(in.shape);
  for (const int d : permutation) c.from_strides.push_back(strides[static_cast<size_t>(d)]);
  return c;
}

StridedCopy slice(const Type& in, const Type& out, const SliceAttrs& a) {
  StridedCopy c{.dims = sizes(out.shape),
                .from_strides = row_major_strides(in.shape),
                .to_strides = row_major_strides(out.shape)};
  for (size_t d = 0; d < c.dims.size(); ++d) {
    c.from_offset += a.start[d] * c.from_strides[d];
    if (!a.strides.empty()) c.from_strides[d] *= a.strides[d];
  }
  return c;
}

StridedCopy reverse(const Type& in, const std::vector<int>& axes) {
  StridedCopy c{
      .dims = sizes(in.shape), .from_strides = row_major_strides(in.shape), .to_strides = row_major_strides(in.shape)};
  for (const int axis : axes) {
    const auto d = static_cast<size_t>(axis);
    c.from_offset += (c.dims[d] - 1) * c.from_strides[d];
    c.from_strides[d] = -c.from_strides[d];
  }
  return c;
}

// Element i of an axis lands at low + i (interior + 1); negative padding drops those that land outside.
StridedCopy pad(const Type& in, const Type& out, const PadAttrs& a) {
  StridedCopy c{
      .dims = sizes(in.shape), .from_strides = row_major_strides(in.shape), .to_strides = row_major_strides(out.shape)};
  for (size_t d = 0; d < c.dims.size(); ++d) {
    const int64_t step = a.interior.empty() ? 1 : a.interior[d] + 1;
    const int64_t first = a.low[d] < 0 ? (-a.low[d] + step - 1) / step : 0;
    const int64_t room = out.shape[static_cast<int>(d)] - a.low[d];  // lands below the end while i * step < room
    const int64_t last = std::min(c.dims[d], room <= 0 ? 0 : (room + step - 1) / step);
    c.dims[d] = std::max<int64_t>(0, last - first);
    c.from_offset += first * c.from_strides[d];
    c.to_offset += (a.low[d] + first * step) * c.to_strides[d];
    c.to_strides[d] *= step;
  }
  return c;
}

std::vector<Piece> concatenate(std::span<const Type> in, const Type& out, int axis) {
  std::vector<Piece> pieces;
  const auto to = row_major_strides(out.shape);
  int64_t at = 0;
  for (size_t i = 0; i < in.size(); ++i) {
    StridedCopy c{.dims = sizes(in[i].shape), .from_strides = row_major_strides(in[i].shape), .to_strides = to};
    c.to_offset = at * to[static_cast<size_t>(axis)];
    at += in[i].shape[axis];
    pieces.push_back({static_cast<int>(i), std::move(c)});
  }
  return pieces;
}

}  // namespace

KernelPtr make_movement_kernel(const OpCall& call) {
  const std::string_view op = call.op.name;
  const auto one = [&](StridedCopy copy, int fill = -1) {
    std::vector<Piece> pieces;
    pieces.push_back({0, std::move(copy)});
    return std::make_unique<MovementKernel>(call, std::move(pieces), fill);
  };
  if (op == "reshape") {
    const int64_t n = call.out[0].size();
    return one({.dims = {n}, .from_strides = {1}, .to_strides = {1}});
  }
  if (op == "broadcast_in_dim") return one(broadcast(call.in[0], call.out[0], call.attrs.as<BroadcastAttrs>().dims));
  if (op == "transpose") return one(transpose(call.in[0], call.out[0], call.attrs.as<TransposeAttrs>().permutation));
  if (op == "slice") return one(slice(call.in[0], call.out[0], call.attrs.as<SliceAttrs>()));
  if (op == "reverse") return one(reverse(call.in[0], call.attrs.as<ReverseAttrs>().axes));
  if (op == "pad") return one(pad(call.in[0], call.out[0], call.attrs.as<PadAttrs>()), 1);
  if (op == "concatenate") {
    return std::make_unique<MovementKernel>(call, concatenate(call.in, call.out[0], call.attrs.as<AxisAttrs>().axis));
  }
  return nullptr;
}

}  // namespace nnx::kernels
