// A CsvTokenizer cuts a stream of bytes into rows of fields, as RFC 4180 says, and knows where each field began.
//
// Fields may be quoted with " (doubled inside); a quoted field may hold delimiters and newlines. Lines end in \n or
// \r\n. A UTF-8 byte order mark is skipped. Refused with ErrorKind::data and file:line:column (columns are bytes, from
// 1): NUL bytes, a lone \r, a quote inside an unquoted field, text after a closing quote, an unclosed quote, text that
// is not UTF-8, an empty line before the last row, fields over 64 KiB, rows over 16 MiB, and more than 65536 fields.
//
//   CsvTokenizer rows(source, ',');
//   while (rows.next())
//     for (size_t i = 0; i < rows.size(); ++i) use(rows[i]);
//
// The views it hands out live until the following next().
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "data/byte_source.h"

namespace nnx {

class CsvTokenizer {
 public:
  static constexpr size_t max_field = size_t{64} << 10, max_row = size_t{16} << 20, max_fields = 65536;

  CsvTokenizer(ByteSource& source, char delimiter);

  bool next();  // reads one row; false when there is none left
  size_t size() const { return cells_.size(); }
  std::string_view operator[](size_t i) const;  // unquoted; blanks around a field are not part of it
  std::string where(size_t i) const;            // "train.csv:4916:17": of field i, or of the row's end for i == size()

 private:
  struct Position {
    int64_t line, column;
  };
  struct Cell {
    size_t begin, end;
    Position at;
  };

  int peek();  // the next byte, or -1 at the end
  void advance();
  void skip_blanks();
  void read_quoted();
  void read_plain();
  bool end_of_line();  // consumes \n or \r\n
  void add_byte(char c);
  [[noreturn]] void refuse(Position at, const char* message) const;
  std::string text_of(Position at) const;

  ByteSource& source_;
  char delimiter_;
  std::vector<std::byte> chunk_;
  size_t chunk_begin_ = 0, chunk_end_ = 0;
  Position at_{1, 1};  // of the next byte
  Position row_end_{1, 1};
  std::string text_;  // the fields of the row, unquoted, one after another
  std::vector<Cell> cells_;
};

}  // namespace nnx
