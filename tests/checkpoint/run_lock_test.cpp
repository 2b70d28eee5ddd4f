#include "checkpoint/run_lock.h"

#include <doctest/doctest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>

#include "checkpoint/helpers.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("a second holder is refused by name, exit code 75") {
  const TemporaryDirectory run;
  {
    const RunLock lock(run.path / "new" / "run");
    const Error e = error_of([&] { RunLock(run.path / "new" / "run"); });
    CHECK(exit_code(e.kind()) == 75);
    CHECK(mentions(e, "pid " + std::to_string(::getpid()) + " on "));
    CHECK(mentions(e, "since 20"));
    const RunLock other(run.path / "other");
  }
  CHECK_NOTHROW(RunLock(run.path / "new" / "run"));
}

TEST_CASE("the lock ends with its process, however that ends") {
  const TemporaryDirectory run;
  int ready[2];
  REQUIRE(::pipe(ready) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const RunLock lock(run.path);
    const bool told = ::write(ready[1], "x", 1) == 1;
    while (told) ::pause();
    ::_exit(1);
  }
  char x = 0;
  REQUIRE(::read(ready[0], &x, 1) == 1);
  CHECK(mentions(error_of([&] { RunLock{run.path}; }), "pid " + std::to_string(child)));
  ::kill(child, SIGKILL);
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK_NOTHROW(RunLock{run.path});
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST_CASE("of many that start at once exactly one gets the lock") {
  for (int round = 0; round < 10; ++round) {
    const TemporaryDirectory run;
    int start[2], done[2];
    REQUIRE(::pipe(start) == 0);
    REQUIRE(::pipe(done) == 0);
    std::vector<pid_t> children;
    for (int i = 0; i < 6; ++i) {
      children.push_back(::fork());
      if (children.back() != 0) continue;
      ::close(start[1]);
      ::close(done[0]);
      char x = 0;
      if (::read(start[0], &x, 1) != 0) ::_exit(2);  // until the parent closes its end
      char won = '0';
      try {
        const RunLock lock(run.path);
        won = '1';
        if (::write(done[1], &won, 1) != 1) ::_exit(2);
        for (;;) ::pause();
      } catch (const Error& e) {
        if (::write(done[1], &won, 1) != 1) ::_exit(2);
        ::_exit(exit_code(e.kind()));
      }
    }
    ::close(start[0]);
    ::close(start[1]);
    int winners = 0;
    for (size_t i = 0; i < children.size(); ++i) {
      char won = 0;
      REQUIRE(::read(done[0], &won, 1) == 1);
      winners += won == '1';
    }
    ::close(done[0]);
    ::close(done[1]);
    CHECK(winners == 1);
    for (const pid_t child : children) {
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
}

TEST_CASE("a lock that cannot be made is a clear error") {
  const TemporaryDirectory run;
  std::ofstream(run.path / "file") << "x";
  CHECK(error_of([&] { RunLock(run.path / "file"); }).kind() == ErrorKind::cannot_create);
  fs::create_symlink("/etc/passwd", run.path / ".lock");
  CHECK(error_of([&] { RunLock{run.path}; }).kind() == ErrorKind::cannot_create);
  fs::remove(run.path / ".lock");
  fs::create_directory(run.path / ".lock");
  CHECK(error_of([&] { RunLock{run.path}; }).kind() == ErrorKind::cannot_create);
}
