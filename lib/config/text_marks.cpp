#include "config/text_marks.h"

#include <algorithm>

namespace nnx {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; }
bool begins_character(char c) { return (c & 0xc0) != 0x80; }

// Walks a file and the text that YAML made of it side by side.
class Aligner {
 public:
  Aligner(std::string_view file, size_t begin, const Origin& origin, std::string_view value)
      : file_(file), value_(value), at_(begin), line_(origin.line), column_(origin.column) {}

  std::vector<TextMark> run() {
    const char style = at_ < file_.size() ? file_[at_] : ' ';
    if (style == '|' || style == '>') {
      while (at_ < file_.size() && file_[at_] != '\n') advance();
      skip_blanks();
    }
    if (style == '"' || style == '\'') advance();
    mark();
    while (offset_ < value_.size() && at_ < file_.size()) {
      if (style == '"' && file_[at_] == '\\') escape();
      else if (style == '\'' && file_.substr(at_).starts_with("''")) pass(2);
      else if (file_[at_] == value_[offset_] && value_[offset_] != '\n') advance(), ++offset_;
      else if (!skip_blanks()) break;  // nothing that YAML does to a text: the marks so far still hold
    }
    return std::move(marks_);
  }

 private:
  void advance() {
    if (file_[at_] == '\n') ++line_, column_ = 1;
    else if (at_ + 1 == file_.size() || begins_character(file_[at_ + 1])) ++column_;
    ++at_;
  }
  void mark() { marks_.push_back({offset_, line_, column_}); }

  // `count` characters of the file that are one of the text.
  void pass(size_t count) {
    for (size_t i = 0; i < count && at_ < file_.size(); ++i) advance();
    do ++offset_; while (offset_ < value_.size() && !begins_character(value_[offset_]));
    mark();
  }
  void escape() {
    const char kind = at_ + 1 < file_.size() ? file_[at_ + 1] : ' ';
    if (kind == '\n' || kind == '\r') {  // the line goes on in the next one
      advance();
      skip_blanks();
      return;
    }
    pass(kind == 'x' ? 4 : kind == 'u' ? 6 : kind == 'U' ? 10 : 2);
  }
  // A line break with the indentation after it, and what is left of them in the text.
  bool skip_blanks() {
    const size_t at = at_, offset = offset_;
    while (at_ < file_.size() && is_blank(file_[at_])) advance();
    while (offset_ < value_.size() && is_blank(value_[offset_])) ++offset_;
    if (at == at_ && offset == offset_) return false;
    mark();
    return true;
  }

  const std::string_view file_, value_;
  size_t at_, offset_ = 0;
  int line_, column_;
  std::vector<TextMark> marks_;
};

}  // namespace

std::vector<TextMark> text_marks(std::string_view file, size_t begin, const Origin& origin, std::string_view value) {
  if (file.substr(std::min(begin, file.size())).starts_with(value)) return {};
  return Aligner(file, begin, origin, value).run();
}

}  // namespace nnx
