// The signatures that families of ops share: sets of dtypes, and infer rules that name their op in their errors.
//
//   constexpr OpDef tanh_op{.name = "tanh", .infer = same_type<"tanh", dtypes::floats>, ...};
//   tanh(i32[3]) -> "tanh: expected f32 or f64, got i32[3]"
#pragma once

#include <algorithm>
#include <span>
#include <string_view>
#include <vector>

#include "graph/op.h"

namespace nnx {

struct DTypeSet {
  unsigned bits = 0;
  constexpr DTypeSet(std::initializer_list<DType> list) {
    for (const DType d : list) bits |= 1u << static_cast<unsigned>(d);
  }
  constexpr bool contains(DType d) const { return bits >> static_cast<unsigned>(d) & 1u; }
};

namespace dtypes {
inline constexpr DTypeSet floats{DType::f32, DType::f64};
inline constexpr DTypeSet numbers{DType::f32, DType::f64, DType::i32, DType::u32};
inline constexpr DTypeSet integers{DType::i32, DType::u32};
inline constexpr DTypeSet unsigned_integers{DType::u32};
inline constexpr DTypeSet bit_patterns{DType::i32, DType::u32, DType::boolean};
inline constexpr DTypeSet words{DType::f32, DType::i32, DType::u32};   // of 32 bits
inline constexpr DTypeSet booleans{DType::boolean};
inline constexpr DTypeSet any{DType::f32, DType::f64, DType::i32, DType::u32, DType::boolean};
inline constexpr DTypeSet stored{DType::f32, DType::f64, DType::i32, DType::u32, DType::boolean, DType::bf16};
}  // namespace dtypes

// An op's name as a template argument, so that one infer rule serves many ops and still says which one failed.
template <size_t n>
struct OpName {
  char text[n];
  constexpr OpName(const char (&name)[n]) { std::copy_n(name, n, text); }
  constexpr std::string_view view() const { return {text, n - 1}; }
};

// Each throws ErrorKind::shape naming `op`.
void expect_dtype(std::string_view op, DTypeSet allowed, const Type& type);
void expect_same_types(std::string_view op, DTypeSet allowed, size_t arity, std::span<const Type> in);

// `arity` inputs of one type; the result has it too.
template <OpName name, DTypeSet allowed, size_t arity = 1>
std::vector<Type> same_type(std::span<const Type> in, const Attrs&) {
  expect_same_types(name.view(), allowed, arity, in);
  return {in[0]};
}

// `arity` inputs of one type; the result has their shape, and is bool.
template <OpName name, DTypeSet allowed, size_t arity = 2>
std::vector<Type> predicate(std::span<const Type> in, const Attrs&) {
  expect_same_types(name.view(), allowed, arity, in);
  return {{DType::boolean, in[0].shape}};
}

}  // namespace nnx
