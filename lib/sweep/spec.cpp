#include "sweep/spec.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "config/parse.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& argument, std::string message, std::string hint = "") {
  fail(ErrorKind::usage, {.where = "argument " + in_quotes(argument), .message = std::move(message), .hint = std::move(hint)});
}

// The parts of a list, split at commas outside of brackets and quotes.
std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> parts{""};
  int depth = 0;
  char quote = 0;
  for (const char c : text) {
    if (quote) quote = c == quote ? char{0} : quote;
    else if (c == '"' || c == '\'') quote = c;
    else if (c == '[' || c == '{' || c == '(') ++depth;
    else if (c == ']' || c == '}' || c == ')') --depth;
    if (c == ',' && depth == 0 && !quote) parts.emplace_back();
    else parts.back() += c;
  }
  return parts;
}

// name(a,b,...) with numbers; none when `text` is no such call.
struct RangeCall {
  std::string name;
  std::vector<double> numbers;
};
std::optional<RangeCall> range_call(const std::string& argument, std::string_view text) {
  const size_t open = text.find('(');
  if (open == std::string_view::npos || !text.ends_with(')')) return std::nullopt;
  RangeCall call{std::string(text.substr(0, open)), {}};
  static const std::vector<std::string> names{"log", "uniform", "int", "range"};
  if (std::ranges::find(names, call.name) == names.end()) {
    const std::string near = nearest(call.name, names);
    refuse(argument, fmt::format("{} is no range; there are {}", in_quotes(call.name), fmt::join(names, ", ")),
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  }
  for (const std::string& part : split_list(text.substr(open + 1, text.size() - open - 2))) {
    double number = 0;
    if (parse_number(part, number) != NumberStatus::good) refuse(argument, fmt::format("{} is no number", in_quotes(part)));
    call.numbers.push_back(number);
  }
  const size_t least = 2, most = call.name == "range" ? 3 : 2;
  if (call.numbers.size() < least || call.numbers.size() > most)
    refuse(argument, fmt::format("{} takes {} numbers", call.name, most == 3 ? "two or three" : "two"));
  return call;
}

// The values of range(first, last, step): both ends included.
std::vector<ConfigNode> stepped(const std::string& argument, const RangeCall& call, const Origin& origin) {
  const double first = call.numbers[0], last = call.numbers[1], step = call.numbers.size() > 2 ? call.numbers[2] : 1;
  const double count = std::floor((last - first) / step + 1e-9) + 1;
  if (!(step > 0) || !(count >= 1) || count > static_cast<double>(max_trials))
    refuse(argument, fmt::format("range({},{},{}) has no end that its steps reach, or more than {} values", first, last, step, max_trials));
  std::vector<ConfigNode> values;
  for (int64_t i = 0; i < static_cast<int64_t>(count); ++i)
    values.push_back(ConfigNode::scalar(format_number(first + static_cast<double>(i) * step), false, origin, {}));
  return values;
}

std::optional<ParameterSpec> parameter_of(const std::string& argument, std::string_view text, const Origin& origin) {
  const bool flow = !text.empty() && (text[0] == '[' || text[0] == '{' || text[0] == '"' || text[0] == '\'');
  const std::vector<std::string> parts = split_list(text);
  ParameterSpec parameter;
  if (parts.size() > 1) {
    parameter.values.emplace();
    for (const std::string& part : parts) parameter.values->push_back(parse_value(part, origin, {}));
    return parameter;
  }
  const std::optional<RangeCall> call = flow ? std::nullopt : range_call(argument, text);
  if (!call) return std::nullopt;
  if (call->name == "range") {
    parameter.values = stepped(argument, *call, origin);
    return parameter;
  }
  parameter.min = call->numbers[0];
  parameter.max = call->numbers[1];
  parameter.distribution = call->name == "log"   ? Spread::log_uniform_values
                           : call->name == "int" ? Spread::int_uniform
                                                 : Spread::uniform;
  return parameter;
}

template <class Pairs> void erase_key(Pairs& pairs, const std::string& key) {
  std::erase_if(pairs, [&](const auto& pair) { return pair.first == key; });
}

[[noreturn]] void wrong(const std::string& key, ErrorParts parts) {
  parts.where = key;
  fail(ErrorKind::config, std::move(parts));
}

void check_parameter(const std::string& key, const ParameterSpec& p, SweepMethod method) {
  const std::string where = "parameters." + key;
  if (p.values.has_value() == (p.min || p.max))
    wrong(where, {.expected = "values, or min and max", .got = p.values ? "both" : "neither"});
  if (p.values) {
    if (p.values->empty()) wrong(where, {.expected = "at least one value", .got = "none"});
    return;
  }
  if (method == SweepMethod::grid)
    wrong(where, {.message = "a grid needs values, and this is a range", .hint = "list them, or use method random or sobol"});
  if (!p.min || !p.max || !(*p.min < *p.max))
    wrong(where, {.expected = "min below max", .got = fmt::format("{} and {}", p.min ? format_number(*p.min) : "none", p.max ? format_number(*p.max) : "none")});
  if (p.distribution == Spread::log_uniform_values && !(*p.min > 0))
    wrong(where, {.expected = "a min above 0 for log_uniform_values", .got = format_number(*p.min)});
  if (p.distribution == Spread::int_uniform && (*p.min != std::floor(*p.min) || *p.max != std::floor(*p.max)))
    wrong(where, {.expected = "whole numbers for int_uniform", .got = fmt::format("{} and {}", *p.min, *p.max)});
}

// The file itself, or beside the sweep file.
std::string found_from(const std::string& path, const fs::path& folder) {
  std::error_code none;
  return fs::exists(path, none) || folder.empty() || !fs::exists(folder / path, none) ? path : (folder / path).string();
}

}  // namespace

