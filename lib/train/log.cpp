#include "train/log.h"

#include <array>
#include <cerrno>
#include <ctime>
#include <system_error>

namespace nnx {

Log::Log(const std::filesystem::path& file, TrainObserver* observer)
    : file_(std::fopen(file.c_str(), "ae")), observer_(observer) {
  if (!file_)
    fail(ErrorKind::cannot_create,
         {.where = file.string(), .message = "cannot be opened: " + std::generic_category().message(errno)});
}

Log::~Log() { std::fclose(file_); }

void Log::message(const std::string& line) {
  note(line);
  untold_.push_back({line, false});
}

void Log::warning(const std::string& line) {
  note("warning: " + line);
  untold_.push_back({line, true});
}

void Log::tell() {
  for (const Line& line : untold_)
    if (observer_) line.warning ? observer_->warning(line.text) : observer_->message(line.text);
  untold_.clear();
}

// A log that cannot be written is no reason to stop training.
void Log::note(const std::string& line) {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> time{};
  std::strftime(time.data(), time.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  std::fprintf(file_, "%s %s\n", time.data(), line.c_str());
  std::fflush(file_);
}

}  // namespace nnx
