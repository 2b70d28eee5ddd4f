// Colours: on a terminal that has them, and nowhere else.
#include "base/terminal.h"

#include <doctest/doctest.h>
#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>
#include <optional>
#include <string>

using namespace nnx;

namespace {

// Sets an environment variable, or removes it, until the end of the scope.
class Environment {
 public:
  Environment(const char* name, const char* value) : name_(name) {
    if (const char* old = std::getenv(name)) old_ = old;
    if (value) ::setenv(name, value, 1);
    else ::unsetenv(name);
  }
  ~Environment() {
    if (old_) ::setenv(name_, old_->c_str(), 1);
    else ::unsetenv(name_);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;

 private:
  const char* name_;
  std::optional<std::string> old_;
};

}  // namespace

TEST_CASE("a file is no terminal and has no colours") {
  std::FILE* file = std::tmpfile();
  REQUIRE(file);
  const Environment term("TERM", "xterm"), no_color("NO_COLOR", nullptr);
  CHECK_FALSE(is_terminal(file));
  CHECK_FALSE(has_color(file));
  std::fclose(file);
}

TEST_CASE("a terminal has colours unless NO_COLOR or TERM say otherwise") {
  const int master = ::posix_openpt(O_RDWR | O_NOCTTY);
  REQUIRE(master >= 0);
  REQUIRE(::grantpt(master) == 0);
  REQUIRE(::unlockpt(master) == 0);
  std::FILE* terminal = ::fdopen(::open(::ptsname(master), O_RDWR | O_NOCTTY), "r+");
  REQUIRE(terminal);
  const auto color_with = [&](const char* term_value, const char* no_color_value) {
    const Environment term("TERM", term_value), no_color("NO_COLOR", no_color_value);
    return has_color(terminal);
  };
  CHECK(is_terminal(terminal));
  CHECK(color_with("xterm-256color", nullptr));
  CHECK(color_with("xterm-256color", ""));   // set but empty does not count
  CHECK_FALSE(color_with("xterm-256color", "1"));
  CHECK_FALSE(color_with("dumb", nullptr));
  CHECK_FALSE(color_with(nullptr, nullptr));
  std::fclose(terminal);
  ::close(master);
}
