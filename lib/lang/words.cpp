#include "lang/words.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "config/scalar.h"
#include "lang/expression.h"

namespace nnx::lang {
namespace detail {
namespace {

constexpr size_t max_words = 20'000;

bool begins_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// Longer ones first.
constexpr std::array<std::string_view, 26> symbols{"...", "**", "//", "==", "!=", "<=", ">=", "(", ")", "[", "]", ",", ":",
                                                   ".",   "+",  "-",  "*",  "/",  "%",  "@",  "<", ">", "=", ";", "{", "}"};

class Splitter {
 public:
  explicit Splitter(std::string_view text) : text_(text) {}

  std::vector<Word> run() {
    begin_line();
    while (at_ < text_.size()) next();
    end_line();
    for (; indents_.size() > 1; indents_.pop_back()) add(Word::Kind::dedent, text_.size(), "");
    add(Word::Kind::end, text_.size(), "");
    return std::move(words_);
  }

 private:
  [[noreturn]] void refuse(size_t at, std::string message) const {
    throw ProgramError(ErrorKind::config, {.message = std::move(message)}, at);
  }
  void add(Word::Kind kind, size_t at, std::string text) {
    if (words_.size() == max_words) refuse(at, fmt::format("more than {} words", max_words));
    words_.push_back({kind, at, std::move(text)});
  }
  bool line_is_open() const {
    return !words_.empty() && words_.back().kind != Word::Kind::line_end && words_.back().kind != Word::Kind::indent &&
           words_.back().kind != Word::Kind::dedent;
  }
  void end_line() {
    if (line_is_open()) add(Word::Kind::line_end, at_, "");
  }

  // Compares the indentation of a line that has words with those around it.
  void begin_line() {
    const size_t first = std::min(text_.find_first_not_of(' ', at_), text_.size());
    const size_t indent = first - at_;
    at_ = first;
    if (first == text_.size() || text_[first] == '\n' || text_[first] == '\r' || text_[first] == '#') return;
    if (words_.empty()) indents_ = {indent};  // a block may stand indented as a whole
    if (indent > indents_.back()) {
      indents_.push_back(indent);
      add(Word::Kind::indent, at_, "");
    }
    for (; indent < indents_.back(); indents_.pop_back()) {
      if (indents_.size() == 1) refuse(at_, "the line begins left of those before it");
      add(Word::Kind::dedent, at_, "");
    }
    if (indent != indents_.back()) refuse(at_, "the indentation is that of no line before");
  }

  void next() {
    const char c = text_[at_];
    if (c == '\n') {
      if (brackets_ == 0) end_line();
      ++at_;
      if (brackets_ == 0) begin_line();
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (c == '#') {
      at_ = std::min(text_.find('\n', at_), text_.size());
    } else if (begins_name(c)) {
      const size_t begin = at_;
      while (at_ < text_.size() && (begins_name(text_[at_]) || is_digit(text_[at_]))) ++at_;
      add(Word::Kind::name, begin, std::string(text_.substr(begin, at_ - begin)));
    } else if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) {
      number();
    } else if (c == '\'' || c == '"') {
      quoted(c);
    } else {
      symbol();
    }
  }

  // Digits, with a fraction and an exponent; letters that follow belong to it, so that 1x is no number and a name.
  void number() {
    const size_t begin = at_;
    while (at_ < text_.size()) {
      const char c = text_[at_], before = at_ > begin ? text_[at_ - 1] : ' ';
      const bool sign = (c == '+' || c == '-') && (before == 'e' || before == 'E');
      if (!begins_name(c) && !is_digit(c) && c != '.' && !sign) break;
      ++at_;
    }
    add(Word::Kind::number, begin, std::string(text_.substr(begin, at_ - begin)));
  }

  void quoted(char quote) {
    const size_t begin = at_, end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) refuse(begin, "the quoted text that begins here is never closed");
    add(Word::Kind::text, begin, std::string(text_.substr(begin + 1, end - begin - 1)));
    at_ = end + 1;
  }

  void symbol() {
    for (const std::string_view s : symbols) {
      if (!text_.substr(at_).starts_with(s)) continue;
      if (s == "(" || s == "[" || s == "{") ++brackets_;
      if ((s == ")" || s == "]" || s == "}") && brackets_ > 0) --brackets_;
      add(Word::Kind::symbol, at_, std::string(s));
      at_ += s.size();
      return;
    }
    size_t length = 1;  // the whole character, not one of its bytes
    while (at_ + length < text_.size() && (text_[at_ + length] & 0xc0) == 0x80) ++length;
    refuse(at_, fmt::format("nothing begins with the character {}", in_quotes(text_.substr(at_, length))));
  }

  const std::string_view text_;
  size_t at_ = 0;
  int brackets_ = 0;
  std::vector<size_t> indents_{0};
  std::vector<Word> words_;
};

}  // namespace

std::vector<Word> split_words(std::string_view program) { return Splitter(program).run(); }

bool is_keyword(std::string_view name) {
  static constexpr std::array<std::string_view, 19> keywords{"for",  "in",   "return", "true", "false", "True", "False",
                                                             "none", "None", "null",   "and",  "or",    "not",  "if",
                                                             "else", "elif", "while",  "def",  "lambda"};
  return std::ranges::find(keywords, name) != keywords.end();
}

std::string describe(const Word& word) {
  switch (word.kind) {
    case Word::Kind::line_end: return "the end of the line";
    case Word::Kind::indent: return "an indented line";
    case Word::Kind::dedent: return "the end of the block";
    case Word::Kind::end: return "the end";
    case Word::Kind::text: return "the text " + in_quotes(word.text);
    default: return in_quotes(word.text);
  }
}

}  // namespace detail

bool is_name(std::string_view name) {
  if (name.empty() || !detail::begins_name(name[0]) || detail::is_keyword(name)) return false;
  return std::ranges::all_of(name, [](char c) { return detail::begins_name(c) || is_digit(c); });
}

}  // namespace nnx::lang