bool MetricSpec::maximize() const { return goal ? *goal == Goal::maximize : !name.ends_with("loss"); }

SweepSpec read_sweep(const std::string& file) {
  const ConfigNode root = load_file(file);
  Diagnostics diagnostics;
  SweepSpec spec = read<SweepSpec>(root, diagnostics);
  diagnostics.throw_if_any();
  const fs::path folder = fs::path(file).parent_path();
  if (spec.name.empty()) spec.name = fs::path(file).stem().string();
  for (std::vector<std::string>* files : {&spec.base, &spec.overlays})
    for (std::string& path : *files) path = found_from(path, folder);
  return spec;
}

void add_arguments(SweepSpec& spec, const std::vector<std::string>& arguments) {
  for (const std::string& argument : arguments) {
    const size_t equals = argument.find('=');
    if (equals == std::string::npos || equals == 0) refuse(argument, "not a setting", "write key=value, or key=32,64, or key=log(1e-4,1e-1)");
    const std::string key = argument.substr(0, equals), text = argument.substr(equals + 1);
    const Origin origin{.source = std::make_shared<const std::string>("argument " + in_quotes(argument)), .argument = true};
    const std::optional<ParameterSpec> parameter = parameter_of(argument, text, origin);
    erase_key(spec.parameters, key);
    erase_key(spec.settings, key);
    if (parameter) spec.parameters.emplace_back(key, *parameter);
    else spec.settings.emplace_back(key, parse_value(text, origin, {}));
  }
}

void check_sweep(const SweepSpec& spec) {
  if (spec.base.empty()) wrong("base", {.expected = "at least one config file", .got = "none"});
  if (spec.population) wrong("population", {.message = "training trials as one compiled step is not available yet", .hint = "remove the key"});
  const size_t dot = spec.metric.name.find('.');
  if (dot == std::string::npos || dot == 0 || dot + 1 == spec.metric.name.size())
    wrong("metric.name", {.expected = "a split and a metric, as validation.loss", .got = in_quotes(spec.metric.name)});
  for (const auto& [key, parameter] : spec.parameters) check_parameter(key, parameter, spec.method);
  for (const auto& [key, values] : spec.repeats)
    if (values.empty()) wrong("repeats." + key, {.expected = "at least one value", .got = "none"});
  const bool lists = spec.method == SweepMethod::list;
  if (lists == spec.trials.empty())
    wrong("trials", {.message = lists ? "method list needs the list of its trials" : "are for method list only"});
  if (lists && !(spec.parameters.empty() && spec.paired.empty()))
    wrong("trials", {.message = "method list takes no parameters", .hint = "put their values into the trials"});
  const bool endless = spec.method == SweepMethod::random || spec.method == SweepMethod::sobol || spec.method == SweepMethod::tpe;
  if (endless && !spec.run_cap)
    wrong("run_cap", {.message = fmt::format("method {} goes on for ever", enum_names(spec.method)[static_cast<size_t>(spec.method)]),
                      .hint = "say how many trials: --trials 20, or run_cap: 20"});
  if (endless && spec.parameters.empty() && spec.paired.empty())
    wrong("parameters", {.expected = "something that varies", .got = "nothing", .hint = "e.g. 'optimizer.learning_rate=log(1e-4,1e-1)'"});
}

}  // namespace nnx
