#include "ops/random.h"

#include <fmt/format.h>

#include <cmath>

#include "base/error.h"
#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

constexpr OpDef threefry_op{
    .name = "threefry2x32",
    .family = Family::elementwise,
    .infer = [](std::span<const Type> in, const Attrs&) {
      expect_inputs("threefry2x32", in, 4);
      for (const Type& t : in)
        if (t.dtype != DType::u32 || t.shape != in[0].shape)
          fail_types("threefry2x32", "four u32 arrays of one shape", in);
      return std::vector<Type>(2, in[0]);
    },
    .batch = batch_as_elementwise,
    .differentiable = false,
};

struct Words {
  Array first, second;
};

// The two words that threefry makes of each element's row-major position in `shape`. key: u32[K.., 2] -> u32[K..,
// shape..]. The high word of the 64-bit position is 0: `infer` of random_bits and split() refuse more than 2^32
// elements.
Words position_words(const Array& key, const Shape& shape) {
  const Shape key_shape = key.shape().without(key.rank() - 1);
  const Shape result = shape.prepended(key_shape);
  const std::vector<int> key_dims = first_axes(key_shape.rank());
  const Array position = reshape(iota({shape.size()}, 0, DType::u32), shape);
  const Array k0 = broadcast_in_dim(index_axis(key, -1, 0), result, key_dims);
  const Array k1 = broadcast_in_dim(index_axis(key, -1, 1), result, key_dims);
  const Arrays words = emit(threefry_op, {}, Arrays{k0, k1, zeros(result, DType::u32), broadcast_to(position, result)});
  return {words[0], words[1]};
}

void expect_size(const char* op, const Shape& shape) {
  if (shape.size() > (int64_t{1} << 32))
    fail(ErrorKind::shape, {.where = op, .expected = "at most 2^32 elements from one key", .got = shape.to_string()});
}

std::vector<Type> infer_random_bits(std::span<const Type> in, const Attrs& attrs) {
  const Shape& shape = attrs.as<RandomBitsAttrs>().shape;
  expect_inputs("random_bits", in, 1);
  const Shape& key = in[0].shape;
  if (in[0].dtype != DType::u32 || key.rank() < 1 || key.back() != 2)
    fail_types("random_bits", "a key u32[..., 2]", in);
  expect_size("random_bits", shape);
  return {{DType::u32, shape.prepended(key.without(key.rank() - 1))}};
}

constexpr OpDef random_bits_op{
    .name = "random_bits",
    .family = Family::random,
    .infer = infer_random_bits,
    .batch = [](const BatchArgs& args) { return emit(args.op, args.attrs, args.in); },   // a batch of keys is a key
    .expand = [](std::span<const Array> in, const Attrs& attrs) {
      const Words words = position_words(in[0], attrs.as<RandomBitsAttrs>().shape);
      return Arrays{bitwise_xor(words.first, words.second)};
    },
    .differentiable = false,
};

void expect_key(const char* function, const Array& key) {
  if (key.type() != Type{DType::u32, {2}}) fail_types(function, "a key u32[2]", {&key.type(), 1});
}

}  // namespace

std::span<const OpDef* const> random_ops() {
  static constexpr const OpDef* ops[] = {&threefry_op, &random_bits_op};
  return ops;
}

