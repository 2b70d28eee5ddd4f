// dot_general as one batched matmul: dimensions of a group are read as one where the operand's layout allows it, else
// the operand is first copied to [batch, rows, columns].
#include <algorithm>
#include <optional>

#include "kernels/factories.h"
#include "kernels/matmul.h"
#include "kernels/parallel.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

constexpr double fork_flops = 5e5;  // below, waking a second thread costs more than it saves

struct Group {
  int64_t size = 1, stride = 1;
};

// The dimensions `dims` of an array as one, in that order; none when their strides do not line up.
std::optional<Group> as_one(const Shape& shape, const std::vector<int64_t>& strides, const std::vector<int>& dims) {
  Group g;
  bool first = true;
  for (size_t i = dims.size(); i-- > 0;) {
    const int64_t size = shape[dims[i]], stride = strides[static_cast<size_t>(dims[i])];
    if (size == 1) continue;
    if (first) g.stride = stride;
    else if (stride != g.stride * g.size) return std::nullopt;
    first = false;
    g.size *= size;
  }
  return g;
}

std::vector<int> free_dims(const Shape& shape, const std::vector<int>& batch, const std::vector<int>& contract) {
  std::vector<int> dims;
  for (int d = 0; d < shape.rank(); ++d) {
    const auto in = [&](const std::vector<int>& v) { return std::find(v.begin(), v.end(), d) != v.end(); };
    if (!in(batch) && !in(contract)) dims.push_back(d);
  }
  return dims;
}

int64_t size_of_dims(const Shape& shape, const std::vector<int>& dims) {
  int64_t n = 1;
  for (const int d : dims) n *= shape[d];
  return n;
}

struct Side {
  MatmulSpec::Operand operand;
  std::optional<StridedCopy> copy;  // into [batch, rows, columns]
  int64_t elements = 0;
};

Side make_side(const Shape& shape, const std::vector<int>& batch, const std::vector<int>& rows,
               const std::vector<int>& cols) {
  const std::vector<int64_t> strides = row_major_strides(shape);
  const auto b = as_one(shape, strides, batch), r = as_one(shape, strides, rows), c = as_one(shape, strides, cols);
  Side side;
  side.elements = shape.size();
  if (b && r && c) {
    side.operand = {b->stride, r->stride, c->stride};
    if (c->size == 1) side.operand.col_stride = 1;  // one column: its rows, of one element, may lie anywhere
    else if (r->size == 1) side.operand.row_stride = c->stride == 1 ? c->size : 1;
    if (side.operand.col_stride == 1 || side.operand.row_stride == 1) return side;
  }
  const int64_t row_count = size_of_dims(shape, rows), col_count = size_of_dims(shape, cols);
  side.operand = {row_count * col_count, col_count, 1};
  StridedCopy copy;
  for (const std::vector<int>* group : {&batch, &rows, &cols}) {
    for (const int d : *group) {
      copy.dims.push_back(shape[d]);
      copy.from_strides.push_back(strides[static_cast<size_t>(d)]);
    }
  }
  copy.to_strides = row_major_strides(Shape(std::span<const int64_t>(copy.dims)));
  side.copy = simplified(std::move(copy));
  return side;
}

class DotKernel final : public Kernel {
 public:
  DotKernel(Side lhs, Side rhs, KernelPtr matmul, int threads)
      : lhs_(std::move(lhs)),
        rhs_(std::move(rhs)),
        matmul_(std::move(matmul)),
        copy_threads_(useful_threads(threads, std::max(lhs_.elements, rhs_.elements))) {}

  void run(void* const* args) const override {
    auto* scratch = static_cast<std::byte*>(args[3]);
    const void* operands[2] = {args[0], args[1]};
    int i = 0;
    for (const Side* side : {&lhs_, &rhs_}) {
      if (side->copy) {
        for_pieces(copy_threads_, side->copy->dims[0], [&](int64_t begin, int64_t end, int) {
          strided_copy(*side->copy, operands[i], scratch, begin, end);
        });
        operands[i] = scratch;
        scratch += copied_bytes(*side);
      }
      ++i;
    }
    void* const inner[] = {const_cast<void*>(operands[0]), const_cast<void*>(operands[1]), args[2], scratch};
    matmul_->run(inner);
  }
  std::string name() const override {
    return std::string(lhs_.copy || rhs_.copy ? "transpose+" : "") + matmul_->name();
  }
  size_t scratch_bytes() const override {
    return matmul_->scratch_bytes() + (lhs_.copy ? copied_bytes(lhs_) : 0) + (rhs_.copy ? copied_bytes(rhs_) : 0);
  }
  double flops() const override { return matmul_->flops(); }
  double bytes() const override { return matmul_->bytes(); }
  int threads() const override { return matmul_->threads(); }

 private:
  static size_t copied_bytes(const Side& side) { return (static_cast<size_t>(side.elements) * 4 + 63) / 64 * 64; }
  Side lhs_, rhs_;
  KernelPtr matmul_;
  int copy_threads_;
};

}  // namespace

KernelPtr make_dot_kernel(const OpCall& call) {
  if (call.op.name != "dot_general" || call.in[0].dtype != DType::f32) return nullptr;
  const auto& a = call.attrs.as<DotAttrs>();
  const Shape &l = call.in[0].shape, &r = call.in[1].shape;
  const std::vector<int> lhs_free = free_dims(l, a.lhs_batch, a.lhs_contract),
                         rhs_free = free_dims(r, a.rhs_batch, a.rhs_contract);
  MatmulSpec spec;
  spec.batch = size_of_dims(l, a.lhs_batch);
  spec.m = size_of_dims(l, lhs_free);
  spec.n = size_of_dims(r, rhs_free);
  spec.k = size_of_dims(l, a.lhs_contract);
  Side lhs = make_side(l, a.lhs_batch, lhs_free, a.lhs_contract),
       rhs = make_side(r, a.rhs_batch, a.rhs_contract, rhs_free);
  spec.lhs = lhs.operand;
  spec.rhs = rhs.operand;
  spec.out = {spec.m * spec.n, spec.n, 1};
  const double flops = 2.0 * static_cast<double>(spec.batch * spec.m) * static_cast<double>(spec.n * spec.k);
  const int threads = flops < fork_flops ? 1 : call.threads;
  return std::make_unique<DotKernel>(std::move(lhs), std::move(rhs), make_matmul(spec, threads), threads);
}

}  // namespace nnx::kernels
