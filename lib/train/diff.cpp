#include "train/diff.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <cmath>
#include <map>

#include "checkpoint/checkpoint.h"
#include "config/compose.h"
#include "config/scalar.h"
#include "config/write.h"
#include "train/run_directory.h"

namespace nnx {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::ordered_json;
using Kind = KeyChange::Kind;

// Numbers are written in one way, so that 1e-3 is 0.001.
std::string value_text(const ConfigNode& node) {
  double number = 0;
  const bool plain = node.is_scalar() && !node.quoted() && parse_number(node.text(), number) == NumberStatus::good;
  return plain ? format_number(number) : write_flow(node);
}

void collect(const ConfigNode& node, std::vector<std::pair<std::string, std::string>>& out) {
  for (const ConfigNode::Entry& entry : node.entries()) collect(entry.value, out);
  for (const ConfigNode& item : node.items()) collect(item, out);
  if (node.entries().empty() && node.items().empty()) out.emplace_back(node.path().text(), value_text(node));
}

// Aligns two lists of keys; `compare` gives the change of a key in both, or nothing.
template <class Value, class Text, class Compare>
KeyDifference aligned(const std::vector<std::pair<std::string, Value>>& before,
                      const std::vector<std::pair<std::string, Value>>& after, Text text, Compare compare) {
  KeyDifference out;
  std::map<std::string, const Value*> rest;
  for (const auto& [key, value] : after) rest.emplace(key, &value);
  for (const auto& [key, value] : before) {
    const auto found = rest.find(key);
    if (found == rest.end()) {
      out.changes.push_back({.kind = Kind::removed, .key = key, .before = text(value)});
      continue;
    }
    if (auto change = compare(value, *found->second)) {
      change->key = key;
      out.changes.push_back(std::move(*change));
    } else {
      ++out.kept;
    }
    rest.erase(found);
  }
  for (const auto& [key, value] : after)
    if (rest.contains(key)) out.changes.push_back({.kind = Kind::added, .key = key, .after = text(value)});
  return out;
}

struct Distance {
  double largest = 0, sum = 0;
};

// Of elements of one type. Where just one of the two is a number, they are infinitely far apart.
template <class T> Distance distance_of(std::span<const T> x, std::span<const T> y) {
  Distance out;
  for (size_t i = 0; i < x.size(); ++i) {
    const auto a = static_cast<double>(x[i]), b = static_cast<double>(y[i]);
    if (a == b || (std::isnan(a) && std::isnan(b))) continue;
    const double d = std::fabs(a - b);
    out.largest = std::isnan(d) ? INFINITY : std::max(out.largest, d);
    out.sum += std::isnan(d) ? INFINITY : d;
  }
  return out;
}

Distance distance(const Array& x, const Array& y) {
  switch (x.dtype()) {
    case DType::f32: return distance_of(x.data<float>(), y.data<float>());
    case DType::f64: return distance_of(x.data<double>(), y.data<double>());
    case DType::i32: return distance_of(x.data<int32_t>(), y.data<int32_t>());
    case DType::u32: return distance_of(x.data<uint32_t>(), y.data<uint32_t>());
    case DType::boolean: return distance_of(x.data<bool>(), y.data<bool>());
    case DType::bf16: return distance_of(x.data<bf16>(), y.data<bf16>());
  }
  fail(ErrorKind::internal, {.message = "Arrays of an unknown dtype were compared"});
}

std::vector<std::pair<std::string, StateLeaf>> leaves_of(const State& state) {
  std::vector<std::pair<std::string, StateLeaf>> leaves;
  for (const auto& [path, leaf] : state) leaves.emplace_back(to_string(path), leaf);
  return leaves;
}

State all_partitions(const Checkpoint& checkpoint) {
  std::vector<State> parts;
  for (const auto& [name, state] : checkpoint.partitions) parts.push_back(state);
  return State::merge(parts);
}

enum class Sort { config, run, checkpoint };

Sort sort_of(const fs::path& path) {
  if (fs::is_regular_file(path)) return Sort::config;
  if (fs::exists(path / "MANIFEST.json")) return Sort::checkpoint;
  if (fs::exists(path / "config.yaml")) return Sort::run;
  if (!fs::exists(path)) fail(ErrorKind::missing, {.where = path.string(), .message = "there is no such file or folder"});
  fail(ErrorKind::usage, {.where = path.string(), .expected = "a config file, a run or a checkpoint", .got = "a folder"});
}

State newest_state(const fs::path& run, std::vector<std::string>& notes) {
  CheckpointStore store(run, "", {.read_only = true});
  const auto found = store.newest(notes);
  return found ? all_partitions(*found) : State();
}

std::string number_text(double value) { return fmt::format("{:.3g}", value); }

std::string text_of(const KeyDifference& keys, const char* what) {
  size_t added = 0, removed = 0;
  for (const KeyChange& change : keys.changes) {
    added += change.kind == Kind::added;
    removed += change.kind == Kind::removed;
  }
  std::string text = fmt::format("{}: {} kept, {} changed, {} added, {} removed\n", what, keys.kept,
                                 keys.changes.size() - added - removed, added, removed);
  for (const KeyChange& change : keys.changes) {
    const char sign = change.kind == Kind::added ? '+' : change.kind == Kind::removed ? '-' : '~';
    text += fmt::format("  {} {}: ", sign, change.key);
    if (change.largest)
      text += fmt::format("{}, largest difference {}, mean {}\n", change.after, number_text(*change.largest),
                          number_text(change.mean.value_or(0)));
    else if (change.kind == Kind::changed) text += change.before + " -> " + change.after + "\n";
    else text += (change.kind == Kind::added ? change.after : change.before) + "\n";
  }
  return text;
}

Json json_of(const KeyDifference& keys) {
  Json changes = Json::array();
  for (const KeyChange& change : keys.changes) {
    const bool added = change.kind == Kind::added, removed = change.kind == Kind::removed;
    Json entry{{"key", change.key}, {"change", added ? "added" : removed ? "removed" : "changed"}};
    if (!added) entry["before"] = change.before;
    if (!removed) entry["after"] = change.after;
    if (change.largest) entry["max_abs_difference"] = *change.largest;
    if (change.mean) entry["mean_abs_difference"] = *change.mean;
    changes.push_back(std::move(entry));
  }
  return {{"kept", keys.kept}, {"changes", std::move(changes)}};
}

}  // namespace

