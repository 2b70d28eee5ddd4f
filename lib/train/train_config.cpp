#include "train/train_config.h"

#include <algorithm>
#include <array>
#include <map>

#include "config/scalar.h"
#include "config/write.h"

namespace nnx {
namespace {

// What a resumed run may change: how long it runs, how often it says or saves something, and where things are.
constexpr std::array<std::string_view, 11> free_keys{
    "output_dir",       "data.folder", "data.prefetch",   "train.epochs",  "train.max_steps", "train.checkpoint_every",
    "train.eval_every", "train.keep",  "train.log_every", "train.threads", "train.early_stop"};

bool is_below(const std::string& path, std::span<const std::string_view> keys) {
  return std::ranges::any_of(keys, [&](std::string_view key) {
    return path.starts_with(key) && (path.size() == key.size() || path[key.size()] == '.');
  });
}

using Leaf = std::pair<std::string, std::string>;

// The value as text; numbers are written in one way, so that 1e-3 is 0.001.
std::string value_text(const ConfigNode& node) {
  double number = 0;
  const bool plain = node.is_scalar() && !node.quoted() && parse_number(node.text(), number) == NumberStatus::good;
  return plain ? format_number(number) : write_flow(node);
}

// Every leaf as (path, value); an empty map or list is a leaf too. Paths are those in this tree: a value may have been
// written under another key (an operation of surgery under its name).
void collect(const ConfigNode& node, const KeyPath& path, std::vector<Leaf>& out) {
  for (const auto& entry : node.entries()) collect(entry.value, path.key(entry.key), out);
  for (size_t i = 0; i < node.items().size(); ++i) collect(node.items()[i], path.index(i), out);
  if (node.entries().empty() && node.items().empty()) out.emplace_back(path.text(), value_text(node));
}

}  // namespace

std::string differing_key(const ConfigNode& a, const ConfigNode& b, std::span<const std::string_view> free) {
  std::vector<Leaf> old_leaves, new_leaves;
  collect(a, {}, old_leaves);
  collect(b, {}, new_leaves);
  std::map<std::string, std::string> rest(new_leaves.begin(), new_leaves.end());
  for (const auto& [path, value] : old_leaves) {
    const auto found = rest.find(path);
    if (!is_below(path, free) && (found == rest.end() || found->second != value)) return path;
    if (found != rest.end()) rest.erase(found);
  }
  for (const auto& [path, value] : new_leaves)
    if (rest.contains(path) && !is_below(path, free)) return path;
  return "";
}

std::string changed_key(const ConfigNode& before, const ConfigNode& now) { return differing_key(before, now, free_keys); }

}  // namespace nnx
