#include "optim/optimizer.h"

#include "optim/partition.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx {
namespace {

// A parameter with its place.
struct Trained {
  Path path;
  Variable variable;
  const ModuleType* holder;
};

std::vector<Trained> trained(ModuleBase& model, const Filter& filter) {
  const Flattened flat = flatten(model);
  std::vector<Trained> out;
  for (size_t i = 0; i < flat.variables.size(); ++i) {
    const Variable& v = flat.variables[i];
    if (v && is_floating(v.type().dtype) &&
        filter.matches({flat.paths[i], v.kind(), v.tag(), &v.metadata(), flat.holders[i], &v.cell()->value}))
      out.push_back({flat.paths[i], v, flat.holders[i]});
  }
  return out;
}

State state_from(const std::vector<Trained>& parameters) {
  State state;
  for (const auto& [path, v, holder] : parameters)
    state.insert(path, {v.get(), &v.kind(), v.metadata(), v.tag(), holder});
  return state;
}

void expect_gradients(const State& grads, const State& params) {
  for (const auto& [path, leaf] : params) {
    if (!grads.contains(path))
      fail(ErrorKind::structure, {.where = "optimizer",
                                  .message = fmt::format("there is no gradient for '{}'", to_string(path)),
                                  .hint = "differentiate with respect to optimizer->wrt()"});
    const Type &got = grads.at(path).value.type(), &want = leaf.value.type();
    if (!(got == want))
      fail(ErrorKind::shape, {.where = fmt::format("optimizer: gradient of '{}'", to_string(path)),
                              .expected = want.to_string(),
                              .got = got.to_string()});
  }
  for (const auto& [path, leaf] : grads)
    if (!params.contains(path))
      fail(ErrorKind::structure, {.where = "optimizer",
                                  .message = fmt::format("there is no parameter '{}'", to_string(path)),
                                  .hint = "its gradient may be of another model"});
}

// The part that scales by a learning rate; of groups, that of the first one.
optim::ScaleByLearningRate* first_rate(optim::Transformation& tx) {
  const std::vector<Ref<optim::Transformation>>* parts = nullptr;
  if (auto* chain = dynamic_cast<optim::Chain*>(&tx)) parts = &chain->parts();
  if (auto* groups = dynamic_cast<optim::Partition*>(&tx)) parts = &groups->parts();
  if (!parts) {
    for (const Visited& v : iterate_of(tx))
      if (auto* found = dynamic_cast<optim::ScaleByLearningRate*>(v.module.get())) return found;
    return nullptr;
  }
  for (const Ref<optim::Transformation>& part : *parts)
    if (auto* found = first_rate(*part)) return found;
  return nullptr;
}

}  // namespace

Optimizer::Optimizer(Ref<ModuleBase> trained_model, Ref<optim::Transformation> transformation, const Filter& filter)
    : step(scalar<uint32_t>(0)), tx(std::move(transformation)), model(std::move(trained_model)), wrt_(filter) {
  const State params = parameters();
  if (params.empty())
    fail(ErrorKind::structure, {.where = "optimizer",
                                .expected = "a filter that matches some floating Variable of the model",
                                .got = in_quotes(filter.to_string())});
  if (!state(tx).empty())
    fail(ErrorKind::structure, {.where = "optimizer",
                                .message = "the transformation already has state of another Optimizer",
                                .hint = "make one for each"});
  tx->init(params);
}

State Optimizer::parameters() const { return state_from(trained(*model, wrt())); }

State Optimizer::update(const State& grads) {
  std::vector<Trained> variables = trained(*model, wrt());
  const State params = state_from(variables), covered = grads.filter(wrt());
  expect_gradients(covered, params);
  State updates = tx->update(covered, params);
  for (auto& [path, variable, holder] : variables) variable.set(params.at(path).value + updates.at(path).value);
  step.set(step.get() + 1);
  return updates;
}

optim::ScaleByLearningRate& Optimizer::rate_part() const {
  if (auto* part = first_rate(*tx)) return *part;
  fail(ErrorKind::structure,
       {.where = "optimizer", .expected = "a transformation that scales by a learning rate", .got = tx->type().name});
}

Array Optimizer::learning_rate() const { return rate_part().rate(); }

void Optimizer::set_learning_rate(double value) {
  auto* constant = dynamic_cast<optim::Constant*>(rate_part().schedule.get());
  if (!constant)
    fail(ErrorKind::structure, {.where = "optimizer",
                                .expected = "a constant learning rate",
                                .got = rate_part().schedule->type().name,
                                .hint = "change the Numbers of the schedule"});
  constant->value.set(value);
}

}  // namespace nnx
