#include "base/utf8.h"

namespace nnx {
namespace {

struct Sequence {
  size_t length = 0;                      // 0: not a lead byte
  unsigned char low = 0x80, high = 0xbf;  // what the second byte may be: no overlong forms, no surrogates
};

Sequence sequence_of(unsigned char lead) {
  if (lead < 0x80) return {.length = 1};
  if (lead >= 0xc2 && lead <= 0xdf) return {.length = 2};
  if (lead == 0xe0) return {.length = 3, .low = 0xa0};
  if (lead == 0xed) return {.length = 3, .high = 0x9f};
  if (lead >= 0xe1 && lead <= 0xef) return {.length = 3};
  if (lead == 0xf0) return {.length = 4, .low = 0x90};
  if (lead == 0xf4) return {.length = 4, .high = 0x8f};
  if (lead >= 0xf1 && lead <= 0xf3) return {.length = 4};
  return {};
}

}  // namespace

std::optional<size_t> invalid_utf8(std::string_view text) {
  for (size_t i = 0; i < text.size();) {
    const Sequence s = sequence_of(static_cast<unsigned char>(text[i]));
    if (s.length == 0 || i + s.length > text.size()) return i;
    for (size_t k = 1; k < s.length; ++k) {
      const unsigned char c = static_cast<unsigned char>(text[i + k]);
      const bool good = k == 1 ? c >= s.low && c <= s.high : c >= 0x80 && c <= 0xbf;
      if (!good) return i;
    }
    i += s.length;
  }
  return std::nullopt;
}

}  // namespace nnx
