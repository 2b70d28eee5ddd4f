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

std::vector<Roots> roots_of_runs(const std::vector<Setup*>& setups) {
  std::vector<Roots> roots;
  for (const Setup* s : setups) roots.push_back(roots_of(s->model, s->optimizer, s->objective));
  return roots;
}

std::vector<BatchReader> training_readers(const std::vector<Setup*>& setups) {
  std::vector<BatchReader> readers;
  for (const Setup* s : setups) readers.emplace_back(s->data.train, s->config.data.loader, static_cast<uint64_t>(s->config.seed));
  return readers;
}

LaneFunction train_lanes(const Lanes& lanes, const Setup& setup, const BatchReader& reader) {
  const BatchTypes types(reader);
  return lane_function(lanes, train_function(setup.feed),
                       std::tuple(setup.model, setup.optimizer, setup.objective, placeholder(types.x), placeholder(types.y)));
}

bool same_data(const Dataset& a, const Dataset& b) { return a.features == b.features && a.targets == b.targets; }

const Dataset& held_out(const Setup& s, HeldOut rows) { return rows == HeldOut::test ? *s.data.test : *s.data.validation; }

}  // namespace

PopulationEngine::PopulationEngine(std::vector<Setup*> setups, int threads)
    : setups_(std::move(setups)),
      readers_(training_readers(setups_)),
      joined_(setups_.size(), false),
      outcomes_(setups_.size()),
      threads_(threads),
      lanes_(roots_of_runs(setups_)),
      train_(train_lanes(lanes_, *setups_[0], readers_[0])) {
  std::vector<size_t> all(setups_.size());
  std::iota(all.begin(), all.end(), size_t{0});
  cut(all);
}

// Makes blocks of about the same size, as many for each thread.
void PopulationEngine::cut(const std::vector<size_t>& runs) {
  std::vector<size_t> ordered = runs;
  std::ranges::stable_sort(ordered, {}, [this](size_t run) { return setups_[run]->config.seed; });
  const auto threads = static_cast<size_t>(threads_);
  const size_t rounds = (runs.size() + threads * block_lanes - 1) / (threads * block_lanes);
  const size_t count = std::min(runs.size(), rounds * threads);
  blocks_.clear();
  kinds_.clear();
  measures_.clear();
  const auto at = [&](size_t b) { return ordered.begin() + static_cast<std::ptrdiff_t>(runs.size() * b / count); };
  for (size_t b = 0; b < count; ++b) {
    std::vector<size_t> members(at(b), at(b + 1));
    const bool own_rows = !same_rows(members);
    Kind kind{members.size(), train_.settle(lanes_.layout(members), {own_rows, own_rows}), own_rows};
    auto known = std::ranges::find(kinds_, kind);
    if (known == kinds_.end()) known = kinds_.insert(known, kind);
    blocks_.push_back({LaneBlock(lanes_, std::move(members), std::move(kind.layout)), static_cast<size_t>(known - kinds_.begin())});
  }
  compile(train_, [](const Kind& kind) { return std::vector{kind.own_rows, kind.own_rows}; }, workspaces_);
}

bool PopulationEngine::same_rows(std::span<const size_t> runs) const {
  const Setup& first = *setups_[runs[0]];
  return std::ranges::all_of(runs, [&](size_t run) {
    return same_data(first.data.train, setups_[run]->data.train) &&
           (first.config.seed == setups_[run]->config.seed || !first.config.data.loader.shuffle);
  });
}

// A plan for each thread and kind of block; `arrays` says which of its Arrays have a value for each run.
void PopulationEngine::compile(const LaneFunction& function, const std::function<std::vector<bool>(const Kind&)>& arrays,
                               std::vector<Workspace>& workspaces) const {
  const PlanOptions options{.threads = 1, .precision = setups_[0]->config.train.precision};
  workspaces.clear();
  workspaces.resize(static_cast<size_t>(threads_));
  for (Workspace& workspace : workspaces)
    for (const Kind& kind : kinds_) workspace.plans.push_back(function.compile(kind.layout, arrays(kind), kind.size, options));
}

void PopulationEngine::go_to(Cursor at) { cursor_ = at; }

void PopulationEngine::join(size_t run) {
  const auto [block, member] = member_of(run);
  block.values.load(member);
  joined_[run] = true;
}

std::pair<PopulationEngine::Block&, size_t> PopulationEngine::member_of(size_t run) {
  for (Block& block : blocks_) {
    const auto found = std::ranges::find(block.values.members(), run);
    if (found != block.values.members().end()) return {block, static_cast<size_t>(found - block.values.members().begin())};
  }
  fail(ErrorKind::internal, {.where = "population", .message = "a run that is not looked at any more takes part"});
}

void PopulationEngine::each_block(const std::function<void(Block& block, size_t thread)>& f) {
  std::exception_ptr error;
#pragma omp parallel for num_threads(threads_) schedule(dynamic, 1) if (threads_ > 1)
  for (size_t b = 0; b < blocks_.size(); ++b) {
    if (std::ranges::none_of(blocks_[b].values.members(), [this](size_t run) { return joined_[run]; })) continue;
    try {
      f(blocks_[b], static_cast<size_t>(omp_get_thread_num()));
    } catch (...) {
#pragma omp critical
      error = std::current_exception();
    }
  }
  if (error) std::rethrow_exception(error);
}

