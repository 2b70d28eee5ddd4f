#include "train/evaluate.h"

#include <fmt/format.h>

#include "kernels/kernel.h"
#include "train/environment.h"
#include "train/run_directory.h"

namespace nnx {
namespace {

// Sets `module` to `given`, which must have exactly the paths and types of `wanted`.
void restore_state(ModuleBase& module, const State& wanted, const State& given, const std::string& where) {
  for (const auto& [path, leaf] : wanted) {
    if (!given.contains(path))
      fail(ErrorKind::data, {.where = where,
                             .message = fmt::format("has no value for '{}'", to_string(path)),
                             .hint = "is it a checkpoint of this config?"});
    const Type& type = given.at(path).value.type();
    if (type != leaf.value.type())
      fail(ErrorKind::data, {.where = fmt::format("{}: {}", where, to_string(path)),
                             .expected = leaf.value.type().to_string(),
                             .got = type.to_string()});
  }
  for (const auto& [path, leaf] : given)
    if (!wanted.contains(path))
      fail(ErrorKind::data,
           {.where = where,
            .message = fmt::format("has a value for '{}', which the config does not make", to_string(path))});
  update_states(module, std::span(&given, 1));
}

}  // namespace

EvalMode::EvalMode(Ref<Layer> model) : model_(std::move(model)) { nnx::eval(model_); }
EvalMode::~EvalMode() { nnx::train(model_); }

Evaluation::Evaluation(Ref<Layer> model, Ref<Objective> objective, const Dataset& data, int64_t batch_size,
                       const Feed& feed, Precision precision)
    : model_(model),
      objective_(objective),
      step_(model, objective, feed, precision),
      loader_(data, evaluation_options(std::min(batch_size, data.rows), kernels::max_threads()), 0) {}

Metrics Evaluation::operator()() {
  const EvalMode mode(model_);
  MetricSums sums;
  for (int64_t i = 0; i < loader_.batches_per_epoch(); ++i) sums.add(step_(arrays_of(loader_.next(), loader_.data())));
  return means(sums, objective_->metric_names());
}

void restore(const Checkpoint& checkpoint, const Ref<Layer>& model, const Ref<Optimizer>& optimizer,
             const std::string& where, const std::string& base_hash) {
  const BaseIdentity bound = parse_environment(checkpoint.environment, where).base;
  if (bound.adapter_only && bound.hash != base_hash)
    fail(ErrorKind::data, {.where = where,
                           .message = fmt::format("is an adapter of {} (hash {}), and the base here has the hash {}", bound.run,
                                                  bound.hash, base_hash.empty() ? "of no run" : base_hash),
                           .hint = "an adapter fits only the base that it was trained on"});
  if (checkpoint.graphdef != graphdef(model))
    fail(ErrorKind::data, {.where = where, .message = "holds another model than the config describes"});
  std::vector<State> parts;
  for (const auto& [name, part] : checkpoint.partitions)
    if (name != "opt_state") parts.push_back(part);
  const State wanted = bound.adapter_only ? state(model, !frozen()) : state(model);
  restore_state(*model, wanted, State::merge(parts), where);
  if (!optimizer) return;
  const auto found = checkpoint.partitions.find("opt_state");
  restore_state(*optimizer, state(optimizer, of<OptState>),
                found == checkpoint.partitions.end() ? State() : found->second, where);
}

double largest_difference(const Arrays& a, const Arrays& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    const Array wide = cast(a[i], DType::f64) - cast(b.at(i), DType::f64);
    if (wide.size() > 0) most = std::max(most, max(abs(wide)).item<double>());
  }
  return most;
}

EvalReport evaluate_run(const EvalRequest& request) {
  stored_config(request.run);  // says first whether this is a run at all
  Setup setup = prepare_model({.files = {(request.run / "config.yaml").string()},
                               .arguments = request.arguments,
                               .data_folder = stored_working_directory(request.run)});
  graphdef(setup.model);  // so that the types in the file are known
  std::vector<std::string> notes;
  CheckpointStore store(request.run, "", {.read_only = true});
  const std::optional<Checkpoint> checkpoint = store.newest(notes);
  if (!checkpoint) fail(ErrorKind::missing, {.where = request.run.string(), .message = "has no checkpoint yet"});
  const std::string where = store.directory_of(checkpoint->step).string();
  restore(*checkpoint, setup.model, {}, where, setup.base_hash);

  const RunEnvironment environment = parse_environment(checkpoint->environment, where);
  const Dataset data = read_split(setup, request.split, environment.schema, environment.normalization);
  const Metrics metrics = Evaluation(setup.model, setup.objective, data, setup.config.data.loader.batch_size, setup.feed,
                                     setup.config.train.precision)();
  return {.step = checkpoint->step,
          .split = request.split,
          .rows = data.rows,
          .metrics = metrics,
          .notes = std::move(notes)};
}

std::string to_json(const EvalReport& report) {
  return fmt::format(R"({{"step":{},"split":"{}","rows":{},{}}})", report.step, report.split, report.rows,
                     to_json_members(report.metrics)) + "\n";
}

std::string to_text(const EvalReport& report) {
  return fmt::format("{} of step {}: {} ({} rows)\n", report.split, report.step, to_text(report.metrics), report.rows);
}

}  // namespace nnx
