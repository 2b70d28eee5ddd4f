#include "sweep/study.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <nlohmann/json.hpp>
#include <array>
#include <cerrno>
#include <ctime>
#include <set>

#include "checkpoint/posix_file.h"
#include "config/scalar.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

enum Operation { create_study = 0, create_trial = 4 };
enum TrialState { complete = 1, pruned = 2, failed = 3 };

// When a file was last written, or now, in the form that Optuna reads.
std::string local_time(const std::filesystem::path& file) {
  struct stat status {};
  const std::time_t time = ::stat(file.c_str(), &status) == 0 ? status.st_mtime : std::time(nullptr);
  std::tm local{};
  ::localtime_r(&time, &local);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S.000000", &local);
  return text.data();
}

std::string worker() { return fmt::format("nnx-{}", ::getpid()); }

const ParameterSpec* parameter_of(const SweepSpec& spec, const std::string& key) {
  for (const auto& [name, parameter] : spec.parameters)
    if (name == key) return &parameter;
  return nullptr;
}

// Categorical values are stored by index, numbers as they are.
void add_parameter(Json& trial, const SweepSpec& spec, const Setting& s) {
  const ParameterSpec* parameter = parameter_of(spec, s.key);
  double number = 0;
  if (!parameter) {
    trial["user_attrs"][s.key] = s.value;   // of pairs, lists and repeats
    return;
  }
  trial["distributions"][s.key] = distribution_json(*parameter);
  if (s.choice) trial["params"][s.key] = *s.choice;
  else if (parse_number(s.value, number) == NumberStatus::good) trial["params"][s.key] = number;
}

Json trial_line(const SweepDirectory& sweep, const Trial& trial, const TrialResult& result) {
  const bool scored = result.value && !result.failed();
  const std::filesystem::path run = sweep.run_of(trial.number);
  const TrialState state = !scored ? failed : result.status == "pruned" ? pruned : complete;
  Json line{{"op_code", create_trial},
            {"worker_id", worker()},
            {"study_id", 0},
            {"datetime_start", local_time(run / "manifest.json")},     // written when the run begins
            {"datetime_complete", local_time(run / "summary.json")},   // and when it ends
            {"state", state},
            {"value", scored ? Json(*result.value) : Json()},
            {"values", nullptr},
            {"distributions", Json::object()},
            {"params", Json::object()},
            {"user_attrs", {{"nnx:trial", trial.number}, {"nnx:status", result.status}}},
            {"system_attrs", Json::object()},
            {"intermediate_values", Json::object()}};
  for (const auto& [epoch, value] : result.by_epoch) line["intermediate_values"][std::to_string(epoch)] = value;
  for (const Setting& s : trial.point) add_parameter(line, sweep.spec(), s);
  for (const Setting& s : trial.repeat) add_parameter(line, sweep.spec(), s);
  return line;
}

void write_all(int file, const std::string& path, std::string_view text) {
  while (!text.empty()) {
    const ssize_t n = ::write(file, text.data(), text.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) fail_errno(ErrorKind::io, path, "cannot be written", errno);
    text.remove_prefix(static_cast<size_t>(n));
  }
}

// The journal's text, with a last line that a kill has cut off taken away.
std::string whole_lines(int file, const std::string& path) {
  std::string text;
  std::array<char, 1 << 16> block{};
  for (ssize_t n = 0; (n = ::pread(file, block.data(), block.size(), static_cast<off_t>(text.size()))) != 0;) {
    if (n < 0) fail_errno(ErrorKind::io, path, "cannot be read", errno);
    text.append(block.data(), static_cast<size_t>(n));
  }
  const size_t end = text.rfind('\n') == std::string::npos ? 0 : text.rfind('\n') + 1;
  if (end != text.size() && ::ftruncate(file, static_cast<off_t>(end)) != 0) fail_errno(ErrorKind::io, path, "cannot be cut", errno);
  return text.substr(0, end);
}

std::set<int64_t> numbers_in(const std::string& journal, const std::string& path) {
  std::set<int64_t> numbers;
  for (size_t start = 0; start < journal.size();) {
    const size_t end = journal.find('\n', start);
    const Json line = Json::parse(journal.substr(start, end - start), nullptr, false);
    if (line.is_discarded()) fail(ErrorKind::data, {.where = path, .message = "has a line that is no JSON"});
    if (line.value("op_code", -1) == create_trial && line.contains("user_attrs"))
      numbers.insert(line["user_attrs"].value("nnx:trial", int64_t{-1}));
    start = end + 1;
  }
  return numbers;
}

}  // namespace

std::string distribution_json(const ParameterSpec& p) {
  if (p.values) {
    Json choices = Json::array();
    for (const ConfigNode& value : *p.values) choices.push_back(setting_text(value));
    return Json{{"name", "CategoricalDistribution"}, {"attributes", {{"choices", choices}}}}.dump();
  }
  if (p.distribution == Spread::int_uniform)
    return Json{{"name", "IntDistribution"},
                {"attributes", {{"log", false}, {"step", 1}, {"low", static_cast<int64_t>(*p.min)}, {"high", static_cast<int64_t>(*p.max)}}}}.dump();
  const bool log = p.distribution == Spread::log_uniform_values, stepped = p.distribution == Spread::q_uniform;
  return Json{{"name", "FloatDistribution"},
              {"attributes", {{"step", stepped ? Json(p.q) : Json()}, {"low", *p.min}, {"high", *p.max}, {"log", log}}}}.dump();
}

int record_study(const SweepDirectory& sweep) {
  std::vector<int64_t> numbers;
  for (const Trial& trial : sweep.trials()) numbers.push_back(trial.number);
  return record_study(sweep, numbers);
}

int record_study(const SweepDirectory& sweep, const std::vector<int64_t>& numbers) {
  const std::string path = (sweep.path() / "study.journal").string();
  const Descriptor file(::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666));
  if (file.get() < 0) fail_errno(ErrorKind::cannot_create, path, "cannot be created", errno);
  if (::flock(file.get(), LOCK_EX) != 0) fail_errno(ErrorKind::io, path, "cannot be locked", errno);
  const std::string journal = whole_lines(file.get(), path);
  std::string text;
  if (journal.empty())
    text = Json{{"op_code", create_study}, {"worker_id", worker()}, {"study_name", sweep.spec().name},
                {"directions", {sweep.spec().metric.maximize() ? 2 : 1}}}.dump() + "\n";
  const std::set<int64_t> known = numbers_in(journal, path);
  int added = 0;
  for (const int64_t number : numbers) {
    if (known.contains(number)) continue;
    const TrialResult result = sweep.result(number);
    if (!result.finished()) continue;
    text += trial_line(sweep, sweep.trials()[static_cast<size_t>(number)], result).dump() + "\n";
    ++added;
  }
  write_all(file.get(), path, text);
  if (!text.empty() && ::fsync(file.get()) != 0) fail_errno(ErrorKind::io, path, "cannot be synced", errno);
  return added;
}

}  // namespace nnx
