// The fields idiom: a struct lists its members once, and parsing, printing, hashing, comparing, defaults, help and
// schema are visitors over that list.
//
//   struct DropoutOptions {
//     double rate = 0.5;
//     static void fields(auto& self, auto&& f) {
//       f("rate", self.rate, Field{.help = "probability of zeroing an element"}.at_least(0).at_most(1));
//     }
//   };
//
// A visitor is called as f(name, member) or f(name, member, Field): it must accept both.
#pragma once

#include <concepts>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace nnx {

// What a config key says about itself beyond its type and default.
struct Field {
  std::string_view help = {};
  std::optional<double> min = {}, max = {};
  bool min_open = false, max_open = false;        // the bound itself is not allowed
  bool required = false;                          // there is no default
  std::vector<std::string_view> one_of = {};      // the values a string may take

  Field at_least(double v) && { min = v; return std::move(*this); }
  Field at_most(double v) && { max = v; return std::move(*this); }
  Field above(double v) && { min = v; min_open = true; return std::move(*this); }
  Field below(double v) && { max = v; max_open = true; return std::move(*this); }
  Field must() && { required = true; return std::move(*this); }
  Field among(std::vector<std::string_view> v) && { one_of = std::move(v); return std::move(*this); }
};

namespace detail {
struct AnyVisitor {
  void operator()(std::string_view, auto&, auto&&...) const {}
};
}  // namespace detail

// T lists its members in a static `fields`.
template <class T>
concept HasFields = requires(T& t) { T::fields(t, detail::AnyVisitor{}); };

}  // namespace nnx
