// The element types of an Array.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "array/bf16.h"

namespace nnx {

// A boolean is one byte, 0 or 1. bf16 is for storage: it is cast, moved and contracted, and computed with in f32.
enum class DType : uint8_t { f32, f64, i32, u32, boolean, bf16 };
inline constexpr std::array all_dtypes{DType::f32, DType::f64, DType::i32, DType::u32, DType::boolean, DType::bf16};

size_t size_of(DType dtype);                  // bytes an element
std::string_view name_of(DType dtype);        // "f32", "f64", "i32", "u32", "bool", "bf16"
DType dtype_from_name(std::string_view name); // throws ErrorKind::data for an unknown name

constexpr bool is_floating(DType d) { return d == DType::f32 || d == DType::f64 || d == DType::bf16; }
constexpr bool is_integer(DType d) { return d == DType::i32 || d == DType::u32; }

template <class T> struct dtype_of_type;
template <> struct dtype_of_type<float> { static constexpr DType value = DType::f32; };
template <> struct dtype_of_type<double> { static constexpr DType value = DType::f64; };
template <> struct dtype_of_type<int32_t> { static constexpr DType value = DType::i32; };
template <> struct dtype_of_type<uint32_t> { static constexpr DType value = DType::u32; };
template <> struct dtype_of_type<bool> { static constexpr DType value = DType::boolean; };
template <> struct dtype_of_type<bf16> { static constexpr DType value = DType::bf16; };
template <class T> inline constexpr DType dtype_of = dtype_of_type<T>::value;

}  // namespace nnx
