#include <cerrno>
#include <cstring>
#include <fstream>

#include "base/error.h"
#include "commands.h"

namespace nnx {

void write_page(const std::string& file, const std::string& page) {
  std::ofstream out(file, std::ios::binary);
  if (!out) fail(ErrorKind::cannot_create, {.where = file, .message = std::strerror(errno)});
  out << page << std::flush;
  if (!out) fail(ErrorKind::io, {.where = file, .message = std::strerror(errno)});
}

}  // namespace nnx
