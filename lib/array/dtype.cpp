#include "array/dtype.h"

#include <string>

#include "base/error.h"

namespace nnx {

size_t size_of(DType dtype) {
  switch (dtype) {
    case DType::f64: return 8;
    case DType::boolean: return 1;
    case DType::bf16: return 2;
    case DType::f32:
    case DType::i32:
    case DType::u32: return 4;
  }
  return 0;
}

std::string_view name_of(DType dtype) {
  switch (dtype) {
    case DType::f32: return "f32";
    case DType::f64: return "f64";
    case DType::i32: return "i32";
    case DType::u32: return "u32";
    case DType::boolean: return "bool";
    case DType::bf16: return "bf16";
  }
  return "?";
}

DType dtype_from_name(std::string_view name) {
  for (const DType d : all_dtypes)
    if (name_of(d) == name) return d;
  fail(ErrorKind::data, {.where = "dtype", .expected = "f32, f64, i32, u32, bool or bf16", .got = in_quotes(name)});
}

}  // namespace nnx
