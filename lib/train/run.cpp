#include "train/run.h"

#include <fmt/format.h>

#include <algorithm>
#include <sstream>

#include "config/write.h"
#include "kernels/kernel.h"
#include "train/evaluate.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

int64_t size_of_file(const fs::path& path) {
  std::error_code none;
  const auto bytes = fs::file_size(path, none);
  return none ? 0 : static_cast<int64_t>(bytes);
}

}  // namespace

TrainingRun::TrainingRun(Setup& setup, const TrainOptions& options)
    : setup_(setup),
      options_(options),
      directory_(setup.output_dir),
      log_(directory_.path() / "log.txt", options.observer),
      environment_(environment_of(setup)) {}

// While the error is being handled.
void TrainingRun::failed(const Error& error) {
  error_ = std::current_exception();
  log_.note(std::string("error: ") + error.what());
  over_ = true;
  summary_ = summarize(error.kind() == ErrorKind::numeric ? "diverged" : "failed", error.what());
  if (!begun_) return;
  try {
    directory_.write_summary(to_json(summary_));
  } catch (const Error& second) {   // the first one is what there is to say
    log_.note(std::string("error: ") + second.what());
  }
}

// ---- where to begin

void TrainingRun::begin() {
  if (setup_.plan) {
    std::istringstream lines(to_text(*setup_.plan));
    for (std::string line; std::getline(lines, line);) log_.message(line);
  }
  if (loop().precision == Precision::bf16_mixed && !kernels::has_bf16())
    log_.warning("bf16-mixed: this processor has no bf16; operands are rounded to it and multiplied in f32, which is slower "
                 "than 32-true");
  const State initial = state(setup_.model);  // also makes the types known that checkpoints name
  const std::optional<Checkpoint> found = directory_.begun() ? find_checkpoint() : std::nullopt;
  if (!found && options_.resume && *options_.resume != "auto")
    fail(ErrorKind::missing, {.where = directory_.path().string(),
                              .message = "has no checkpoint to resume from",
                              .hint = "--resume auto starts afresh then"});
  if (found) go_on(*found);
  else begin_fresh();
  timings_.emplace(directory_.path() / "timings.jsonl", size_of_file(directory_.path() / "timings.jsonl"));
  since_record_ = since_save_ = Clock::now();
  begun_ = true;
}

std::optional<Checkpoint> TrainingRun::find_checkpoint() {
  store_.emplace(directory_.path(), directory_.run_id(), CheckpointStore::Options{.keep = loop().keep});
  const std::vector<int64_t> steps = store_->steps();
  if (!options_.resume) {
    if (steps.empty()) return std::nullopt;
    fail(ErrorKind::cannot_create, {.where = directory_.path().string(),
                                    .message = fmt::format("holds a run already, at step {}", steps.back()),
                                    .hint = "--resume auto goes on with it, output_dir=DIR starts another one"});
  }
  if (*options_.resume == "auto" || *options_.resume == "last") {
    std::vector<std::string> notes;
    std::optional<Checkpoint> found = store_->newest(notes);
    for (const std::string& note : notes) log_.warning(note);
    return found;
  }
  for (const int64_t step : steps) {
    std::error_code none;
    if (fs::equivalent(store_->directory_of(step), *options_.resume, none)) return store_->read(step);
  }
  fail(ErrorKind::missing, {.where = *options_.resume,
                            .message = fmt::format("is no checkpoint of the run {}", directory_.path().string())});
}

void TrainingRun::begin_fresh() {
  directory_.begin(setup_, environment_, options_.argv);
  store_.emplace(directory_.path(), directory_.run_id(), CheckpointStore::Options{.keep = loop().keep});
  metrics_.emplace(directory_.path() / "metrics.jsonl", 0);
  // A disk that is full or read-only says so now, not after the first epoch.
  if (options_.checkpoint_pause == 0) write_checkpoint();
}

