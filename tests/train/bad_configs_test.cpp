// Bad configs through the whole chain, up to the traced model: each must give exactly the text and the exit code in its
// .expected file. A first line `# with: parts/overlay.yaml a.b=c` names overlays of this folder and arguments. To see the
// texts of new ones: NNX_SHOW=1 test_train -tc="bad configs*".
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>
#include <vector>

#include "help.h"
#include "support/paths.h"

using namespace nnx;
namespace fs = std::filesystem;

namespace {

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

// The config with the overlays and arguments that its first line names.
TrainSource source_of(const fs::path& file) {
  TrainSource source{.files = {file.string()}};
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  if (!line.starts_with("# with: ")) return source;
  std::istringstream words(line.substr(8));
  for (std::string word; words >> word;) {
    if (word.find('=') == std::string::npos) source.overlays.push_back((file.parent_path() / word).string());
    else source.arguments.push_back(word);
  }
  return source;
}

}  // namespace

TEST_CASE("bad configs are refused at the right place, with the right words and exit code") {
  const std::string folder = nnx::test::source_dir() + "/tests/train/bad_configs";
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  CHECK(files.size() >= 60);
  // Paths are looked up in the working directory first: in one that has none of them.
  const fs::path before = fs::current_path();
  fs::current_path("/");
  for (const fs::path& file : files) {
    CAPTURE(file.filename().string());
    const test::Caught error = test::caught([&] { prepare(source_of(file)); });
    const std::string got = std::to_string(error.code) + "\n" +
                            replaced(replaced(error.text, folder + "/", ""), nnx::test::source_dir(), "SOURCE") + "\n";
    if (std::getenv("NNX_SHOW")) std::cout << "== " << file.stem().string() << "\n" << got;
    CHECK(got == test::read_file(fs::path(file).replace_extension(".expected")));
  }
  fs::current_path(before);
}
