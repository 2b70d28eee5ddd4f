// Inputs for the op test table and comparisons of its results.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "ops/cases.h"

namespace nnx::test {
namespace {

// splitmix64, by position: the same numbers everywhere.
uint64_t draw(uint64_t seed, uint64_t i) { return hash_combine(hash_combine(hash_seed, seed), i); }

std::vector<size_t> shuffled(size_t n, uint64_t seed) {
  std::vector<size_t> order(n);
  for (size_t i = 0; i < n; ++i) order[i] = i;
  for (size_t i = n; i > 1; --i) std::swap(order[i - 1], order[draw(seed, i) % i]);
  return order;
}

double fraction(double x) { return x - std::floor(x); }

template <class T> void fill_integers(T* out, size_t n, const Input& input, uint64_t seed) {
  const double count = input.high - input.low + 1;
  for (size_t i = 0; i < n; ++i) {
    const double unit = static_cast<double>(draw(seed, i) >> 11) * 0x1p-53;
    out[i] = static_cast<T>(static_cast<int64_t>(input.low + std::floor(unit * count)));
  }
}

// The golden ratio puts the lattices of different inputs and seeds at different places between the same points.
template <class T> void fill_reals(T* out, size_t n, const Input& input, uint64_t seed, size_t position) {
  const double offset = fraction(static_cast<double>(position + 1) * 0.6180339887 + static_cast<double>(seed) * 0.03);
  const std::vector<size_t> order = shuffled(n, draw(seed, position));
  using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;   // bf16 is made from a float
  for (size_t i = 0; i < n; ++i)
    out[i] = static_cast<T>(static_cast<Real>(
        input.low + (input.high - input.low) * (static_cast<double>(order[i]) + offset) / static_cast<double>(n)));
}

template <class T> std::vector<double> widened(const Array& a) {
  const std::span<const T> values = a.data<T>();
  return {values.begin(), values.end()};
}

bool agree(double a, double b, double bound) {
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  return a == b || (std::isfinite(a) && std::isfinite(b) && std::abs(a - b) <= bound);
}

}  // namespace

Array make_array(const Input& input, uint64_t seed, size_t position) {
  const size_t n = static_cast<size_t>(input.type.size());
  const BufferRef buffer = Buffer::allocate(input.type.bytes());
  switch (input.type.dtype) {
    case DType::f32: fill_reals(buffer->as<float>(), n, input, seed, position); break;
    case DType::f64: fill_reals(buffer->as<double>(), n, input, seed, position); break;
    case DType::i32: fill_integers(buffer->as<int32_t>(), n, input, draw(seed, position)); break;
    case DType::u32: fill_integers(buffer->as<uint32_t>(), n, input, draw(seed, position)); break;
    case DType::boolean: fill_integers(buffer->as<bool>(), n, input, draw(seed, position)); break;
    case DType::bf16: fill_reals(buffer->as<bf16>(), n, input, seed, position); break;
  }
  return Array(input.type, buffer);
}

Arrays make_inputs(const Sample& sample, uint64_t seed) {
  Arrays arrays;
  for (size_t i = 0; i < sample.inputs.size(); ++i) arrays.push_back(make_array(sample.inputs[i], seed, i));
  return arrays;
}

std::vector<double> to_doubles(const Array& a) {
  switch (a.dtype()) {
    case DType::f32: return widened<float>(a);
    case DType::f64: return widened<double>(a);
    case DType::i32: return widened<int32_t>(a);
    case DType::u32: return widened<uint32_t>(a);
    case DType::boolean: return widened<bool>(a);
    case DType::bf16: return widened<bf16>(a);
  }
  return {};
}

Array stack_arrays(const Arrays& arrays) {
  const Type& one = arrays.at(0).type();
  const Type type{one.dtype, one.shape.inserted(0, static_cast<int64_t>(arrays.size()))};
  const BufferRef buffer = Buffer::allocate(type.bytes());
  for (size_t i = 0; i < arrays.size(); ++i)
    std::memcpy(buffer->as<char>() + i * one.bytes(), arrays[i].buffer()->data(), one.bytes());
  return Array(type, buffer);
}

std::string difference(const Array& a, const Array& b, double tolerance) {
  if (a.type() != b.type()) return fmt::format("{} and {}", a.type().to_string(), b.type().to_string());
  const std::vector<double> va = to_doubles(a), vb = to_doubles(b);
  double largest = 0;
  for (const double v : vb)
    if (std::isfinite(v)) largest = std::max(largest, std::abs(v));
  const double bound = is_floating(a.dtype()) ? tolerance * (1 + largest) : 0;
  for (size_t i = 0; i < va.size(); ++i)
    if (!agree(va[i], vb[i], bound))
      return fmt::format("element {} of {}: {} and {}", i, a.type().to_string(), va[i], vb[i]);
  return "";
}

std::string to_string(const Row& row, const Sample& sample) {
  std::string text = row.op + "(";
  for (size_t i = 0; i < sample.inputs.size(); ++i) text += (i ? ", " : "") + sample.inputs[i].type.to_string();
  return text + ") " + sample.attrs.to_string();
}

}  // namespace nnx::test
