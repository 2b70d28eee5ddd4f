// load: values from the checkpoint of another run, by path.
#include <fmt/format.h>

#include "nnx/pattern.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

enum class OnShape { error, skip, slice };
std::vector<std::string_view> enum_names(OnShape) { return {"error", "skip", "slice"}; }

struct PathRule {
  std::string from, to;
  static void fields(auto& self, auto&& f) {
    f("from", self.from, Field{.help = "a path in the run, or re:REGEX"}.must());
    f("to", self.to, Field{.help = "the path here; $1 is what the first parentheses matched"}.must());
  }
};
struct LoadOptions {
  std::string from;
  ConfigNode select{"..."};
  std::vector<PathRule> map;
  bool strict = true;
  OnShape on_shape = OnShape::error;
  std::optional<Sharing> shared;
  static void fields(auto& self, auto&& f) {
    f("from", self.from, Field{.help = "the run, RUN@STEP or RUN@best"}.must());
    f("select", self.select, Field{.help = "the Variables of the model that are filled"});
    f("map", self.map, Field{.help = "other names: [{from: 're:linear(.)\\.(.*)', to: 'layer$1.$2'}, ...]"});
    f("strict", self.strict, Field{.help = "whether each of them must have a value there, and each value of the run a use"});
    f("on_shape", self.on_shape, Field{.help = "for another shape: error; skip: keep ours; slice: the part that both have"});
    f("shared", self.shared, Field{.help = "where a Variable has several places: all of them, or this one; null: an error"});
  }
};

// The path here of a path of the run: by the first rule that fits.
std::string renamed(const std::string& path, const std::vector<PathRule>& map, std::vector<size_t>& uses) {
  for (size_t i = 0; i < map.size(); ++i) {
    if (!map[i].from.starts_with("re:")) {
      const bool below = path.starts_with(map[i].from + ".");
      if (path != map[i].from && !below) continue;
      ++uses[i];
      return map[i].to + path.substr(map[i].from.size());
    }
    const std::regex pattern = pattern_of(map[i].from.substr(3));
    if (!std::regex_match(path, pattern)) continue;
    ++uses[i];
    return std::regex_replace(path, pattern, map[i].to);
  }
  return path;
}

class Filler {
 public:
  Filler(const LoadOptions& o, Patient& patient) : o_(o), patient_(patient), uses_(o.map.size(), 0) {}

  OperationReport run() {
    const LoadedState loaded = patient_.read_state(o_.from);
    std::map<std::string, std::pair<std::string, const StateLeaf*>> given;   // by path here: path there, and value
    for (const auto& [path, leaf] : loaded.state) {
      const std::string there = to_string(path), here = renamed(there, o_.map, uses_);
      if (!given.emplace(here, std::pair(there, &leaf)).second)
        fail(ErrorKind::structure, {.message = fmt::format("two values of {} are for '{}'", loaded.name, here)});
    }
    for (size_t i = 0; i < uses_.size(); ++i)
      if (uses_[i] == 0)
        fail(ErrorKind::structure, {.message = fmt::format("map: {} matches nothing in {}", in_quotes(o_.map[i].from), loaded.name),
                                    .hint = fmt::format("it has {}", fmt::join(loaded.state.paths(), ", "))});
    TargetOptions target;
    target.select = o_.select;
    target.shared = o_.shared;
    const VariableTargets targets = variable_targets(target, patient_);
    OperationReport report = report_of(targets);
    report.paths.clear();
    for (const VariablePlace* place : targets.places) fill(*place, targets.selector, target, given, report);
    report.matched = report.paths.size();
    for (const auto& [here, value] : given)
      if (is_meant(targets, here)) unused_.push_back(value.first);
    if (o_.strict && !(missing_.empty() && unused_.empty())) refuse(loaded);
    for (const std::string& path : missing_) report.notes.push_back(fmt::format("no value for {}", path));
    for (const std::string& path : unused_) report.notes.push_back(fmt::format("left out: {}", path));
    return report;
  }

 private:
  // A value that was not taken counts as unused when it could have been meant: all of them, for `...`.
  bool is_meant(const VariableTargets& targets, const std::string& here) const {
    static const std::string none;
    const Path path = parse_path(here);
    return targets.selector.filter.matches({path, Variable::base_kind(), none});
  }

  void fill(const VariablePlace& place, const Selector& selector, const TargetOptions& target,
            std::map<std::string, std::pair<std::string, const StateLeaf*>>& given, OperationReport& report) {
    const std::string path = to_string(place.path());
    const auto found = given.find(path);
    if (found == given.end()) return void(missing_.push_back(path));
    const StateLeaf& leaf = *found->second.second;
    given.erase(found);
    const Type &have = place.variable.type(), &got = leaf.value.type();
    if (have.dtype != got.dtype || (!(have == got) && o_.on_shape == OnShape::error) ||
        (o_.on_shape == OnShape::slice && have.dtype != DType::f32 && !(have == got)))
      fail(ErrorKind::structure, {.message = fmt::format("'{}' is {} here and {} in the run", path, have.to_string(), got.to_string()),
                                  .hint = "on_shape: skip keeps ours, slice takes what fits"});
    if (!(have == got) && o_.on_shape == OnShape::skip)
      return void(report.notes.push_back(fmt::format("left out: {} {}; here: {}", path, got.to_string(), have.to_string())));
    patient_.claim(fmt::format("'{}' gets new values", path), o_.select);
    Variable variable = changeable(place, selector, target, patient_);
    variable.set(have == got ? leaf.value : overlapped(variable.get(), leaf.value));
    if (!(have == got)) report.notes.push_back(fmt::format("sliced: {} from {} to {}", path, got.to_string(), have.to_string()));
    report.paths.push_back(path);
  }

  [[noreturn]] void refuse(const LoadedState& loaded) const {
    std::string text = fmt::format("{} does not fit the model:", loaded.name);
    if (!missing_.empty()) text += fmt::format(" it has no value for {}", fmt::join(missing_, ", "));
    if (!unused_.empty()) text += fmt::format("{} nothing takes its {}", missing_.empty() ? "" : ";", fmt::join(unused_, ", "));
    fail(ErrorKind::structure, {.message = text, .hint = "map: renames, select: chooses, strict: false takes what there is"});
  }

  const LoadOptions& o_;
  Patient& patient_;
  std::vector<size_t> uses_;
  std::vector<std::string> missing_, unused_;
};

}  // namespace

void add_load(Operations& list) {
  list.add<LoadOptions>("load", "takes values from a checkpoint of another run", [](const LoadOptions& o, Patient& p) { return Filler(o, p).run(); });
}

}  // namespace nnx
