// Elementwise ops: one result element from one element of each input.
//
// Binary ops broadcast as NumPy does (trailing dimensions aligned, sizes equal or 1) by emitting broadcast_to; the ops
// themselves see equal shapes. Both sides must have one dtype; a C++ number takes the dtype of the other side.
// Comparisons give bool. Formulas of special functions: flax-compatible names, as in jax.numpy / jax.lax.
#pragma once

#include "graph/trace.h"

namespace nnx {

// ---- arithmetic (f32, f64, i32, u32)
Array add(const Array& a, const Array& b);
Array sub(const Array& a, const Array& b);
Array mul(const Array& a, const Array& b);
Array div(const Array& a, const Array& b);          // floats only
Array rem(const Array& a, const Array& b);          // sign of the dividend, as C's fmod and %
Array pow(const Array& a, const Array& b);          // floats only
Array maximum(const Array& a, const Array& b);      // NaN if either is; the gradient of a tie is halved
Array minimum(const Array& a, const Array& b);
Array negative(const Array& x);
Array abs(const Array& x);
Array sign(const Array& x);
Array square(const Array& x);
Array reciprocal(const Array& x);

// ---- functions of floats
Array exp(const Array& x);
Array expm1(const Array& x);
Array log(const Array& x);
Array log1p(const Array& x);
Array sqrt(const Array& x);
Array rsqrt(const Array& x);
Array sin(const Array& x);
Array cos(const Array& x);
Array tanh(const Array& x);
Array erf(const Array& x);
Array erf_inv(const Array& x);      // Giles' polynomial, as XLA's f32
Array floor(const Array& x);
Array ceil(const Array& x);
Array round(const Array& x);        // to nearest, ties to even
Array is_finite(const Array& x);    // bool
Array logistic(const Array& x);     // 1 / (1 + exp(-x))

// ---- comparisons and logic
Array equal(const Array& a, const Array& b);
Array not_equal(const Array& a, const Array& b);
Array less(const Array& a, const Array& b);
Array less_equal(const Array& a, const Array& b);
Array greater(const Array& a, const Array& b);
Array greater_equal(const Array& a, const Array& b);
Array bitwise_and(const Array& a, const Array& b);  // bool, i32, u32; on bool these are the logical ops
Array bitwise_or(const Array& a, const Array& b);
Array bitwise_xor(const Array& a, const Array& b);
Array bitwise_not(const Array& x);
Array shift_left(const Array& a, const Array& b);           // i32, u32; 0 when b >= 32
Array shift_right_logical(const Array& a, const Array& b);  // u32

// ---- choice and types
Array select(const Array& condition, const Array& on_true, const Array& on_false);   // bool condition; all broadcast
Array clip(const Array& x, const Array& low, const Array& high);
Array cast(const Array& x, DType dtype);            // value conversion; float to integer truncates; to bool is x != 0
Array bitcast(const Array& x, DType dtype);         // same bits, between f32, i32, u32
Array stop_gradient(const Array& x);                // x; its cotangent is zero

// ---- C++ numbers on either side
Array add(const Array& a, double b);
Array sub(const Array& a, double b);
Array sub(double a, const Array& b);
Array mul(const Array& a, double b);
Array div(const Array& a, double b);
Array div(double a, const Array& b);
Array pow(const Array& a, double b);                // 2, -1, 0.5 and -0.5 become square, reciprocal, sqrt and rsqrt
Array maximum(const Array& a, double b);
Array minimum(const Array& a, double b);
Array clip(const Array& x, double low, double high);
Array less(const Array& a, double b);
Array less_equal(const Array& a, double b);
Array greater(const Array& a, double b);
Array greater_equal(const Array& a, double b);
Array equal(const Array& a, double b);

inline Array operator+(const Array& a, const Array& b) { return add(a, b); }
inline Array operator-(const Array& a, const Array& b) { return sub(a, b); }
inline Array operator*(const Array& a, const Array& b) { return mul(a, b); }
inline Array operator/(const Array& a, const Array& b) { return div(a, b); }
inline Array operator+(const Array& a, double b) { return add(a, b); }
inline Array operator+(double a, const Array& b) { return add(b, a); }
inline Array operator-(const Array& a, double b) { return sub(a, b); }
inline Array operator-(double a, const Array& b) { return sub(a, b); }
inline Array operator*(const Array& a, double b) { return mul(a, b); }
inline Array operator*(double a, const Array& b) { return mul(b, a); }
inline Array operator/(const Array& a, double b) { return div(a, b); }
inline Array operator/(double a, const Array& b) { return div(a, b); }
inline Array operator-(const Array& x) { return negative(x); }

}  // namespace nnx
