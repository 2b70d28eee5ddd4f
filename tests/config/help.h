// What the tests of this room share: the text of an expected error, and files that vanish with the test.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

#include "base/error.h"
#include "config/compose.h"
#include "config/write.h"

namespace nnx::test {

// "78 text" of the Error that f() throws, 78 being its exit code; "" when it throws none.
template <class F> std::string error_of(F&& f) {
  try {
    f();
    return "";
  } catch (const Error& e) { return std::to_string(exit_code(e.kind())) + " " + e.what(); }
}

// Two texts merged, as one line of YAML.
inline std::string merged(const std::string& base, const std::string& overlay) {
  return write_flow(merge(parse_yaml(base, "a.yaml"), parse_yaml(overlay, "b.yaml")));
}

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "nnx-config-XXXXXX").string();
    path_ = mkdtemp(pattern.data());
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return *this / name;
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace nnx::test
