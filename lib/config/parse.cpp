#include "config/parse.h"

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <sstream>
#include <unordered_map>

#include "base/error.h"
#include "base/trimmed.h"
#include "base/utf8.h"
#include "config/scalar.h"
#include "config/text_marks.h"
#include "config/yaml_source.h"

namespace nnx {

using config_detail::YamlSource;

namespace {

using YAML::anchor_t;
using YAML::Mark;

// Builds the tree bottom up from the events of one document. Beyond a limit it throws at once, so that yaml-cpp never
// gets to read deeper or longer.
class Builder : public YAML::EventHandler {
 public:
  Builder(YamlSource& source, KeyPath base) : source_(source), base_(std::move(base)) {}

  const ConfigNode& root() const { return root_; }

  // Refuses a list or map in brackets that does not end where it should.
  [[noreturn]] void refuse_unclosed(const Origin& here) const {
    if (stack_.empty()) source_.refuse(here, "malformed YAML: a bracket is not closed");
    const Open& top = stack_.back();
    const char* what = top.is_map ? "map" : "list";
    const std::string began =
        here.argument ? "" : fmt::format(" that begins at {}:{}", top.origin.line, top.origin.column);
    // The braces of an interpolation end a plain text in brackets: the mistake everybody makes once.
    const bool interpolation = source_.line_of(here).find("${") != std::string_view::npos;
    source_.refuse(here, fmt::format("malformed YAML: expected ',' or the end of the {}{}", what, began),
                   interpolation ? "inside of brackets an interpolation stands in quotes: \"${...}\"" : "");
  }

  void OnDocumentStart(const Mark&) override {}
  void OnDocumentEnd() override {}

  void OnNull(const Mark& mark, anchor_t anchor) override {
    Origin here = enter(mark, "", anchor, false);
    // The mark of an empty value is that of whatever comes next: the key is the better place.
    if (!stack_.empty() && stack_.back().has_key && here.line != stack_.back().key_origin.line) {
      here = stack_.back().key_origin;
    }
    if (expects_key()) return drop_key(here, "a key is missing or null", "quote a key that is called null or ~");
    add(ConfigNode::null(here, next_path()));
  }

  void OnAlias(const Mark& mark, anchor_t) override {
    const Origin here = source_.at(mark);
    report_alias(here);
    if (expects_key()) return drop_key(here);
    source_.mark_broken(next_path());
    add(ConfigNode::null(here, next_path()));
  }

  void OnScalar(const Mark& mark, const std::string& tag, anchor_t anchor, const std::string& value) override {
    const Origin here = enter(mark, tag, anchor, false);
    const bool is_quoted = tag == "!";
    if (is_quoted) check_closed(mark, here);
    if (value.find('\0') != std::string::npos) source_.refuse(here, "a NUL character is not allowed");
    // yaml-cpp turns these two escapes into bytes that are no UTF-8.
    if (invalid_utf8(value))
      source_.refuse(here, "the escapes \\N and \\_ are not supported", "write \\u0085 or \\u00a0");
    if (expects_key()) return add_key(here, value, is_quoted);
    if (edit_ == Edit::remove) {
      if (!value.empty()) source_.report(here, "!delete stands alone, without a value");
      return add(ConfigNode::null(here, next_path()));
    }
    if (edit_ == Edit::replace && value.empty()) return add(ConfigNode::null(here, next_path()));
    std::vector<TextMark> marks;
    if (!here.argument) marks = text_marks(source_.text, static_cast<size_t>(mark.pos), here, value);
    add(ConfigNode::scalar(value, is_quoted, here, next_path(), std::move(marks)));
  }

  void OnSequenceStart(const Mark& mark, const std::string& tag, anchor_t anchor, YAML::EmitterStyle::value) override {
    open_collection(false, mark, tag, anchor);
  }
  void OnSequenceEnd() override {
    Open top = close_collection();
    edit_ = top.edit;
    add(ConfigNode::sequence(std::move(top.items), top.origin, top.path));
  }
  void OnMapStart(const Mark& mark, const std::string& tag, anchor_t anchor, YAML::EmitterStyle::value) override {
    open_collection(true, mark, tag, anchor);
  }
  void OnMapEnd() override {
    Open top = close_collection();
    edit_ = top.edit;
    add(ConfigNode::map(std::move(top.entries), top.origin, top.path));
  }

  void report_alias(const Origin& here) const {
    source_.report(here, "YAML anchors and aliases are not supported",
                   "${key} repeats a value; quote a text that begins with & or *");
  }

