#include "data/synthetic.h"

#include <fmt/format.h>
#include <zlib.h>

#include <algorithm>
#include <bit>

#include "base/error.h"
#include "base/threefry.h"

namespace nnx {
namespace {

// 23 random bits as the fraction of a float in [1, 2), less one: jax.random.uniform.
float uniform(RandomKey key, uint64_t index) {
  return std::bit_cast<float>((random_bits(key, index) >> 9) | 0x3F800000u) - 1.0f;
}

uint32_t crc_of(const Buffer& buffer, uint32_t before) {
  return static_cast<uint32_t>(crc32_z(before, buffer.as<Bytef>(), buffer.bytes()));
}

void check_options(const SyntheticOptions& o, const DataSchema* like) {
  if ((o.classes > 0) == (o.targets > 0))
    fail(ErrorKind::config,
         {.where = "synthetic", .expected = "either classes or targets", .got = o.classes > 0 ? "both" : "neither"});
  constexpr int64_t limit = int64_t{1} << 33;
  const int64_t outputs = o.classes + o.targets;
  checked_size(std::array{o.rows, o.features}, limit, "synthetic: rows x features");
  checked_size(std::array{o.rows, o.classes > 0 ? 1 : o.targets}, limit, "synthetic: rows x targets");
  checked_size(std::array{o.features, outputs}, limit, "synthetic: features x outputs");
  if (!like) return;
  const auto expect = [](const char* name, int64_t expected, int64_t got) {
    if (expected != got)
      fail(ErrorKind::config, {.where = fmt::format("synthetic: {}", name),
                               .expected = fmt::format("{}, as in the training set", expected),
                               .got = std::to_string(got)});
  };
  expect("features", like->features(), o.features);
  expect("classes", like->classes, o.classes);
  expect("targets", like->has_labels() ? 0 : like->target_width(), o.targets);
}

}  // namespace

Dataset make_synthetic(const SyntheticOptions& o, const DataSchema* like) {
  check_options(o, like);
  const RandomKey features_key = split_key(random_key(o.seed), 0), map_key = split_key(random_key(o.seed), 1);
  const auto rows = static_cast<size_t>(o.rows), width = static_cast<size_t>(o.features);
  const auto outputs = static_cast<size_t>(o.classes + o.targets);

  Dataset data{.rows = o.rows};
  data.schema.feature_shape = row_shape(o.shape, {o.features}, "synthetic");
  data.schema.classes = o.classes;
  for (int64_t t = 0; t < o.targets; ++t) data.schema.target_names.push_back(fmt::format("y{}", t));
  data.features = Buffer::allocate(rows * width * sizeof(float));
  data.targets = Buffer::allocate(rows * (o.classes > 0 ? 1 : outputs) * sizeof(float));  // f32, or i32 labels

  std::vector<double> map(width * outputs), result(outputs);
  for (size_t i = 0; i < map.size(); ++i) map[i] = 2.0 * static_cast<double>(uniform(map_key, i)) - 1.0;
  for (size_t r = 0; r < rows; ++r) {
    float* row = data.features->as<float>() + r * width;
    const uint64_t first = (static_cast<uint64_t>(o.first_row) + r) * width;
    std::ranges::fill(result, 0.0);
    for (size_t i = 0; i < width; ++i) {
      row[i] = uniform(features_key, first + i);
      const double centred = static_cast<double>(row[i]) - 0.5;
      for (size_t j = 0; j < outputs; ++j) result[j] += centred * map[i * outputs + j];
    }
    if (o.classes > 0)
      data.targets->as<int32_t>()[r] = static_cast<int32_t>(std::ranges::max_element(result) - result.begin());
    else
      std::ranges::transform(result, data.targets->as<float>() + r * outputs,
                             [](double v) { return static_cast<float>(v); });
  }
  data.sources = {{.path = "synthetic",
                   .bytes = data.features->bytes() + data.targets->bytes(),
                   .crc32 = crc_of(*data.targets, crc_of(*data.features, 0))}};
  return data;
}

}  // namespace nnx
