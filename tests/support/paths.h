// Where the project's own files are: data, configs, golden files.
#pragma once

#include <string>

namespace nnx::test {

std::string source_dir();   // the root of the checkout, without a slash at its end

}  // namespace nnx::test
