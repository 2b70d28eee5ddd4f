#include <nlohmann/json.hpp>
#include <cmath>

#include "train/trainer.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json json_of(const std::optional<Metrics>& metrics) {
  if (!metrics) return nullptr;
  Json json = Json::object();
  for (const auto& [name, value] : metrics->values) json[name] = number(value);
  return json;
}

}  // namespace

std::string to_json(const Summary& s) {
  const Json json{{"status", s.status},
                  {"reason", s.reason},
                  {"steps", s.steps},
                  {"epochs", s.epochs},
                  {"train", json_of(s.train)},
                  {"validation", json_of(s.validation)},
                  {"test", json_of(s.test)},
                  {"best", s.best ? Json{{"step", s.best->step}, {"value", number(s.best->value)}} : Json()},
                  {"output_dir", s.output_dir}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nnx
