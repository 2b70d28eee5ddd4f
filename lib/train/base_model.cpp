#include "train/base_model.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "base/hash.h"
#include "nnx/known_names.h"
#include "train/evaluate.h"
#include "train/inspect.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;

constexpr int longest_chain = 16;   // of runs that start from one another

int64_t step_from(const std::string& text) {
  int64_t step = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), step);
  if (error != std::errc() || end != text.data() + text.size() || step < 0)
    fail(ErrorKind::usage, {.where = "--step", .expected = "a step or 'best'", .got = in_quotes(text)});
  return step;
}

fs::path found_in(const std::string& run, const fs::path& folder) {
  if (fs::exists(run) || folder.empty()) return run;
  return fs::exists(folder / run) ? folder / run : fs::path(run);
}

// Counts how deep runs stand on one another.
class Depth {
 public:
  explicit Depth(const std::string& name) {
    if (++depth_ > longest_chain) {
      --depth_;
      fail(ErrorKind::config, {.where = name, .message = "more than 16 runs start from one another", .hint = "does a run start from itself?"});
    }
  }
  ~Depth() { --depth_; }
  Depth(const Depth&) = delete;
  Depth& operator=(const Depth&) = delete;

 private:
  static thread_local int depth_;
};
thread_local int Depth::depth_ = 0;

std::string typed(const Path& path, const StateLeaf& leaf) { return fmt::format("{} {}", to_string(path), leaf.value.type().to_string()); }

// How the first of `a` and `b` that differ do so; "" when they have the same paths and types.
std::string difference(const State& config, const State& run) {
  for (const auto& [path, leaf] : config) {
    if (!run.contains(path)) return fmt::format("the config has {}, the run has no such path", typed(path, leaf));
    if (run.at(path).value.type() != leaf.value.type())
      return fmt::format("the config has {}, the run {}", typed(path, leaf), run.at(path).value.type().to_string());
  }
  for (const auto& [path, leaf] : run)
    if (!config.contains(path)) return fmt::format("the run has {}, the config has no such path", typed(path, leaf));
  return "";
}

bool has_surgery(const Setup& setup) { return setup.config.init_from || !setup.config.surgery.empty(); }

bool same_model_section(const Setup& a, const Setup& b) {
  const ConfigNode first = a.diagnostics.resolved(), second = b.diagnostics.resolved();
  const ConfigNode *one = first.find("model"), *two = second.find("model");
  return one && two && changed_key(*one, *two).empty();
}

const ConfigNode& init_from_node(const Setup& setup) {
  const ConfigNode* node = setup.root.find("init_from");
  return node ? *node : setup.root;
}

RunModel read_base(const Setup& setup) {
  try {
    return read_run_model(*setup.config.init_from, setup.source.data_folder);
  } catch (const Error& error) {
    fail(error.kind(), {.where = init_from_node(setup).where(), .message = error.what()});
  }
}

void take_base(Setup& setup) {
  const RunModel base = read_base(setup);
  const std::string differs = difference(state(setup.model), state(base.model));
  if (differs.empty()) {
    update(setup.model, state(base.model));
  } else if (has_surgery(base.setup) && same_model_section(base.setup, setup)) {
    setup.model = base.model;   // its own surgery explains the difference
  } else {
    setup.diagnostics.report(init_from_node(setup), {.message = fmt::format("the model of {} is another one: {}", base.name, differs),
                                                     .hint = "describe that one and change it by surgery, or load what fits"});
    setup.diagnostics.throw_if_any();
  }
  setup.base = base.name;
  setup.base_hash = base.hash;
  setup.config.init_from = base.name;
}

// An adapter is worth nothing on another base.
void expect_base(const RunModel& run, const Setup& setup) {
  const BaseIdentity& bound = run.environment.base;
  if (bound.adapter_only && bound.hash != setup.base_hash)
    fail(ErrorKind::structure,
         {.message = fmt::format("{} holds an adapter of the base {} (hash {}), and this run starts from {}", run.name, bound.run, bound.hash,
                                 setup.base.empty() ? "no other" : fmt::format("{} (hash {})", setup.base, setup.base_hash))});
}

}  // namespace

std::string base_hash(const Ref<Layer>& model) {
  uint64_t h = hash_seed;
  for (const auto& [path, leaf] : state(model, of<Param> || of<BatchStat>)) {
    h = hash_combine(h, hash_bytes(to_string(path)));
    h = hash_combine(h, hash_bytes(leaf.value.type().to_string()));
    h = hash_combine(h, hash_bytes(std::string_view(leaf.value.buffer()->as<char>(), leaf.value.type().bytes())));
  }
  return fmt::format("{:016x}", h);
}

Checkpoint read_step(CheckpointStore& store, const fs::path& run, const std::string& step, std::vector<std::string>& notes) {
  if (step == "best") {
    if (const auto best = store.best()) return store.read(*best);
    fail(ErrorKind::missing, {.where = run.string(),
                              .message = "no checkpoint is marked as the best",
                              .hint = "a run without validation marks none"});
  }
  if (!step.empty()) return store.read(step_from(step));
  if (auto found = store.newest(notes)) return std::move(*found);
  fail(ErrorKind::missing, {.where = run.string(), .message = "there is no checkpoint here"});
}

RunModel read_run_model(const std::string& reference, const fs::path& folder) {
  const size_t at = reference.rfind('@');
  const bool has_step = at != std::string::npos && reference.find('/', at) == std::string::npos;
  const std::string name = reference.substr(0, has_step ? at : reference.size());
  const fs::path run = found_in(name, folder);
  const Depth depth(name);
  if (!fs::exists(run)) fail(ErrorKind::missing, {.where = in_quotes(name), .message = "there is no such run directory"});
  RunModel out;
  out.setup = prepare_model(source_of_run(run));
  graphdef(out.setup.model);   // so that the types in the file are known
  CheckpointStore store(run, "", {.read_only = true});
  std::vector<std::string> notes;
  out.checkpoint = read_step(store, run, has_step ? reference.substr(at + 1) : "", notes);
  const std::string where = store.directory_of(out.checkpoint.step).string();
  restore(out.checkpoint, out.setup.model, {}, where, out.setup.base_hash);
  out.model = out.setup.model;
  out.step = out.checkpoint.step;
  out.name = fmt::format("{}@{}", name, out.step);
  out.environment = parse_environment(out.checkpoint.environment, where);
  out.hash = base_hash(out.model);
  return out;
}

void prepare_from_base(Setup& setup, Rngs& rngs) {
  TrainConfig& config = setup.config;
  Diagnostics& diagnostics = setup.diagnostics;
  if (config.init_from) take_base(setup);
  if (!config.init_from && config.surgery.empty()) return;
  setup.before = clone(setup.model);
  const StateReader read_state = [&setup](const std::string& reference) -> LoadedState {
    const RunModel run = read_run_model(reference, setup.source.data_folder);
    expect_base(run, setup);
    return {run.name, state(run.model)};
  };
  setup.plan = operate(setup.model, config.surgery, rngs, diagnostics, read_state);
  setup.plan->base = setup.base;
  // Reading the base gave its meaning to names of Module types; in checkpoints of this run they mean those of this model.
  for (const Visited& v : iterate(setup.model))
    if (v.module) define_module_type(v.module->type());
}

}  // namespace nnx
