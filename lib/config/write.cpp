#include "config/write.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "config/scalar.h"

namespace nnx {
namespace {

// A double-quoted YAML scalar. Line breaks that Unicode knows beside \n are escaped too: a YAML reader would fold them.
std::string in_quotes(std::string_view text) {
  std::string out = "\"";
  for (size_t i = 0; i < text.size(); ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    const std::string_view rest = text.substr(i);
    if (c == '"' || c == '\\') out += fmt::format("\\{}", text[i]);
    else if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c < 0x20 || c == 0x7f) out += fmt::format("\\x{:02x}", c);
    else if (rest.starts_with("\xc2\x85")) out += "\\u0085", i += 1;
    else if (rest.starts_with("\xe2\x80\xa8")) out += "\\u2028", i += 2;
    else if (rest.starts_with("\xe2\x80\xa9")) out += "\\u2029", i += 2;
    else if (rest.starts_with("\xef\xbb\xbf")) out += "\\uFEFF", i += 2;
    else out += text[i];
  }
  return out + '"';
}

// An unquoted scalar keeps its plain form when it is one: a number, a word.
std::string scalar_text(const ConfigNode& node) {
  if (node.is_null()) return "null";
  const std::string& text = node.text();
  if (node.quoted()) return in_quotes(text);
  double number = 0;
  const bool plain = parse_number(text, number) == NumberStatus::good || parse_bool(text) || !needs_quotes(text);
  return plain ? text : in_quotes(text);
}

// A plain key that ends with + would append.
std::string key_text(const std::string& key) {
  return needs_quotes(key) || key.ends_with('+') ? in_quotes(key) : key;
}

bool is_leaf(const ConfigNode& node) { return node.is_null() || node.is_scalar(); }

// Written in the line of its key: leaves, lists of leaves, empty maps.
bool is_inline(const ConfigNode& node) {
  if (node.is_map()) return node.entries().empty();
  return std::all_of(node.items().begin(), node.items().end(), is_leaf);
}

class BlockWriter {
 public:
  explicit BlockWriter(const Comments* comments) : comments_(comments) {}

  void write(const ConfigNode& node, size_t indent) {
    for (const ConfigNode& item : node.items()) write_item("-", item, indent);
    for (const ConfigNode::Entry& entry : node.entries()) write_item(key_text(entry.key) + ':', entry.value, indent);
  }
  std::string text() && { return std::move(out_); }

 private:
  // `head` ("key:" or "-") and the value after it, in the same line or in the lines below.
  void write_item(const std::string& head, const ConfigNode& value, size_t indent) {
    const std::string margin(indent, ' ');
    if (const std::string above = comment(value, true); !above.empty()) out_ += margin + "# " + above + '\n';
    out_ += margin + head;
    const bool inside = comments_ ? is_leaf(value) || (value.items().empty() && value.entries().empty()) : is_inline(value);
    if (inside) out_ += ' ' + write_flow(value);
    if (const std::string behind = comment(value, false); !behind.empty()) out_ += "  # " + behind;
    out_ += '\n';
    if (!inside) write(value, indent + 2);
  }

  std::string comment(const ConfigNode& value, bool above) const {
    if (!comments_) return "";
    const auto& text_of = above ? comments_->above : comments_->behind;
    std::string text = text_of ? text_of(value) : "";
    for (char& c : text)
      if (static_cast<unsigned char>(c) < 0x20) c = ' ';
    return text;
  }

  const Comments* comments_;
  std::string out_;
};

nlohmann::ordered_json json_of(const ConfigNode& node) {
  if (node.is_null()) return nullptr;
  if (node.is_map()) {
    auto object = nlohmann::ordered_json::object();
    for (const ConfigNode::Entry& entry : node.entries()) object[entry.key] = json_of(entry.value);
    return object;
  }
  if (node.is_sequence()) {
    auto array = nlohmann::ordered_json::array();
    for (const ConfigNode& item : node.items()) array.push_back(json_of(item));
    return array;
  }
  if (node.quoted()) return node.text();
  if (const auto value = parse_bool(node.text())) return *value;
  Integer integer;
  if (parse_integer(node.text(), integer) == NumberStatus::good) {
    if (!integer.negative) return integer.magnitude;
    if (integer.magnitude <= uint64_t{1} << 63) return static_cast<int64_t>(uint64_t{0} - integer.magnitude);
  }
  double number = 0;
  if (parse_number(node.text(), number) == NumberStatus::good) return number;
  return node.text();
}

}  // namespace

std::string write_flow(const ConfigNode& node) {
  if (is_leaf(node)) return scalar_text(node);
  std::string out;
  for (const ConfigNode& item : node.items()) out += (out.empty() ? "" : ", ") + write_flow(item);
  for (const ConfigNode::Entry& entry : node.entries()) {
    out += (out.empty() ? "" : ", ") + key_text(entry.key) + ": " + write_flow(entry.value);
  }
  return node.is_map() ? '{' + out + '}' : '[' + out + ']';
}

std::string write_yaml(const ConfigNode& node) {
  if (is_inline(node)) return write_flow(node) + '\n';
  BlockWriter writer(nullptr);
  writer.write(node, 0);
  return std::move(writer).text();
}

std::string write_yaml(const ConfigNode& node, const Comments& comments) {
  if (is_leaf(node) || (node.items().empty() && node.entries().empty())) return write_flow(node) + '\n';
  BlockWriter writer(&comments);
  writer.write(node, 0);
  return std::move(writer).text();
}

std::string to_json(const ConfigNode& node) { return json_of(node).dump(2); }

}  // namespace nnx
