// Counts the allocations of a test program: for tests that a steady state makes none.
#pragma once

#include <cstdint>

namespace nnx::test {

int64_t allocations();   // calls of operator new so far, on all threads

}  // namespace nnx::test
