// Counts what this test program allocates with `new`, so that a steady run can be shown to allocate nothing.
#pragma once

#include <cstdint>

namespace nnx::test {

int64_t allocations();

}  // namespace nnx::test
