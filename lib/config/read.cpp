#include "config/read.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "config/write.h"

namespace nnx::config_detail {
namespace {

// "at least 1", "in [0, 1)": what the bounds of a field say, or "".
std::string range_text(const Field& field) {
  if (field.min && field.max) {
    return fmt::format("in {}{}, {}{}", field.min_open ? '(' : '[', format_number(*field.min),
                       format_number(*field.max), field.max_open ? ')' : ']');
  }
  if (field.min) return fmt::format("{} {}", field.min_open ? "above" : "at least", format_number(*field.min));
  if (field.max) return fmt::format("{} {}", field.max_open ? "below" : "at most", format_number(*field.max));
  return "";
}

// "an integer of at least 1", "a number in [0, 1]", "a number above 0"
std::string expected_text(std::string_view what, const Field& field) {
  const std::string range = range_text(field);
  if (range.empty()) return std::string(what);
  return fmt::format("{} {}{}", what, range.starts_with("at ") ? "of " : "", range);
}

bool in_range(long double value, const Field& field) {
  if (field.min && (field.min_open ? value <= *field.min : value < *field.min)) return false;
  if (field.max && (field.max_open ? value >= *field.max : value > *field.max)) return false;
  return true;
}

std::string join(const std::vector<std::string>& names) { return fmt::format("{}", fmt::join(names, ", ")); }

template <class T> void read_float(const ConfigNode& node, const Field& field, T& out, Diagnostics& diagnostics) {
  T value{};
  const bool plain = node.is_scalar() && !node.quoted();
  const NumberStatus status = plain ? parse_number(node.text(), value) : NumberStatus::not_a_number;
  if (status == NumberStatus::good && in_range(value, field)) {
    out = value;
  } else if (status == NumberStatus::out_of_range) {
    diagnostics.report(
        node, {.expected = fmt::format("a number that fits in {} bits", sizeof(T) * 8), .got = node.describe()});
  } else {
    diagnostics.report(node, {.expected = expected_text("a number", field), .got = node.describe()});
  }
}

}  // namespace

void read_bool(const ConfigNode& node, bool& out, Diagnostics& diagnostics) {
  const auto value = node.is_scalar() && !node.quoted() ? parse_bool(node.text()) : std::nullopt;
  if (value) {
    out = *value;
  } else {
    diagnostics.report(node, {.expected = "true or false", .got = node.describe()});
  }
}

std::optional<Integer> read_integer(const ConfigNode& node, const Field& field, IntegerLimits limits,
                                    Diagnostics& diagnostics) {
  Integer value;
  const bool plain = node.is_scalar() && !node.quoted();
  NumberStatus status = plain ? parse_integer(node.text(), value) : NumberStatus::not_a_number;
  if (status == NumberStatus::good) {
    const bool fits = value.negative ? value.magnitude <= uint64_t{0} - static_cast<uint64_t>(limits.min)
                                     : value.magnitude <= limits.max;
    const long double exact = static_cast<long double>(value.magnitude) * (value.negative ? -1 : 1);
    if (fits && in_range(exact, field)) return value;
    if (!fits && in_range(exact, field)) status = NumberStatus::out_of_range;
  }
  if (status == NumberStatus::out_of_range) {
    diagnostics.report(
        node, {.expected = fmt::format("an integer in [{}, {}]", limits.min, limits.max), .got = node.describe()});
  } else {
    diagnostics.report(node, {.expected = expected_text("an integer", field), .got = node.describe()});
  }
  return std::nullopt;
}

void read_number(const ConfigNode& node, const Field& field, double& out, Diagnostics& diagnostics) {
  read_float(node, field, out, diagnostics);
}
void read_number(const ConfigNode& node, const Field& field, float& out, Diagnostics& diagnostics) {
  read_float(node, field, out, diagnostics);
}

void read_string(const ConfigNode& node, const Field& field, std::string& out, Diagnostics& diagnostics) {
  if (!field.one_of.empty()) {
    if (const auto i = read_choice(node, field.one_of, diagnostics)) out = field.one_of[*i];
  } else if (node.is_scalar()) {
    out = node.text();
  } else {
    diagnostics.report(node, {.expected = "a string", .got = node.describe()});
  }
}

std::optional<size_t> read_choice(const ConfigNode& node, const std::vector<std::string_view>& names,
                                  Diagnostics& diagnostics) {
  const auto found = node.is_scalar() ? std::find(names.begin(), names.end(), node.text()) : names.end();
  if (found != names.end()) return static_cast<size_t>(found - names.begin());
  const std::vector<std::string> known(names.begin(), names.end());
  const std::string near = node.is_scalar() ? nearest(node.text(), known) : "";
  diagnostics.report(node, {.expected = "one of " + join(known),
                            .got = node.describe(),
                            .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
  return std::nullopt;
}

bool expect_list(const ConfigNode& node, Diagnostics& diagnostics) {
  if (!node.is_sequence()) diagnostics.report(node, {.expected = "a list", .got = node.describe()});
  return node.is_sequence();
}

bool expect_map(const ConfigNode& node, Diagnostics& diagnostics) {
  if (!node.is_map()) diagnostics.report(node, {.expected = "a map", .got = node.describe()});
  return node.is_map();
}

KeyReader::KeyReader(const ConfigNode& node, bool component, Diagnostics& diagnostics)
    : node_(node), diagnostics_(diagnostics) {
  if (component) known_.push_back("type");
}

const ConfigNode* KeyReader::take(std::string_view name, const Field& field) {
  known_.emplace_back(name);
  const ConfigNode* value = node_.find(name);
  if (!value && field.required) missing_.emplace_back(std::string(name), std::string(field.help));
  return value;
}

void KeyReader::finish() {
  std::vector<std::string> meant;
  for (const ConfigNode::Entry& entry : node_.entries()) {
    if (std::find(known_.begin(), known_.end(), entry.key) != known_.end()) continue;
    if (entry.leftover) {
      diagnostics_.drop(entry.origin, entry.value.path());
      continue;
    }
    const std::string near = nearest(entry.key, known_);
    std::string hint = near.empty() ? "" : fmt::format("did you mean '{}'? ", near);
    hint += known_.empty() ? "no keys are known here" : "known keys: " + join(known_);
    // An unknown key on the command line is a mistake in the command, not in the file.
    const ErrorKind kind = entry.origin.argument ? ErrorKind::usage : ErrorKind::config;
    diagnostics_.report(entry.origin, node_.path().key(entry.key).text(), {.message = "unknown key", .hint = hint},
                        kind);
    if (!near.empty()) meant.push_back(near);
  }
  for (const auto& [name, help] : missing_) {
    // A misspelt key was reported already.
    if (std::find(meant.begin(), meant.end(), name) != meant.end()) continue;
    diagnostics_.report(node_.origin(), node_.path().key(name).text(),
                        {.message = "this key is required", .hint = help});
  }
}

ConfigNode bool_node(bool value, const Origin& origin, const KeyPath& path) {
  return ConfigNode::scalar(value ? "true" : "false", false, origin, path);
}
ConfigNode integer_node(std::string text, const Origin& origin, const KeyPath& path) {
  return ConfigNode::scalar(std::move(text), false, origin, path);
}
ConfigNode string_node(const std::string& text, const Origin& origin, const KeyPath& path) {
  return ConfigNode::scalar(text, needs_quotes(text), origin, path);
}

const ConfigNode* child_of(const ConfigNode* source, std::string_view key) {
  return source ? source->find(key) : nullptr;
}

const ConfigNode* child_of(const ConfigNode* source, size_t index) {
  return source && index < source->items().size() ? &source->items()[index] : nullptr;
}

FieldDoc field_doc(std::string_view name, std::string type, const ComponentField& given, bool with_default,
                   const ConfigNode& default_value) {
  const Field& field = given;
  FieldDoc doc{.name = std::string(name), .type = std::move(type), .help = std::string(field.help)};
  doc.range = range_text(field);
  doc.min = field.min, doc.max = field.max;
  doc.min_open = field.min_open, doc.max_open = field.max_open;
  doc.one_of.assign(field.one_of.begin(), field.one_of.end());
  doc.required = field.required;
  doc.component = given.component;
  constexpr std::string_view unread = "component";  // and no registry reads it
  if (doc.component.empty() && doc.type.ends_with(unread)) doc.type.replace(doc.type.size() - unread.size(), unread.size(), "value");
  doc.or_number = given.or_number;
  if (with_default && !field.required) doc.default_value = write_flow(default_value);
  return doc;
}

}  // namespace nnx::config_detail
