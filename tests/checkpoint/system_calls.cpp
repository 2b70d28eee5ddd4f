#include "checkpoint/system_calls.h"

#include <fcntl.h>
#include <stdarg.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

namespace nnx::test::calls {
namespace {

bool watching = false;
Fault planned;
int count = 0;
std::vector<std::string> names;

}  // namespace

void watch(Fault fault) {
  planned = fault;
  count = 0;
  names.clear();
  watching = true;
}

int stop() {
  watching = false;
  return count;
}

const std::vector<std::string>& log() { return names; }

// Whether the call that is about to happen fails.
static bool fails(const char* name) {
  if (!watching) return false;
  ++count;
  names.emplace_back(name);
  const bool now = planned.at != 0 && (count == planned.at || (planned.sticky && count > planned.at));
  if (now && planned.error == 0) ::_exit(77);
  if (now) errno = planned.error;
  return now;
}

static bool is_directory(int file) {
  struct stat status {};
  return ::fstat(file, &status) == 0 && S_ISDIR(status.st_mode);
}

}  // namespace nnx::test::calls

using namespace nnx::test::calls;

// These take the place of the C library's in this program.
extern "C" {

int openat(int directory, const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
  va_end(arguments);
  if ((flags & O_CREAT) && fails("create")) return -1;
  return static_cast<int>(::syscall(SYS_openat, directory, path, flags, mode));
}

ssize_t write(int file, const void* data, size_t size) {
  if (watching) {
    if (planned.error == 0 && count + 1 == planned.at) ::syscall(SYS_write, file, data, size / 2);  // killed half way
    if (fails("write")) return -1;
    size = size > 100 ? size / 2 : size;  // the kernel may take less than it is given
  }
  return ::syscall(SYS_write, file, data, size);
}

int fsync(int file) {
  if (!watching) return static_cast<int>(::syscall(SYS_fsync, file));
  return fails(is_directory(file) ? "fsync directory" : "fsync file") ? -1 : 0;
}

int close(int file) {
  const bool writable = watching && (::fcntl(file, F_GETFL) & O_ACCMODE) != O_RDONLY;
  const bool failed = writable && fails("close");
  const int error = errno;
  const int result = static_cast<int>(::syscall(SYS_close, file));
  if (failed) errno = error;
  return failed ? -1 : result;
}

int mkdirat(int directory, const char* path, mode_t mode) noexcept {
  return fails("mkdir") ? -1 : static_cast<int>(::syscall(SYS_mkdirat, directory, path, mode));
}

int renameat(int from, const char* old_name, int to, const char* new_name) noexcept {
  return fails("rename") ? -1 : static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, 0));
}

int renameat2(int from, const char* old_name, int to, const char* new_name, unsigned flags) noexcept {
  return fails("rename") ? -1 : static_cast<int>(::syscall(SYS_renameat2, from, old_name, to, new_name, flags));
}

int unlinkat(int directory, const char* path, int flags) noexcept {
  return fails("unlink") ? -1 : static_cast<int>(::syscall(SYS_unlinkat, directory, path, flags));
}

}  // extern "C"
