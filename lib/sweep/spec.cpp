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

class SpecChecker {
 public:
  explicit SpecChecker(const SweepSpec& spec) : spec_(spec) {}

  void run() {
    if (spec_.base.empty()) wrong("base", {.expected = "at least one config file", .got = "none"});
    if (spec_.population && spec_.method == SweepMethod::tpe)
      wrong("population", {.message = "method tpe chooses a trial when others have finished, and a population begins with all",
                           .hint = "use method random or sobol"});
    const size_t dot = spec_.metric.name.find('.');
    if (dot == std::string::npos || dot == 0 || dot + 1 == spec_.metric.name.size())
      wrong("metric.name", {.expected = "a split and a metric, as validation.loss", .got = in_quotes(spec_.metric.name)});
    for (const auto& [key, parameter] : spec_.parameters) check_parameter("parameters." + key, parameter);
    for (const auto& [key, values] : spec_.repeats)
      if (values.empty()) wrong("repeats." + key, {.expected = "at least one value", .got = "none"});
    check_twice();
    check_method();
    diagnostics_.throw_if_any();
  }

 private:
  void wrong(const std::string& key, ErrorParts parts) { diagnostics_.report(origin_of(spec_, key), key, std::move(parts)); }

  void check_parameter(const std::string& where, const ParameterSpec& p) {
    if (p.values.has_value() == (p.min || p.max))
      return wrong(where, {.expected = "values, or min and max", .got = p.values ? "both" : "neither"});
    if (p.values) {
      if (p.values->empty()) wrong(where, {.expected = "at least one value", .got = "none"});
      return;
    }
    if (spec_.method == SweepMethod::grid)
      return wrong(where, {.message = "a grid needs values, and this is a range", .hint = "list them, or use method random or sobol"});
    if (!p.min || !p.max || !(*p.min < *p.max))
      return wrong(where, {.expected = "min below max", .got = fmt::format("{} and {}", p.min ? format_number(*p.min) : "none", p.max ? format_number(*p.max) : "none")});
    if (p.distribution == Spread::log_uniform_values && !(*p.min > 0))
      wrong(where, {.expected = "a min above 0 for log_uniform_values", .got = format_number(*p.min)});
    if (p.distribution == Spread::int_uniform && (*p.min != std::floor(*p.min) || *p.max != std::floor(*p.max)))
      wrong(where, {.expected = "whole numbers for int_uniform", .got = fmt::format("{} and {}", *p.min, *p.max)});
  }

  // A key has one source of its values.
  void check_twice() {
    std::map<std::string, std::string> from;
    const auto claim = [&](const std::string& key, const std::string& part) {
      if (const auto [it, fresh] = from.emplace(key, part); !fresh && it->second != part)
        wrong(part == "paired" ? part : part + "." + key,
              {.message = fmt::format("{} is set in {}, too", in_quotes(key), it->second), .hint = "one of the two is enough"});
    };
    for (const auto& [key, values] : spec_.parameters) claim(key, "parameters");
    for (const Assignments& pair : spec_.paired)
      for (const auto& [key, value] : pair) claim(key, "paired");
    for (const auto& [key, values] : spec_.repeats) claim(key, "repeats");
  }

  void check_method() {
    const bool lists = spec_.method == SweepMethod::list;
    if (lists == spec_.trials.empty())
      wrong("trials", {.message = lists ? "method list needs the list of its trials" : "are for method list only"});
    if (lists && !(spec_.parameters.empty() && spec_.paired.empty()))
      wrong(spec_.parameters.empty() ? "paired" : "parameters",
            {.message = "method list takes its values from trials alone", .hint = "put them there, or use another method"});
    const bool endless = spec_.method == SweepMethod::random || spec_.method == SweepMethod::sobol || spec_.method == SweepMethod::tpe;
    if (endless && !spec_.run_cap)
      wrong("run_cap", {.message = fmt::format("method {} goes on for ever", enum_names(spec_.method)[static_cast<size_t>(spec_.method)]),
                        .hint = "say how many trials: --trials 20, or run_cap: 20"});
    if (endless && spec_.parameters.empty() && spec_.paired.empty())
      wrong("parameters", {.expected = "something that varies", .got = "nothing", .hint = "e.g. 'optimizer.learning_rate=log(1e-4,1e-1)'"});
  }

  const SweepSpec& spec_;
  Diagnostics diagnostics_;
};

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
  spec.written[""] = root.origin();
  for (const ConfigNode::Entry& entry : root.entries()) {
    spec.written[entry.key] = entry.origin;
    for (const ConfigNode::Entry& inner : entry.value.entries()) spec.written[entry.key + "." + inner.key] = inner.origin;
  }
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
    spec.written[(parameter ? "parameters." : "settings.") + key] = origin;
    erase_key(spec.parameters, key);
    erase_key(spec.settings, key);
    if (parameter) spec.parameters.emplace_back(key, *parameter);
    else spec.settings.emplace_back(key, parse_value(text, origin, {}));
  }
}

void check_sweep(const SweepSpec& spec) { SpecChecker(spec).run(); }

Origin origin_of(const SweepSpec& spec, std::string key) {
  static const Origin command_line{.source = std::make_shared<const std::string>("sweep"), .argument = true};
  for (;;) {
    if (const auto found = spec.written.find(key); found != spec.written.end()) return found->second;
    if (key.empty()) return command_line;
    const size_t dot = key.find('.');   // a key of the config has dots of its own
    key = dot == std::string::npos ? "" : key.substr(0, dot);
  }
}

void fail_at(const SweepSpec& spec, const std::string& key, ErrorParts parts) {
  Diagnostics diagnostics;
  diagnostics.report(origin_of(spec, key), key, std::move(parts));
  diagnostics.throw_if_any();
  fail(ErrorKind::internal, {.message = "a reported error was lost"});
}

}  // namespace nnx
