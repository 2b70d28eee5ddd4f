#include "train/merge_lora.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "config/parse.h"
#include "nn/layer_scope.h"
#include "train/base_model.h"
#include "train/evaluate.h"
#include "train/inspect.h"
#include "train/run_directory.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;
using Entry = ConfigNode::Entry;

constexpr int64_t probe_rows = 256;

const ConfigNode& merge_item() {
  static const ConfigNode list = parse_yaml("- {merge_lora: '...'}", "merge-lora");
  return list.items()[0];
}

ConfigNode with_whole_checkpoints(const ConfigNode& train) {
  std::vector<Entry> entries = train.entries();
  std::erase_if(entries, [](const Entry& entry) { return entry.key == "adapter_only"; });
  return ConfigNode::map(std::move(entries), train.origin(), train.path());
}

// The config of the merged run: without surgery when its `model` builds that anyway, else with the merging in it.
ConfigNode config_of(const ConfigNode& from, bool plain, const std::string& output) {
  std::vector<Entry> entries;
  for (const Entry& entry : from.entries()) {
    ConfigNode value = entry.value;
    if (entry.key == "init_from" && plain) value = ConfigNode::null(value.origin(), value.path());
    if (entry.key == "surgery") {
      std::vector<ConfigNode> items = plain ? std::vector<ConfigNode>() : value.items();
      if (!plain) items.push_back(merge_item());
      value = ConfigNode::sequence(std::move(items), value.origin(), value.path());
    }
    if (entry.key == "train") value = with_whole_checkpoints(value);
    if (entry.key == "output_dir") value = ConfigNode::scalar(output, true, value.origin(), value.path());
    entries.push_back({entry.key, entry.origin, value});
  }
  return ConfigNode::map(std::move(entries), from.origin(), from.path());
}

// Whether the `model` of the config, as it stands there, has the structure of `model`.
bool builds(Setup& setup, const Ref<Layer>& model) {
  const LayerScope scope(setup.definitions.layers());
  Rngs rngs(static_cast<uint64_t>(setup.config.seed));
  return graphdef(layers().build(setup.config.model, setup.diagnostics, rngs)) == graphdef(model);
}

Arrays outputs(const Setup& setup, const Ref<Layer>& model, const BatchArrays& batch) {
  const EvalMode mode(model);
  return setup.feed.outputs(model, batch.x, batch.y);
}

void thaw(const Ref<Layer>& model) {
  for (const Visited& v : iterate(model))
    if (v.variable) freeze(v.variable, false);
}

void write(const MergeRequest& request, Setup& setup, const Checkpoint& checkpoint, RunEnvironment environment, Ref<Layer> merged) {
  const Ref<Layer> thawed = clone(merged);
  thaw(thawed);
  const bool plain = builds(setup, thawed);
  if (plain) {
    merged = thawed;
    environment.base = {};
  }
  environment.base.adapter_only = false;
  RunDirectory directory(request.output);
  if (directory.begun())
    fail(ErrorKind::cannot_create, {.where = request.output.string(), .message = "holds a run already", .hint = "-o names another place"});
  setup.resolved = config_of(stored_config(request.run), plain, request.output.string());
  directory.begin(setup, environment, request.argv);
  CheckpointStore store(request.output, directory.run_id());
  store.save({.step = checkpoint.step,
              .graphdef = graphdef(merged),
              .partitions = partition(state(merged)),
              .progress = checkpoint.progress,
              .environment = to_json(environment)});
}

}  // namespace

MergeReport merge_lora_run(const MergeRequest& request) {
  stored_config(request.run);   // says first whether this is a run at all
  RunModel run = read_run_model(request.run.string() + (request.step.empty() ? "" : "@" + request.step));
  Setup& setup = run.setup;
  Ref<Layer> merged = clone(run.model);
  Rngs rngs(0);   // merging draws nothing
  const SurgeryPlan plan = operate(merged, {merge_item()}, rngs, setup.diagnostics);

  const Dataset data = read_split(setup, "train", run.environment.schema, run.environment.normalization);
  MergeReport report{.run = run.name, .output = request.output.string(), .step = run.step, .layers = plan.steps[0].report.paths};
  report.rows = std::min(probe_rows, data.rows);
  Loader loader(data, evaluation_options(report.rows), 0);
  const BatchArrays batch = arrays_of(loader.next(), loader.data());
  const Arrays adapted = outputs(setup, run.model, batch);
  const Arrays plain = outputs(setup, merged, batch);
  report.difference = largest_difference(adapted, plain);
  for (const Array& a : adapted)
    if (a.size() > 0) report.largest = std::max(report.largest, max(abs(cast(a, DType::f64))).item<double>());
  write(request, setup, run.checkpoint, run.environment, merged);
  return report;
}

std::string to_text(const MergeReport& r) {
  return fmt::format("merged {} of {} into {}\nlargest difference of the outputs: {:.3g}, of outputs up to {:.3g}, on {} rows\n",
                     fmt::join(r.layers, ", "), r.run, r.output, r.difference, r.largest, r.rows);
}

std::string to_json(const MergeReport& r) {
  const nlohmann::ordered_json json{{"run", r.run}, {"output", r.output}, {"step", r.step}, {"layers", r.layers},
                                    {"rows", r.rows}, {"largest_difference", r.difference}, {"largest_output", r.largest}};
  return json.dump(2, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

}  // namespace nnx
