// insert, copy, remove, rename: the layers of a Sequential, or of a list of layers. Other attributes are what their Module's
// code calls: they can be replaced, not added or taken away.
#include <fmt/format.h>

#include <algorithm>

#include "nn/sequential.h"
#include "nnx/selective_visitor.h"
#include "surgery/operation.h"

namespace nnx {
namespace {

struct InsertOptions {
  std::vector<std::pair<std::string, ConfigNode>> layers;
  ConfigNode before, after;
  std::optional<Sharing> shared;
  static void fields(auto& self, auto&& f) {
    f("layers", self.layers, component("layer", Field{.help = "the new layers by name, in order"}.must()));
    f("before", self.before, Field{.help = "the layer that they come before"});
    f("after", self.after, Field{.help = "the layer that they come after; one of the two is needed"});
    f("shared", self.shared, Field{.help = "all: also where what holds the layers has several places"});
  }
};
struct CopyOptions {
  ConfigNode select;
  int64_t times = 1;
  std::vector<std::string> names;
  std::optional<Sharing> shared;
  static void fields(auto& self, auto&& f) {
    f("select", self.select, Field{.help = "the layer to repeat"}.must());
    f("times", self.times, Field{.help = "how many copies come after it"}.at_least(1).at_most(1000));
    f("names", self.names, Field{.help = "their names in a Sequential; none: name_2, name_3, ..."});
    f("shared", self.shared, Field{.help = "all: also where what holds the layer has several places"});
  }
};
struct RemoveOptions : TargetOptions {
  static void fields(auto& self, auto&& f) { target_fields(self, f, "the layers to take out"); }
};
struct RenameOptions {
  ConfigNode select;
  std::string to;
  static void fields(auto& self, auto&& f) {
    f("select", self.select, Field{.help = "the layer, of a Sequential, to rename"}.must());
    f("to", self.to, Field{.help = "its new name"}.must());
  }
};

// Replaces the elements of the list attribute `name` of a Module, if it is a list of Modules.
class ListEditor final : public SelectiveVisitor {
 public:
  ListEditor(std::string_view name, std::vector<std::shared_ptr<ModuleBase>> items) : name_(name), items_(std::move(items)) {}
  void begin(FieldName name, ContainerRef& container) override {
    if (depth_++ > 0 || name.index >= 0 || name.name != name_ || !container.is_list()) return;
    std::vector<Key> keys;
    for (size_t i = 0; i < items_.size(); ++i) keys.emplace_back(static_cast<int64_t>(i));
    container.reshape(keys);
    editing_ = true;
  }
  void module(FieldName name, RefSlot slot) override {
    if (editing_ && depth_ == 1) slot.assign(items_.at(static_cast<size_t>(name.index)));
  }
  void end() override {
    if (--depth_ == 0) editing_ = false;
  }

 private:
  std::string_view name_;
  std::vector<std::shared_ptr<ModuleBase>> items_;
  int depth_ = 0;
  bool editing_ = false;
};

// The layers that stand beside the one at a slot: in a Sequential with names, or in a list.
struct Row {
  std::shared_ptr<Sequential> sequence = {};   // or
  ModuleBase* owner = nullptr;                 // of
  std::string list = {};                       // this attribute
  std::vector<std::pair<std::string, std::shared_ptr<ModuleBase>>> layers = {};
  size_t at = 0;                               // the one that is meant

