#include "data/csv_tokenizer.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/utf8.h"

namespace nnx {

CsvTokenizer::CsvTokenizer(ByteSource& source, char delimiter) : source_(source), delimiter_(delimiter), chunk_(65536) {
  peek();
  const auto byte = [&](size_t i) { return i < chunk_end_ ? static_cast<unsigned>(chunk_[i]) : 0u; };
  if (byte(0) == 0xef && byte(1) == 0xbb && byte(2) == 0xbf) chunk_begin_ = 3;
  if ((byte(0) == 0xff && byte(1) == 0xfe) || (byte(0) == 0xfe && byte(1) == 0xff))
    refuse(at_, "the file is UTF-16; save it as UTF-8");
}

int CsvTokenizer::peek() {
  if (chunk_begin_ == chunk_end_) {
    chunk_begin_ = 0;
    chunk_end_ = source_.read(chunk_);
    if (chunk_end_ == 0) return -1;
  }
  return static_cast<unsigned char>(chunk_[chunk_begin_]);
}

void CsvTokenizer::advance() {
  if (chunk_[chunk_begin_++] == std::byte{'\n'}) at_ = {at_.line + 1, 1};
  else ++at_.column;
}

std::string CsvTokenizer::text_of(Position at) const {
  return fmt::format("{}:{}:{}", source_.name(), at.line, at.column);
}

std::string CsvTokenizer::where(size_t i) const { return text_of(i < cells_.size() ? cells_[i].at : row_end_); }

void CsvTokenizer::refuse(Position at, const char* message) const {
  fail(ErrorKind::data, {.where = text_of(at), .message = message});
}

std::string_view CsvTokenizer::operator[](size_t i) const {
  const Cell& cell = cells_[i];
  return std::string_view(text_).substr(cell.begin, cell.end - cell.begin);
}

void CsvTokenizer::add_byte(char c) {
  if (c == '\0') refuse(at_, "a NUL byte; this is not a text file");
  if (text_.size() - cells_.back().begin >= max_field)
    refuse(cells_.back().at, "a field of more than 64 KiB; is a quote left open?");
  if (text_.size() >= max_row) refuse(at_, "a row of more than 16 MiB");
  text_ += c;
}

void CsvTokenizer::skip_blanks() {
  for (int c = peek(); (c == ' ' || c == '\t') && c != delimiter_; c = peek()) advance();
}

void CsvTokenizer::read_quoted() {
  const Position opened = cells_.back().at;
  for (advance();; advance()) {
    const int c = peek();
    if (c < 0) refuse(opened, "the quote that opens here is never closed");
    if (c == '"') {
      advance();
      if (peek() != '"') break;
    }
    add_byte(static_cast<char>(c));
  }
  skip_blanks();
  const int after = peek();
  if (after >= 0 && after != delimiter_ && after != '\n' && after != '\r') refuse(at_, "text after a closing quote");
}

void CsvTokenizer::read_plain() {
  for (int c = peek(); c >= 0 && c != delimiter_ && c != '\n' && c != '\r'; c = peek()) {
    if (c == '"') refuse(at_, "a quote inside an unquoted field");
    add_byte(static_cast<char>(c));
    advance();
  }
  const size_t begin = cells_.back().begin;
  while (text_.size() > begin && (text_.back() == ' ' || text_.back() == '\t')) text_.pop_back();
}

bool CsvTokenizer::end_of_line() {
  const int c = peek();
  if (c != '\n' && c != '\r') return false;
  if (c == '\r') {
    const Position at = at_;
    advance();
    if (peek() != '\n') refuse(at, "a carriage return that ends no line");
  }
  advance();
  return true;
}

bool CsvTokenizer::next() {
  text_.clear();
  cells_.clear();
  const Position start = at_;
  bool empty_line = false;
  while (end_of_line()) empty_line = true;
  if (peek() < 0) return false;
  if (empty_line) refuse(start, "an empty line");
  for (;;) {
    if (cells_.size() == max_fields) refuse(at_, "a row of more than 65536 fields");
    skip_blanks();
    cells_.push_back({text_.size(), 0, at_});
    if (peek() == '"') read_quoted();
    else read_plain();
    cells_.back().end = text_.size();
    if (peek() != delimiter_) break;
    advance();
  }
  row_end_ = at_;
  end_of_line();
  for (size_t i = 0; i < cells_.size(); ++i)
    if (invalid_utf8((*this)[i])) refuse(cells_[i].at, "not UTF-8 text");
  return true;
}

}  // namespace nnx
