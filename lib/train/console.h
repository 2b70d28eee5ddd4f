// Console shows a run to a person: one line with a bar that renews itself on a terminal, plain lines elsewhere.
//
//   Console console(stderr, {.quiet = false});
//   run_training(source, {.observer = &console});
//
// Colours only on a terminal, and not with NO_COLOR or TERM=dumb.
#pragma once

#include <chrono>
#include <cstdio>

#include "train/trainer.h"

namespace nnx {

class Console : public TrainObserver {
 public:
  explicit Console(std::FILE* out);
  ~Console() override;
  Console(const Console&) = delete;
  Console& operator=(const Console&) = delete;

  void message(const std::string& line) override;
  void warning(const std::string& line) override;
  void step(const StepEvent& event) override;
  void record(const MetricRecord& record, double samples_per_second) override;

 private:
  using Clock = std::chrono::steady_clock;
  void print(const std::string& line);
  void erase_bar();
  std::FILE* out_;
  bool terminal_ = false, colour_ = false, bar_shown_ = false;
  StepEvent last_ = {};
  int64_t first_step_ = -1, rows_ = 0;  // since this process began
  Clock::time_point start_ = Clock::now(), shown_ = {};
};

// "12 s", "3 min 20 s", "2 h 5 min"
std::string duration_text(double seconds);
// The lines that a finished run ends with: status, metrics, where it lies and what to do next.
std::string summary_text(const Summary& summary);

}  // namespace nnx
