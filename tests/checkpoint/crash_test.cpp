// A save that fails or dies at any of its system calls leaves the older checkpoints, and the next save works.
#include <doctest/doctest.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>

#include "checkpoint/helpers.h"
#include "checkpoint/system_calls.h"

using namespace nnx;
using namespace nnx::test;

namespace {

constexpr CheckpointStore::Options two{.keep = 2};

// A run with steps 1 and 2, best 1; saving step 3 then changes nothing old, saving 4 after it deletes 2.
void prepare(const fs::path& run) {
  CheckpointStore store(run, "id", two);
  for (const int64_t step : {1, 2, 3}) {
    store.save(checkpoint_of(step));
    if (step == 1) store.mark_best(1);
  }
}

// What must hold after a save of step 4 came to an end of whatever kind.
int64_t check_run(const fs::path& run, bool saved) {
  CheckpointStore store(run, "id", two);
  std::vector<std::string> notes;
  const auto found = store.newest(notes);
  REQUIRE(found);
  CHECK(notes.empty());
  CHECK((found->step == 4 || (found->step == 3 && !saved)));
  CHECK(difference(*found, checkpoint_of(found->step)) == "");
  CHECK(store.best() == 1);
  for (const int64_t step : store.steps()) CHECK(difference(store.read(step), checkpoint_of(step)) == "");
  for (const std::string& name : names_in(run / "checkpoints")) CHECK((name == "BEST" || name.starts_with("step-")));
  store.save(checkpoint_of(4));
  CHECK(store.steps() == std::vector<int64_t>{1, 3, 4});
  return found->step;
}

// Runs `f` in a process of its own and gives how that ended.
template <class F> int in_child(F&& f) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      code = f();
    } catch (...) {}
    ::_exit(code);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

}  // namespace

TEST_CASE("the order of a save: files, directory, rename, parent; then old ones, manifest first") {
  const TemporaryDirectory run;
  CheckpointStore store(run.path, "id", two);
  Checkpoint c = checkpoint_of(1);
  c.partitions.clear();
  for (c.step = 1; c.step <= 2; ++c.step) store.save(c);
  calls::watch({});
  c.step = 3;
  store.save(c);
  calls::stop();
  const std::vector<std::string> file = {"create", "write", "fsync file", "close"};
  std::vector<std::string> brief;
  for (const std::string& call : calls::log())
    if (call != "write" || brief.back() != "write") brief.push_back(call);
  std::vector<std::string> expected = {"mkdir", "unlink",
                                       "mkdir"};  // `checkpoints` is there; a mark half made; the work directory
  for (int i = 0; i < 2; ++i) expected.insert(expected.end(), file.begin(), file.end());
  for (const char* call :
       {"fsync directory", "rename", "fsync directory", "rename", "fsync directory", "unlink", "unlink", "unlink"})
    expected.emplace_back(call);
  CHECK(brief == expected);
}

TEST_CASE("each system call of a save fails once, or from then on") {
  struct Kind {
    int error;
    bool sticky;
  };
  int runs = 0;
  for (const auto [error, sticky] : {Kind{EIO, false}, Kind{EIO, true}, Kind{ENOSPC, true}, Kind{EINTR, false}}) {
    for (int at = 1;; ++at) {
      const TemporaryDirectory run;
      calls::watch({});
      prepare(run.path);
      CheckpointStore store(run.path, "id", two);
      calls::watch({.at = at, .error = error, .sticky = sticky});
      const Error e = error_of([&] { store.save(checkpoint_of(4)); });
      const bool reached = calls::stop() >= at;
      const std::string call = reached ? calls::log()[static_cast<size_t>(at - 1)] : "";
      CAPTURE(call);
      CAPTURE(at);
      CAPTURE(error);
      const bool saved = std::string_view(e.what()).empty();
      CAPTURE(e.what());
      if (!saved) CHECK((e.kind() == ErrorKind::io || e.kind() == ErrorKind::cannot_create));
      if (!saved) CHECK(mentions(e, run.path.string()));
      if (error == EINTR && call != "mkdir" && call != "rename" && call != "unlink") CHECK(saved);
      if (!sticky && call.starts_with("fsync")) CHECK((saved || mentions(e, "cannot be brought to disk")));
      if (!sticky && call == "fsync file") CHECK(saved);  // all written again
      calls::watch({});
      check_run(run.path, saved);
      calls::stop();
      ++runs;
      if (!reached) break;
    }
  }
  MESSAGE(runs, " runs");
}

TEST_CASE("a save that is killed at any system call leaves the older or the new checkpoint") {
  int older = 0, newer = 0;
  for (int at = 1;; ++at) {
    const TemporaryDirectory run;
    calls::watch({});
    prepare(run.path);
    calls::stop();
    const int code = in_child([&] {
      CheckpointStore store(run.path, "id", two);
      calls::watch({.at = at});
      store.save(checkpoint_of(4));
      return 0;
    });
    CAPTURE(at);
    CHECK((code == 77 || code == 0));
    calls::watch({});
    ++(check_run(run.path, code == 0) == 4 ? newer : older);
    calls::stop();
    if (code == 0) break;
  }
  CHECK(older > 30);
  CHECK(newer > 5);
  MESSAGE(older, " killed before the rename, ", newer, " after");
}