  void write() const {
    if (sequence && !sequence->names.empty()) {
      std::vector<std::pair<std::string, Ref<Layer>>> named;
      for (const auto& [name, layer] : layers) named.emplace_back(name, as<Layer>(Ref<ModuleBase>(layer)));
      const Sequential renamed(named);
      sequence->names = renamed.names;
      sequence->layers = renamed.layers;
      return;
    }
    std::vector<std::shared_ptr<ModuleBase>> items;
    for (const auto& [name, layer] : layers) items.push_back(layer);
    ListEditor editor(list, std::move(items));
    owner->accept(editor);
  }
};

Row row_of(const ModulePlace& place, const Anatomy& anatomy, const ConfigNode& node, const Patient& patient, const char* operation) {
  if (place.slots.size() != 1)
    patient.refuse(node, {.message = place.slots.empty() ? fmt::format("the model itself has no neighbours; wrap it to {} something", operation)
                                                         : fmt::format("'{}' stands at {} places; untie it first", to_string(place.path()), place.slots.size())});
  const ModuleSlot& slot = place.slots[0];
  const auto owner = std::ranges::find_if(anatomy.modules, [&](const ModulePlace& p) { return p.module.get() == slot.owner; });
  Row row{.owner = slot.owner};
  if (auto sequence = std::dynamic_pointer_cast<Sequential>(owner->module); sequence && !sequence->names.empty()) {
    row.sequence = sequence;
    const std::vector<std::string> names = sequence->name_list();
    for (size_t i = 0; i < names.size(); ++i) row.layers.emplace_back(names[i], sequence->layers[i].shared());
    row.at = static_cast<size_t>(std::ranges::find(names, slot.path.back().name) - names.begin());
    return row;
  }
  const bool in_list = slot.path.back().index >= 0 && slot.path.size() == owner->path().size() + 2;
  if (!in_list)
    patient.refuse(node, {.message = fmt::format("'{}' is an attribute of a {}, which calls it by its name", to_string(place.path()), slot.owner->type().name),
                          .hint = fmt::format("{} works in a Sequential or a list of layers; replace or wrap it instead", operation)});
  row.list = slot.path[slot.path.size() - 2].name;
  row.at = static_cast<size_t>(slot.path.back().index);
  for (size_t i = 0;; ++i) {
    Path path = slot.path;
    path.back() = Key(static_cast<int64_t>(i));
    const auto item = std::ranges::find_if(anatomy.modules, [&](const ModulePlace& p) {
      return std::ranges::any_of(p.slots, [&](const ModuleSlot& s) { return s.path == path; });
    });
    if (item == anatomy.modules.end()) return row;
    row.layers.emplace_back("", item->module);
  }
}

// What holds the layers may itself stand at several places.
void check_owner(const ModulePlace& place, const std::optional<Sharing>& shared, const ConfigNode& node, const Patient& patient) {
  if (place.paths.size() == 1 || shared == Sharing::all) return;
  std::vector<std::string> texts;
  for (const Path& path : place.paths) texts.push_back("'" + to_string(path) + "'");
  patient.refuse(node, {.message = fmt::format("what this matches is shared: it is reached as {}", fmt::join(texts, ", ")),
                        .hint = "say shared: all to change it everywhere, or untie it first"});
}

OperationReport insert(const InsertOptions& o, Patient& patient) {
  if (o.before.is_null() == o.after.is_null())
    fail(ErrorKind::structure, {.expected = "one of before and after", .got = o.before.is_null() ? "neither" : "both"});
  const ConfigNode& node = o.before.is_null() ? o.after : o.before;
  const ModuleTargets targets = one_module(node, patient);
  const ModulePlace& place = *targets.places[0];
  check_owner(place, o.shared, node, patient);
  Row row = row_of(place, targets.anatomy, node, patient, "insert");
  OperationReport report{.matched = o.layers.size(), .candidates = o.layers.size(), .noun = o.layers.size() == 1 ? "new layer" : "new layers"};
  size_t at = row.at + (o.before.is_null() ? 1 : 0);
  for (const auto& [name, spec] : o.layers) {
    if (std::ranges::any_of(row.layers, [&](const auto& layer) { return row.sequence && layer.first == name; }))
      patient.refuse(spec, {.message = fmt::format("there is a layer {} already", in_quotes(name)), .hint = "give the new one another name"});
    const auto layer = layers().build(spec, patient.diagnostics, patient.rngs);
    row.layers.insert(row.layers.begin() + static_cast<std::ptrdiff_t>(at++), {name, layer.shared()});
    report.paths.push_back(name);
  }
  row.write();
  return report;
}

// Copies have values, and random streams, of their own, which begin as those of the original.
OperationReport copy_layer(const CopyOptions& o, Patient& patient) {
  const ModuleTargets targets = one_module(o.select, patient);
  const ModulePlace& place = *targets.places[0];
  check_owner(place, o.shared, o.select, patient);
  Row row = row_of(place, targets.anatomy, o.select, patient, "copy");
  const auto times = static_cast<size_t>(o.times);
  if (!o.names.empty() && o.names.size() != times)
    patient.refuse(o.select, {.expected = fmt::format("{} names, one for each copy", times), .got = std::to_string(o.names.size())});
  OperationReport report{.matched = times, .candidates = times, .noun = times == 1 ? "copy" : "copies"};
  const std::string first = row.layers[row.at].first;
  for (size_t i = 0; i < times; ++i) {
    const std::string name = !row.sequence ? "" : o.names.empty() ? fmt::format("{}_{}", first, i + 2) : o.names[i];
    if (row.sequence && std::ranges::any_of(row.layers, [&](const auto& layer) { return layer.first == name; }))
      patient.refuse(o.select, {.message = fmt::format("there is a layer {} already", in_quotes(name)), .hint = "names: [...] gives the copies others"});
    row.layers.insert(row.layers.begin() + static_cast<std::ptrdiff_t>(row.at + 1 + i), {name, clone(Ref<ModuleBase>(place.module)).shared()});
    report.paths.push_back(name);
  }
  row.write();
  return report;
}

OperationReport remove(const RemoveOptions& o, Patient& patient) {
  const ModuleTargets all = module_targets(o, patient);
  OperationReport report = report_of(all);
  for (const ModulePlace* chosen : all.places) {
    // Positions in a list change: the next one is looked up again.
    const Anatomy anatomy = patient.anatomy();
    const auto place = std::ranges::find_if(anatomy.modules, [&](const ModulePlace& p) { return p.module == chosen->module; });
    if (place == anatomy.modules.end()) continue;   // it went with another
    check_owner(*place, o.shared, o.select, patient);
    Row row = row_of(*place, anatomy, o.select, patient, "remove");
    if (row.layers.size() == 1) patient.refuse(o.select, {.message = fmt::format("'{}' is the only layer there", to_string(place->path()))});
    row.layers.erase(row.layers.begin() + static_cast<std::ptrdiff_t>(row.at));
    row.write();
    patient.gone[to_string(chosen->path())] = "it was removed at " + patient.where;
  }
  return report;
}

OperationReport rename(const RenameOptions& o, Patient& patient) {
  const ModuleTargets targets = one_module(o.select, patient);
  const ModulePlace& place = *targets.places[0];
  Row row = row_of(place, targets.anatomy, o.select, patient, "rename");
  if (!row.sequence) patient.refuse(o.select, {.message = "a layer in a list has no name of its own"});
  if (std::ranges::any_of(row.layers, [&](const auto& layer) { return layer.first == o.to; }))
    patient.refuse(o.select, {.message = fmt::format("there is a layer {} already", in_quotes(o.to))});
  row.layers[row.at].first = o.to;
  row.write();
  patient.gone[to_string(place.path())] = fmt::format("it was renamed {} at {}", in_quotes(o.to), patient.where);
  OperationReport report = report_of(targets);
  report.notes = {fmt::format("now called {}", o.to)};
  return report;
}

}  // namespace

void add_sequence(Operations& list) {
  list.add<InsertOptions>("insert", "puts new layers before or after one", insert);
  list.add<CopyOptions>("copy", "repeats a layer after itself", copy_layer);
  list.add<RemoveOptions>("remove", "takes layers out", remove);
  list.add<RenameOptions>("rename", "gives a layer another name", rename);
}

}  // namespace nnx
