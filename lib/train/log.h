// The log of a run: every line goes to log.txt with its time, and to the observer without.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>

#include "train/trainer.h"

namespace nnx {

class Log {
 public:
  Log(const std::filesystem::path& file, TrainObserver* observer);  // appends; throws ErrorKind::cannot_create
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  void message(const std::string& line);
  void warning(const std::string& line);
  void note(const std::string& line);  // to the file alone

 private:
  std::FILE* file_;
  TrainObserver* observer_;
};

}  // namespace nnx