// The batch of each of these readers, one after the other.
void PopulationEngine::read(std::vector<BatchReader>& readers, std::span<const size_t> which, Cursor at, Workspace& into) {
  const size_t x_bytes = readers[0].x_bytes(), y_bytes = readers[0].y_bytes();
  if (!into.x || into.x->bytes() < which.size() * x_bytes) {
    into.x = Buffer::allocate(which.size() * x_bytes);
    into.y = Buffer::allocate(which.size() * y_bytes);
  }
  for (size_t i = 0; i < which.size(); ++i)
    readers[which[i]].read(at, into.x->as<char>() + i * x_bytes, into.y->as<char>() + i * y_bytes);
}

std::span<const StepOutcome> PopulationEngine::step() {
  each_block([this](Block& block, size_t thread) { step_block(block, workspaces_[thread]); });
  cursor_ = readers_[0].after(cursor_);
  return outcomes_;
}

void PopulationEngine::step_block(Block& block, Workspace& workspace) {
  LanePlan& plan = workspace.plans[block.kind];
  const std::span<const size_t> members = block.values.members();
  read(readers_, kinds_[block.kind].own_rows ? members : members.first(1), cursor_, workspace);
  const std::array<BufferRef*, 2> arrays{&workspace.x, &workspace.y};
  plan.run(block.values, arrays);
  const Objective& objective = *setups_[0]->objective;
  const size_t metrics = objective.metric_names().size();
  for (size_t i = 0; i < members.size(); ++i) {
    const auto result = [&](size_t k) { return plan.result(k)->as<float>()[i]; };
    StepOutcome& outcome = outcomes_[members[i]];
    outcome.result = {.sums = sums_of_step(objective, readers_[0].batch_size(), result), .learning_rate = result(metrics)};
    if (const std::string* guard = plan.failed_guard(i)) outcome.not_finite = *guard;
  }
}

// ---- evaluation

PopulationEngine::Measure& PopulationEngine::measure_of(HeldOut rows) {
  const auto [found, fresh] = measures_.try_emplace(rows);
  Measure& measure = found->second;
  if (!fresh) return measure;
  const Setup& first = *setups_[0];
  const Dataset& data = held_out(first, rows);
  const bool shared = std::ranges::all_of(setups_, [&](const Setup* s) { return same_data(held_out(*s, rows), data); });
  const LoaderOptions options = evaluation_options(std::min(first.config.data.loader.batch_size, data.rows));
  for (size_t i = 0; i < (shared ? 1 : setups_.size()); ++i) measure.readers.emplace_back(held_out(*setups_[i], rows), options, 0);
  const BatchTypes types(measure.readers[0]);
  const EvalMode mode(first.model);
  measure.function = lane_function(lanes_, eval_function(first.feed),
                                   std::tuple(first.model, first.objective, placeholder(types.x), placeholder(types.y),
                                              placeholder(types.weight)));
  compile(*measure.function, [&](const Kind&) { return std::vector{!shared, !shared, false}; }, measure.workspaces);
  return measure;
}

std::vector<Metrics> PopulationEngine::evaluate(HeldOut rows) {
  Measure& measure = measure_of(rows);
  std::vector<MetricSums> sums(setups_.size());
  each_block([&](Block& block, size_t thread) { measure_block(measure, block, measure.workspaces[thread], sums); });
  std::vector<Metrics> metrics(setups_.size());
  for (size_t run = 0; run < sums.size(); ++run)
    if (joined_[run] && sums[run].count > 0) metrics[run] = means(sums[run], setups_[0]->objective->metric_names());
  return metrics;
}

void PopulationEngine::measure_block(Measure& measure, Block& block, Workspace& workspace, std::vector<MetricSums>& sums) {
  static constexpr std::array<size_t, 1> only{0};
  LanePlan& plan = workspace.plans[block.kind];
  const std::span<const size_t> members = block.values.members();
  const BatchReader& reader = measure.readers[0];
  if (!workspace.weight) workspace.weight = Buffer::allocate(static_cast<size_t>(reader.batch_size()) * sizeof(float));
  for (int64_t b = 0; b < reader.batches_per_epoch(); ++b) {
    read(measure.readers, measure.readers.size() == 1 ? std::span<const size_t>(only) : members, {0, b}, workspace);
    const int64_t count = reader.count_of(b);
    for (int64_t row = 0; row < reader.batch_size(); ++row) workspace.weight->as<float>()[row] = row < count ? 1.0f : 0.0f;
    const std::array<BufferRef*, 3> arrays{&workspace.x, &workspace.y, &workspace.weight};
    plan.run(block.values, arrays);
    for (size_t i = 0; i < members.size(); ++i) {
      MetricSums batch{.values = std::vector<double>(setups_[0]->objective->metric_names().size()), .count = count};
      for (size_t k = 0; k < batch.values.size(); ++k) batch.values[k] = double{plan.result(k)->as<float>()[i]};
      sums[members[i]].add(batch);
    }
  }
}

// ---- what is kept

void PopulationEngine::publish(size_t run) {
  const auto [block, member] = member_of(run);
  block.values.store(member);
}

void PopulationEngine::keep(const std::vector<size_t>& runs) {
  for (const size_t run : runs)
    if (joined_[run]) publish(run);
  cut(runs);
}

}  // namespace nnx
