#include "train/progress.h"

#include <nlohmann/json.hpp>
#include <limits>

#include "base/error.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

// What is not finite is written as null.
double number_of(const Json& j) { return j.is_null() ? std::numeric_limits<double>::quiet_NaN() : j.get<double>(); }

Json of_sums(const MetricSums& s) { return {{"values", s.values}, {"count", s.count}}; }
MetricSums sums_of(const Json& j) {
  MetricSums s{.values = {}, .count = j.at("count")};
  for (const Json& value : j.at("values")) s.values.push_back(number_of(value));
  return s;
}

Json of_metrics(const std::optional<Metrics>& m) {
  if (!m) return nullptr;
  Json json = Json::object();
  for (const auto& [name, value] : m->values) json[name] = value;
  return json;
}
std::optional<Metrics> metrics_of(const Json& j) {
  if (j.is_null()) return std::nullopt;
  Metrics m;
  for (const auto& [name, value] : j.items()) m.values.emplace_back(name, number_of(value));
  return m;
}

}  // namespace

std::string to_json(const TrainProgress& p) {
  const Json j{{"step", p.step},
               {"epoch", p.cursor.epoch},
               {"batch", p.cursor.batch},
               {"since_record", of_sums(p.since_record)},
               {"this_epoch", of_sums(p.this_epoch)},
               {"train", of_metrics(p.train)},
               {"validation", of_metrics(p.validation)},
               {"best", p.best ? Json{{"step", p.best->step}, {"value", p.best->value}} : Json()},
               {"without_improvement", p.without_improvement},
               {"stopped_early", p.stopped_early},
               {"learning_rate", p.learning_rate},
               {"metrics_bytes", p.metrics_bytes}};
  return j.dump();
}

TrainProgress parse_progress(const std::string& text, const std::string& where) try {
  const Json j = Json::parse(text);
  TrainProgress p;
  p.step = j.at("step");
  p.cursor = {.epoch = j.at("epoch"), .batch = j.at("batch")};
  p.since_record = sums_of(j.at("since_record"));
  p.this_epoch = sums_of(j.at("this_epoch"));
  p.train = metrics_of(j.at("train"));
  p.validation = metrics_of(j.at("validation"));
  if (const Json& best = j.at("best"); !best.is_null())
    p.best = BestResult{.step = best.at("step"), .value = best.at("value")};
  p.without_improvement = j.at("without_improvement");
  p.stopped_early = j.at("stopped_early");
  p.learning_rate = j.at("learning_rate");
  p.metrics_bytes = j.at("metrics_bytes");
  if (p.step < 0 || p.metrics_bytes < 0 || p.since_record.count < 0 || p.this_epoch.count < 0)
    fail(ErrorKind::data, {.where = where, .message = "the progress holds a negative count"});
  return p;
} catch (const nlohmann::json::exception& error) {
  fail(ErrorKind::data, {.where = where, .message = std::string("the progress is damaged: ") + error.what()});
}

}  // namespace nnx
