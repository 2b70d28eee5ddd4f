#include "support/paths.h"

namespace nnx::test {

std::string source_dir() { return NNX_SOURCE_DIR; }

}  // namespace nnx::test
