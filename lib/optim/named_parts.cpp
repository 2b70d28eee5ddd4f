#include "optim/named_parts.h"

#include <algorithm>

namespace nnx::optim {
namespace {

bool is_name(const std::string& text) {
  const auto fits = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !text.empty() && std::ranges::all_of(text, fits) && !(text[0] >= '0' && text[0] <= '9') && text != "names" &&
         text != "filters";
}

}  // namespace

NamedParts::NamedParts(const char* owner, const List& named) {
  for (const auto& [name, part] : named) {
    if (!is_name(name) || std::ranges::find(names_, name) != names_.end())
      fail(ErrorKind::structure,
           {.where = owner, .expected = "names of letters, digits and _, each once", .got = in_quotes(name)});
    text_ += (text_.empty() ? "" : " ") + name;
    names_.push_back(name);
    parts_.push_back(part);
  }
  split_text_ = text_;
}

void NamedParts::take_names() {
  names_.clear();
  for (size_t start = 0; start < text_.size();) {
    const size_t end = std::min(text_.find(' ', start), text_.size());
    names_.push_back(text_.substr(start, end - start));
    start = end + 1;
  }
  parts_.resize(names_.size());
  split_text_ = text_;
}

}  // namespace nnx::optim
