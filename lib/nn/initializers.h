// Initial values of parameters: functions of a key and a shape, f32. Defaults and formulas as in flax.nnx.initializers
// (flax-census 1.6 lists them); random bits are JAX's, so the same seed gives Flax's weights.
//
//   Initializer init = lecun_normal();     Array kernel = init(rngs.params(), {784, 512});
//
// For fans, the last axis is out, the one before it in, and all others are the receptive field; variance scaling of a
// shape with less than two axes throws ErrorKind::shape.
#pragma once

#include <functional>

#include "config/registry.h"
#include "graph/array.h"

namespace nnx {

using Initializer = std::function<Array(const Array& key, const Shape& shape)>;

enum class FanMode { fan_in, fan_out, fan_avg, fan_geo_avg };
enum class Distribution { truncated_normal, normal, uniform };
inline std::vector<std::string_view> enum_names(FanMode) { return {"fan_in", "fan_out", "fan_avg", "fan_geo_avg"}; }
inline std::vector<std::string_view> enum_names(Distribution) { return {"truncated_normal", "normal", "uniform"}; }

Initializer zeros_init();
Initializer ones_init();
Initializer constant_init(double value);
Initializer uniform_init(double scale = 0.01);                        // U[0, 1) * scale
Initializer normal_init(double stddev = 0.01);                        // N(0, 1) * stddev
// TN(lower, upper) * stddev, without correction of the variance.
Initializer truncated_normal_init(double stddev = 0.01, double lower = -2, double upper = 2);
// variance = scale / n, n by mode; truncated normals are divided by 0.87962566103423978, uniforms are U(-1, 1) sqrt(3 var).
Initializer variance_scaling(double scale, FanMode mode, Distribution distribution);
Initializer lecun_normal();
Initializer lecun_uniform();
Initializer glorot_normal();
Initializer glorot_uniform();
Initializer he_normal();
Initializer he_uniform();
// Orthonormal rows or columns (whichever are fewer) of a normal matrix [prod(rest), shape[column_axis]], times scale.
Initializer orthogonal(double scale = 1, int column_axis = -1);
// Convolution kernels [k.., in, out] with in <= out: orthogonal at the centre of the window, zero elsewhere.
Initializer delta_orthogonal(double scale = 1);

// The explicit list: every initializer by its Flax name.
using Initializers = Registry<Initializer()>;
const Initializers& initializers();

}  // namespace nnx
