#include "base/error.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "base/utf8.h"

namespace nnx {
namespace {

std::string compose(const ErrorParts& p) {
  std::string text = p.where;
  auto add = [&](std::string_view separator, std::string_view part) {
    if (part.empty()) return;
    if (!text.empty()) text += separator;
    text += part;
  };
  add(": ", p.message);
  if (!p.expected.empty() || !p.got.empty()) {
    std::string both = p.expected.empty() ? "" : "expected " + p.expected;
    if (!p.got.empty()) both += (both.empty() ? "got " : ", got ") + p.got;
    add(": ", both);
  }
  add("; ", p.hint);
  return text;
}

size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t above = row[j];
      row[j] = std::min({above + 1, row[j - 1] + 1, diagonal + (a[i - 1] != b[j - 1])});
      diagonal = above;
    }
  }
  return row[b.size()];
}

}  // namespace

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return 64;
    case ErrorKind::data: return 65;
    case ErrorKind::missing: return 66;
    case ErrorKind::cannot_create: return 73;
    case ErrorKind::io: return 74;
    case ErrorKind::busy: return 75;
    case ErrorKind::config: return 78;
    case ErrorKind::internal:
    case ErrorKind::shape:
    case ErrorKind::structure:
    case ErrorKind::numeric: return 70;
  }
  return 70;
}

Error::Error(ErrorKind kind, ErrorParts parts) : kind_(kind), parts_(std::move(parts)), text_(compose(parts_)) {}

void fail(ErrorKind kind, ErrorParts parts) { throw Error(kind, std::move(parts)); }

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const size_t limit = std::max<size_t>(1, std::min(word.size(), size_t{64}) / 3 + 1);
  std::string best;
  size_t best_distance = limit + 1;
  for (const std::string& candidate : candidates) {
    if (candidate.size() > word.size() + limit || word.size() > candidate.size() + limit) continue;
    const size_t distance = edit_distance(word, candidate);
    if (distance < best_distance) best = candidate, best_distance = distance;
  }
  return best;
}

std::string in_quotes(std::string_view text, size_t limit) {
  const bool utf8 = !invalid_utf8(text);
  size_t end = std::min(text.size(), limit);
  // Never cut inside of a character.
  while (utf8 && end < text.size() && end > 0 && (text[end] & 0xc0) == 0x80) --end;
  std::string out = "'";
  for (size_t i = 0; i < end; ++i) {
    const unsigned char c = static_cast<unsigned char>(text[i]);
    if (c == '\n') out += "\\n";
    else if (c == '\t') out += "\\t";
    else if (c < 0x20 || c == 0x7f || (c >= 0x80 && !utf8)) out += fmt::format("\\x{:02x}", c);
    else out += static_cast<char>(c);
  }
  out += text.size() > limit ? "...'" : "'";
  return out;
}

}  // namespace nnx