TEST_CASE("a replacement that is killed at any system call leaves the old or the new content") {
  const Checkpoint fresh = checkpoint_of(1, 8.5f);
  for (int at = 1;; ++at) {
    const TemporaryDirectory run;
    calls::watch({});
    CheckpointStore(run.path, "id").save(checkpoint_of(1));
    calls::stop();
    const int code = in_child([&] {
      calls::watch({.at = at});
      CheckpointStore(run.path, "id").save(fresh);
      return 0;
    });
    std::vector<std::string> notes;
    const auto found = CheckpointStore(run.path, "id").newest(notes);
    REQUIRE(found);
    CHECK((difference(*found, checkpoint_of(1)) == "" || difference(*found, fresh) == ""));
    CHECK(names_in(run.path / "checkpoints").size() == 1);
    if (code == 0) break;
  }
}

TEST_CASE("a replacement works on file systems that cannot rename with flags, or fails cleanly") {
  const Checkpoint fresh = checkpoint_of(1, 8.5f);
  int replaced = 0;
  for (int at = 1;; ++at) {
    const TemporaryDirectory run;
    calls::watch({});
    CheckpointStore store(run.path, "id");
    store.save(checkpoint_of(1));
    if (at % 2) overwrite(store.directory_of(1) / "rng.safetensors", "damaged");
    calls::watch({.at = at, .error = EINVAL});
    const Error e = error_of([&] { store.save(fresh); });
    const bool reached = calls::stop() >= at;
    const bool saved = std::string_view(e.what()).empty();
    CAPTURE(at);
    if (reached && calls::log()[static_cast<size_t>(at - 1)] == "rename") replaced += saved;
    if (saved) CHECK(difference(store.read(1), fresh) == "");
    else if (at % 2 == 0)
      CHECK((difference(store.read(1), checkpoint_of(1)) == "" || difference(store.read(1), fresh) == ""));
    calls::watch({});
    store.save(fresh);
    calls::stop();
    CHECK(difference(store.read(1), fresh) == "");
    CHECK(names_in(run.path / "checkpoints").size() <= 2);
    if (!reached) break;
  }
  CHECK(replaced >= 2);
}

TEST_CASE("marking the best is killed or fails at any system call: the old mark or the new") {
  for (const int error : {0, EIO}) {
    for (int at = 1;; ++at) {
      const TemporaryDirectory run;
      calls::watch({});
      prepare(run.path);
      calls::stop();
      const int code = in_child([&] {
        calls::watch({.at = at, .error = error});
        CheckpointStore(run.path, "id").mark_best(3);
        return calls::stop() < at ? 0 : 2;
      });
      std::vector<std::string> notes;
      CheckpointStore store(run.path, "id");
      CHECK(store.newest(notes)->step == 3);
      CHECK(notes.empty());
      CHECK((store.best() == 1 || store.best() == 3));
      if (code == 0) break;
    }
  }
}

TEST_CASE("a file size limit is an error, and the older checkpoint stays") {
  const TemporaryDirectory run;
  CheckpointStore(run.path, "id").save(checkpoint_of(1));
  CHECK(in_child([&] {
          std::signal(SIGXFSZ, SIG_IGN);
          const rlimit limit{300, 300};
          if (::setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
          const Error e = error_of([&] { CheckpointStore(run.path, "id").save(checkpoint_of(2)); });
          return e.kind() == ErrorKind::io && mentions(e, "too large") ? 0 : 3;
        }) == 0);
  std::vector<std::string> notes;
  CHECK(CheckpointStore(run.path, "id").newest(notes)->step == 1);
  CHECK(names_in(run.path / "checkpoints").size() == 1);
}

TEST_CASE("a full disk is an error at every size; with space again the next save works") {
  const TemporaryDirectory mount;
  constexpr int not_allowed = 50;
  const int code = in_child([&] {
    // A namespace of its own, so that the small disk ends with this process.
    if (::unshare(CLONE_NEWNS) != 0 && ::unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return not_allowed;
    if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) return not_allowed;
    for (int kilobytes = 36; kilobytes <= 76; kilobytes += 4) {
      const std::string size = "size=" + std::to_string(kilobytes) + "k";
      if (::mount("tmpfs", mount.path.c_str(), "tmpfs", 0, size.c_str()) != 0) return not_allowed;
      CheckpointStore store(mount.path, "id");
      store.save(checkpoint_of(1));
      const Error e = error_of([&] { store.save(checkpoint_of(2)); });
      const bool failed = !std::string_view(e.what()).empty();
      if ((failed && kilobytes == 76) || (!failed && kilobytes == 36)) return kilobytes;
      if (failed && (exit_code(e.kind()) < 73 || exit_code(e.kind()) > 74 || !mentions(e, "No space left")))
        return kilobytes + 1;
      std::vector<std::string> notes;
      if (store.newest(notes)->step != (failed ? 1 : 2) || !notes.empty()) return kilobytes + 2;
      if (::mount("tmpfs", mount.path.c_str(), "tmpfs", MS_REMOUNT, "size=1m") != 0) return 51;
      store.save(checkpoint_of(2));
      if (store.newest(notes)->step != 2 || names_in(mount.path / "checkpoints").size() != 2) return kilobytes + 3;
      if (::umount(mount.path.c_str()) != 0) return 52;
    }
    return 0;
  });
  if (code == not_allowed) MESSAGE("no right to mount a small disk: skipped");
  else CHECK(code == 0);
}
