#include "train/console.h"

#include <fmt/format.h>

#include <cmath>

#include "base/terminal.h"

namespace nnx {

std::string duration_text(double seconds) {
  const auto s = static_cast<int64_t>(std::llround(std::max(seconds, 0.0)));
  if (s < 60) return fmt::format("{} s", s);
  if (s < 3600) return fmt::format("{} min {} s", s / 60, s % 60);
  return fmt::format("{} h {} min", s / 3600, s % 3600 / 60);
}

Console::Console(std::FILE* out) : out_(out) {
  terminal_ = is_terminal(out);
  colour_ = has_color(out);
}

Console::~Console() { erase_bar(); }

void Console::erase_bar() {
  if (bar_shown_) std::fputs("\r\033[K", out_);
  bar_shown_ = false;
}

void Console::print(const std::string& line) {
  erase_bar();
  fmt::print(out_, "{}\n", line);
  std::fflush(out_);
}

void Console::message(const std::string& line) { print(line); }

void Console::warning(const std::string& line) { print((colour_ ? "\033[33mwarning:\033[0m " : "warning: ") + line); }

void Console::step(const StepEvent& event) {
  if (first_step_ < 0) {
    first_step_ = event.step;
    start_ = Clock::now();  // the first step compiles, so it is not counted
    rows_ = -event.rows;
  }
  rows_ += event.rows;
  last_ = event;
  const Clock::time_point now = Clock::now();
  if (!terminal_ || now - shown_ < std::chrono::milliseconds(100)) return;
  shown_ = now;
  const double seconds = std::chrono::duration<double>(now - start_).count();
  const double done = static_cast<double>(event.step) / static_cast<double>(event.total);
  const auto filled = static_cast<size_t>(done * 24);
  std::string line =
      fmt::format("[{}{}] {:3.0f} %  epoch {}  step {}/{}  loss {:.4f}", std::string(filled, '#'),
                  std::string(24 - filled, '.'), done * 100, event.epoch, event.step, event.total, event.loss);
  if (event.step > first_step_ && seconds > 0) {
    const double left =
        seconds / static_cast<double>(event.step - first_step_) * static_cast<double>(event.total - event.step);
    line += fmt::format("  {:.0f} samples/s  {} left", static_cast<double>(rows_) / seconds, duration_text(left));
  }
  fmt::print(out_, "\r{}\033[K", line);
  std::fflush(out_);
  bar_shown_ = true;
}

void Console::record(const MetricRecord& r, double samples_per_second) {
  std::string line = fmt::format("epoch {:3}  step {:6}  {:10}  {}", r.epoch, r.step, r.split, to_text(r.metrics));
  if (r.learning_rate) line += fmt::format("  lr {:.3g}  {:.0f} samples/s", *r.learning_rate, samples_per_second);
  print(line);
}

std::string summary_text(const Summary& s) {
  std::string text = fmt::format("{} after {} steps, {} epochs ({})\n", s.status, s.steps, s.epochs, s.reason);
  const auto add = [&](const char* split, const std::optional<Metrics>& m) {
    if (m) text += fmt::format("{:11} {}\n", split, to_text(*m));
  };
  add("train", s.train);
  add("validation", s.validation);
  add("test", s.test);
  text += fmt::format("run         {}\n", s.output_dir);
  text += s.status == "interrupted" ? "next        the same command with --resume auto goes on\n"
                                    : fmt::format("next        nnx-train eval {}\n", s.output_dir);
  return text;
}

}  // namespace nnx
