// Activations, normalisation, and losses: ops with an expansion by other ops and, where it pays, a kernel and a vjp of
// their own. Formulas and defaults: flax-census 1.2, 1.5, 8.4 (jax.nn, optax.losses).
#pragma once

#include "graph/trace.h"

namespace nnx {

// ---- activations
Array relu(const Array& x);                       // its vjp uses the output
Array relu6(const Array& x);
Array gelu(const Array& x, bool approximate = true);
Array silu(const Array& x);
Array sigmoid(const Array& x);
Array log_sigmoid(const Array& x);
Array softplus(const Array& x);
Array elu(const Array& x, double alpha = 1);
Array celu(const Array& x, double alpha = 1);
Array selu(const Array& x);
Array leaky_relu(const Array& x, double negative_slope = 0.01);
Array hard_tanh(const Array& x);
Array hard_sigmoid(const Array& x);
Array hard_silu(const Array& x);
Array soft_sign(const Array& x);
Array glu(const Array& x, int axis = -1);
Array mish(const Array& x);
Array squareplus(const Array& x, double b = 4);
Array softmax(const Array& x, int axis = -1);
Array log_softmax(const Array& x, int axis = -1);
Array standardize(const Array& x, int axis = -1, double epsilon = 1e-5);

// ---- normalisation
// (x - mean) * rsqrt(var + epsilon) * scale + bias over the last axis; scale and bias may be undefined.
Array layer_norm(const Array& x, const Array& scale, const Array& bias, double epsilon);
// Normalises with given statistics along the last axis: x [..., C], mean/var/scale/bias [C].
Array batch_norm(const Array& x, const Array& mean, const Array& var, const Array& scale, const Array& bias, double epsilon);
// {mean, biased variance} over all axes but the last, in one pass: max(0, E x^2 - (E x)^2), in at least f32.
Arrays moments(const Array& x);

// ---- losses, per example (no mean)
Array squared_error(const Array& prediction, const Array& target);
// logits [..., K], labels [...] integers -> [...]: logsumexp(logits) - logits[label].
Array softmax_cross_entropy(const Array& logits, const Array& labels);
// -y log(sigmoid(z)) - (1 - y) log(sigmoid(-z)), elementwise.
Array sigmoid_binary_cross_entropy(const Array& logits, const Array& labels);

}  // namespace nnx
