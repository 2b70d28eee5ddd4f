#include "nnx/glob.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "base/error.h"

namespace nnx {
namespace {

constexpr size_t most_alternatives = 1000, longest_glob = 1000;

[[noreturn]] void refuse(std::string_view glob, std::string expected, std::string hint = "") {
  fail(ErrorKind::config, {.where = "path", .expected = std::move(expected), .got = in_quotes(glob), .hint = std::move(hint)});
}

struct Slice {
  int64_t first = 0, end = INT64_MAX;
};

std::optional<int64_t> number_in(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() && value >= 0 ? std::optional(value) : std::nullopt;
}

// `2:6`, `2:` or `:6`; nullopt for anything else.
std::optional<Slice> slice_of(std::string_view text) {
  const size_t colon = text.find(':');
  if (colon == text.npos) return std::nullopt;
  Slice slice;
  if (colon > 0) {
    const auto first = number_in(text.substr(0, colon));
    if (!first) return std::nullopt;
    slice.first = *first;
  }
  if (colon + 1 < text.size()) {
    const auto end = number_in(text.substr(colon + 1));
    if (!end) return std::nullopt;
    slice.end = *end;
  }
  return slice;
}

// One step without braces: `*` and slices.
bool step_matches(std::string_view glob, std::string_view text) {
  if (glob.empty()) return text.empty();
  while (glob.starts_with("**")) glob.remove_prefix(1);
  if (glob[0] == '*') return step_matches(glob.substr(1), text) || (!text.empty() && step_matches(glob, text.substr(1)));
  if (glob[0] != '[') return !text.empty() && glob[0] == text[0] && step_matches(glob.substr(1), text.substr(1));
  const size_t close = glob.find(']');
  const Slice slice = *slice_of(glob.substr(1, close - 1));
  const size_t digits = std::min(text.find_first_not_of("0123456789"), text.size());
  const auto number = number_in(text.substr(0, digits));
  return number && *number >= slice.first && *number < slice.end && step_matches(glob.substr(close + 1), text.substr(digits));
}

// `a{b,c}d` -> abd, acd.
void expand_braces(std::string_view whole, std::string_view step, std::vector<std::string>& out) {
  const size_t open = step.find('{');
  if (open == step.npos) {
    if (step.find('}') != step.npos) refuse(whole, "a '{' for each '}'");
    if (out.size() == most_alternatives) refuse(whole, "at most 1000 alternatives in one step");
    out.emplace_back(step);
    return;
  }
  const size_t close = step.find('}', open);
  if (close == step.npos) refuse(whole, "a '}' for each '{'");
  if (step.find('{', open + 1) < close) refuse(whole, "braces that are not nested");
  for (size_t start = open + 1; start <= close;) {
    const size_t end = std::min(step.find(',', start), close);
    std::string one(step.substr(0, open));
    one += step.substr(start, end - start);
    one += step.substr(close + 1);
    expand_braces(whole, one, out);
    start = end + 1;
  }
}

void check_brackets(std::string_view whole, std::string_view step) {
  for (size_t at = 0; (at = step.find_first_of("[]", at)) != step.npos;) {
    const size_t close = step.find(']', at);
    if (step[at] == ']' || close == step.npos || !slice_of(step.substr(at + 1, close - at - 1)))
      refuse(whole, "brackets that hold a range such as [2:6]");
    at = close + 1;
  }
}

}  // namespace

Glob::Glob(std::string_view text) {
  if (text.empty()) refuse(text, "a path");
  if (text.size() > longest_glob) refuse(std::string(text.substr(0, 40)) + "...", fmt::format("a path of at most {} characters", longest_glob));
  if (text.find('/') != text.npos) refuse(text, "steps joined by '.'", "such as blocks.*.kernel");
  for (size_t start = 0; start <= text.size();) {
    const size_t dot = std::min(text.find('.', start), text.size());
    const std::string_view step = text.substr(start, dot - start);
    if (step.empty()) refuse(text, "a name between the dots");
    start = dot + 1;
    if (step == "**" && !steps_.empty() && steps_.back()[0] == "**") continue;   // as one
    check_brackets(text, step);
    expand_braces(text, step, steps_.emplace_back());
  }
}

bool Glob::matches(std::span<const Key> path) const { return matches_from(0, path); }

bool Glob::matches_from(size_t step, std::span<const Key> path) const {
  if (step == steps_.size()) return path.empty();
  const std::vector<std::string>& alternatives = steps_[step];
  if (alternatives[0] == "**") return matches_from(step + 1, path) || (!path.empty() && matches_from(step, path.subspan(1)));
  if (path.empty()) return false;
  const std::string name = path[0].to_string();
  return std::ranges::any_of(alternatives, [&](const std::string& a) { return step_matches(a, name); }) &&
         matches_from(step + 1, path.subspan(1));
}

}  // namespace nnx
