#include "train/environment.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "kernels/kernel.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

template <class T> Json json_of(const T& value);
template <class T> void read_json(const Json& json, T& value);

template <class T> Json json_of(const std::vector<T>& values) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(json_of(value));
  return json;
}
template <class T> Json json_of(const T& value) {
  if constexpr (HasFields<T>) {
    Json json = Json::object();
    T::fields(value,
              [&](std::string_view name, const auto& member, auto&&...) { json[std::string(name)] = json_of(member); });
    return json;
  } else {
    return value;
  }
}

template <class T> void read_json(const Json& json, std::vector<T>& values) {
  values.clear();
  for (const Json& item : json.get_ref<const Json::array_t&>()) read_json(item, values.emplace_back());
}
template <class T> void read_json(const Json& json, T& value) {
  if constexpr (HasFields<T>) {
    T::fields(value,
              [&](std::string_view name, auto& member, auto&&...) {
                // Of a checkpoint from before there were other bases or precisions.
                if ((name == "base" || name == "precision") && !json.contains(std::string(name))) return;
                read_json(json.at(std::string(name)), member);
              });
  } else {
    json.get_to(value);
  }
}

void expect_same_rows(const char* split, const std::vector<SourceIdentity>& before,
                      const std::vector<SourceIdentity>& now) {
  for (size_t i = 0; i < std::min(before.size(), now.size()); ++i)
    if (!before[i].same_content(now[i]))
      fail(ErrorKind::data,
           {.where = now[i].path,
            .message = fmt::format(
                "is not the file that the run began with ({} bytes, crc32 {:08x}; now {} bytes, crc32 {:08x})",
                before[i].bytes, before[i].crc32, now[i].bytes, now[i].crc32),
            .hint = "bring it back, or start another run"});
  if (before.size() != now.size())
    fail(ErrorKind::data, {.where = split, .message = "is read from other files than when the run began"});
}

}  // namespace

RunEnvironment environment_of(const Setup& setup) {
  const RunData& data = setup.data;
  const Precision precision = setup.config.train.precision;
  const auto sources = [](const std::optional<Dataset>& d) { return d ? d->sources : std::vector<SourceIdentity>{}; };
  return {.nnx = version,
          .library = kernels::library_name(),
          .isa = kernels::isa_name(),
          .precision = std::string(enum_names(precision)[static_cast<size_t>(precision)]),
          .threads = setup.config.train.threads.value_or(kernels::max_threads()),
          .train = data.train.sources,
          .validation = sources(data.validation),
          .test = sources(data.test),
          .schema = data.train.schema,
          .normalization = data.normalization,
          .base = {.run = setup.base, .hash = setup.base_hash, .adapter_only = setup.config.train.adapter_only}};
}

std::string to_json(const RunEnvironment& environment) { return json_of(environment).dump(); }

RunEnvironment parse_environment(const std::string& text, const std::string& where) try {
  RunEnvironment environment;
  read_json(Json::parse(text), environment);
  return environment;
} catch (const nlohmann::json::exception& error) {
  fail(ErrorKind::data, {.where = where, .message = std::string("the environment is damaged: ") + error.what()});
}

std::vector<std::string> compare(const RunEnvironment& before, const RunEnvironment& now) {
  expect_same_rows("data.train", before.train, now.train);
  expect_same_rows("data.validation", before.validation, now.validation);
  std::vector<std::string> notes;
  const auto note = [&](const char* what, const auto& a, const auto& b) {
    if (a != b)
      notes.push_back(fmt::format("{} was {} and is now {}: the numbers may differ in their last digits", what, a, b));
  };
  note("nnx", before.nnx, now.nnx);
  note("the library", before.library, now.library);
  note("the instruction set", before.isa, now.isa);
  note("the number of threads", before.threads, now.threads);
  return notes;
}

}  // namespace nnx