void TrainingRun::go_on(const Checkpoint& checkpoint) {
  const std::string where = store_->directory_of(checkpoint.step).string();
  if (const std::string key = changed_key(stored_config(directory_.path()), setup_.resolved); !key.empty()) {
    const ConfigNode* node = setup_.resolved.find_path(key);
    fail(ErrorKind::config, {.where = node ? node->where() : key,
                             .message = fmt::format("is not what the run in {} began with", directory_.path().string()),
                             .hint = "a resumed run keeps its config; output_dir=DIR starts another one"});
  }
  const RunEnvironment before = parse_environment(checkpoint.environment, where);
  if (!loop().threads && before.threads != environment_.threads) {
    kernels::set_max_threads(static_cast<int>(before.threads));  // the numbers depend on it
    environment_.threads = before.threads;
  }
  for (const std::string& note : compare(before, environment_)) log_.warning(note);
  restore(checkpoint, setup_.model, setup_.optimizer, where, setup_.base_hash);
  p_ = parse_progress(checkpoint.progress, where);
  if (p_.step != checkpoint.step) fail(ErrorKind::data, {.where = where, .message = "its progress is of another step"});
  store_->set_aside_after(p_.step);
  metrics_.emplace(directory_.path() / "metrics.jsonl", p_.metrics_bytes);
  // The process may have ended just before it did so, or just after the validation that closed a shorter run.
  const std::vector<int64_t> kept = store_->steps();
  if (p_.best && std::ranges::find(kept, p_.best->step) != kept.end()) store_->mark_best(p_.best->step);
  if (!loop().early_stop) p_.stopped_early = false;
  saved_at_ = p_.step;
  directory_.go_on(setup_, options_.argv, p_.step);
  log_.message(fmt::format("resumed from {}", where));
}

// ---- the steps

void TrainingRun::took(const StepOutcome& outcome, Cursor at, Cursor next) {
  if (!outcome.not_finite.empty())
    fail(ErrorKind::numeric,
         {.where = fmt::format("step {}", p_.step + 1),
          .message = outcome.not_finite,
          .hint = fmt::format("nothing was updated; the last checkpoint is step {}. A smaller learning rate, "
                              "optimizer.clip_by_global_norm or data.normalize may help",
                              saved_at_)});
  const BatchResult& result = outcome.result;
  ++p_.step;
  p_.cursor = next;
  p_.learning_rate = result.learning_rate;
  p_.since_record.add(result.sums);
  p_.this_epoch.add(result.sums);
  epoch_ = at.epoch + 1;
  if (options_.observer)
    options_.observer->step({.step = p_.step,
                             .total = setup_.total_steps,
                             .epoch = epoch_,
                             .epochs = loop().epochs.value_or(0),
                             .rows = result.sums.count,
                             .loss = result.loss()});
}

// Whether something that happens every so many steps, or each epoch, happens after this one.
bool TrainingRun::due(const std::optional<int64_t>& every) const {
  return every ? p_.step % *every == 0 : p_.cursor.batch == 0;
}

void TrainingRun::after_step(const Evaluate& evaluate) {
  const bool epoch_ends = p_.cursor.batch == 0;
  if (epoch_ends) p_.train = means(p_.this_epoch, setup_.objective->metric_names());
  if (due(loop().log_every)) record_training(epoch_);
  const bool best = setup_.data.validation && due(loop().eval_every) && validate(epoch_, evaluate);
  if (p_.stopped_early) {
    if (p_.this_epoch.count > 0) p_.train = means(p_.this_epoch, setup_.objective->metric_names());
    record_training(epoch_);
  }
  if (epoch_ends) p_.this_epoch = {};
  save_due_ = done() || ((due(loop().checkpoint_every) || best) && !puts_off());
  hold_best_ = best && !save_due_;
}

bool TrainingRun::puts_off() const {
  return options_.checkpoint_pause > 0 && !loop().checkpoint_every && seconds_since(since_save_) < options_.checkpoint_pause;
}

void TrainingRun::decide() {
  if (options_.stop && !done()) stop_ = options_.stop(p_.step);
  save_due_ = (save_due_ || !stop_.empty()) && saved_at_ != p_.step;
}

void TrainingRun::save(const Publish& publish) {
  publish();
  if (save_due_) write_checkpoint();
  else held_ = checkpoint();
}

bool TrainingRun::validate(int64_t epoch, const Evaluate& evaluate) {
  const Metrics metrics = evaluate(HeldOut::validation);
  p_.validation = metrics;
  record("validation", metrics, epoch, false);
  const EarlyStopConfig rule = loop().early_stop.value_or(EarlyStopConfig{});
  const double value = metrics.find(rule.metric).value();   // checked when the config was read
  const double gain = !p_.best ? 0 : is_maximized(rule.metric) ? value - p_.best->value : p_.best->value - value;
  if (!p_.best || gain > rule.min_delta) {
    p_.best = BestResult{.step = p_.step, .value = value};
    p_.without_improvement = 0;
    return true;
  }
  ++p_.without_improvement;
  p_.stopped_early = loop().early_stop && p_.without_improvement >= rule.patience;
  return false;
}

