#include "config/interpolate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>

#include "base/error.h"
#include "base/trimmed.h"
#include "base/utf8.h"
#include "config/expression.h"
#include "config/scalar.h"

namespace nnx {
namespace {

constexpr int max_defaults = 8;  // ${env:A,${env:B,...}} inside of each other

[[noreturn]] void refuse_text(std::string message, std::string hint = "") {
  fail(ErrorKind::config, {.message = std::move(message), .hint = std::move(hint)});
}

// Part of a text: characters, or the inside of a ${...}.
struct Piece {
  std::string_view text;
  bool expression = false;
};

std::vector<Piece> pieces_of(std::string_view text) {
  std::vector<Piece> pieces;
  while (!text.empty()) {
    const size_t start = text.find("${");
    if (start == std::string_view::npos) {
      pieces.push_back({text});
      break;
    }
    if (start > 0 && text[start - 1] == '$') {  // the escape: without its first $ it is what it stands for
      if (start > 1) pieces.push_back({text.substr(0, start - 1)});
      pieces.push_back({text.substr(start, 2)});
      text.remove_prefix(start + 2);
      continue;
    }
    if (start > 0) pieces.push_back({text.substr(0, start)});
    size_t end = start + 2;
    for (int open = 1; open > 0; ++end) {
      if (end == text.size()) refuse_text("a ${ is never closed", "write $${ for the characters themselves");
      open += text[end] == '{' ? 1 : text[end] == '}' ? -1 : 0;
    }
    pieces.push_back({text.substr(start + 2, end - start - 3), true});
    text.remove_prefix(end);
  }
  return pieces;
}

// Nodes at and below `node`, and levels; counting stops beyond the limits.
void measure(const ConfigNode& node, size_t level, size_t most, size_t& nodes, size_t& depth) {
  depth = std::max(depth, level);
  if (++nodes > most || depth > max_config_depth) return;
  for (const ConfigNode& item : node.items()) measure(item, level + 1, most, nodes, depth);
  for (const ConfigNode::Entry& entry : node.entries()) measure(entry.value, level + 1, most, nodes, depth);
}

// A value read as a word of a config, as an argument is.
ConfigNode word(std::string text, const ConfigNode& at) {
  if (!text.empty() && is_null_word(text)) return ConfigNode::null(at.origin(), at.path());
  const bool empty = text.empty();
  return ConfigNode::scalar(std::move(text), empty, at.origin(), at.path());
}

std::string quoted(std::string_view expression) { return in_quotes(fmt::format("${{{}}}", expression)); }

class Interpolation {
 public:
  Interpolation(const ConfigNode& at, Scope& scope) : at_(at), scope_(scope) {}

  ConfigNode run() {
    const std::vector<Piece> pieces = pieces_of(at_.text());
    if (pieces.size() == 1 && pieces[0].expression) return whole(pieces[0].text);
    bool left = false;
    std::string text = joined(pieces, 0, left);
    // An escape stays one as long as the text is to be interpolated again.
    if (left || scope_.again) return ConfigNode::scalar(again(pieces), at_.quoted(), at_.origin(), at_.path());
    return ConfigNode::scalar(std::move(text), at_.quoted(), at_.origin(), at_.path());
  }

 private:
  ConfigNode whole(std::string_view expression) {
    if (const auto value = environment(expression, 0)) return word(*value, at_);
    const Expression parsed = parse(expression);
    if (stays(parsed)) {
      return ConfigNode::scalar("${" + rest_of(expression, parsed) + "}", at_.quoted(), at_.origin(), at_.path());
    }
    if (parsed.is_one_name()) return copied(found(parsed.names()[0].text));
    return ConfigNode::scalar(std::to_string(number(expression, parsed)), false, at_.origin(), at_.path());
  }

  std::string joined(const std::vector<Piece>& pieces, int defaults, bool& left) {
    std::string text;
    for (const Piece& piece : pieces) {
      text += piece.expression ? text_of(piece.text, defaults, left) : std::string(piece.text);
      if (text.size() > scope_.bytes) refuse_text(fmt::format("more than {} bytes of interpolated text", max_config_bytes));
    }
    scope_.bytes -= text.size();
    return text;
  }

