#include "train/run_directory.h"

#include <fmt/format.h>
#include <sys/random.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <array>
#include <ctime>
#include <fstream>
#include <sstream>

#include "base/hash.h"
#include "checkpoint/posix_file.h"
#include "config/write.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;

std::string utc_now() {
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  ::gmtime_r(&now, &utc);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%SZ", &utc);
  return text.data();
}

std::string new_run_id() {
  uint64_t bits = 0;
  if (::getrandom(&bits, sizeof bits, 0) != sizeof bits)
    fail(ErrorKind::io, {.where = "run id", .message = "the system gives no random bytes"});
  return fmt::format("{:016x}", bits);
}

std::string host_name() {
  std::array<char, 256> text{};
  return ::gethostname(text.data(), text.size() - 1) == 0 ? text.data() : "";
}

// Undecodable bytes of an argument become question marks: JSON is UTF-8.
std::string dump(const Json& json) { return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n"; }

Json session(const std::vector<std::string>& argv, int64_t step) {
  return {{"argv", argv}, {"host", host_name()}, {"pid", ::getpid()}, {"started", utc_now()}, {"from_step", step}};
}

Json read_manifest(const fs::path& run) {
  const fs::path file = run / "manifest.json";
  std::ifstream in(file);
  if (!in) return nullptr;
  std::stringstream text;
  text << in.rdbuf();
  try {
    Json json = Json::parse(text.str());
    if (json.at("run_id").get_ref<const std::string&>().empty())
      fail(ErrorKind::data, {.where = file.string(), .message = "the run id is empty"});
    if (!json.at("sessions").is_array())
      fail(ErrorKind::data, {.where = file.string(), .expected = "a list of sessions", .got = "something else"});
    return json;
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorKind::data, {.where = file.string(), .message = std::string("is damaged: ") + error.what()});
  }
}

}  // namespace

RunDirectory::RunDirectory(const fs::path& path) : path_(path), lock_(path) {
  const Json manifest = read_manifest(path_);
  if (!manifest.is_null()) {
    run_id_ = manifest.at("run_id");
    manifest_ = manifest.dump();
  } else if (fs::exists(path_ / "config.yaml")) {
    fail(ErrorKind::cannot_create, {.where = (path_ / "config.yaml").string(),
                                    .message = "is there, but no manifest.json of a run",
                                    .hint = "output_dir=DIR chooses another place"});
  }
}

void RunDirectory::write(const std::string& name, const std::string& text) const {
  const Directory directory(path_);
  const std::string temporary = ".tmp." + name;
  if (directory.contains(temporary)) directory.remove_file(temporary);
  directory.write(temporary, text);
  directory.rename_over(temporary, name);
  directory.sync();
}

void RunDirectory::begin(const Setup& setup, const RunEnvironment& environment, const std::vector<std::string>& argv) {
  for (const char* old : {"summary.json", "metrics.jsonl", "timings.jsonl"}) fs::remove(path_ / old);
  const std::string config = write_yaml(setup.resolved);
  run_id_ = new_run_id();
  const Json manifest{{"format_version", 1},
                      {"run_id", run_id_},
                      {"tool", {{"name", "nnx-train"}, {"version", version}}},
                      {"seed", setup.config.seed},
                      {"config_hash", fmt::format("{:016x}", hash_bytes(config))},
                      {"working_directory", fs::current_path().string()},
                      {"environment", Json::parse(to_json(environment))},
                      {"sessions", Json::array({session(argv, 0)})}};
  manifest_ = manifest.dump(-1, ' ', false, Json::error_handler_t::replace);
  write("manifest.json", dump(manifest));
  write("config.yaml", config);
}

void RunDirectory::go_on(const Setup& setup, const std::vector<std::string>& argv, int64_t step) {
  Json manifest = Json::parse(manifest_);
  manifest["sessions"].push_back(session(argv, step));
  write("manifest.json", dump(manifest));
  write("config.yaml", write_yaml(setup.resolved));
}

ConfigNode stored_config(const fs::path& run) {
  if (!fs::exists(run / "config.yaml"))
    fail(ErrorKind::missing, {.where = run.string(), .message = "is no run directory: it has no config.yaml"});
  return load_file((run / "config.yaml").string());
}

fs::path stored_working_directory(const fs::path& run) {
  const Json manifest = read_manifest(run);
  return manifest.is_object() ? fs::path(manifest.value("working_directory", "")) : fs::path();
}

}  // namespace nnx
