#include "train/setup.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "checkpoint/manifest.h"
#include "config/interpolate.h"
#include "config/write.h"
#include "data/builtin.h"
#include "data/split.h"
#include "kernels/kernel.h"
#include "train/base_model.h"
#include "train/evaluate.h"
#include "train/model_check.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;

// The folder of the file that a node was written in; "" for arguments.
fs::path folder_of(const ConfigNode& node) {
  const Origin& origin = node.origin();
  return origin.source && !origin.argument ? fs::path(*origin.source).parent_path() : fs::path();
}

std::string shown(const fs::path& folder) {
  return folder.empty() ? "the working directory" : in_quotes(folder.string());
}

// Reads datasets. The first one settles the folder: the working directory, or else the first that has its files. With a
// cache, the same rows of the same folder are read once.
class DataReader {
 public:
  DataReader(DataConfig& config, const TrainSource& source, const ConfigNode& root, Diagnostics& diagnostics,
             DataCache* cache = nullptr)
      : config_(config), diagnostics_(diagnostics), cache_(cache) {
    if (config.folder) {
      folders_ = {*config.folder};
    } else {
      folders_ = {"", source.data_folder.empty() ? folder_of(config.train) : source.data_folder};
      if (folders_[1].empty()) folders_[1] = folder_of(root);
      if (folders_[1].empty()) folders_.pop_back();
    }
  }

  Dataset read(const ConfigNode& node, const DataSchema* like) {
    std::vector<std::string> errors;
    for (const fs::path& folder : folders_) {
      try {
        Dataset data = read_in(folder, node, like);
        if (!folder.empty()) config_.folder = folder.string();  // so that the echo finds the files again
        folders_ = std::vector<fs::path>{fs::path(folder)};
        return data;
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::missing) throw;
        errors.emplace_back(error.what());
      }
    }
    const bool absolute = errors.size() > 1 && errors.back() == errors.front();
    const auto helpful =
        std::ranges::find_if(errors, [](const std::string& e) { return e.find("did you mean") != std::string::npos; });
    fail(ErrorKind::missing,
         {.message = helpful == errors.end() ? errors.front() : *helpful, .hint = absolute ? "" : places()});
  }

 private:
  Dataset read_in(const fs::path& folder, const ConfigNode& node, const DataSchema* like) {
    const auto now = [&] { return dataset_readers().build(node, diagnostics_, folder, like); };
    if (!cache_) return now();
    return cache_->read(write_flow(node) + (like ? " like " + write_flow(config_.train) : "") + " in " + folder.string(), now);
  }

  std::string places() const {
    std::string text = shown(folders_[0]);
    for (size_t i = 1; i < folders_.size(); ++i) text += " and " + shown(folders_[i]);
    return fmt::format("relative paths were looked up in {}; data.folder sets another place", text);
  }

  DataConfig& config_;
  Diagnostics& diagnostics_;
  DataCache* cache_;
  std::vector<fs::path> folders_;
};

// `validation` as a part of the training rows; nullopt when it names a reader.
std::optional<double> fraction_of(const ConfigNode& node, Diagnostics& diagnostics) {
  if (!node.is_scalar()) return std::nullopt;
  double fraction = 0;
  if (parse_number(node.text(), fraction) != NumberStatus::good) return std::nullopt;  // the bare name of a reader
  const size_t before = diagnostics.count();
  fraction = nnx::read<double>(node, diagnostics, Field{}.above(0).below(1));
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  return fraction;
}

RunData read_data(Setup& setup, DataCache* cache) {
  DataConfig& data = setup.config.data;
  DataReader reader(data, setup.source, setup.root, setup.diagnostics, cache);
  RunData out;
  out.train = reader.read(data.train, nullptr);
  const DataSchema schema = out.train.schema;
  if (const auto fraction = fraction_of(data.validation, setup.diagnostics)) {
    RowSplit parts = split_rows(out.train, *fraction, static_cast<uint64_t>(setup.config.seed));
    out.train = std::move(parts.train);
    out.validation = std::move(parts.validation);
  } else if (!data.validation.is_null()) {
    out.validation = reader.read(data.validation, &schema);
  }
  if (!data.test.is_null()) out.test = reader.read(data.test, &schema);

  out.normalization = make_normalization(data.normalize, out.train);
  for (Dataset* rows : {&out.train, out.validation ? &*out.validation : nullptr, out.test ? &*out.test : nullptr})
    if (rows) *rows = cache ? cache->normalized(std::move(*rows), out.normalization) : normalized(std::move(*rows), out.normalization);
  return out;
}

// Batches that an epoch has; 0 when it would have none.
int64_t batches_of(const Dataset& data, const LoaderOptions& options) {
  return options.drop_last ? data.rows / options.batch_size : (data.rows + options.batch_size - 1) / options.batch_size;
}

int64_t total_steps_of(const LoopConfig& loop, int64_t batches) {
  constexpr int64_t most = std::numeric_limits<int64_t>::max();
  const int64_t by_epochs = !loop.epochs ? most : *loop.epochs > most / batches ? most : *loop.epochs * batches;
  return std::min(by_epochs, loop.max_steps.value_or(most));
}