  // The text of what a ${...} between other characters stands for.
  std::string text_of(std::string_view expression, int defaults, bool& left) {
    if (const auto value = environment(expression, defaults)) return *value;
    const Expression parsed = parse(expression);
    if (stays(parsed)) {
      left = true;
      return "";
    }
    if (!parsed.is_one_name()) return std::to_string(number(expression, parsed));
    const ConfigNode value = found(parsed.names()[0].text);
    if (!value.is_scalar())
      refuse_text(fmt::format("{} is {} and cannot stand inside of a text", quoted(expression), value.describe()));
    return value.text();
  }

  // The text again, with what can be replaced already.
  std::string again(const std::vector<Piece>& pieces) {
    std::string text;
    for (const Piece& piece : pieces) {
      bool left = false;
      if (!piece.expression) {
        text += piece.text == "${" ? "$${" : std::string(piece.text);
      } else if (const std::string value = text_of(piece.text, 0, left); left) {
        text += "${" + rest_of(piece.text, parse(piece.text)) + "}";
      } else {
        text += value;
      }
    }
    return text;
  }

  Expression parse(std::string_view expression) const {
    if (trimmed(expression).empty()) refuse_text("${} is empty", "write $${ for the characters themselves");
    try {
      return Expression(expression);
    } catch (const Error& error) { in_expression(expression, error); }
  }

  bool is_left(const Expression::Name& name) const {
    const std::string first = name.text.substr(0, name.text.find_first_of(".["));
    return std::find(scope_.left.begin(), scope_.left.end(), first) != scope_.left.end();
  }
  bool stays(const Expression& parsed) const {
    return std::any_of(parsed.names().begin(), parsed.names().end(), [&](const auto& name) { return is_left(name); });
  }
  std::string rest_of(std::string_view expression, const Expression& parsed) {
    std::string text;
    size_t done = 0;
    for (const Expression::Name& name : parsed.names()) {
      text += expression.substr(done, name.begin - done);
      text += is_left(name) ? name.text : std::to_string(integer(name.text));
      done = name.end;
    }
    return text += expression.substr(done);
  }

  int64_t number(std::string_view expression, const Expression& parsed) {
    try {
      return parsed.evaluate([this](const std::string& name) { return integer(name); });
    } catch (const Error& error) { in_expression(expression, error); }
  }

  // Says which ${...} it was, unless the error is that of another place.
  [[noreturn]] void in_expression(std::string_view expression, const Error& error) const {
    ErrorParts parts = error.parts();
    if (parts.where.empty()) parts.where = "in " + quoted(expression);
    fail(error.kind(), std::move(parts));
  }

  int64_t integer(const std::string& name) {
    const ConfigNode value = found(name);
    Integer number;
    const bool plain = value.is_scalar() && !value.quoted();
    const bool good = plain && parse_integer(value.text(), number) == NumberStatus::good &&
                      number.magnitude <= static_cast<uint64_t>(INT64_MAX);
    if (!good)
      refuse_text(fmt::format("expected an integer for {}, got {} ({})", in_quotes(name), value.describe(),
                         value.origin().text()));
    return number.negative ? -static_cast<int64_t>(number.magnitude) : static_cast<int64_t>(number.magnitude);
  }

  ConfigNode found(const std::string& name) {
    if (auto value = scope_.find(name)) return std::move(*value);
    const std::string near = scope_.names ? nearest(name, scope_.names(name)) : "";
    refuse_text(fmt::format("{}: there is no such key", quoted(name)),
           near.empty() ? "" : fmt::format("did you mean '{}'?", near));
  }

  // The value at the place of the scalar that asked for it.
  ConfigNode copied(const ConfigNode& value) {
    size_t nodes = 0, depth = 0;
    measure(value, at_.path().depth(), scope_.nodes, nodes, depth);
    if (depth > max_config_depth) refuse_text(fmt::format("interpolated values nest deeper than {} levels", max_config_depth));
    if (nodes > scope_.nodes) refuse_text(fmt::format("more than {} interpolated values", max_config_nodes));
    scope_.nodes -= nodes;
    const ConfigNode moved = value.moved_to(at_.path());
    if (value.is_null()) return ConfigNode::null(at_.origin(), at_.path());
    if (value.is_map()) return ConfigNode::map(moved.entries(), at_.origin(), at_.path());
    if (value.is_sequence()) return ConfigNode::sequence(moved.items(), at_.origin(), at_.path());
    return ConfigNode::scalar(value.text(), value.quoted(), at_.origin(), at_.path());
  }

