// The explicit lists of built-in schedules and optimizers, with their options.
#include <fmt/format.h>

#include "config/selector_text.h"
#include "optim/optim.h"

namespace nnx {
namespace {

// ---- schedules
struct ConstantOptions {
  double value = 0;
  static void fields(auto& self, auto&& f) {
    f("value", self.value, Field{.help = "the rate of every step"}.at_least(0).must());
  }
};
struct CosineOptions {
  double init_value = 0;
  std::optional<int64_t> decay_steps;
  double alpha = 0, exponent = 1;
  static void fields(auto& self, auto&& f) {
    f("init_value", self.init_value, Field{.help = "the rate at step 0"}.at_least(0).must());
    f("decay_steps", self.decay_steps, Field{.help = "steps until the lowest rate; null: the whole run"}.at_least(1));
    f("alpha", self.alpha, Field{.help = "the lowest rate, as a part of init_value"}.at_least(0));
    f("exponent", self.exponent, Field{.help = "power of the cosine curve"}.above(0));
  }
};
struct WarmupCosineOptions {
  double init_value = 0, peak_value = 0;
  int64_t warmup_steps = 0;
  std::optional<int64_t> decay_steps;
  double end_value = 0, exponent = 1;
  static void fields(auto& self, auto&& f) {
    f("init_value", self.init_value, Field{.help = "the rate at step 0"}.at_least(0));
    f("peak_value", self.peak_value, Field{.help = "the rate after the warmup"}.at_least(0).must());
    f("warmup_steps", self.warmup_steps, Field{.help = "steps from init_value to peak_value"}.at_least(0).must());
    f("decay_steps", self.decay_steps,
      Field{.help = "steps until end_value, the warmup included; null: the whole run"}.at_least(1));
    f("end_value", self.end_value, Field{.help = "the rate from decay_steps on"}.at_least(0));
    f("exponent", self.exponent, Field{.help = "power of the cosine curve"}.above(0));
  }
};

double steps_or_run(const std::optional<int64_t>& decay_steps, int64_t total_steps) {
  if (!decay_steps && total_steps < 1)
    fail(ErrorKind::config, {.where = "decay_steps",
                             .expected = "a number of steps",
                             .got = "null",
                             .hint = "the length of the run is not known here"});
  return static_cast<double>(decay_steps.value_or(total_steps));
}

optim::Schedules make_schedules() {
  using Product = Ref<optim::Schedule>;
  optim::Schedules list("schedule");
  list.add<ConstantOptions>("constant", "one rate for all steps", [](const ConstantOptions& o, int64_t) -> Product {
    return make<optim::Constant>(o.value);
  });
  list.add<CosineOptions>("cosine", "falls along half a cosine", [](const CosineOptions& o, int64_t total) -> Product {
    return make<optim::Cosine>(o.init_value, steps_or_run(o.decay_steps, total), o.alpha, o.exponent);
  });
  list.add<WarmupCosineOptions>("warmup_cosine", "rises in a line, then falls along half a cosine",
                                [](const WarmupCosineOptions& o, int64_t total) -> Product {
                                  return make<optim::WarmupCosine>(
                                      o.init_value, o.peak_value, static_cast<double>(o.warmup_steps),
                                      steps_or_run(o.decay_steps, total), o.end_value, o.exponent);
                                });
  return list;
}

// ---- optimizers: the options that all have stand around their own
struct GroupOptions {
  ConfigNode select, learning_rate;
  std::optional<double> weight_decay;
  bool frozen = false;
  static void fields(auto& self, auto&& f) {
    f("select", self.select, Field{.help = "the parameters of the group; the first group that matches wins, ... takes all others"}.must());
    f("learning_rate", self.learning_rate, component_or_number("schedule", Field{.help = "their own; null: that of the optimizer"}));
    f("weight_decay", self.weight_decay, Field{.help = "their own, where the optimizer has one; null: that of the optimizer"}.at_least(0));
    f("frozen", self.frozen, Field{.help = "they are not trained: no gradient and no state"});
  }
};
struct CommonOptions {
  ConfigNode learning_rate;
  std::optional<double> clip_by_global_norm;
  ConfigNode wrt{"Param"};
  std::vector<std::pair<std::string, GroupOptions>> groups;
};

void first_fields(auto& self, auto&& f) {
  f("learning_rate", self.learning_rate,
    component_or_number("schedule", Field{.help = "a number, or a schedule such as {type: warmup_cosine, ...}"}.must()));
}
void last_fields(auto& self, auto&& f) {
  f("clip_by_global_norm", self.clip_by_global_norm,
    Field{.help = "largest norm of all gradients together; null: any"}.above(0));
  f("wrt", self.wrt, Field{.help = "selector of what is trained; gradients are computed for nothing else"});
  f("groups", self.groups, Field{.help = "parameters that are trained in another way, by names of your own"});
}
void adam_fields(auto& self, auto&& f) {
  f("b1", self.b1, Field{.help = "decay of the mean of gradients"}.at_least(0).below(1));
  f("b2", self.b2, Field{.help = "decay of the mean of squared gradients"}.at_least(0).below(1));
  f("eps", self.eps, Field{.help = "added to the root of the mean square"}.at_least(0));
}

struct SgdOptions : CommonOptions {
  std::optional<double> momentum;
  bool nesterov = false;
  static void fields(auto& self, auto&& f) {
    first_fields(self, f);
    f("momentum", self.momentum, Field{.help = "decay of the accumulated gradients; null: none are kept"}.at_least(0));
    f("nesterov", self.nesterov, Field{.help = "looks one step of the momentum ahead"});
    last_fields(self, f);
  }
};
struct AdamOptions : CommonOptions {
  double b1 = 0.9, b2 = 0.999, eps = 1e-8;
  static void fields(auto& self, auto&& f) {
    first_fields(self, f);
    adam_fields(self, f);
    last_fields(self, f);
  }
};
struct AdamWOptions : CommonOptions {
  double b1 = 0.9, b2 = 0.999, eps = 1e-8, weight_decay = 1e-4;
  ConfigNode mask{"..."};
  static void fields(auto& self, auto&& f) {
    first_fields(self, f);
    adam_fields(self, f);
    f("weight_decay", self.weight_decay, Field{.help = "part of a parameter that is added to its update"}.at_least(0));
    f("mask", self.mask, Field{.help = "selector of the parameters that decay, such as path:**.kernel"});
    last_fields(self, f);
  }
};

optim::LearningRate learning_rate(const ConfigNode& node, Diagnostics& diagnostics, int64_t total_steps) {
  if (node.is_map()) return optim::schedules().build(node, diagnostics, total_steps);
  double value = 0;
  if (node.quoted() || parse_number(node.text(), value) != NumberStatus::good || value < 0) {
    diagnostics.report(node, {.expected = "a number of at least 0, or a schedule such as {type: cosine, ...}",
                              .got = node.describe()});
    diagnostics.throw_if_any();
  }
  diagnostics.resolve(node);
  return value;
}

// Names the key whose text is not a filter.
Filter filter_of(const char* key, const ConfigNode& node, Diagnostics& diagnostics) {
  try {
    return parse_filter(selector_text(node, diagnostics));
  } catch (const ConfigError&) { throw; } catch (const Error& error) {
    ErrorParts parts = error.parts();
    parts.where = key;
    fail(error.kind(), std::move(parts));
  }
}

// The options as one group has them: clipping is of all gradients together, so before the groups.
template <class Options>
Options options_of(const Options& all, const GroupOptions& group, const char* name, Diagnostics& diagnostics) {
  Options own = all;
  own.clip_by_global_norm.reset();
  if constexpr (requires { own.weight_decay; }) {
    own.weight_decay = group.weight_decay.value_or(all.weight_decay);
  } else if (group.weight_decay) {
    diagnostics.report(group.select, {.message = fmt::format("weight_decay: {} has none", name), .hint = "adamw has"});
    diagnostics.throw_if_any();
  }
  return own;
}

// What a config says is trained, and how.
struct Training {
  Filter wrt;
  optim::Partition::Groups groups = {};
};

// `chain` makes the transformation from options, diagnostics and learning rate.
template <class Options, class F>
Training training_of(const char* name, const Options& o, Diagnostics& d, const Ref<ModuleBase>& model, int64_t total_steps, F chain) {
  // A look at the model makes its types known by name.
  const bool some_frozen = !state(model, frozen()).empty();
  Training out{.wrt = filter_of("wrt", o.wrt, d)};
  if (some_frozen) out.wrt = out.wrt && !frozen();
  std::optional<Filter> earlier;
  for (const auto& [key, group] : o.groups) {
    const Filter mine = filter_of("groups", group.select, d);
    if (group.frozen) out.wrt = out.wrt && !(earlier ? mine && !*earlier : mine);
    else {
      const ConfigNode& rate = group.learning_rate.is_null() ? o.learning_rate : group.learning_rate;
      out.groups.push_back({key, mine, chain(options_of(o, group, name, d), d, learning_rate(rate, d, total_steps))});
    }
    earlier = earlier ? *earlier || mine : mine;
  }
  return out;
}

template <class Options, class F> void add(Optimizers& list, const char* name, const char* help, F chain) {
  list.add<Options>(
      name, help, [name, chain](const Options& o, Diagnostics& d, const Ref<ModuleBase>& model, int64_t total_steps) {
        const Training training = training_of(name, o, d, model, total_steps, chain);
        if (training.groups.empty())
          return make<Optimizer>(model, chain(o, d, learning_rate(o.learning_rate, d, total_steps)), training.wrt);
        Ref<optim::Transformation> tx = make<optim::Partition>(training.groups);
        if (o.clip_by_global_norm)
          tx = make<optim::Chain>(optim::Chain::Parts{{"clip", make<optim::ClipByGlobalNorm>(*o.clip_by_global_norm)}, {"groups", tx}});
        return make<Optimizer>(model, tx, training.wrt);
      });
}

Optimizers make_optimizers() {
  using optim::LearningRate;
  for (const VariableKind* kind : {&Param::static_kind(), &LoRAParam::static_kind()}) register_kind(*kind);
  Optimizers list("optimizer");
  add<SgdOptions>(
      list, "sgd", "gradient descent, with momentum if asked", [](const SgdOptions& o, Diagnostics&, const LearningRate& rate) {
        return optim::sgd(
            rate, {.momentum = o.momentum, .nesterov = o.nesterov, .clip_by_global_norm = o.clip_by_global_norm});
      });
  add<AdamOptions>(list, "adam", "steps by the mean of gradients over the root of their mean square",
                   [](const AdamOptions& o, Diagnostics&, const LearningRate& rate) {
                     return optim::adam(
                         rate, {.b1 = o.b1, .b2 = o.b2, .eps = o.eps, .clip_by_global_norm = o.clip_by_global_norm});
                   });
  add<AdamWOptions>(list, "adamw", "adam with weight decay beside it",
                    [](const AdamWOptions& o, Diagnostics& d, const LearningRate& rate) {
                      return optim::adamw(rate, {.b1 = o.b1,
                                                 .b2 = o.b2,
                                                 .eps = o.eps,
                                                 .weight_decay = o.weight_decay,
                                                 .mask = filter_of("mask", o.mask, d),
                                                 .clip_by_global_norm = o.clip_by_global_norm});
                    });
  return list;
}

}  // namespace

const optim::Schedules& optim::schedules() {
  static const Schedules list = make_schedules();
  return list;
}

const Optimizers& optimizers() {
  static const Optimizers list = make_optimizers();
  return list;
}

}  // namespace nnx
