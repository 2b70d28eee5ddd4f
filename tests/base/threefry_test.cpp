#include "base/threefry.h"

#include <doctest/doctest.h>

namespace nnx::test {

TEST_CASE("threefry2x32 gives the published vectors of Random123") {
  CHECK(threefry2x32({0, 0}, 0, 0) == RandomKey{0x6b200159, 0x99ba4efe});
  CHECK(threefry2x32({0xffffffff, 0xffffffff}, 0xffffffff, 0xffffffff) == RandomKey{0x1cb996fc, 0xbb002be7});
  CHECK(threefry2x32({0x13198a2e, 0x03707344}, 0x243f6a88, 0x85a308d3) == RandomKey{0xc4923a9c, 0x483df7a0});
}

TEST_CASE("keys of jax.random") {
  CHECK(random_key(0) == RandomKey{0, 0});
  CHECK(random_key(0x1'0000'0002ull) == RandomKey{1, 2});
  CHECK(fold_in(random_key(0), 7) == threefry2x32({0, 0}, 0, 7));
  CHECK(split_key(random_key(42), 1) == fold_in(random_key(42), 1));
  CHECK(fold_in(random_key(42), 4) == RandomKey{2954079971, 3276725750});  // as JAX's documentation prints them
  CHECK(fold_in(random_key(42), 5) == RandomKey{2765691542, 824333390});
  CHECK(random_bits({0, 0}, 0) == (0x6b200159u ^ 0x99ba4efeu));
}

}  // namespace nnx::test
