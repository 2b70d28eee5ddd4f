// A Path names a place in an object graph: attribute names and list indices, printed as `blocks.0.linear1.kernel`.
#pragma once

#include <compare>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace nnx {

// One step of a Path. Indices sort before names, indices by number, names alphabetically: Flax's flatten order.
struct Key {
  std::string name = {};
  int64_t index = -1;   // >= 0 for a list element

  Key() = default;
  Key(std::string_view n) : name(n) {}
  Key(const char* n) : name(n) {}
  Key(const std::string& n) : name(n) {}
  explicit Key(std::integral auto i) : index(static_cast<int64_t>(i)) {}
  std::string to_string() const { return index >= 0 ? std::to_string(index) : name; }
  friend bool operator==(const Key&, const Key&) = default;
  friend std::strong_ordering operator<=>(const Key& a, const Key& b) {
    const bool a_is_name = a.index < 0, b_is_name = b.index < 0;
    if (a_is_name != b_is_name) return a_is_name <=> b_is_name;
    return a_is_name ? a.name.compare(b.name) <=> 0 : a.index <=> b.index;
  }
};

using Path = std::vector<Key>;

std::string to_string(const Path& path);
Path parse_path(std::string_view text);   // `blocks.0.kernel`; a step of digits only is an index

}  // namespace nnx