void TrainingRun::record_training(int64_t epoch) {
  if (p_.since_record.count == 0) return;
  record("train", means(p_.since_record, setup_.objective->metric_names()), epoch, true);
  p_.since_record = {};
}

void TrainingRun::record(const char* split, const Metrics& metrics, int64_t epoch, bool of_training) {
  MetricRecord r{.step = p_.step, .epoch = epoch, .split = split, .metrics = metrics};
  double rate = 0;
  if (of_training) {
    r.learning_rate = p_.learning_rate;
    const double seconds = seconds_since(since_record_);
    rate = static_cast<double>(p_.since_record.count) / std::max(seconds, 1e-9);
    timings_->append(
        fmt::format("{{\"step\":{},\"seconds\":{:.6f},\"samples_per_s\":{:.1f}}}\n", p_.step, seconds, rate));
    since_record_ = Clock::now();
  }
  metrics_->append(to_json_line(r));
  p_.metrics_bytes = metrics_->bytes();
  if (options_.observer) options_.observer->record(r, rate);
}

// ---- what is left behind

Checkpoint TrainingRun::checkpoint() const {
  Checkpoint checkpoint{.step = p_.step,
                        .graphdef = graphdef(setup_.model),
                        .partitions = partition(state(setup_.model, loop().adapter_only ? !frozen() : rest), setup_.partitions),
                        .progress = to_json(p_),
                        .environment = to_json(environment_)};
  if (State moments = state(setup_.optimizer, of<OptState>); !moments.empty())
    checkpoint.partitions["opt_state"] = std::move(moments);
  return checkpoint;
}

void TrainingRun::write_checkpoint() {
  metrics_->sync();  // the checkpoints say how long it is
  if (held_ && p_.best->step == held_->step) {
    store_->save(*held_);
    store_->mark_best(held_->step);
  }
  held_.reset();
  store_->save(checkpoint());
  if (p_.best && p_.best->step == p_.step) store_->mark_best(p_.step);
  saved_at_ = p_.step;
  since_save_ = Clock::now();
}

Summary TrainingRun::summarize(std::string status, std::string reason) const {
  return {.status = std::move(status),
          .reason = std::move(reason),
          .steps = p_.step,
          .epochs = p_.cursor.epoch,
          .train = p_.train,
          .validation = p_.validation,
          .best = p_.best,
          .output_dir = directory_.path().string()};
}

void TrainingRun::finish_if_over(const Evaluate& evaluate) {
  if (!stop_.empty()) end(summarize("interrupted", stop_));
  else if (done()) finish(evaluate);
}

void TrainingRun::finish(const Evaluate& evaluate) {
  const int64_t epoch = p_.cursor.epoch + (p_.cursor.batch > 0);
  const bool stopped_early = p_.stopped_early;
  const bool by_steps = loop().max_steps && p_.step >= *loop().max_steps;
  // What is recorded only because the run ends here stands behind the last checkpoint: when the run is made longer and
  // resumed it is cut off again, as if the end had never been.
  if (!stopped_early) {
    if (p_.this_epoch.count > 0) p_.train = means(p_.this_epoch, setup_.objective->metric_names());
    record_training(epoch);
    if (setup_.data.validation && !due(loop().eval_every) && validate(epoch, evaluate)) store_->mark_best(p_.step);
  }
  Summary summary = stopped_early ? summarize("early_stopped", "train.early_stop")
                                  : summarize("completed", by_steps ? "train.max_steps" : "train.epochs");
  if (setup_.data.test) {
    summary.test = evaluate(HeldOut::test);
    record("test", *summary.test, epoch, false);
  }
  end(std::move(summary));
}

void TrainingRun::end(Summary summary) {
  summary_ = std::move(summary);
  over_ = true;
}

void TrainingRun::leave() {
  if (error_) return;   // its summary is written
  metrics_->sync();
  directory_.write_summary(to_json(summary_));
}

}  // namespace nnx