// What no single key can say by itself.
void check_together(const TrainConfig& config, const ConfigNode& root, Diagnostics& diagnostics) {
  const auto at = [&](std::string_view path) {
    const ConfigNode* node = root.find_path(path);
    return node ? *node : root;
  };
  if (config.train.adapter_only && !config.init_from)
    diagnostics.report(at("train.adapter_only"), {.message = "needs init_from: checkpoints without the base need to know it"});
  if (!config.train.epochs && !config.train.max_steps)
    diagnostics.report(at("train"), {.expected = "train.epochs or train.max_steps", .got = "neither"});
  if (config.train.early_stop && config.data.validation.is_null())
    diagnostics.report(at("train.early_stop"),
                       {.message = "needs data.validation, which is not given", .hint = "e.g. data.validation=0.1"});
}

void check_early_stop(const TrainConfig& config, const Objective& objective, const ConfigNode& root, Diagnostics& diagnostics) {
  const std::vector<std::string>& known = objective.metric_names();
  if (!config.train.early_stop || std::ranges::find(known, config.train.early_stop->metric) != known.end()) return;
  const std::string& metric = config.train.early_stop->metric;
  const std::string near = nearest(metric, known);
  diagnostics.report(*root.find_path("train.early_stop.metric"),
                     {.expected = fmt::format("one of {}", fmt::join(known, ", ")), .got = in_quotes(metric),
                      .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
}

std::string output_dir_of(const TrainConfig& config, const TrainSource& source) {
  if (config.output_dir) return *config.output_dir;
  std::string name = fs::path(source.files.at(0)).stem().string();
  for (const std::string& overlay : source.overlays) name += "-" + fs::path(overlay).stem().string();
  return (fs::path("runs") / name).string();
}

ConfigNode load(const TrainSource& source, Diagnostics& diagnostics) {
  std::vector<std::string> files = source.files;
  files.insert(files.end(), source.overlays.begin(), source.overlays.end());
  return load_config(files, source.arguments, diagnostics);
}

NamedFilters read_partitions(const TrainConfig& config, const Ref<Layer>& model, Diagnostics& diagnostics) {
  NamedFilters out;
  const Anatomy anatomy(*model);
  for (const auto& [name, node] : config.train.partitions) {
    if (!is_partition_name(name) || name == "opt_state")
      diagnostics.report(node, {.expected = "a name of a-z, 0-9 and _ for the partition, and not opt_state", .got = in_quotes(name)});
    if (!out.empty() && out.back().second.is_rest())
      diagnostics.report(node, {.message = fmt::format("... of {} leaves nothing for this one", in_quotes(out.back().first)), .hint = "put it last"});
    diagnostics.attempt([&] {
      const Selector selector = read_selector(node, diagnostics);
      select_variables(anatomy, selector, diagnostics);
      out.emplace_back(name, selector.filter);
    });
  }
  return out;
}

void build_model(Setup& setup) {
  const TrainConfig& config = setup.config;
  Diagnostics& diagnostics = setup.diagnostics;
  Rngs rngs(static_cast<uint64_t>(config.seed));
  setup.feed = Feed(config.data.inputs, diagnostics);
  setup.definitions = Definitions(config.modules, diagnostics);
  const LayerScope scope(setup.definitions.layers());
  diagnostics.attempt([&] { setup.model = layers().build(config.model, diagnostics, rngs); });
  diagnostics.attempt([&] {
    const LossTerms terms = losses().build(config.loss, diagnostics);
    setup.objective = make<Objective>(terms, config.loss, config.data.target, diagnostics);
    check_early_stop(config, *setup.objective, setup.root, diagnostics);
  });
  check_surgery(config.surgery, diagnostics);
  if (diagnostics.ok()) diagnostics.attempt([&] { prepare_from_base(setup, rngs); });
  if (diagnostics.ok()) setup.partitions = read_partitions(config, setup.model, diagnostics);
}

// Says in the plan what is trained, and how much the surgery changed the outputs for some rows.
void complete_plan(Setup& setup) {
  if (!setup.plan) return;
  SurgeryPlan& plan = *setup.plan;
  plan.trainable = setup.optimizer->parameters().elements();
  const int64_t rows = std::min<int64_t>(64, setup.data.train.rows);
  Loader loader(setup.data.train, evaluation_options(rows), 0);
  const BatchArrays batch = arrays_of(loader.next(), loader.data());
  const auto outputs = [&](const Ref<Layer>& model) {
    const EvalMode mode(model);
    return setup.feed.outputs(model, batch.x, batch.y);
  };
  const Arrays was = outputs(setup.before);
  const Arrays is = outputs(setup.model);
  plan.probe = fmt::format("{} rows", rows);
  plan.outputs_before = types_text(was);
  plan.outputs_after = types_text(is);
  if (plan.outputs_before == plan.outputs_after) plan.difference = largest_difference(was, is);
  setup.before = {};
}

void check_targets(Setup& setup) {
  const bool labels = setup.data.train.schema.has_labels();
  for (const Ref<ObjectiveTerm>& term : setup.objective->terms()) {
    if (term->compares_with() != "y") continue;  // its type shows when the batch is checked
    if (labels == (term->loss().targets == TargetKind::labels)) continue;
    setup.diagnostics.report(
        term->node(),
        {.message = fmt::format("{} needs {}, and the data has {}", term->loss().name,
                                labels ? "numbers as targets" : "class labels", labels ? "class labels" : "numbers as targets"),
         .hint = labels ? "name the columns in data.train.targets, or say what it compares with (target: x)"
                        : "name the column in data.train.label"});
  }
}

void check_batch(Setup& setup) {
  const Dataset& train = setup.data.train;
  const int64_t batch = setup.config.data.loader.batch_size;
  std::vector<int64_t> features{batch};
  features.insert(features.end(), train.schema.feature_shape.begin(), train.schema.feature_shape.end());
  const Type targets =
      train.schema.has_labels() ? Type{DType::i32, {batch}} : Type{DType::f32, {batch, train.schema.target_width()}};
  check_model(setup.model, *setup.objective,
              setup.definitions,
              {.feed = setup.feed,
               .features = {DType::f32, Shape(std::span<const int64_t>(features))},
               .targets = targets,
               .classes = train.schema.classes,
               .model_node = setup.config.model},
              setup.diagnostics);
}

}  // namespace

Setup prepare_model(const TrainSource& source) {
  Setup setup;
  setup.source = source;
  Diagnostics& diagnostics = setup.diagnostics;
  setup.root = load(source, diagnostics);
  TrainConfig& config = setup.config = read<TrainConfig>(setup.root, diagnostics);
  check_together(config, setup.root, diagnostics);
  config.output_dir = setup.output_dir = output_dir_of(config, source);

  // Everything that can be read reports its errors together.
  if (!config.model.is_null() && !config.loss.is_null()) build_model(setup);
  if (config.train.threads) kernels::set_max_threads(*config.train.threads);   // after runs that this one starts from
  config.data.loader.threads = config.train.threads.value_or(kernels::max_threads());   // other runs may be prepared meanwhile
  if (!config.optimizer.is_null()) diagnostics.attempt([&] { optimizers().check(config.optimizer, diagnostics); });
  for (const ConfigNode* node : {&config.data.train, &config.data.validation, &config.data.test})
    if (node->is_map()) diagnostics.attempt([&] { dataset_readers().check(*node, diagnostics); });
  diagnostics.throw_if_any();
  setup.root = diagnostics.without_dropped(setup.root);
  return setup;
}

Setup prepare(const TrainSource& source, DataCache* cache) {
  Setup setup = prepare_model(source);
  Diagnostics& diagnostics = setup.diagnostics;
  TrainConfig& config = setup.config;
  setup.data = read_data(setup, cache);
  // Again, with the output_dir and the folder that were found: a config that is read again has the same.
  diagnostics.resolve(to_config(config, setup.root.path(), &setup.root));
  const int64_t batches = batches_of(setup.data.train, config.data.loader);
  if (batches == 0) {
    const ConfigNode* node = setup.root.find_path("data.batch_size");
    diagnostics.report(
        node ? *node : config.data.train,
        {.expected = fmt::format("a batch size of at most {}, the number of training rows", setup.data.train.rows),
         .got = std::to_string(config.data.loader.batch_size),
         .hint = "or data.drop_last=false"});
    diagnostics.throw_if_any();
  }
  setup.total_steps = total_steps_of(config.train, batches);
  diagnostics.attempt(
      [&] { setup.optimizer = optimizers().build(config.optimizer, diagnostics, setup.model, setup.total_steps); });
  check_targets(setup);
  diagnostics.throw_if_any();
  check_batch(setup);
  if (diagnostics.ok()) complete_plan(setup);
  diagnostics.throw_if_any();
  setup.resolved = escape_interpolation(diagnostics.resolved());
  return setup;
}

Dataset read_split(Setup& setup, const std::string& split, const DataSchema& schema,
                   const Normalization& normalization) {
  DataConfig& config = setup.config.data;
  const std::optional<double> fraction = fraction_of(config.validation, setup.diagnostics);
  const bool divided = split == "train" || (split == "validation" && fraction);
  const ConfigNode node = divided                 ? config.train
                          : split == "validation" ? config.validation
                          : split == "test"       ? config.test
                                                  : ConfigNode();
  if (node.is_null())
    fail(ErrorKind::config, {.where = "data." + split,
                             .message = "the config has no such rows",
                             .hint = "splits are train, validation and test"});
  Dataset data = DataReader(config, setup.source, setup.root, setup.diagnostics).read(node, &schema);
  if (divided && fraction) {
    RowSplit parts = split_rows(data, *fraction, static_cast<uint64_t>(setup.config.seed));
    data = split == "train" ? std::move(parts.train) : std::move(parts.validation);
  }
  return normalized(std::move(data), normalization);
}

std::string output_dir_of(const TrainSource& source) {
  Diagnostics diagnostics;
  const ConfigNode root = load(source, diagnostics);
  const auto config = read<TrainConfig>(root, diagnostics);
  return diagnostics.ok() ? output_dir_of(config, source) : "";
}

}  // namespace nnx
