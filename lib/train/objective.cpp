#include "train/objective.h"

#include <fmt/format.h>

#include <algorithm>

#include "lang/composite.h"
#include "train/feed.h"

namespace nnx {

ObjectiveTerm::ObjectiveTerm(LossTerm term, std::optional<BatchExpression> target)
    : weight(term.weight.value_or(1)),
      name_(std::move(term.name)),
      target_text_(target ? target->node().text() : "y"),
      loss_(std::move(term.loss)),
      output_(term.output),
      weighted_(term.weight.has_value()),
      target_(std::move(target)),
      node_(std::move(term.node)) {}

void ObjectiveTerm::refuse(ErrorParts parts) const {
  throw lang::PlacedError(ErrorKind::structure, node_.origin(), node_.path().text(), parts);
}

const Array& ObjectiveTerm::prediction(std::span<const Array> outputs) const {
  const std::string got = outputs.size() == 1 ? "one Array" : fmt::format("a tuple of {}", outputs.size());
  if (!output_ && outputs.size() != 1)
    refuse({.expected = "a model that gives one Array",
            .got = got,
            .hint = "output: 0 takes the first of them, type: weighted_sum several"});
  const auto at = static_cast<size_t>(output_.value_or(0));
  if (at >= outputs.size())
    refuse({.expected = fmt::format("a model with an output {}, counted from 0", at),
            .got = fmt::format("{} {}", got, types_text(outputs))});
  return outputs[at];
}

Array ObjectiveTerm::target(const Array& x, const Array& y) const {
  if (!target_) return y;
  const CallValue result = (*target_)(x, y);
  if (const auto* array = std::get_if<Array>(&result.value)) return *array;
  const ConfigNode& node = target_->node();
  throw lang::PlacedError(ErrorKind::structure, node.origin(), node.path().text(),
                          {.expected = "an Array, for the loss", .got = result.kind()});
}

ObjectiveTerm::Judgement ObjectiveTerm::judge(std::span<const Array> outputs, const Array& x, const Array& y) const {
  const Array& given = prediction(outputs);
  const Array wanted = target(x, y);
  try {
    Judgement out{.loss = loss_.per_example(given, wanted), .right = {}};
    if (loss_.correct) out.right = loss_.correct(given, wanted);
    return out;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::shape) throw;
    refuse({.message = fmt::format("does not fit the model's output {} and the targets {}: {}",
                                   given.type().to_string(), wanted.type().to_string(), error.what())});
  }
}

Objective::Objective(const LossTerms& terms, const ConfigNode& node, const ConfigNode& target,
                     Diagnostics& diagnostics) {
  std::optional<BatchExpression> usual;
  if (!target.is_null()) usual = BatchExpression::read(target, diagnostics);
  for (LossTerm term : terms) {
    if (term.name.empty()) term.node = node;
    else if (!lang::is_name(term.name))
      diagnostics.report(term.node,
                         {.expected = "the name of a term: letters, digits and _", .got = in_quotes(term.name)});
    auto own = term.target.is_null() ? usual : BatchExpression::read(term.target, diagnostics);
    terms_.push_back(make<ObjectiveTerm>(std::move(term), std::move(own)));
  }
  metric_names_ = {"loss"};
  for (const Ref<ObjectiveTerm>& term : terms_)
    if (!term->name().empty()) metric_names_.push_back(term->name() + "_loss");
  losses_ = metric_names_.size();
  const auto classifies = [](const Ref<ObjectiveTerm>& term) { return term->loss().classification; };
  const bool several = std::ranges::count_if(terms_, classifies) > 1;
  for (const Ref<ObjectiveTerm>& term : terms_)
    if (classifies(term)) metric_names_.push_back(several ? term->name() + "_accuracy" : "accuracy");
}

Arrays Objective::measure(std::span<const Array> outputs, const Array& x, const Array& y, const Reduction& of_losses,
                          const Reduction& of_right) const {
  Array sum;
  Arrays losses, accuracies;
  for (const Ref<ObjectiveTerm>& term : terms_) {
    const ObjectiveTerm::Judgement judged = term->judge(outputs, x, y);
    const Array loss = of_losses(judged.loss);
    const Array part = term->weighted(loss);
    sum = sum.defined() ? sum + part : part;
    if (!term->name().empty()) losses.push_back(loss);
    if (judged.right.defined()) accuracies.push_back(of_right(judged.right));
  }
  Arrays metrics{sum};
  metrics.insert(metrics.end(), losses.begin(), losses.end());
  metrics.insert(metrics.end(), accuracies.begin(), accuracies.end());
  return metrics;
}

}  // namespace nnx