 private:
  struct Open {
    bool is_map;
    Origin origin;
    KeyPath path;
    std::vector<ConfigNode> items = {};
    std::vector<ConfigNode::Entry> entries = {};
    std::unordered_map<std::string, Origin> seen = {};  // keys and where they stood first
    Edit edit = Edit::merge;                            // of the list or map itself
    bool has_key = false;                               // `key` waits for its value,
    bool dropped = false;                               // which nobody will see
    bool appends = false;                               // it was written key+
    std::string key = {};
    Origin key_origin = {};
  };

  // What holds for every node: no anchor, no tag but those of edits, not too many.
  Origin enter(const Mark& mark, const std::string& tag, anchor_t anchor, bool collection) {
    const Origin here = source_.at(mark);
    edit_ = Edit::merge;
    if (anchor != YAML::NullAnchor) report_alias(here);
    // yaml-cpp's own marks: "?" for plain, "!" for quoted.
    if (tag == "!delete" || tag == "!replace") {
      const bool of_key = !stack_.empty() && stack_.back().is_map && stack_.back().has_key;
      if (!of_key) source_.report(here, fmt::format("{} can only stand before the value of a key", tag));
      else if (stack_.back().appends) source_.report(here, fmt::format("{} cannot be appended", tag));
      else if (tag == "!delete" && collection) source_.report(here, "!delete stands alone, without a value");
      else edit_ = tag == "!delete" ? Edit::remove : Edit::replace;
    } else if (!tag.empty() && tag != "?" && tag != "!") {
      source_.report(here, fmt::format("the YAML tag {} is not supported", in_quotes(tag)),
                     "remove it; the tags there are !delete and !replace");
    }
    if (++nodes_ > max_config_nodes) source_.refuse(here, fmt::format("more than {} values", max_config_nodes));
    return here;
  }

  // yaml-cpp lets a quoted text run to the end of the file without its closing quote.
  void check_closed(const Mark& mark, const Origin& here) {
    const std::string_view text = source_.text;
    const size_t begin = static_cast<size_t>(mark.pos);
    if (begin >= text.size()) return;
    const char quote = text[begin];
    if (quote == '!') source_.refuse(here, "the YAML tag '!' is not supported", "remove it");
    if (quote != '"' && quote != '\'') return;  // a block text
    for (size_t i = begin + 1; i < text.size(); ++i) {
      if (quote == '"' && text[i] == '\\') ++i;
      else if (quote == '\'' && text.substr(i).starts_with("''")) ++i;
      else if (text[i] == quote) return;
    }
    source_.refuse(here, "malformed YAML: the quoted text that begins here is never closed");
  }

  bool expects_key() const { return !stack_.empty() && stack_.back().is_map && !stack_.back().has_key; }

  KeyPath next_path() const {
    if (stack_.empty()) return base_;
    const Open& top = stack_.back();
    return top.is_map ? top.path.key(top.key) : top.path.index(top.items.size());
  }

  // Reports a key unless that was done, and forgets the value that follows.
  void drop_key(const Origin& here, std::string message = "", std::string hint = "") {
    if (!message.empty()) source_.report(here, std::move(message), std::move(hint));
    Open& top = stack_.back();
    top.has_key = top.dropped = true;
    top.appends = false;
    top.key = "?";
    top.key_origin = here;
  }

  void add_key(const Origin& here, std::string key, bool is_quoted) {
    if (key == "<<" && !is_quoted)
      return drop_key(here, "merge keys (<<) are not supported", "use include: or a second --config file");
    const bool appends = key.ends_with('+') && !is_quoted;
    if (appends) key.pop_back();
    if (key.empty()) return drop_key(here, "a key is empty");
    if (key.size() > max_config_key)
      return drop_key(here, fmt::format("a key of more than {} bytes", max_config_key));
    if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; }))
      return drop_key(here, fmt::format("control character in the key {}", in_quotes(key)));
    Open& top = stack_.back();
    const auto [first, fresh] = top.seen.emplace(key, here);
    if (!fresh) {
      const Origin& there = first->second;
      const std::string place = there.argument ? "" : fmt::format(" at {}:{}", there.line, there.column);
      return drop_key(here, fmt::format("duplicate key {}, already set{}", in_quotes(key), place),
                      "remove one of the two");
    }
    top.has_key = true;
    top.appends = appends;
    top.key = std::move(key);
    top.key_origin = here;
  }

  void add(ConfigNode node) {
    if (stack_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& top = stack_.back();
    if (top.is_map) {
      if (!top.dropped) {
        const Edit edit = top.appends ? Edit::append : edit_;
        top.entries.push_back({std::move(top.key), top.key_origin, std::move(node), edit});
      }
      top.has_key = top.dropped = false;
    } else {
      top.items.push_back(std::move(node));
    }
  }

  void open_collection(bool is_map, const Mark& mark, const std::string& tag, anchor_t anchor) {
    const Origin here = enter(mark, tag, anchor, true);
    if (expects_key()) {
      source_.refuse(here, fmt::format("a key must be a name, got a {}", is_map ? "map" : "list"),
                     "check that its brackets are closed");
    }
    if (stack_.size() == max_config_depth) {
      source_.refuse(here, fmt::format("nesting deeper than {} levels", max_config_depth));
    }
    KeyPath path = next_path();
    stack_.push_back({.is_map = is_map, .origin = here, .path = std::move(path), .edit = edit_});
  }

  Open close_collection() {
    Open top = std::move(stack_.back());
    stack_.pop_back();
    return top;
  }

  YamlSource& source_;
  KeyPath base_;
  ConfigNode root_;
  std::vector<Open> stack_;
  Edit edit_ = Edit::merge;  // of the node that is being read
  size_t nodes_ = 0;
};