bool Difference::equal() const {
  return (!config || config->changes.empty()) && (!tensors || tensors->changes.empty());
}

KeyDifference compare_configs(const ConfigNode& before, const ConfigNode& after) {
  std::vector<std::pair<std::string, std::string>> a, b;
  collect(before, a);
  collect(after, b);
  const auto same = [](const std::string& text) { return text; };
  return aligned(a, b, same, [](const std::string& x, const std::string& y) -> std::optional<KeyChange> {
    if (x == y) return std::nullopt;
    return KeyChange{.before = x, .after = y};
  });
}

KeyDifference compare_states(const State& before, const State& after) {
  const auto type_of = [](const StateLeaf& leaf) { return leaf.value.type().to_string(); };
  return aligned(leaves_of(before), leaves_of(after), type_of,
                 [&](const StateLeaf& x, const StateLeaf& y) -> std::optional<KeyChange> {
                   KeyChange change{.before = type_of(x), .after = type_of(y)};
                   if (change.before != change.after) return change;
                   const Distance apart = distance(x.value, y.value);
                   if (apart.largest == 0) return std::nullopt;
                   change.largest = apart.largest;
                   change.mean = apart.sum / static_cast<double>(x.value.type().shape.size());
                   return change;
                 });
}

Difference difference(const fs::path& before, const fs::path& after) {
  Difference out{.before = before.string(), .after = after.string()};
  const Sort sort = sort_of(before);
  if (sort != sort_of(after))
    fail(ErrorKind::usage, {.where = "diff",
                            .expected = "two configs, two runs or two checkpoints",
                            .got = in_quotes(out.before) + " and " + in_quotes(out.after)});
  if (sort == Sort::config) out.config = compare_configs(load_config({out.before}), load_config({out.after}));
  if (sort == Sort::run) {
    out.config = compare_configs(stored_config(before), stored_config(after));
    const State first = newest_state(before, out.notes);
    out.tensors = compare_states(first, newest_state(after, out.notes));
  }
  if (sort == Sort::checkpoint) {
    const State first = all_partitions(read_checkpoint(before));
    out.tensors = compare_states(first, all_partitions(read_checkpoint(after)));
  }
  return out;
}

std::string to_text(const Difference& difference) {
  std::string text;
  if (difference.config) text += text_of(*difference.config, "config");
  if (difference.tensors) text += text_of(*difference.tensors, "tensors");
  return text;
}

std::string to_json(const Difference& difference) {
  Json json{{"before", difference.before}, {"after", difference.after}, {"equal", difference.equal()}};
  if (difference.config) json["config"] = json_of(*difference.config);
  if (difference.tensors) json["tensors"] = json_of(*difference.tensors);
  json["notes"] = difference.notes;
  return json.dump(2) + "\n";
}

}  // namespace nnx
