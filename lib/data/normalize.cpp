#include "data/normalize.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numeric>

#include "base/error.h"

namespace nnx {
namespace {

// The sum of value(x, i) over the rows for each feature i; or, with per_feature false, over all features too.
template <class Value> std::vector<double> sums(const Dataset& data, bool per_feature, Value value) {
  const auto features = static_cast<size_t>(data.schema.features());
  std::vector<double> out(features, 0.0);
  const float* x = data.features->as<float>();
  for (int64_t row = 0; row < data.rows; ++row, x += features)
    for (size_t i = 0; i < features; ++i) out[i] += value(double{x[i]}, i);
  if (!per_feature) out = {std::accumulate(out.begin(), out.end(), 0.0)};
  return out;
}

Normalization standardization(const Dataset& train, bool per_feature) {
  const auto features = static_cast<size_t>(train.schema.features());
  const size_t columns = per_feature ? features : 1;
  const double count = static_cast<double>(train.rows) * static_cast<double>(features / columns);
  Normalization n;
  n.shift = sums(train, per_feature, [](double x, size_t) { return x; });
  for (double& mean : n.shift) mean /= count;
  n.scale = sums(train, per_feature, [&](double x, size_t i) {
    const double distance = x - n.shift[per_feature ? i : 0];
    return distance * distance;
  });
  for (double& scale : n.scale) scale = scale > 0 ? 1 / std::sqrt(scale / count) : 1;
  return n;
}

void check_list(const std::vector<double>& list, const char* key, bool positive, int64_t features) {
  const std::string where = fmt::format("normalize: {}", key);
  if (!list.empty() && list.size() != 1 && static_cast<int64_t>(list.size()) != features)
    fail(ErrorKind::config, {.where = where,
                             .expected = fmt::format("one number or {}, one a feature", features),
                             .got = fmt::to_string(list.size())});
  for (const double v : list)
    if (!std::isfinite(v) || (positive && v <= 0))
      fail(ErrorKind::config,
           {.where = where, .expected = positive ? "numbers above 0" : "finite numbers", .got = fmt::to_string(v)});
}

}  // namespace

bool Normalization::is_identity() const {
  return std::all_of(shift.begin(), shift.end(), [](double v) { return v == 0; }) &&
         std::all_of(scale.begin(), scale.end(), [](double v) { return v == 1; });
}

void Normalization::apply(std::span<float> rows, int64_t features) const {
  const auto width = static_cast<size_t>(features);
  const auto fits = [&](const std::vector<double>& list) { return list.size() == 1 || list.size() == width; };
  if (width == 0 || !fits(shift) || !fits(scale) || rows.size() % width != 0)
    fail(ErrorKind::shape, {.where = "normalization",
                            .expected = fmt::format("rows of {} features", std::max(shift.size(), scale.size())),
                            .got = fmt::format("{} numbers in rows of {}", rows.size(), features)});
  for (size_t begin = 0; begin < rows.size(); begin += width)
    for (size_t i = 0; i < width; ++i) {
      float& x = rows[begin + i];
      x = static_cast<float>((double{x} - shift[shift.size() == 1 ? 0 : i]) * scale[scale.size() == 1 ? 0 : i]);
    }
}

Normalization make_normalization(const NormalizeOptions& options, const Dataset& train) {
  const int64_t features = train.schema.features();
  if (options.standardize && (!options.mean.empty() || !options.std.empty() || options.scale != 1))
    fail(ErrorKind::config, {.where = "normalize",
                             .message = "standardize takes mean and std from the training rows",
                             .hint = "leave scale, mean and std out"});
  if (options.standardize) return standardization(train, options.per_feature);
  check_list({options.scale}, "scale", true, features);
  check_list(options.mean, "mean", false, features);
  check_list(options.std, "std", true, features);
  Normalization n;
  if (!options.mean.empty()) n.shift = options.mean;
  if (!options.std.empty()) n.scale = options.std;
  for (double& v : n.scale) v = options.std.empty() ? options.scale : options.scale / v;
  return n;
}

Dataset normalized(Dataset data, const Normalization& how) {
  if (how.is_identity()) return data;
  if (data.features.use_count() != 1) {
    BufferRef copy = Buffer::allocate(data.features->bytes());
    std::memcpy(copy->data(), data.features->data(), copy->bytes());
    data.features = std::move(copy);
  }
  const int64_t features = data.schema.features();
  how.apply({data.features->as<float>(), static_cast<size_t>(data.rows * features)}, features);
  return data;
}

}  // namespace nnx
