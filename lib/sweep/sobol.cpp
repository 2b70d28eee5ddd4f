#include "sweep/sobol.h"

#include <array>

#include "base/error.h"

namespace nnx {
namespace {

// A primitive polynomial over GF(2) without its first and last coefficient, and the first direction numbers.
struct Dimension {
  int degree;
  uint32_t coefficients;
  std::array<uint32_t, 7> first;
};

constexpr std::array<Dimension, max_sobol_dimensions - 1> table{{
    {1, 0, {1}},
    {2, 1, {1, 3}},
    {3, 1, {1, 3, 1}},
    {3, 2, {1, 1, 1}},
    {4, 1, {1, 1, 3, 3}},
    {4, 4, {1, 3, 5, 13}},
    {5, 2, {1, 1, 5, 5, 17}},
    {5, 4, {1, 1, 5, 5, 5}},
    {5, 7, {1, 1, 7, 11, 19}},
    {5, 11, {1, 1, 5, 1, 1}},
    {5, 13, {1, 1, 1, 3, 11}},
    {5, 14, {1, 3, 5, 5, 31}},
    {6, 1, {1, 3, 3, 9, 7, 49}},
    {6, 13, {1, 1, 1, 15, 21, 21}},
    {6, 16, {1, 3, 1, 13, 27, 49}},
    {6, 19, {1, 1, 1, 15, 7, 5}},
    {6, 22, {1, 3, 1, 15, 13, 25}},
    {6, 25, {1, 1, 5, 5, 19, 61}},
    {7, 1, {1, 3, 7, 11, 23, 15, 103}},
    {7, 4, {1, 3, 7, 13, 13, 15, 69}},
}};

std::array<uint32_t, 32> directions(int dimension) {
  std::array<uint32_t, 32> v{};
  if (dimension == 0) {
    for (size_t i = 0; i < v.size(); ++i) v[i] = uint32_t{1} << (31 - i);
    return v;
  }
  const Dimension& d = table[static_cast<size_t>(dimension) - 1];
  const auto s = static_cast<size_t>(d.degree);
  for (size_t i = 0; i < s; ++i) v[i] = d.first[i] << (31 - i);
  for (size_t i = s; i < v.size(); ++i) {
    v[i] = v[i - s] ^ (v[i - s] >> s);
    for (size_t k = 1; k < s; ++k)
      if ((d.coefficients >> (s - 1 - k)) & 1) v[i] ^= v[i - k];
  }
  return v;
}

}  // namespace

std::vector<uint32_t> sobol_point(uint32_t index, int dimensions) {
  check(dimensions >= 0 && dimensions <= max_sobol_dimensions, "a Sobol point of too many dimensions");
  const uint32_t gray = index ^ (index >> 1);
  std::vector<uint32_t> point;
  for (int d = 0; d < dimensions; ++d) {
    const std::array<uint32_t, 32> v = directions(d);
    uint32_t x = 0;
    for (size_t bit = 0; bit < 32; ++bit)
      if ((gray >> bit) & 1) x ^= v[bit];
    point.push_back(x);
  }
  return point;
}

}  // namespace nnx
