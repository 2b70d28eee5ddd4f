#include <fmt/format.h>

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "config/compose.h"
#include "config/interpolate.h"

namespace nnx {
namespace {

using Entry = ConfigNode::Entry;

constexpr size_t max_chain = 32;  // values that refer to the next one, each of which takes room on the stack

bool any_interpolation(const ConfigNode& node) {
  if (node.is_scalar()) return has_interpolation(node.text());
  return std::ranges::any_of(node.items(), any_interpolation) ||
         std::ranges::any_of(node.entries(), [](const Entry& entry) { return any_interpolation(entry.value); });
}

// The names that a Module definition calls its arguments: `[din, dout]`, `[din, {dout: 10}]` or `{din: null, dout: 10}`.
std::vector<std::string> arguments_of(const ConfigNode& definition) {
  std::vector<std::string> names;
  const ConfigNode* arguments = definition.find("arguments");
  if (!arguments) return names;
  for (const Entry& entry : arguments->entries()) names.push_back(entry.key);
  for (const ConfigNode& item : arguments->items()) {
    if (item.is_scalar()) names.push_back(item.text());
    for (const Entry& entry : item.entries()) names.push_back(entry.key);
  }
  return names;
}

// Resolves values on demand, each once, so that they may refer to each other in any order.
class Resolver {
 public:
  Resolver(const ConfigNode& root, Diagnostics& diagnostics) : root_(root), diagnostics_(diagnostics) {
    scope_.find = [this](const std::string& name) { return find(name); };
    scope_.names = [this](const std::string& name) { return names_near(name); };
  }

  ConfigNode run() {
    std::vector<Entry> entries = root_.entries();
    for (Entry& entry : entries)
      entry.value = entry.key == "modules" ? definitions(entry.value) : resolved(entry.value);
    return ConfigNode::map(std::move(entries), root_.origin(), root_.path());
  }

 private:
  // A value that could not be resolved, which was reported where it stands.
  struct Failed {};

  ConfigNode definitions(const ConfigNode& modules) {
    if (!modules.is_map()) return resolved(modules);
    std::vector<Entry> entries = modules.entries();
    for (Entry& entry : entries) {
      scope_.left = arguments_of(entry.value);
      scope_.again = true;
      entry.value = resolved(entry.value);
    }
    scope_.left.clear();
    scope_.again = false;
    return ConfigNode::map(std::move(entries), modules.origin(), modules.path());
  }

  ConfigNode resolved(const ConfigNode& node) {
    if (node.is_scalar()) return has_interpolation(node.text()) ? scalar(node) : node;
    if (node.is_sequence()) {
      std::vector<ConfigNode> items = node.items();
      for (ConfigNode& item : items) item = resolved(item);
      return ConfigNode::sequence(std::move(items), node.origin(), node.path());
    }
    std::vector<Entry> entries = node.entries();
    for (Entry& entry : entries) entry.value = resolved(entry.value);
    return node.is_map() ? ConfigNode::map(std::move(entries), node.origin(), node.path()) : node;
  }

  // What is written at the place of a value that cannot be resolved does not matter: it is marked as broken.
  ConfigNode scalar(const ConfigNode& node) {
    try {
      return value_of(node);
    } catch (const Failed&) {
      ++failures_;
      return node;
    }
  }

  ConfigNode value_of(const ConfigNode& node) {
    const std::string path = node.path().text();
    if (failed_.contains(path)) throw Failed();
    if (const auto known = values_.find(path); known != values_.end()) return known->second;
    check_chain(node, path);
    chain_.push_back(path);
    try {
      ConfigNode value = interpolate(node, scope_);
      chain_.pop_back();
      values_.emplace(path, value);
      return value;
    } catch (const Failed&) { fail_at(node, path); } catch (const Error& error) {
      diagnostics_.report(node.origin(), error);
      fail_at(node, path);
    }
  }

  [[noreturn]] void fail_at(const ConfigNode& node, const std::string& path) {
    diagnostics_.mark_broken(node.path());
    failed_.insert(path);
    chain_.pop_back();
    throw Failed();
  }

