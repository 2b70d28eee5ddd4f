#include "random_graphs.h"

#include <cmath>
#include <cstring>

#include "ops/ops.h"

namespace nnx::test {
namespace {

constexpr int64_t row_count = 5, cols = 6;

class Grower {
 public:
  Grower(Dice& dice, std::span<const Array> in) : dice_(dice), key_(in.back()) {
    pool_.assign(in.begin(), in.end() - 1);
  }

  void grow() {
    const Array x = pick();
    Array y;
    switch (dice_.below(20)) {
      case 0: y = x + like(x); break;
      case 1: y = x * like(x); break;
      case 2: y = maximum(x - like(x), -0.5); break;
      case 3: y = select(less(x, like(x)), x, like(x)); break;
      case 4: y = tanh(x); break;
      case 5: y = logistic(x) * 2.0; break;
      case 6: y = relu(x); break;
      case 7: y = sum(x, axes(x), dice_.below(2) == 0); break;
      case 8: y = mean(x, axes(x)); break;
      case 9: y = x.size() > 0 ? max(x, axes(x), true) : x; break;
      case 10: y = transpose(x); break;
      case 11: y = reshape(x, Shape{x.size()}); break;
      case 12: y = x.rank() > 0 ? slice_axis(x, 0, 0, (x.dim(0) + 1) / 2) : x; break;
      case 13: y = x.rank() > 0 ? reverse(x, {0}) : x; break;
      case 14: y = product(x); break;
      case 15: y = cast(cast(greater(x, -100.0), DType::i32), DType::f32) * x; break;
      case 16: y = select(random::bernoulli(key_, 0.7, x.shape()), x, zeros_like(x)); break;
      case 17:
        y = x.rank() > 0 ? slice_axis(concatenate({x, x * 0.5}, 0), 0, x.dim(0) / 2, x.dim(0) + x.dim(0) / 2) : x;
        break;
      case 18: y = x + cast(iota(x.shape().rank() > 0 ? x.shape() : Shape{1}, 0), DType::f32) * 0.01; break;
      default: y = broadcast_to(sum(x), {cols}); break;
    }
    pool_.push_back(tanh(y));  // bounded, so that long chains stay comparable
    if (dice_.below(3) == 0) pool_.back() = y * 0.25;
  }

  const Arrays& pool() const { return pool_; }

 private:
  Array pick() { return pool_[static_cast<size_t>(dice_.below(static_cast<int64_t>(pool_.size())))]; }

  // Something that broadcasts to x's shape.
  Array like(const Array& x) {
    for (int attempt = 0; attempt < 8; ++attempt) {
      const Array y = pick();
      if (y.rank() > x.rank()) continue;
      bool fits = true;
      for (int d = 1; d <= y.rank(); ++d) fits = fits && (y.dim(-d) == x.dim(-d) || y.dim(-d) == 1);
      if (fits) return y;
    }
    return x;
  }

  std::vector<int> axes(const Array& x) {
    std::vector<int> result;
    for (int d = 0; d < x.rank(); ++d)
      if (dice_.below(2) == 0) result.push_back(d);
    return result;
  }

  Array product(const Array& x) {
    if (x.rank() != 2) return x;
    switch (dice_.below(4)) {
      case 0: return matmul(x, transpose(x));
      case 1: return matmul(transpose(x), x);
      case 2: return matmul(x, broadcast_to(pick_scalar(), {x.dim(1), 3})) + broadcast_to(pick_scalar(), {3});
      default: return relu(matmul(x, transpose(x)) + sum(x, {1}));
    }
  }
  Array pick_scalar() { return sum(pick()) * 0.01; }

  Dice& dice_;
  Array key_;
  Arrays pool_;
};

}  // namespace

Array random_array(Dice& dice, const Shape& shape) {
  std::vector<float> values(static_cast<size_t>(shape.size()));
  for (float& v : values) v = 2 * dice.uniform() - 1;
  return array<float>(values, shape);
}

RandomGraph random_graph(uint64_t seed, int steps) {
  Dice dice(seed);
  RandomGraph result;
  for (const Shape& shape :
       {Shape{row_count, cols}, Shape{cols}, Shape{row_count, 1}, Shape{}, Shape{2, 3, 4}, Shape{row_count, cols}})
    result.inputs.push_back(random_array(dice, shape));
  result.inputs.push_back(array<uint32_t>({7, static_cast<uint32_t>(seed)}, {2}));
  std::vector<Type> types;
  for (const Array& a : result.inputs) types.push_back(a.type());
  result.graph = trace(types, [&](std::span<const Array> in) {
                   Grower grower(dice, in);
                   for (int i = 0; i < steps; ++i) grower.grow();
                   const Arrays& pool = grower.pool();
                   Arrays outputs;
                   for (size_t i = 0; i < pool.size(); ++i)
                     if (i + 1 == pool.size() || dice.below(4) == 0) outputs.push_back(pool[i]);
                   return outputs;
                 }).graph;
  return result;
}

bool close(const Array& a, const Array& b, double tolerance) {
  if (a.type() != b.type()) return false;
  if (a.dtype() != DType::f32) return std::memcmp(a.buffer()->data(), b.buffer()->data(), a.type().bytes()) == 0;
  const auto x = a.data<float>(), y = b.data<float>();
  for (size_t i = 0; i < x.size(); ++i)
    if (!(std::abs(double(x[i]) - double(y[i])) <= tolerance * (1 + std::abs(double(y[i]))))) return false;
  return true;
}

}  // namespace nnx::test
