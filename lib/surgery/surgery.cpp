#include "surgery/surgery.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/selector_text.h"

namespace nnx {
namespace {

// `{freeze: head}` as {type: freeze, select: head}: the value under an operation's name is its first argument.
ConfigNode as_component(const ConfigNode& item, Diagnostics& diagnostics) {
  if (item.is_map() && item.find("type")) return item;
  std::vector<ConfigNode::Entry> entries;
  for (const ConfigNode::Entry& entry : item.entries()) {
    const ComponentDoc* doc = operations().find(entry.key);
    if (doc) entries.insert(entries.begin(), {"type", entry.origin, ConfigNode::scalar(entry.key, false, entry.origin, item.path().key("type"))});
    entries.push_back({doc ? doc->fields[0].name : entry.key, entry.origin, entry.value});
  }
  const auto named = std::ranges::count(entries, "type", &ConfigNode::Entry::key);
  if (named == 1) return ConfigNode::map(std::move(entries), item.origin(), item.path());
  std::vector<std::string> names, words;
  for (const ComponentDoc& doc : operations().components()) names.push_back(doc.name);
  for (const ConfigNode::Entry& entry : item.entries()) words.push_back(entry.key);
  const std::string near = named == 0 && !words.empty() ? nearest(words[0], names) : "";
  diagnostics.report(item, {.expected = "one operation, such as {freeze: SELECTOR}",
                            .got = !item.is_map()  ? item.describe()
                                   : named > 1     ? "two of them; a list item is one operation"
                                                   : fmt::format("the keys {}", fmt::join(words, ", ")),
                            .hint = fmt::format("{}operations are {}", near.empty() ? "" : fmt::format("did you mean '{}'? ", near), fmt::join(names, ", "))});
  diagnostics.throw_if_any();
  return item;
}

struct Count {
  std::map<std::string, int64_t> kinds;
  int64_t frozen = 0, parameters = 0, trainable = 0;
};

Count count_of(Ref<Layer>& model) {
  Count out;
  for (const auto& [path, leaf] : state(model)) {
    const int64_t n = leaf.value.size();
    const bool parameter = leaf.kind->is_a(Param::static_kind()) && is_floating(leaf.value.dtype());
    out.kinds[std::string(leaf.kind->name)] += n;
    if (is_frozen(leaf.metadata)) out.frozen += n;
    if (parameter) out.parameters += n;
    if (parameter && !is_frozen(leaf.metadata)) out.trainable += n;
  }
  return out;
}

std::vector<KindChange> changes_between(const Count& before, const Count& after) {
  std::map<std::string, int64_t> change = after.kinds;
  for (const auto& [kind, n] : before.kinds) change[kind] -= n;
  std::vector<KindChange> out;
  for (const auto& [kind, n] : change)
    if (n != 0) out.push_back({kind, n});
  return out;
}

}  // namespace

SurgeryPlan operate(Ref<Layer>& model, const std::vector<ConfigNode>& list, Rngs& rngs, Diagnostics& diagnostics,
                    const StateReader& read_state) {
  Patient patient{.model = model, .rngs = rngs, .diagnostics = diagnostics, .read_state = read_state};
  SurgeryPlan plan;
  Count before = count_of(model);
  for (const ConfigNode& item : list) {
    const ConfigNode component = as_component(item, diagnostics);
    patient.where = item.origin().text();
    SurgeryStep step{.report = operations().build(component, diagnostics, patient)};
    step.report.where = patient.where;
    step.report.operation = component.find("type")->text();
    const ConfigNode* select = component.find("select");
    step.report.selector = select ? selector_text(*select, diagnostics) : "";
    const Count after = count_of(model);
    step.changes = changes_between(before, after);
    step.frozen = after.frozen - before.frozen;
    before = after;
    plan.steps.push_back(std::move(step));
  }
  if (!list.empty() && before.parameters > 0 && before.trainable == 0)
    patient.refuse(list.back(), {.message = "after this everything is frozen: nothing is left to train", .hint = "unfreeze some of it"});
  plan.parameters = before.parameters;
  plan.trainable = before.trainable;
  return plan;
}

void check_surgery(const std::vector<ConfigNode>& list, Diagnostics& diagnostics) {
  for (const ConfigNode& item : list)
    diagnostics.attempt([&] { operations().check(as_component(item, diagnostics), diagnostics); });
}

}  // namespace nnx
