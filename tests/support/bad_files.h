// Files that must be refused, each with its exact text: for every NAME.yaml of a folder, what `f` throws must be the exit code
// and the text in NAME.expected. A first line `# with: parts/overlay.yaml a.b=c` names overlays of the folder and arguments.
// To see the texts of new ones: NNX_SHOW=1 test_train -tc="bad configs*".
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace nnx::test {

struct BadFile {
  std::string file;
  std::vector<std::string> overlays, arguments;
};

// Runs in the root folder, so that no relative path leads anywhere by chance.
void check_bad_files(const std::string& folder, size_t at_least, const std::function<void(const BadFile&)>& f);

}  // namespace nnx::test
