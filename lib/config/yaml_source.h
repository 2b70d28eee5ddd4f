// A text of YAML and where it comes from, as the parser sees it: places in it, what is reported of it, and what is
// found in it before it is parsed. For config/parse.cpp alone.
#pragma once

#include <string>
#include <string_view>

#include "config/diagnostics.h"

namespace YAML {
struct Mark;
}

namespace nnx::config_detail {

// Of a file, whose marks count, or of one command line argument. What is wrong is reported and reading goes on, where
// that is possible.
class YamlSource {
 public:
  YamlSource(Origin from, std::string_view whole, Diagnostics& diagnostics)
      : origin(std::move(from)), text(whole), diagnostics_(diagnostics) {}

  const Origin origin;
  const std::string_view text;

  Origin at(int line, int column) const {
    Origin here = origin;
    if (!here.argument) here.line = line, here.column = column;
    return here;
  }
  // yaml-cpp counts bytes. Its marks come in the order of the text, so each line is counted through once.
  Origin at(const YAML::Mark& mark);
  std::string_view line_of(const Origin& here) const;
  void report(const Origin& here, std::string message, std::string hint = "") const {
    diagnostics_.report(here, "", {.message = std::move(message), .hint = std::move(hint)},
                        origin.argument ? ErrorKind::usage : ErrorKind::config);
  }
  // Nothing can be read after this.
  [[noreturn]] void refuse(const Origin& here, std::string message, std::string hint = "") const {
    report(here, std::move(message), std::move(hint));
    diagnostics_.throw_if_any();
    fail(ErrorKind::internal, {.message = "a reported error was lost"});
  }
  void mark_broken(const KeyPath& path) const { diagnostics_.mark_broken(path); }

 private:
  Diagnostics& diagnostics_;
  size_t counted_ = 0;  // up to this byte, which is
  int characters_ = 0;  // this far into its line
};

// Refuses what yaml-cpp would misread or stumble over: it never sees such a text.
void screen(const YamlSource& source);

// yaml-cpp's messages in words for people.
std::string explained(const std::string& message);

}  // namespace nnx::config_detail