namespace random {
namespace {

// Uniform numbers of [0, 1) from the leading bits: 23 of a word for f32, 52 of two words for f64.
Array unit_uniform(const Array& key, const Shape& shape, DType dtype) {
  if (dtype == DType::f32) {
    const Array one_to_two = bitwise_or(shift_right_logical(bits(key, shape), full({}, 9, DType::u32)),
                                        full({}, 0x3f800000, DType::u32));
    return bitcast(one_to_two, DType::f32) - 1.0;
  }
  expect_key("uniform", key);
  expect_size("uniform", shape);
  // JAX draws b0 << 32 | b1 and keeps the upper 52 bits; both terms below and their sum are exact.
  const Words words = position_words(key, shape);
  const Array high = cast(words.first, dtype) * 0x1p-32;
  const Array low = cast(shift_right_logical(words.second, full({}, 12, DType::u32)), dtype) * 0x1p-52;
  return high + low;
}

// sqrt(2) erf_inv(u), in the dtype of u.
Array gaussian(const Array& u) { return erf_inv(u) * std::sqrt(2.0); }

double next_after(double x, double towards, DType dtype) {
  return dtype == DType::f32 ? std::nextafter(static_cast<float>(x), static_cast<float>(towards))
                             : std::nextafter(x, towards);
}

// erf(x / sqrt(2)), each step rounded to `dtype` as JAX does.
double erf_over_sqrt2(double x, DType dtype) {
  if (dtype == DType::f64) return std::erf(x / std::sqrt(2.0));
  const float scaled = static_cast<float>(x) / static_cast<float>(std::sqrt(2.0));
  return static_cast<float>(std::erf(static_cast<double>(scaled)));
}

void expect_float(const char* function, DType dtype) {
  if (dtype != DType::f32 && dtype != DType::f64)
    fail(ErrorKind::shape, {.where = function, .expected = "dtype f32 or f64", .got = std::string(name_of(dtype))});
}

}  // namespace

Array key(uint64_t seed) {
  return array<uint32_t>({static_cast<uint32_t>(seed >> 32), static_cast<uint32_t>(seed)}, {2});
}

Array fold_in(const Array& key, const Array& data) {
  expect_key("fold_in", key);
  if (!is_integer(data.dtype()) || data.rank() != 0) fail_types("fold_in", "an i32 or u32 scalar", {&data.type(), 1});
  const Array word = data.dtype() == DType::u32 ? data : bitcast(data, DType::u32);
  const Arrays words =
      emit(threefry_op, {}, Arrays{index_axis(key, 0, 0), index_axis(key, 0, 1), zeros({}, DType::u32), word});
  return stack(words);
}

Array fold_in(const Array& key, uint32_t data) { return fold_in(key, full({}, data, DType::u32)); }

Array split(const Array& key, const Shape& shape) {
  expect_key("split", key);
  expect_size("split", shape);
  const Words words = position_words(key, shape);
  return stack({words.first, words.second}, -1);
}

Array split(const Array& key, int64_t n) { return split(key, Shape{n}); }

Array bits(const Array& key, const Shape& shape) {
  expect_key("bits", key);
  return emit1(random_bits_op, RandomBitsAttrs{shape}, {key});
}

Array uniform(const Array& key, const Shape& shape, double low, double high, DType dtype) {
  expect_float("uniform", dtype);
  const Array unit = unit_uniform(key, shape, dtype);
  if (low == 0 && high == 1) return unit;   // the same numbers
  const bool single = dtype == DType::f32;
  const double span = single ? static_cast<float>(high) - static_cast<float>(low) : high - low;
  return maximum(unit * span + low, low);
}

Array normal(const Array& key, const Shape& shape, DType dtype) {
  expect_float("normal", dtype);
  return gaussian(uniform(key, shape, next_after(-1, 0, dtype), 1, dtype));
}

Array truncated_normal(const Array& key, double lower, double upper, const Shape& shape, DType dtype) {
  expect_float("truncated_normal", dtype);
  if (!(lower < upper))
    fail(ErrorKind::shape,
         {.where = "truncated_normal", .expected = "lower < upper", .got = fmt::format("{} and {}", lower, upper)});
  const Array u = uniform(key, shape, erf_over_sqrt2(lower, dtype), erf_over_sqrt2(upper, dtype), dtype);
  return clip(gaussian(u), next_after(lower, INFINITY, dtype), next_after(upper, -INFINITY, dtype));
}

Array bernoulli(const Array& key, const Array& p, const Shape& shape) {
  expect_float("bernoulli", p.dtype());
  return less(uniform(key, shape, 0, 1, p.dtype()), broadcast_to(p, shape));
}

Array bernoulli(const Array& key, double p, const Shape& shape) { return less(uniform(key, shape), p); }

Array randint(const Array& key, const Shape& shape, int64_t low, int64_t high) {
  if (low < INT32_MIN || low > INT32_MAX || high < INT32_MIN || high > INT32_MAX)
    fail(ErrorKind::shape,
         {.where = "randint", .expected = "bounds that are i32", .got = fmt::format("[{}, {})", low, high)});
  const auto span = static_cast<uint32_t>(high > low ? high - low : 1);
  // H * 2^32 + L modulo span, by 2^32 = (2^16)^2 modulo span, all modulo 2^32.
  const uint32_t half = 65536 % span;
  const uint32_t multiplier = half * half % span;
  const Array keys = split(key);
  const Array high_bits = bits(index_axis(keys, 0, 0), shape);
  const Array low_bits = bits(index_axis(keys, 0, 1), shape);
  const Array modulus = full({}, span, DType::u32);
  const Array offset = rem(rem(high_bits, modulus) * multiplier + rem(low_bits, modulus), modulus);
  return bitcast(offset, DType::i32) + static_cast<double>(low);
}

Array permutation(const Array& key, int64_t n) {
  expect_key("permutation", key);
  // JAX sorts by random 32-bit keys so often that ties stop to matter.
  const double rounds = std::ceil(3 * std::log(static_cast<double>(std::max<int64_t>(1, n))) / std::log(4294967295.0));
  Array current = key;
  Array order = arange(n);
  for (int i = 0; i < static_cast<int>(rounds); ++i) {
    const Array keys = split(current);
    current = index_axis(keys, 0, 0);
    order = sort(Arrays{bits(index_axis(keys, 0, 1), {n}), order}, 0)[1];
  }
  return order;
}

}  // namespace random
}  // namespace nnx
