#include "sweep/tpe.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <array>
#include <cerrno>
#include <cstdlib>

#include "checkpoint/posix_file.h"
#include "config/scalar.h"
#include "sweep/study.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

// One request and one answer a line. A point is {key: value}, categorical values by their index.
constexpr const char* helper = R"python(
import json, sys
try:
    import optuna
except ImportError as error:
    print(json.dumps({"error": str(error)}), flush=True)
    sys.exit(0)
optuna.logging.set_verbosity(optuna.logging.ERROR)
from optuna.distributions import json_to_distribution
from optuna.trial import TrialState, create_trial

start = json.loads(sys.stdin.readline())
space = {key: json_to_distribution(text) for key, text in start["space"].items()}
study = optuna.create_study(direction=start["direction"], sampler=optuna.samplers.TPESampler(
    seed=start["seed"], multivariate=False, n_startup_trials=start["startup"]))
print(json.dumps({"ready": optuna.__version__}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    if request["op"] == "ask":
        trial = study.ask(space)
        point = {key: space[key].to_internal_repr(value) for key, value in trial.params.items()}
        study.tell(trial, state=TrialState.FAIL)  # only the point is wanted; its result comes with "tell"
        print(json.dumps({"point": point}), flush=True)
    elif request["op"] == "tell":
        params = {key: space[key].to_external_repr(value) for key, value in request["point"].items()}
        done = request["value"] is not None
        study.add_trial(create_trial(params=params, distributions=space, value=request["value"],
                                     state=TrialState.COMPLETE if done else TrialState.FAIL))
        print("{}", flush=True)
)python";

std::vector<std::string> pythons() {
  std::vector<std::string> list;
  if (const char* chosen = std::getenv("NNX_PYTHON"); chosen && *chosen) list.emplace_back(chosen);
  list.emplace_back("/usr/bin/python3");
  list.emplace_back("python3");
  return list;
}

struct Process {
  int pid = -1, to = -1, from = -1;
};

std::optional<Process> start(const std::string& python) {
  std::array<int, 2> in{}, out{};
  if (::pipe2(in.data(), O_CLOEXEC) != 0) fail_errno(ErrorKind::io, "sampler", "has no pipe", errno);
  if (::pipe2(out.data(), O_CLOEXEC) != 0) fail_errno(ErrorKind::io, "sampler", "has no pipe", errno);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
  std::string name = python, flag = "-c", code = helper;
  std::array<char*, 4> argv{name.data(), flag.data(), code.data(), nullptr};
  Process process{.to = in[1], .from = out[0]};
  const int error = ::posix_spawnp(&process.pid, python.c_str(), &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(in[0]);
  ::close(out[1]);
  if (error == 0) return process;
  ::close(in[1]);
  ::close(out[0]);
  return std::nullopt;
}

void stop(const Process& process) {
  if (process.to >= 0) ::close(process.to);
  if (process.from >= 0) ::close(process.from);
  if (process.pid > 0) {
    ::kill(process.pid, SIGTERM);
    ::waitpid(process.pid, nullptr, 0);
  }
}

std::string answer_of(const Process& process, const std::string& request) {
  for (std::string_view rest = request; !rest.empty();) {
    const ssize_t n = ::write(process.to, rest.data(), rest.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return "";
    rest.remove_prefix(static_cast<size_t>(n));
  }
  std::string line;
  for (char c = 0; c != '\n';) {
    const ssize_t n = ::read(process.from, &c, 1);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return "";
    line += c;
  }
  return line;
}

Json start_request(const SweepSpec& spec) {
  Json space = Json::object();
  for (const auto& [key, parameter] : spec.parameters) space[key] = distribution_json(parameter);
  return {{"space", space}, {"direction", spec.metric.maximize() ? "maximize" : "minimize"},
          {"seed", spec.seed & 0xffffffff}, {"startup", std::clamp<int64_t>(*spec.run_cap / 3, 2, 10)}};
}

}  // namespace

TpeSampler::TpeSampler(const SweepDirectory& sweep) : sweep_(sweep) {
  std::string why;
  for (const std::string& python : pythons()) {
    const std::optional<Process> process = start(python);
    if (!process) continue;
    const Json answer = Json::parse(answer_of(*process, start_request(sweep.spec()).dump() + "\n"), nullptr, false);
    if (answer.is_object() && answer.contains("ready")) {
      pid_ = process->pid;
      to_ = process->to;
      from_ = process->from;
      return;
    }
    if (why.empty() && answer.is_object()) why = answer.value("error", "");
    stop(*process);
  }
  fail(ErrorKind::missing, {.where = "method tpe", .message = "needs Python with Optuna" + (why.empty() ? "" : ": " + why),
                            .hint = "apt install python3-optuna, or name another Python in NNX_PYTHON, or use method random or sobol"});
}

TpeSampler::~TpeSampler() { stop({pid_, to_, from_}); }

std::string TpeSampler::exchange(const std::string& request) {
  std::string answer = answer_of({pid_, to_, from_}, request + "\n");
  if (answer.empty()) fail(ErrorKind::io, {.where = "method tpe", .message = "the sampler's process has ended", .hint = "what it said stands above"});
  return answer;
}

std::vector<Setting> TpeSampler::ask() {
  const Json point = Json::parse(exchange(R"({"op":"ask"})")).at("point");
  std::vector<Setting> settings;
  for (const auto& [key, parameter] : sweep_.spec().parameters) {
    const double value = point.at(key);
    if (!parameter.values) {
      settings.push_back({key, format_number(value)});
      continue;
    }
    const auto choice = static_cast<size_t>(value);
    settings.push_back({key, setting_text(parameter.values->at(choice)), choice});
  }
  return settings;
}

void TpeSampler::tell(const std::vector<Setting>& point, std::optional<double> value) {
  Json params = Json::object();
  for (const Setting& s : point) {
    double number = 0;
    if (s.choice) params[s.key] = *s.choice;
    else if (parse_number(s.value, number) == NumberStatus::good) params[s.key] = number;
  }
  exchange(Json{{"op", "tell"}, {"point", params}, {"value", value ? Json(*value) : Json()}}.dump());
}

}  // namespace nnx
