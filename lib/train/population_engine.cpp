#include "train/population_engine.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "train/evaluate.h"
#include "train/steps.h"

namespace nnx {
namespace {

constexpr size_t block_lanes = 8;

// Types of a batch of `reader`, as one lane sees it.
struct BatchTypes {
  explicit BatchTypes(const BatchReader& reader) {
    const DataSchema& schema = reader.data().schema;
    const int64_t rows = reader.batch_size();
    x = {DType::f32, reader.data().feature_shape().inserted(0, rows)};
    y = schema.has_labels() ? Type{DType::i32, {rows}} : Type{DType::f32, {rows, schema.target_width()}};
    weight = {DType::f32, {rows}};
  }
  Type x, y, weight;
};

// An Array to trace with: its values are not looked at.
Array placeholder(const Type& type) { return Array(type, Buffer::allocate(type.bytes())); }

// The runs in blocks of about the same size, as many for each thread.
std::vector<std::pair<size_t, size_t>> cut(size_t runs, size_t threads) {
  const size_t rounds = (runs + threads * block_lanes - 1) / (threads * block_lanes);
  const size_t count = std::min(runs, rounds * threads);
  std::vector<std::pair<size_t, size_t>> pieces;
  for (size_t b = 0; b < count; ++b) pieces.emplace_back(runs * b / count, runs * (b + 1) / count);
  return pieces;
}

}  // namespace

PopulationEngine::PopulationEngine(std::vector<Setup*> setups, int threads)
    : setups_(std::move(setups)), runs_(setups_.size()), joined_(setups_.size(), false), threads_(threads), outcomes_(setups_.size()) {
  std::iota(runs_.begin(), runs_.end(), size_t{0});
  for (const Setup* s : setups_)
    batches_.readers.emplace_back(s->data.train, s->config.data.loader, static_cast<uint64_t>(s->config.seed));
}

void PopulationEngine::go_to(Cursor at) {
  cursor_ = at;
  if (!lanes_) stack();
}

void PopulationEngine::join(size_t run) {
  const auto [block, lane] = lane_of(run);
  block.load(lane);
  joined_[run] = true;
}

std::pair<LaneBlock&, size_t> PopulationEngine::lane_of(size_t run) {
  const auto lane = static_cast<size_t>(std::ranges::find(runs_, run) - runs_.begin());
  LaneBlock& block = *std::ranges::find_if(blocks_, [&](const LaneBlock& b) { return lane - b.first() < b.size(); });
  return {block, lane - block.first()};
}

// Takes the values out of the objects, and compiles the step for as many lanes as there are.
void PopulationEngine::stack() {
  blocks_.clear();
  workspaces_.clear();
  measures_.clear();
  std::vector<Roots> objects;
  for (const Setup* s : setups_) objects.push_back(roots_of(s->model, s->optimizer, s->objective));
  lanes_.emplace(objects);
  const Setup& first = *setups_[0];
  const BatchTypes types(batches_.readers[0]);
  train_ = lane_function(*lanes_, train_function(first.feed),
                         std::tuple(first.model, first.optimizer, first.objective, placeholder(types.x), placeholder(types.y)),
                         {true, true});
  lanes_->share(train_->changed_cells());
  for (const auto& [from, to] : cut(setups_.size(), static_cast<size_t>(threads_))) blocks_.emplace_back(*lanes_, from, to - from);
  compile(*train_, workspaces_);
}

// A plan for each thread and size of block.
void PopulationEngine::compile(const LaneFunction& function, std::vector<Workspace>& workspaces) const {
  const PlanOptions options{.threads = 1, .precision = setups_[0]->config.train.precision};
  workspaces.resize(static_cast<size_t>(threads_));
  for (Workspace& workspace : workspaces)
    for (const LaneBlock& block : blocks_)
      if (!workspace.plans.contains(block.size()))
        workspace.plans.emplace(block.size(), function.compile(*lanes_, block.size(), options));
}

void PopulationEngine::Batches::read(Cursor at, const LaneBlock& block, Workspace& into) {
  const size_t count = shared() ? 1 : block.size(), x_bytes = readers[0].x_bytes(), y_bytes = readers[0].y_bytes();
  if (!into.x || into.x->bytes() != count * x_bytes) {
    into.x = Buffer::allocate(count * x_bytes);
    into.y = Buffer::allocate(count * y_bytes);
  }
  for (size_t i = 0; i < count; ++i)
    readers[shared() ? 0 : block.first() + i].read(at, into.x->as<char>() + i * x_bytes, into.y->as<char>() + i * y_bytes);
}

void PopulationEngine::each_block(const std::function<void(LaneBlock& block, size_t thread)>& f) {
  std::exception_ptr error;
#pragma omp parallel for num_threads(threads_) schedule(static, 1) if (threads_ > 1)
  for (size_t b = 0; b < blocks_.size(); ++b) {
    const std::span own = std::span(runs_).subspan(blocks_[b].first(), blocks_[b].size());
    if (std::ranges::none_of(own, [this](size_t run) { return joined_[run]; })) continue;
    try {
      f(blocks_[b], static_cast<size_t>(omp_get_thread_num()));
    } catch (...) {
#pragma omp critical
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

std::span<const StepOutcome> PopulationEngine::step() {
  each_block([this](LaneBlock& block, size_t thread) { step_block(block, workspaces_[thread]); });
  cursor_ = batches_.readers[0].after(cursor_);
  return outcomes_;
}

void PopulationEngine::step_block(LaneBlock& block, Workspace& workspace) {
  LanePlan& plan = workspace.plans.at(block.size());
  batches_.read(cursor_, block, workspace);
  const std::array<BufferRef*, 2> arrays{&workspace.x, &workspace.y};
  plan.run(block, arrays);
  const Objective& objective = *setups_[0]->objective;
  const size_t metrics = objective.metric_names().size();
  for (size_t i = 0; i < block.size(); ++i) {
    const auto result = [&](size_t k) { return plan.result(k)->as<float>()[i]; };
    StepOutcome& outcome = outcomes_[runs_[block.first() + i]];
    outcome.result = {.sums = sums_of_step(objective, batches_.readers[0].batch_size(), result), .learning_rate = result(metrics)};
    if (const std::string* guard = plan.failed_guard(i)) outcome.not_finite = *guard;
  }
}

// ---- evaluation

PopulationEngine::Measure& PopulationEngine::measure_of(HeldOut rows) {
  const auto [found, fresh] = measures_.try_emplace(rows);
  Measure& measure = found->second;
  if (!fresh) return measure;
  const auto data_of = [&](const Setup& s) -> const Dataset& { return rows == HeldOut::test ? *s.data.test : *s.data.validation; };
  const Setup& first = *setups_[0];
  const Dataset& data = data_of(first);
  const bool shared = std::ranges::all_of(setups_, [&](const Setup* s) {
    return data_of(*s).features == data.features && data_of(*s).targets == data.targets;
  });
  const LoaderOptions options = evaluation_options(std::min(first.config.data.loader.batch_size, data.rows));
  for (size_t i = 0; i < (shared ? 1 : setups_.size()); ++i) measure.batches.readers.emplace_back(data_of(*setups_[i]), options, 0);
  const BatchTypes types(measure.batches.readers[0]);
  const EvalMode mode(first.model);
  measure.function = lane_function(*lanes_, eval_function(first.feed),
                                   std::tuple(first.model, first.objective, placeholder(types.x), placeholder(types.y),
                                              placeholder(types.weight)),
                                   {!shared, !shared, false});
  compile(*measure.function, measure.workspaces);
  return measure;
}

std::vector<Metrics> PopulationEngine::evaluate(HeldOut rows) {
  Measure& measure = measure_of(rows);
  std::vector<MetricSums> sums(setups_.size());
  each_block([&](LaneBlock& block, size_t thread) {
    measure_block(measure, block, measure.workspaces[thread], std::span(sums).subspan(block.first(), block.size()));
  });
  std::vector<Metrics> metrics(outcomes_.size());
  for (size_t lane = 0; lane < sums.size(); ++lane)
    if (joined_[runs_[lane]]) metrics[runs_[lane]] = means(sums[lane], setups_[0]->objective->metric_names());
  return metrics;
}

void PopulationEngine::measure_block(Measure& measure, LaneBlock& block, Workspace& workspace, std::span<MetricSums> sums) {
  LanePlan& plan = workspace.plans.at(block.size());
  const BatchReader& reader = measure.batches.readers[0];
  if (!workspace.weight) workspace.weight = Buffer::allocate(static_cast<size_t>(reader.batch_size()) * sizeof(float));
  for (int64_t b = 0; b < reader.batches_per_epoch(); ++b) {
    measure.batches.read({0, b}, block, workspace);
    const int64_t count = reader.count_of(b);
    for (int64_t row = 0; row < reader.batch_size(); ++row) workspace.weight->as<float>()[row] = row < count ? 1.0f : 0.0f;
    const std::array<BufferRef*, 3> arrays{&workspace.x, &workspace.y, &workspace.weight};
    plan.run(block, arrays);
    for (size_t i = 0; i < block.size(); ++i) {
      MetricSums batch{.values = std::vector<double>(setups_[0]->objective->metric_names().size()), .count = count};
      for (size_t k = 0; k < batch.values.size(); ++k) batch.values[k] = double{plan.result(k)->as<float>()[i]};
      sums[i].add(batch);
    }
  }
}

// ---- what is kept

void PopulationEngine::publish(size_t run) {
  const auto [block, lane] = lane_of(run);
  block.store(lane);
}

void PopulationEngine::keep(const std::vector<size_t>& runs) {
  std::vector<Setup*> setups;
  Batches batches;
  for (const size_t run : runs) {
    if (joined_[run]) publish(run);
    const auto lane = static_cast<size_t>(std::ranges::find(runs_, run) - runs_.begin());
    setups.push_back(setups_[lane]);
    batches.readers.push_back(std::move(batches_.readers[lane]));
  }
  setups_ = std::move(setups);
  runs_ = runs;
  batches_ = std::move(batches);
  stack();
}

}  // namespace nnx
