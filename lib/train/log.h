// The log of a run: every line goes to log.txt with its time; the observer is told it without, later, so that runs may begin
// side by side and be heard in order.
#pragma once

#include <cstdio>
#include <filesystem>
#include <string>
#include <vector>

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
  void tell();                         // the observer, what it has not been told

 private:
  struct Line {
    std::string text;
    bool warning;
  };
  std::FILE* file_;
  TrainObserver* observer_;
  std::vector<Line> untold_;
};

}  // namespace nnx
