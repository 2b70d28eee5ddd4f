#include "support/golden.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <bit>
#include <cmath>
#include <fstream>
#include <limits>

#include "base/error.h"
#include "support/paths.h"

namespace nnx::test {
namespace {

using nlohmann::json;

json read(const std::string& file) {
  const std::string path = source_dir() + "/tests/golden/" + file;
  std::ifstream in(path);
  if (!in) fail(ErrorKind::missing, {.where = path, .message = "cannot be read"});
  return json::parse(in);
}

double number_of(const json& j) { return j.is_boolean() ? static_cast<double>(j.get<bool>()) : j.get<double>(); }

GoldenArray array_of(const json& j) {
  GoldenArray out{.shape = j.at("shape"), .dtype = j.at("dtype"), .values = {}, .bits = {}};
  for (const json& v : j.at("values")) out.values.push_back(number_of(v));
  if (!j.contains("bits")) return out;
  for (const json& hex : j.at("bits"))
    out.bits.push_back(static_cast<uint32_t>(std::stoul(hex.get<std::string>(), nullptr, 16)));
  return out;
}

GoldenArrays arrays_of(const json& j) {
  GoldenArrays out;
  for (const auto& [name, value] : j.items()) out[name] = array_of(value);
  return out;
}

void flatten_numbers(const json& j, std::vector<double>& out) {
  if (j.is_array())
    for (const json& element : j) flatten_numbers(element, out);
  else out.push_back(number_of(j));
}

void flatten_args(const json& j, const std::string& prefix, GoldenArgs& out) {
  for (const auto& [name, value] : j.items()) {
    if (value.is_object()) flatten_args(value, prefix + name + ".", out);
    else if (value.is_string()) out.strings[prefix + name] = value;
    else flatten_numbers(value, out.number_lists[prefix + name]);
  }
}

GoldenArgs args_of(const json& j) {
  GoldenArgs out;
  flatten_args(j, "", out);
  return out;
}

std::vector<GoldenCase> read_layers() {
  std::vector<GoldenCase> out;
  const json file = read("layers.json");
  for (const json& c : file.at("cases"))
    out.push_back({.name = c.at("name"),
                   .layer = c.at("layer"),
                   .args = args_of(c.at("args")),
                   .params = arrays_of(c.at("params")),
                   .state = arrays_of(c.at("state")),
                   .inputs = arrays_of(c.at("inputs")),
                   .new_state = arrays_of(c.at("new_state")),
                   .grads = arrays_of(c.at("grads")),
                   .cotangent = array_of(c.at("cotangent")),
                   .output = array_of(c.at("output"))});
  return out;
}

GoldenTraining read_training() {
  const json file = read("training.json");
  GoldenTraining out{.initial_params = arrays_of(file.at("initial_params")), .batches = {}, .runs = {}};
  for (const json& batch : file.at("batches")) out.batches.push_back(arrays_of(batch));
  for (const json& r : file.at("runs"))
    out.runs.push_back({.name = r.at("name"),
                        .optimizer = args_of(r.at("optimizer")),
                        .steps = r.at("steps"),
                        .losses = r.at("losses"),
                        .losses_f32 = r.at("losses_f32"),
                        .gradient_norms = r.at("gradient_norms"),
                        .final_params = arrays_of(r.at("final_params"))});
  return out;
}

std::vector<KnownAnswer> read_known_answers() {
  std::vector<KnownAnswer> out;
  const json file = read("known_answers.json");
  for (const json& c : file.at("cases"))
    out.push_back({.name = c.at("name"),
                   .topic = c.at("topic"),
                   .args = args_of(c.at("args")),
                   .answer = array_of(c.at("answer")),
                   .published = c.value("published", false)});
  return out;
}

[[noreturn]] void absent(const char* file, const std::string& name) {
  fail(ErrorKind::missing, {.where = std::string("tests/golden/") + file, .message = "has no " + nnx::in_quotes(name)});
}

template <class T> const T& by_name(const std::vector<T>& all, const std::string& name, const char* file) {
  const auto found = std::ranges::find(all, name, &T::name);
  if (found == all.end()) absent(file, name);
  return *found;
}

template <class T, class Member>
std::vector<T> those_with(const std::vector<T>& all, Member member, const std::string& value, const char* file) {
  std::vector<T> out;
  std::ranges::copy_if(all, std::back_inserter(out), [&](const T& c) { return c.*member == value; });
  if (out.empty()) absent(file, value);
  return out;
}

// Orders float32 numbers as integers, -0 and 0 alike.
int64_t ordinal(float x) {
  const int64_t bits = std::bit_cast<int32_t>(x);
  return bits >= 0 ? bits : std::numeric_limits<int32_t>::min() - bits;
}

}  // namespace

const std::vector<double>& GoldenArgs::numbers(const std::string& name) const {
  const auto found = number_lists.find(name);
  if (found == number_lists.end()) absent("*.json", "argument " + name);
  return found->second;
}

double GoldenArgs::number(const std::string& name) const { return numbers(name).at(0); }

const std::string& GoldenArgs::text(const std::string& name) const {
  const auto found = strings.find(name);
  if (found == strings.end()) absent("*.json", "argument " + name);
  return found->second;
}

const std::vector<GoldenCase>& golden_layers() {
  static const std::vector<GoldenCase> all = read_layers();
  return all;
}

std::vector<GoldenCase> golden_layers(const std::string& layer) {
  return those_with(golden_layers(), &GoldenCase::layer, layer, "layers.json");
}

const GoldenCase& golden_layer(const std::string& name) { return by_name(golden_layers(), name, "layers.json"); }

const GoldenTraining& golden_training() {
  static const GoldenTraining all = read_training();
  return all;
}

const GoldenRun& GoldenTraining::run(const std::string& name) const { return by_name(runs, name, "training.json"); }

const std::vector<KnownAnswer>& known_answers() {
  static const std::vector<KnownAnswer> all = read_known_answers();
  return all;
}

std::vector<KnownAnswer> known_answers(const std::string& topic) {
  return those_with(known_answers(), &KnownAnswer::topic, topic, "known_answers.json");
}

const KnownAnswer& known_answer(const std::string& name) {
  return by_name(known_answers(), name, "known_answers.json");
}

std::string mismatch(std::span<const double> got, const GoldenArray& want, double relative, double absolute) {
  if (got.size() != want.values.size())
    return fmt::format("expected {} elements, got {}", want.values.size(), got.size());
  double largest = 0;
  for (const double v : want.values) largest = std::max(largest, std::abs(v));
  const double allowed = relative * largest + absolute;
  double worst = allowed;
  std::string text;
  for (size_t i = 0; i < got.size(); ++i) {
    const double error = std::abs(got[i] - want.values[i]);
    if (error <= worst) continue;  // a NaN is not, and stays the worst
    text = fmt::format("element {}: expected {}, got {}, off by {:.3g} where {:.3g} is allowed", i, want.values[i],
                       got[i], error, allowed);
    worst = error;
    if (std::isnan(error)) break;
  }
  return text;
}

std::string mismatch(std::span<const float> got, const GoldenArray& want, double relative, double absolute) {
  return mismatch(std::vector<double>(got.begin(), got.end()), want, relative, absolute);
}

int64_t ulps(float a, float b) {
  if (std::isnan(a) || std::isnan(b)) return std::numeric_limits<int64_t>::max();
  return std::abs(ordinal(a) - ordinal(b));
}

int64_t worst_ulps(std::span<const float> got, const GoldenArray& want) {
  if (got.size() != want.values.size()) return std::numeric_limits<int64_t>::max();
  int64_t worst = 0;
  for (size_t i = 0; i < got.size(); ++i) worst = std::max(worst, ulps(got[i], static_cast<float>(want.values[i])));
  return worst;
}

}  // namespace nnx::test
