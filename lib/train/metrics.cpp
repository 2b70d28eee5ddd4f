#include "train/metrics.h"

#include <fmt/format.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <system_error>

#include "base/error.h"
#include "config/scalar.h"

namespace nnx {
namespace {

[[noreturn]] void fail_file(ErrorKind kind, const std::filesystem::path& path, const char* what) {
  fail(kind, {.where = path.string(), .message = fmt::format("{}: {}", what, std::generic_category().message(errno))});
}

// JSON has no word for what is not finite.
template <class T> std::string number(T value) { return std::isfinite(value) ? format_number(value) : "null"; }

}  // namespace

std::optional<double> Metrics::find(std::string_view name) const {
  for (const auto& [held, value] : values)
    if (held == name) return value;
  return std::nullopt;
}

Metrics means(const MetricSums& sums, const std::vector<std::string>& names) {
  Metrics m;
  for (size_t i = 0; i < names.size(); ++i) m.values.emplace_back(names[i], sums.values.at(i) / static_cast<double>(sums.count));
  return m;
}

bool is_maximized(std::string_view metric) { return metric.ends_with("accuracy"); }

std::string to_text(const Metrics& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics.values) {
    text += (text.empty() ? "" : "  ") + name + " ";
    text += is_maximized(name) ? fmt::format("{:.4f}", value) : fmt::format("{:#.4g}", value);
  }
  return text;
}

std::string to_json_members(const Metrics& metrics) {
  std::string text;
  for (const auto& [name, value] : metrics.values) text += fmt::format(R"({}"{}":{})", text.empty() ? "" : ",", name, number(value));
  return text;
}

std::string to_json_line(const MetricRecord& record) {
  std::string line = fmt::format(R"({{"step":{},"epoch":{},"split":"{}",{})", record.step, record.epoch, record.split,
                                 to_json_members(record.metrics));
  if (record.learning_rate) line += fmt::format(R"(,"lr":{})", number(*record.learning_rate));
  return line + "}\n";
}

LineFile::LineFile(std::filesystem::path path, int64_t bytes) : path_(std::move(path)), bytes_(bytes) {
  file_ = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_APPEND, 0666);
  if (file_ < 0) fail_file(ErrorKind::cannot_create, path_, "cannot be opened");
  struct stat status {};
  const bool known = ::fstat(file_, &status) == 0;
  const bool enough = known && S_ISREG(status.st_mode) && status.st_size >= bytes;
  if (enough && ::ftruncate(file_, bytes) == 0) return;
  const int error = errno;
  ::close(file_);
  errno = error;
  if (!known || enough) fail_file(ErrorKind::io, path_, "cannot be cut to its length");
  fail(ErrorKind::data, {.where = path_.string(),
                         .expected = fmt::format("a file of at least {} bytes, as the checkpoint says", bytes),
                         .got = std::to_string(status.st_size)});
}

LineFile::~LineFile() { ::close(file_); }

void LineFile::append(std::string_view line) {
  while (!line.empty()) {
    const ssize_t written = ::write(file_, line.data(), line.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_file(ErrorKind::io, path_, "cannot be written");
    line.remove_prefix(static_cast<size_t>(written));
    bytes_ += written;
  }
}

void LineFile::sync() {
  if (::fsync(file_) != 0) fail_file(ErrorKind::io, path_, "cannot be written to disk");
}

}  // namespace nnx
