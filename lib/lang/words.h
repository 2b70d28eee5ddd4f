// The words of a program: what the parser reads (lang/expression.h). Indentation becomes words too, as in Python.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace nnx::lang::detail {

struct Word {
  enum class Kind { name, number, text, symbol, line_end, indent, dedent, end };
  Kind kind = Kind::end;
  size_t at = 0;
  std::string text = {};  // of a text without its quotes
};

// The last word is the end. Throws ProgramError for characters that begin no word, and more than 20 000 words.
std::vector<Word> split_words(std::string_view program);

bool is_keyword(std::string_view name);
std::string describe(const Word& word);  // for "got ...": 'linear1', the end of the line

}  // namespace nnx::lang::detail
