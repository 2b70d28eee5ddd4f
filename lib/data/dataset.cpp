#include "data/dataset.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"

namespace nnx {

int64_t DataSchema::features() const {
  int64_t product = 1;
  for (const int64_t size : feature_shape) product *= size;
  return product;
}

std::span<const float> Dataset::feature_row(int64_t row) const {
  check(row >= 0 && row < rows, "dataset row out of range");
  const auto width = static_cast<size_t>(schema.features());
  return {features->as<float>() + static_cast<size_t>(row) * width, width};
}

std::span<const float> Dataset::target_row(int64_t row) const {
  check(row >= 0 && row < rows && !schema.has_labels(), "dataset row out of range, or its targets are labels");
  const auto width = static_cast<size_t>(schema.target_width());
  return {targets->as<float>() + static_cast<size_t>(row) * width, width};
}

int32_t Dataset::label(int64_t row) const {
  check(row >= 0 && row < rows && schema.has_labels(), "dataset row out of range, or its targets are not labels");
  return targets->as<int32_t>()[row];
}

int64_t checked_size(std::span<const int64_t> shape, int64_t limit, const std::string& where) {
  const std::string text = fmt::format("[{}]", fmt::join(shape, ","));
  if (shape.size() >= Shape::max_rank)
    fail(ErrorKind::config, {.where = where, .expected = "a shape of rank 7 or less", .got = text});
  int64_t product = 1;
  for (const int64_t size : shape) {
    if (size < 1) fail(ErrorKind::config, {.where = where, .expected = "sizes of at least 1", .got = text});
    if (__builtin_mul_overflow(product, size, &product) || product > limit)
      fail(ErrorKind::config,
           {.where = where, .expected = fmt::format("a shape of at most {} numbers", limit), .got = text});
  }
  return product;
}

std::vector<int64_t> row_shape(const std::vector<int64_t>& wanted, std::vector<int64_t> found,
                               const std::string& where) {
  if (wanted.empty()) return found;
  int64_t have = 1;
  for (const int64_t size : found) have *= size;
  const int64_t asked = checked_size(wanted, int64_t{1} << 40, where + ": shape");
  if (asked != have)
    fail(ErrorKind::config, {.where = where + ": shape",
                             .expected = fmt::format("a shape of the {} numbers in a row", have),
                             .got = fmt::format("[{}] = {}", fmt::join(wanted, ","), asked)});
  return wanted;
}

Dataset take_rows(const Dataset& data, std::span<const int64_t> indices) {
  const auto gather = [&](const Buffer& from, size_t row_bytes) {
    BufferRef to = Buffer::allocate(indices.size() * row_bytes);
    for (size_t i = 0; i < indices.size(); ++i) {
      check(indices[i] >= 0 && indices[i] < data.rows, "take_rows: row index out of range");
      const char* row = from.as<char>() + static_cast<size_t>(indices[i]) * row_bytes;
      std::memcpy(to->as<char>() + i * row_bytes, row, row_bytes);
    }
    return to;
  };
  Dataset out{.rows = static_cast<int64_t>(indices.size()), .schema = data.schema, .sources = data.sources};
  out.features = gather(*data.features, static_cast<size_t>(data.schema.features()) * sizeof(float));
  out.targets = gather(*data.targets, static_cast<size_t>(data.schema.target_width()) * sizeof(float));  // f32 or i32
  return out;
}

}  // namespace nnx
