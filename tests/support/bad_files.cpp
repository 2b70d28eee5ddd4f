#include "support/bad_files.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <sstream>

#include "base/error.h"
#include "support/paths.h"

namespace nnx::test {
namespace {

namespace fs = std::filesystem;

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) text.replace(at, from.size(), to);
  return text;
}

std::string text_of(const fs::path& file) {
  std::stringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

BadFile with_parts(const fs::path& file) {
  BadFile out{.file = file.string(), .overlays = {}, .arguments = {}};
  std::ifstream in(file);
  std::string line;
  std::getline(in, line);
  if (!line.starts_with("# with: ")) return out;
  std::istringstream words(line.substr(8));
  for (std::string word; words >> word;) {
    if (word.find('=') == std::string::npos) out.overlays.push_back((file.parent_path() / word).string());
    else out.arguments.push_back(word);
  }
  return out;
}

std::string caught(const std::function<void(const BadFile&)>& f, const BadFile& file) {
  try {
    f(file);
  } catch (const Error& error) { return std::to_string(exit_code(error.kind())) + "\n" + error.what() + "\n"; }
  return "0\nno error\n";
}

}  // namespace

void check_bad_files(const std::string& folder, size_t at_least, const std::function<void(const BadFile&)>& f) {
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  CHECK(files.size() >= at_least);
  const fs::path before = fs::current_path();
  fs::current_path("/");
  for (const fs::path& file : files) {
    CAPTURE(file.filename().string());
    const std::string got = replaced(replaced(caught(f, with_parts(file)), folder + "/", ""), source_dir(), "SOURCE");
    if (std::getenv("NNX_SHOW")) std::cout << "== " << file.stem().string() << "\n" << got;
    CHECK(got == text_of(fs::path(file).replace_extension(".expected")));
  }
  fs::current_path(before);
}

}  // namespace nnx::test