  // The value of env:NAME,default; nullopt for other expressions.
  std::optional<std::string> environment(std::string_view expression, int defaults) {
    if (!expression.starts_with("env:")) return std::nullopt;
    const size_t comma = expression.find(',');
    const std::string name(trimmed(expression.substr(4, comma == std::string_view::npos ? comma : comma - 4)));
    const bool good = !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
      return c == '_' || (c < 0x80 && std::isalnum(c));
    });
    if (!good) refuse_text(fmt::format("{} is not the name of an environment variable", in_quotes(name)));
    if (const char* value = std::getenv(name.c_str())) {
      if (std::string_view(value).size() > max_config_bytes || invalid_utf8(value))
        refuse_text(fmt::format("the environment variable {} is too long or not valid UTF-8", name));
      return value;
    }
    if (comma == std::string_view::npos)
      refuse_text(fmt::format("the environment variable {} is not set", name),
             fmt::format("${{env:{},default}} has a default", name));
    if (defaults == max_defaults) refuse_text("defaults of environment variables nest too deep");
    bool left = false;
    std::string value = joined(pieces_of(trimmed(expression.substr(comma + 1))), defaults + 1, left);
    if (left) refuse_text("an argument of a module cannot be the default of an environment variable");
    return value;
  }

  const ConfigNode& at_;
  Scope& scope_;
};

}  // namespace

bool has_interpolation(std::string_view text) { return text.find("${") != std::string_view::npos; }

ConfigNode interpolate(const ConfigNode& node, Scope& scope) {
  if (!node.is_scalar() || !has_interpolation(node.text())) return node;
  try {
    return Interpolation(node, scope).run();
  } catch (const Error& error) {
    if (dynamic_cast<const ConfigError*>(&error)) throw;
    ErrorParts parts = error.parts();
    parts.where = node.where() + (parts.where.empty() ? "" : ": " + parts.where);
    fail(node.origin().argument ? ErrorKind::usage : ErrorKind::config, std::move(parts));
  }
}

ConfigNode interpolate_all(const ConfigNode& node, Scope& scope, Diagnostics& diagnostics) {
  if (node.is_scalar()) {
    try {
      return interpolate(node, scope);
    } catch (const ConfigError&) {  // reported where it came from
    } catch (const Error& error) { diagnostics.report(node.origin(), error); }
    diagnostics.mark_broken(node.path());
  } else if (node.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(interpolate_all(item, scope, diagnostics));
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  } else if (node.is_map()) {
    std::vector<ConfigNode::Entry> entries = node.entries();
    for (ConfigNode::Entry& entry : entries) entry.value = interpolate_all(entry.value, scope, diagnostics);
    return ConfigNode::map(std::move(entries), node.origin(), node.path());
  }
  return node;
}

namespace {

ConfigNode escaped(const ConfigNode& node) {
  if (node.is_scalar() && has_interpolation(node.text())) {
    std::string text = node.text();
    for (size_t at = 0; (at = text.find("${", at)) != std::string::npos; at += 3) text.insert(at, "$");
    return ConfigNode::scalar(std::move(text), node.quoted(), node.origin(), node.path());
  }
  if (node.is_sequence()) {
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(escaped(item));
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  }
  std::vector<ConfigNode::Entry> entries = node.entries();
  for (ConfigNode::Entry& entry : entries) entry.value = escaped(entry.value);
  return node.is_map() ? ConfigNode::map(std::move(entries), node.origin(), node.path()) : node;
}

}  // namespace

ConfigNode escape_interpolation(const ConfigNode& root) {
  std::vector<ConfigNode::Entry> entries = root.entries();
  for (ConfigNode::Entry& entry : entries)
    if (entry.key != "modules") entry.value = escaped(entry.value);
  return ConfigNode::map(std::move(entries), root.origin(), root.path());
}

}  // namespace nnx
