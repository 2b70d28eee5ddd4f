#include "nn/initializers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "ops/ops.h"

namespace nnx {
namespace {

// Standard deviation of a unit normal truncated to [-2, 2].
constexpr double truncated_stddev = 0.87962566103423978;

struct Fans { double in, out; };

Fans fans_of(const Shape& shape) {
  if (shape.rank() < 2)
    fail(ErrorKind::shape, {.where = "initializer", .expected = "at least two axes, to know fan-in and fan-out", .got = shape.to_string(),
                            .hint = "use zeros, ones, constant, normal or uniform"});
  const double in = static_cast<double>(shape.at(-2)), out = static_cast<double>(shape.at(-1));
  const double receptive = in * out > 0 ? static_cast<double>(shape.size()) / (in * out) : 0;
  return {in * receptive, out * receptive};
}

double fan_of(const Shape& shape, FanMode mode) {
  const Fans fans = fans_of(shape);
  switch (mode) {
    case FanMode::fan_in: return fans.in;
    case FanMode::fan_out: return fans.out;
    case FanMode::fan_avg: return (fans.in + fans.out) / 2;
    case FanMode::fan_geo_avg: return std::sqrt(fans.in * fans.out);
  }
  return 1;
}

// The Q of a QR factorisation whose R has a positive diagonal, which makes it one of a kind.
Array orthonormal_columns(const Array& matrix) {
  const auto [q, r] = qr(matrix);
  const Array on_diagonal = equal(iota(r.shape(), 0), iota(r.shape(), 1));
  const Array diagonal = sum(select(on_diagonal, r, zeros({}, r.dtype())), {0});
  return q * sign(diagonal);
}

struct ScaleOptions {
  double scale = 0.01;
  static void fields(auto& self, auto&& f) { f("scale", self.scale, Field{.help = "upper end of the range"}); }
};
struct StddevOptions {
  double stddev = 0.01;
  static void fields(auto& self, auto&& f) { f("stddev", self.stddev, Field{.help = "standard deviation"}.at_least(0)); }
};
struct TruncatedOptions {
  double stddev = 0.01, lower = -2, upper = 2;
  static void fields(auto& self, auto&& f) {
    f("stddev", self.stddev, Field{.help = "standard deviation before truncation"}.at_least(0));
    f("lower", self.lower, Field{.help = "lower bound, in standard deviations"});
    f("upper", self.upper, Field{.help = "upper bound, in standard deviations"});
  }
};
struct ConstantOptions {
  double value = 0;
  static void fields(auto& self, auto&& f) { f("value", self.value, Field{.help = "the value of every element"}.must()); }
};
struct VarianceOptions {
  double scale = 1;
  FanMode mode = FanMode::fan_in;
  Distribution distribution = Distribution::truncated_normal;
  static void fields(auto& self, auto&& f) {
    f("scale", self.scale, Field{.help = "numerator of the variance"}.above(0));
    f("mode", self.mode, Field{.help = "which fan divides the variance"});
    f("distribution", self.distribution, Field{.help = "what is drawn"});
  }
};
struct OrthogonalOptions {
  double scale = 1;
  static void fields(auto& self, auto&& f) { f("scale", self.scale, Field{.help = "factor of the orthogonal matrix"}); }
};

Initializers list_initializers() {
  Initializers list("initializer");
  list.add<NoOptions>("zeros", "all zeros", [](const NoOptions&) { return zeros_init(); });
  list.add<NoOptions>("ones", "all ones", [](const NoOptions&) { return ones_init(); });
  list.add<ConstantOptions>("constant", "one value everywhere", [](const ConstantOptions& o) { return constant_init(o.value); });
  list.add<ScaleOptions>("uniform", "uniform on [0, scale)", [](const ScaleOptions& o) { return uniform_init(o.scale); });
  list.add<StddevOptions>("normal", "normal with mean 0", [](const StddevOptions& o) { return normal_init(o.stddev); });
  list.add<TruncatedOptions>("truncated_normal", "normal cut at two bounds",
                             [](const TruncatedOptions& o) { return truncated_normal_init(o.stddev, o.lower, o.upper); });
  list.add<VarianceOptions>("variance_scaling", "variance divided by a fan",
                            [](const VarianceOptions& o) { return variance_scaling(o.scale, o.mode, o.distribution); });
  list.add<NoOptions>("lecun_normal", "variance 1 / fan_in, truncated normal", [](const NoOptions&) { return lecun_normal(); });
  list.add<NoOptions>("lecun_uniform", "variance 1 / fan_in, uniform", [](const NoOptions&) { return lecun_uniform(); });
  list.add<NoOptions>("glorot_normal", "variance 1 / fan_avg, truncated normal", [](const NoOptions&) { return glorot_normal(); });
  list.add<NoOptions>("glorot_uniform", "variance 1 / fan_avg, uniform", [](const NoOptions&) { return glorot_uniform(); });
  list.add<NoOptions>("he_normal", "variance 2 / fan_in, truncated normal", [](const NoOptions&) { return he_normal(); });
  list.add<NoOptions>("he_uniform", "variance 2 / fan_in, uniform", [](const NoOptions&) { return he_uniform(); });
  list.add<OrthogonalOptions>("orthogonal", "orthonormal rows or columns", [](const OrthogonalOptions& o) { return orthogonal(o.scale); });
  list.add<OrthogonalOptions>("delta_orthogonal", "orthogonal at the centre of a convolution window",
                              [](const OrthogonalOptions& o) { return delta_orthogonal(o.scale); });
  return list;
}

}  // namespace

Initializer zeros_init() {
  return [](const Array&, const Shape& shape) { return zeros(shape); };
}
Initializer ones_init() {
  return [](const Array&, const Shape& shape) { return ones(shape); };
}
Initializer constant_init(double value) {
  return [=](const Array&, const Shape& shape) { return full(shape, value); };
}
Initializer uniform_init(double scale) {
  return [=](const Array& key, const Shape& shape) { return random::uniform(key, shape) * scale; };
}
Initializer normal_init(double stddev) {
  return [=](const Array& key, const Shape& shape) { return random::normal(key, shape) * stddev; };
}
Initializer truncated_normal_init(double stddev, double lower, double upper) {
  return [=](const Array& key, const Shape& shape) { return random::truncated_normal(key, lower, upper, shape) * stddev; };
}

Initializer variance_scaling(double scale, FanMode mode, Distribution distribution) {
  return [=](const Array& key, const Shape& shape) {
    // Rounded to f32 where Flax rounds: the same bits come out.
    const float variance = static_cast<float>(scale / std::max(1.0, fan_of(shape, mode)));
    switch (distribution) {
      case Distribution::truncated_normal:
        return random::truncated_normal(key, -2, 2, shape) * static_cast<double>(std::sqrt(variance) / static_cast<float>(truncated_stddev));
      case Distribution::normal: return random::normal(key, shape) * static_cast<double>(std::sqrt(variance));
      case Distribution::uniform: break;
    }
    return random::uniform(key, shape, -1, 1) * static_cast<double>(std::sqrt(3 * variance));
  };
}

Initializer lecun_normal() { return variance_scaling(1, FanMode::fan_in, Distribution::truncated_normal); }
Initializer lecun_uniform() { return variance_scaling(1, FanMode::fan_in, Distribution::uniform); }
Initializer glorot_normal() { return variance_scaling(1, FanMode::fan_avg, Distribution::truncated_normal); }
Initializer glorot_uniform() { return variance_scaling(1, FanMode::fan_avg, Distribution::uniform); }
Initializer he_normal() { return variance_scaling(2, FanMode::fan_in, Distribution::truncated_normal); }
Initializer he_uniform() { return variance_scaling(2, FanMode::fan_in, Distribution::uniform); }

Initializer orthogonal(double scale, int column_axis) {
  return [=](const Array& key, const Shape& shape) {
    fans_of(shape);   // the error for too few axes
    const int axis = normalize_axis(column_axis, shape.rank(), "orthogonal");
    const int64_t columns = shape[axis], rows = columns > 0 ? shape.size() / columns : 0;
    if (shape.size() == 0) return zeros(shape);
    const Array drawn = random::normal(key, {std::max(rows, columns), std::min(rows, columns)});
    Array q = orthonormal_columns(drawn);
    if (rows < columns) q = transpose(q);
    return moveaxis(reshape(q, shape.without(axis).inserted(shape.rank() - 1, columns)), shape.rank() - 1, axis) * scale;
  };
}

Initializer delta_orthogonal(double scale) {
  return [=](const Array& key, const Shape& shape) {
    if (shape.rank() < 3 || shape.rank() > 5 || shape.at(-2) > shape.at(-1))
      fail(ErrorKind::shape, {.where = "delta_orthogonal", .expected = "a convolution kernel [k.., in, out] with in <= out", .got = shape.to_string()});
    Array centre = orthogonal(scale)(key, {shape.at(-1), shape.at(-1)});
    centre = slice_axis(centre, 0, 0, shape.at(-2));
    std::vector<int64_t> low, high;
    for (int axis = 0; axis + 2 < shape.rank(); ++axis) {
      low.push_back((shape[axis] - 1) / 2);
      high.push_back(shape[axis] - 1 - low.back());
      centre = expand_dims(centre, 0);
    }
    low.insert(low.end(), {0, 0});
    high.insert(high.end(), {0, 0});
    return pad(centre, scalar(0.0f), low, high);
  };
}

const Initializers& initializers() {
  static const Initializers list = list_initializers();
  return list;
}

}  // namespace nnx
