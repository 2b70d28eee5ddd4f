#include "sweep/trial.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "base/threefry.h"
#include "config/write.h"
#include "sweep/sobol.h"

namespace nnx {
namespace {

constexpr double words = 4294967296.0;   // of 32 bits

std::vector<Setting> settings_of(const Assignments& assignments) {
  std::vector<Setting> settings;
  for (const auto& [key, value] : assignments) settings.push_back({key, setting_text(value), {}, value.origin()});
  return settings;
}

Setting chosen(const std::string& key, const std::vector<ConfigNode>& values, size_t choice) {
  return {key, setting_text(values[choice]), choice, values[choice].origin()};
}

// One coordinate for each parameter, and one for the pairs when there are any.
size_t dimensions(const SweepSpec& spec) { return spec.parameters.size() + (spec.paired.empty() ? 0 : 1); }

std::vector<double> coordinates(const SweepSpec& spec, int64_t i) {
  const RandomKey key = random_key(static_cast<uint64_t>(spec.seed));
  std::vector<double> u;
  if (spec.method == SweepMethod::sobol) {
    if (dimensions(spec) > max_sobol_dimensions)
      fail_at(spec, "parameters", {.expected = fmt::format("at most {} parameters for method sobol", max_sobol_dimensions),
                                   .got = std::to_string(dimensions(spec)), .hint = "use method random"});
    // A digital shift keeps the evenness, and makes another seed another set of points.
    const std::vector<uint32_t> point = sobol_point(static_cast<uint32_t>(i), static_cast<int>(dimensions(spec)));
    for (size_t d = 0; d < point.size(); ++d) u.push_back((point[d] ^ random_bits(key, d)) / words);
    return u;
  }
  const RandomKey of_point = fold_in(key, static_cast<uint32_t>(i));
  for (size_t d = 0; d < dimensions(spec); ++d) u.push_back(random_bits(of_point, d) / words);
  return u;
}

size_t index_at(double u, size_t count) { return std::min(static_cast<size_t>(u * static_cast<double>(count)), count - 1); }

std::vector<Setting> drawn_point(const SweepSpec& spec, int64_t i) {
  const std::vector<double> u = coordinates(spec, i);
  std::vector<Setting> point;
  size_t d = 0;
  for (const auto& [key, parameter] : spec.parameters) {
    const double at = u[d++];
    if (!parameter.values) {
      point.push_back({key, value_at(parameter, at), {}, origin_of(spec, "parameters." + key)});
      continue;
    }
    const size_t choice = index_at(at, parameter.values->size());
    point.push_back(chosen(key, *parameter.values, choice));
  }
  if (!spec.paired.empty())
    for (Setting& s : settings_of(spec.paired[index_at(u[d], spec.paired.size())])) point.push_back(std::move(s));
  return point;
}

// The last parameter changes fastest, the pairs fastest of all.
std::vector<Setting> grid_point(const SweepSpec& spec, int64_t i) {
  std::vector<Setting> pairs;
  auto rest = static_cast<size_t>(i);
  if (!spec.paired.empty()) {
    pairs = settings_of(spec.paired[rest % spec.paired.size()]);
    rest /= spec.paired.size();
  }
  std::vector<Setting> point;
  for (size_t p = spec.parameters.size(); p-- > 0;) {
    const auto& [key, parameter] = spec.parameters[p];
    const size_t choice = rest % parameter.values->size();
    rest /= parameter.values->size();
    point.push_back(chosen(key, *parameter.values, choice));
  }
  std::ranges::reverse(point);
  point.insert(point.end(), pairs.begin(), pairs.end());
  return point;
}

// Saturates far above anything that is allowed.
int64_t times(int64_t a, size_t b) { return static_cast<double>(a) * static_cast<double>(b) > 1e15 ? int64_t{1} << 50 : a * static_cast<int64_t>(b); }

int64_t grid_size(const SweepSpec& spec) {
  int64_t size = 1;
  for (const auto& [key, parameter] : spec.parameters) size = times(size, parameter.values->size());
  return spec.paired.empty() ? size : times(size, spec.paired.size());
}

}  // namespace

std::string setting_text(const ConfigNode& value) {
  return value.is_scalar() && !value.quoted() ? value.text() : write_flow(value);
}

std::string value_at(const ParameterSpec& range, double u) {
  const double low = *range.min, high = *range.max;
  // Six digits say it to a person as well as sixteen.
  const auto rounded = [&](double value) { return format_number(std::clamp(std::stod(fmt::format("{:.6g}", value)), low, high)); };
  switch (range.distribution) {
    case Spread::uniform: return rounded(low + u * (high - low));
    case Spread::log_uniform_values: return rounded(std::exp(std::log(low) + u * (std::log(high) - std::log(low))));
    case Spread::int_uniform: return format_number(std::min(low + std::floor(u * (high - low + 1)), high));
    case Spread::q_uniform: return format_number(std::round((low + u * (high - low)) / range.q) * range.q);
  }
  return "";
}

std::vector<std::string> Trial::arguments() const {
  std::vector<std::string> out;
  for (const std::vector<Setting>* settings : {&point, &repeat})
    for (const Setting& s : *settings)
      if (s.key != "overlay") out.push_back(s.key + "=" + s.value);
  return out;
}

std::vector<std::string> Trial::overlays() const {
  std::vector<std::string> out;
  for (const Setting& s : point)
    if (s.key == "overlay" && s.value != "none") out.push_back(s.value);
  return out;
}

std::string Trial::point_text() const {
  std::string text;
  for (const Setting& s : point) text += (text.empty() ? "" : " ") + s.key + "=" + s.value;
  return text;
}

int64_t count_points(const SweepSpec& spec) {
  if (spec.method == SweepMethod::list)
    return std::min(static_cast<int64_t>(spec.trials.size()), spec.run_cap.value_or(max_trials));
  const int64_t points = spec.method == SweepMethod::grid ? std::min(grid_size(spec), spec.run_cap.value_or(INT64_MAX)) : *spec.run_cap;
  const int64_t trials = times(points, static_cast<size_t>(count_repeats(spec)));
  if (trials > max_trials)
    fail_at(spec, spec.written.contains("parameters") ? "parameters" : "", {.expected = fmt::format("at most {} trials", max_trials),
                                 .got = trials >= int64_t{1} << 50 ? "more than 10^15" : std::to_string(trials),
                                 .hint = "run_cap limits them; method random or sobol covers a large space with few"});
  return points;
}

int64_t count_repeats(const SweepSpec& spec) {
  int64_t count = 1;
  for (const auto& [key, values] : spec.repeats) count = times(count, values.size());
  return count;
}

std::vector<Setting> choose_point(const SweepSpec& spec, int64_t i) {
  switch (spec.method) {
    case SweepMethod::list: return settings_of(spec.trials[static_cast<size_t>(i)]);
    case SweepMethod::grid: return grid_point(spec, i);
    case SweepMethod::random:
    case SweepMethod::sobol: return drawn_point(spec, i);
    case SweepMethod::tpe: break;
  }
  fail(ErrorKind::internal, {.where = "sweep", .message = "the points of method tpe are asked for one by one"});
}

std::vector<Trial> with_repeats(const SweepSpec& spec, const std::vector<Setting>& point, int64_t first) {
  std::vector<Trial> trials;
  for (int64_t r = 0; r < count_repeats(spec); ++r) {
    Trial trial{.number = first + r, .point = point};
    int64_t rest = r;
    for (size_t k = spec.repeats.size(); k-- > 0;) {
      const auto& [key, values] = spec.repeats[k];
      const auto choice = static_cast<size_t>(rest) % values.size();
      rest /= static_cast<int64_t>(values.size());
      trial.repeat.insert(trial.repeat.begin(), chosen(key, values, choice));
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

std::vector<Trial> choose_trials(const SweepSpec& spec) {
  std::vector<Trial> trials;
  const int64_t points = count_points(spec);
  for (int64_t i = 0; i < points; ++i)
    for (Trial& trial : with_repeats(spec, choose_point(spec, i), static_cast<int64_t>(trials.size())))
      trials.push_back(std::move(trial));
  return trials;
}

}  // namespace nnx