// The one document of the text. yaml-cpp can hand out documents for ever without reading on (`,`), so it is asked for a
// second one only to see whether anything is left, and never for a third.
ConfigNode parse(std::string_view text, const Origin& origin, const KeyPath& base, Diagnostics& diagnostics) {
  if (text.starts_with("\xef\xbb\xbf")) text.remove_prefix(3);
  YamlSource source{origin, text, diagnostics};
  config_detail::screen(source);
  // The line break lets an unclosed quote reach check_closed, which knows where it began.
  std::istringstream stream{std::string(text) + '\n'};
  Builder first(source, base);
  // Only its first event matters: where it begins.
  struct Rest : Builder {
    using Builder::Builder;
    void OnDocumentStart(const Mark& mark) override { throw mark; }
  } second(source, base);
  try {
    YAML::Parser parser(stream);
    if (!parser.HandleNextDocument(first))
      source.refuse(source.origin, "the file is empty", "a config is a map of keys");
    parser.HandleNextDocument(second);
  } catch (const Mark& mark) {
    const Origin here = source.at(mark);
    if (source.line_of(here).starts_with("---")) source.refuse(here, "a second YAML document", "only one is allowed");
    source.refuse(here, "malformed YAML: text that belongs to nothing",
                  "check the indentation, quotes and commas");
  } catch (const YAML::Exception& e) {
    const Origin here = e.mark.is_null() ? source.origin : source.at(e.mark);
    if (e.msg.starts_with("the referenced anchor is not defined")) {  // newer ones add its name
      first.report_alias(here);
      diagnostics.throw_if_any();
    }
    if (e.msg.starts_with("end of ") && e.msg.ends_with("flow not found")) first.refuse_unclosed(here);
    source.refuse(here, "malformed YAML: " + config_detail::explained(e.msg));
  }
  return first.root();
}

}  // namespace

ConfigNode parse_yaml(std::string_view text, const std::string& source, Diagnostics& diagnostics) {
  return parse(text, {.source = std::make_shared<const std::string>(source)}, {}, diagnostics);
}

ConfigNode parse_yaml(std::string_view text, const std::string& source) {
  Diagnostics diagnostics;
  ConfigNode root = parse_yaml(text, source, diagnostics);
  diagnostics.throw_if_any();
  return root;
}

ConfigNode parse_value(std::string_view text, const Origin& origin, const KeyPath& path, Diagnostics& diagnostics) {
  text = trimmed(text);
  const YamlSource source{origin, text, diagnostics};
  if (text.empty()) {
    source.refuse(origin, "the value is empty",
                  "write key=null, or key='' (in quotes for the shell) for an empty string");
  }
  if (std::string_view("[{\"'").find(text[0]) != std::string_view::npos) return parse(text, origin, path, diagnostics);
  config_detail::screen(source);
  if (text[0] == '!')
    source.refuse(origin, "the only tag of an argument is !delete", "quote a text that begins with !");
  if (is_null_word(text)) return ConfigNode::null(origin, path);
  return ConfigNode::scalar(std::string(text), false, origin, path);
}

ConfigNode parse_value(std::string_view text, const Origin& origin, const KeyPath& path) {
  Diagnostics diagnostics;
  ConfigNode value = parse_value(text, origin, path, diagnostics);
  diagnostics.throw_if_any();
  return value;
}

}  // namespace nnx
