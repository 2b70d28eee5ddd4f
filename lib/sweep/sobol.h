// The Sobol sequence: points that fill the unit cube evenly, for `method: sobol`.
//
//   sobol_point(5, 3)      // the point number 5 in three dimensions, each coordinate a 32-bit fraction
//
// Source: Sobol (1967), in the Gray code order of Antonov and Saleev (1979), with the direction numbers "new-joe-kuo-6"
// of Joe and Kuo (2008).
#pragma once

#include <cstdint>
#include <vector>

namespace nnx {

inline constexpr int max_sobol_dimensions = 21;

// Coordinates as numerators over 2^32. Any 2^k points from a multiple of 2^k on have one in each of the 2^k equal parts of
// every axis.
std::vector<uint32_t> sobol_point(uint32_t index, int dimensions);

}  // namespace nnx
