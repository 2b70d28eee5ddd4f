#include "sweep/runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <set>
#include <thread>

#include "checkpoint/posix_file.h"
#include "sweep/study.h"
#include "sweep/tpe.h"

namespace nnx {
namespace {

class Runner {
 public:
  Runner(SweepDirectory& sweep, const RunnerOptions& options) : sweep_(sweep), options_(options), jobs_(static_cast<size_t>(options.jobs > 0 ? options.jobs : jobs_of(sweep.spec()))) {}

  SweepOutcome run() {
    record_study(sweep_);   // of workers that were killed before they could
    if (sweep_.spec().method == SweepMethod::tpe) begin_sampler();
    while (status_.empty()) {
      while (status_.empty() && running_.size() < jobs_ && start_next()) {}
      if (running_.empty() && held_elsewhere_.empty()) break;
      wait_for_some();
    }
    for (const auto& [pid, number] : running_) ::kill(pid, SIGTERM);
    while (!running_.empty()) reap(true);
    return outcome_of(sweep_, status_);
  }

 private:
  void say(const std::string& line) const {
    if (options_.message) options_.message(line);
  }

  // ---- what comes next

  void begin_sampler() {
    sampler_ = std::make_unique<TpeSampler>(sweep_);
    for (const Trial& trial : sweep_.trials()) tell(trial.number);
  }

  // A point of a sampler is judged when all of its repetitions have finished: by their mean.
  void tell(int64_t number) {
    const int64_t repeats = count_repeats(sweep_.spec()), first = number / repeats * repeats;
    if (!sampler_ || told_.contains(first)) return;
    double sum = 0;
    bool scored = true;
    for (int64_t i = first; i < first + repeats; ++i) {
      const TrialResult result = sweep_.result(i);
      if (!result.finished()) return;
      scored = scored && result.scored();
      sum += result.value.value_or(0);
    }
    told_.insert(first);
    sampler_->tell(sweep_.trials()[static_cast<size_t>(first)].point, scored ? std::optional(sum / static_cast<double>(repeats)) : std::nullopt);
  }

  bool plan_more() {
    const SweepSpec& spec = sweep_.spec();
    const auto known = static_cast<int64_t>(sweep_.trials().size());
    if (!sampler_ || known / count_repeats(spec) >= *spec.run_cap) return false;
    sweep_.add(with_repeats(spec, sampler_->ask(), known));
    return true;
  }

  // Starts the next trial that nobody has finished or holds; false when there is none.
  bool start_next() {
    const auto at = std::ranges::find_if(held_elsewhere_, [&](int64_t n) { return sweep_.result(n).status != "running"; });
    if (at != held_elsewhere_.end()) {
      const int64_t number = *at;
      held_elsewhere_.erase(at);
      return sweep_.result(number).finished() || (start(number), true);
    }
    for (;; ++next_) {
      if (next_ == static_cast<int64_t>(sweep_.trials().size()) && !plan_more()) return false;
      const TrialResult result = sweep_.result(next_);
      if (result.status == "running") held_elsewhere_.push_back(next_);
      else if (!result.finished()) break;
    }
    start(next_++);
    return true;
  }

  void start(int64_t number) {
    std::array<std::string, 6> words{options_.program, "sweep", "run-one", sweep_.path().string(), "--index", std::to_string(number)};
    std::array<char*, 7> argv{};
    for (size_t i = 0; i < words.size(); ++i) argv[i] = words[i].data();
    const std::string log = (sweep_.path() / "trials" / (trial_name(number) + ".log")).string();
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
    ::posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO);
    pid_t pid = -1;
    const int error = ::posix_spawn(&pid, options_.program.c_str(), &actions, nullptr, argv.data(), environ);
    ::posix_spawn_file_actions_destroy(&actions);
    if (error != 0) fail_errno(ErrorKind::io, options_.program, "cannot be started", error);
    running_.emplace_back(pid, number);
  }

  // ---- what has ended

  // Until a trial of ours ends, or one that another worker held may be free.
  void wait_for_some() {
    const auto start = std::chrono::steady_clock::now();
    while (!reap(false)) {
      if (!held_elsewhere_.empty() && std::chrono::steady_clock::now() - start > std::chrono::milliseconds(200)) return;
      if (const std::string signal = options_.stop ? options_.stop() : ""; !signal.empty()) {
        say(fmt::format("{}: stopping {} trials", signal, running_.size()));
        status_ = "interrupted";
        return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  bool reap(bool wait) {
    for (size_t i = 0; i < running_.size(); ++i) {
      int status = 0;
      const auto [pid, number] = running_[i];
      const pid_t ended = ::waitpid(pid, &status, wait ? 0 : WNOHANG);
      if (ended == 0 || (ended < 0 && errno == EINTR)) continue;
      running_.erase(running_.begin() + static_cast<std::ptrdiff_t>(i));
      finished(number, status);
      return true;
    }
    return false;
  }

  void finished(int64_t number, int status) {
    record_study(sweep_, {number});
    tell(number);
    const TrialResult result = sweep_.result(number);
    const Trial& trial = sweep_.trials()[static_cast<size_t>(number)];
    const std::string value = result.value ? fmt::format(" {} {:.6g}", sweep_.spec().metric.name, *result.value) : "";
    const std::string how = WIFSIGNALED(status) ? fmt::format("killed by signal {}", WTERMSIG(status)) : result.status;
    say(fmt::format("trial {} {}{}  {}", trial_name(number), how, value, trial.point_text()));
    const bool failed = result.failed() || (!result.finished() && status_.empty() && !(WIFEXITED(status) && WEXITSTATUS(status) == 75));
    if (!failed) return;
    say(fmt::format("trial {}: see {}", trial_name(number), (sweep_.path() / "trials" / (trial_name(number) + ".log")).string()));
    if (sweep_.spec().on_failure == OnFailure::stop && status_.empty()) status_ = "stopped";
  }

  SweepDirectory& sweep_;
  const RunnerOptions& options_;
  size_t jobs_;
  std::unique_ptr<TpeSampler> sampler_;
  std::set<int64_t> told_;
  std::vector<std::pair<pid_t, int64_t>> running_;   // and its trial
  std::vector<int64_t> held_elsewhere_;
  int64_t next_ = 0;
  std::string status_;
};

}  // namespace

SweepOutcome outcome_of(const SweepDirectory& sweep, const std::string& status) {
  SweepOutcome out{.status = status, .total = static_cast<int64_t>(sweep.trials().size())};
  for (const Trial& trial : sweep.trials()) {
    const TrialResult result = sweep.result(trial.number);
    out.finished += result.finished();
    out.failed += result.failed();
  }
  if (out.status.empty()) out.status = out.finished == out.total ? "completed" : "incomplete";
  return out;
}

SweepOutcome run_sweep(SweepDirectory& sweep, const RunnerOptions& options) { return Runner(sweep, options).run(); }

}  // namespace nnx
