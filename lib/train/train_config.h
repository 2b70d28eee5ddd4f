// TrainConfig is what a training config says: the keys of the trainer itself, and the components as nodes that their
// registries read later.
//
//   Diagnostics diagnostics;
//   auto config = read<TrainConfig>(load_config(files, arguments), diagnostics);
//
// A new key of the trainer is one line in a `fields` list here.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "config/read.h"
#include "data/loader.h"
#include "data/normalize.h"
#include "plan/plan.h"

namespace nnx {

struct DataConfig {
  ConfigNode train, validation, test;
  std::vector<std::pair<std::string, ConfigNode>> inputs;
  ConfigNode target;
  std::optional<std::string> folder;
  NormalizeOptions normalize;
  LoaderOptions loader;  // its keys stand beside the others: data.batch_size

  static void fields(auto& self, auto&& f) {
    f("train", self.train, component("dataset", Field{.help = "the reader of the training rows"}.must()));
    f("validation", self.validation,
      component_or_number("dataset", Field{.help = "a reader, or the part of the training rows to set aside, e.g. 0.1"}));
    f("test", self.test, component("dataset", Field{.help = "the reader of the rows that the finished model is tested on"}));
    f("folder", self.folder,
      Field{.help = "where relative paths start; null: the working directory, else the folder of the config file"});
    f("inputs", self.inputs,
      Field{.help = "what of a batch each input of the model gets, as expressions of x (features) and y, e.g. x[:, :32]"});
    f("target", self.target, Field{.help = "what a loss compares with that says nothing else, e.g. x for an autoencoder; default: y"});
    f("normalize", self.normalize, Field{.help = "how features are scaled; kept with the run"});
    LoaderOptions::fields(self.loader, f);
  }
};

inline std::vector<std::string_view> enum_names(Precision) { return {"32-true", "bf16-mixed"}; }

struct EarlyStopConfig {
  std::string metric = "loss";
  int64_t patience = 5;
  double min_delta = 0;

  static void fields(auto& self, auto&& f) {
    f("metric", self.metric, Field{.help = "what of the validation set has to improve: loss, accuracy, or one of a term as digit_loss"});
    f("patience", self.patience, Field{.help = "validations without an improvement before training stops"}.at_least(1));
    f("min_delta", self.min_delta, Field{.help = "smaller changes are no improvement"}.at_least(0));
  }
};

struct LoopConfig {
  std::optional<int64_t> epochs, max_steps, checkpoint_every, eval_every, log_every;
  int keep = 3;
  std::optional<EarlyStopConfig> early_stop;
  std::optional<int> threads;
  Precision precision = Precision::f32;
  bool adapter_only = false;
  std::vector<std::pair<std::string, ConfigNode>> partitions;

  static void fields(auto& self, auto&& f) {
    f("epochs", self.epochs,
      Field{.help = "passes over the training rows; the first limit that is reached stops"}.at_least(1));
    f("max_steps", self.max_steps, Field{.help = "steps; the first limit that is reached stops"}.at_least(1));
    f("checkpoint_every", self.checkpoint_every,
      Field{.help = "steps between checkpoints; null: each epoch"}.at_least(1));
    f("eval_every", self.eval_every, Field{.help = "steps between validations; null: each epoch"}.at_least(1));
    f("log_every", self.log_every, Field{.help = "steps between training records; null: each epoch"}.at_least(1));
    f("keep", self.keep, Field{.help = "how many of the newest checkpoints stay, beside the best"}.at_least(2));
    f("early_stop", self.early_stop, Field{.help = "stops when the validation set no longer improves; null: never"});
    f("threads", self.threads,
      Field{.help = "threads of a step; null: the processors there are"}.at_least(1).at_most(1024));
    f("precision", self.precision,
      Field{.help = "32-true, or bf16-mixed: large matrix products of operands rounded to bf16, all else f32"});
    f("adapter_only", self.adapter_only,
      Field{.help = "checkpoints leave out what is frozen, and belong to the run that init_from names"});
    f("partitions", self.partitions,
      Field{.help = "files of a checkpoint: name to selector, the first that matches wins; what is left is divided by kind"});
  }
};

struct TrainConfig {
  int64_t seed = 0;
  DataConfig data;
  ConfigNode model, modules, loss, optimizer;
  LoopConfig train;
  std::optional<std::string> init_from, output_dir;
  std::vector<ConfigNode> surgery;

  static void fields(auto& self, auto&& f) {
    f("seed", self.seed, Field{.help = "of initial weights, dropout and the order of rows"}.at_least(0));
    f("data", self.data);
    f("model", self.model, component("layer", Field{.help = "the layer that is trained"}.must()));
    f("modules", self.modules, component("modules", Field{.help = "Module types of your own: name to arguments, attributes and call"}));
    f("loss", self.loss, component("loss", Field{.help = "what is made small"}.must()));
    f("optimizer", self.optimizer, component("optimizer", Field{.help = "how parameters follow their gradients"}.must()));
    f("train", self.train);
    f("init_from", self.init_from, Field{.help = "a run whose model this one starts from: RUN, RUN@STEP or RUN@best"});
    f("surgery", self.surgery, component("operation", Field{.help = "operations that change the model before it is trained, in order"}));
    f("output_dir", self.output_dir, Field{.help = "the run directory; null: runs/<name of the config file>"});
  }
};

// The first key, in the order of `a`, whose value differs and that is neither one of `free` nor below one; "" when there is
// none.
std::string differing_key(const ConfigNode& a, const ConfigNode& b, std::span<const std::string_view> free);

// The first key, in the order of `before`, whose value differs and that a resumed run may not change: its numbers would
// no longer be those of the run that began. "" when there is none.
std::string changed_key(const ConfigNode& before, const ConfigNode& now);

}  // namespace nnx