  void check_chain(const ConfigNode& node, const std::string& path) {
    const auto loop = std::ranges::find(chain_, path);
    if (loop == chain_.end() && chain_.size() < max_chain) return;
    std::vector<std::string> steps(loop == chain_.end() ? chain_.end() - 3 : loop, chain_.end());
    steps.push_back(path);
    const bool cycle = loop != chain_.end();
    ErrorParts parts{.where = node.where(),
                     .message = fmt::format("{}: {}{}",
                                            cycle ? "values refer to each other"
                                                  : fmt::format("more than {} values refer to each other", max_chain),
                                            cycle ? "" : "... -> ", fmt::join(steps, " -> "))};
    diagnostics_.report(node.origin(), Error(ErrorKind::config, std::move(parts)));
    diagnostics_.mark_broken(node.path());
    failed_.insert(path);
    throw Failed();
  }

  // The value at a dotted path, resolved; it may lead through values that are interpolated themselves.
  std::optional<ConfigNode> find(const std::string& name) {
    if (name == "modules" || name.starts_with("modules.")) return std::nullopt;  // no values but definitions
    struct Restore {
      Scope& scope;
      std::vector<std::string> left = std::exchange(scope.left, {});
      bool again = std::exchange(scope.again, false);
      ~Restore() { scope.left = std::move(left), scope.again = again; }
    } const outside_of_definitions{scope_};
    const ConfigNode* raw = &root_;
    ConfigNode held;  // keeps what `raw` points into
    std::string_view rest = name;
    while (!rest.empty()) {
      const size_t end = std::min(rest.find_first_of(".[]"), rest.size());
      const std::string_view step = rest.substr(0, end);
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (step.empty()) continue;  // between ']' and '.'
      if (raw->is_scalar() && has_interpolation(raw->text())) held = value_of(*raw), raw = &held;
      raw = child(*raw, step);
      if (!raw) return std::nullopt;
    }
    if (raw->is_scalar()) return has_interpolation(raw->text()) ? value_of(*raw) : *raw;
    return whole(*raw);
  }

  // A map or list with all that is in it, which fails when a part of it does.
  ConfigNode whole(const ConfigNode& node) {
    const std::string path = node.path().text();
    if (const auto known = values_.find(path); known != values_.end()) return known->second;
    const size_t before = failures_;
    ConfigNode value = any_interpolation(node) ? resolved(node) : node;
    if (failures_ != before) throw Failed();
    values_.emplace(path, value);
    return value;
  }

  // One step down; maps of many keys are indexed at the first visit.
  const ConfigNode* child(const ConfigNode& node, std::string_view step) {
    if (!node.is_map() || node.entries().size() < 16) return node.find_path(step);
    auto& index = indices_[node.entries().data()];
    if (index.empty())
      for (const Entry& entry : node.entries()) index.emplace(entry.key, &entry.value);
    const auto found = index.find(step);
    return found == index.end() ? nullptr : found->second;
  }

  // Names that differ from `name` in the step that leads nowhere.
  std::vector<std::string> names_near(const std::string& name) {
    if (++suggestions_ > 20) return {};  // more errors than are printed
    std::vector<std::string> names = scope_.left;
    if (name.starts_with("modules.")) return names;
    const size_t dot = name.rfind('.');
    const std::string above = dot == std::string::npos ? "" : name.substr(0, dot + 1);
    const ConfigNode* node = dot == std::string::npos ? &root_ : root_.find_path(name.substr(0, dot));
    if (!node || node->entries().size() > 1000) return names;
    for (const Entry& entry : node->entries()) names.push_back(above + entry.key);
    return names;
  }

  const ConfigNode& root_;
  Diagnostics& diagnostics_;
  Scope scope_;
  std::vector<std::string> chain_;  // the values that are being resolved, each for the one before it
  std::unordered_map<std::string, ConfigNode> values_;
  std::unordered_set<std::string> failed_;
  size_t failures_ = 0, suggestions_ = 0;
  std::unordered_map<const Entry*, std::unordered_map<std::string_view, const ConfigNode*>> indices_;
};

}  // namespace

ConfigNode resolve_interpolation(const ConfigNode& root, Diagnostics& diagnostics) {
  return any_interpolation(root) ? Resolver(root, diagnostics).run() : root;
}

}  // namespace nnx
