// Looking at the attributes of ops from outside: how many members a struct has, and variants with one field changed.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "graph/graph.h"

namespace nnx::test {

// Stands for a value of any type but T when an aggregate T is initialised.
template <class T> struct AnythingBut {
  template <class U>
  requires(!std::same_as<std::remove_cvref_t<U>, T>) operator U() const;
};

// The members of an aggregate, counted by how many initialisers it takes: `fields` has to list as many.
template <class T, class... Known> constexpr size_t member_count() {
  if constexpr (requires { T{Known()..., AnythingBut<T>()}; }) return member_count<T, Known..., AnythingBut<T>>();
  else return sizeof...(Known);
}

inline void change(bool& v) { v = !v; }
inline void change(int& v) { v += 1; }
inline void change(int64_t& v) { v += 1; }
inline void change(double& v) { v = 2 * v + 1; }
inline void change(DType& v) { v = v == DType::u32 ? DType::i32 : DType::u32; }
inline void change(Shape& v) { v = v.inserted(0, 2); }
inline void change(Type& v) { change(v.dtype); }
inline void change(GraphRef& v) {
  Graph changed = *v;
  changed.outputs.push_back(changed.outputs.front());
  v = std::make_shared<const Graph>(std::move(changed));
}
template <class T> void change(std::vector<T>& v) {
  if (v.empty()) v.push_back(T());
  else change(v.back());
}

// For each listed field: its name and `attrs` with that field alone changed.
template <class T> std::vector<std::pair<std::string, Attrs>> perturbations(const T& attrs) {
  std::vector<std::pair<std::string, Attrs>> all;
  size_t count = 0;
  T::fields(attrs, [&](std::string_view, const auto&, auto&&...) { ++count; });
  for (size_t k = 0; k < count; ++k) {
    T changed = attrs;
    std::string field;
    size_t i = 0;
    T::fields(changed, [&](std::string_view name, auto& member, auto&&...) {
      if (i++ != k) return;
      field = name;
      change(member);
    });
    all.emplace_back(field, Attrs(changed));
  }
  return all;
}

}  // namespace nnx::test
