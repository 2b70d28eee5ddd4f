#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "config/compose.h"
#include "config/merge_rules.h"
#include "config/scalar.h"

namespace nnx {
namespace {

using Entry = ConfigNode::Entry;

bool has_edits(const ConfigNode& node) {
  return std::any_of(node.items().begin(), node.items().end(), has_edits) ||
         std::any_of(node.entries().begin(), node.entries().end(),
                     [](const Entry& entry) { return entry.edit != Edit::merge || has_edits(entry.value); });
}

class Merger {
 public:
  explicit Merger(Diagnostics& diagnostics) : diagnostics_(diagnostics) {}

  ConfigNode merged(const ConfigNode& base, const ConfigNode& overlay) {
    // A component written whole replaces a bare name.
    const bool whole = !overlay.is_map() || (!base.is_map() && overlay.find("type"));
    if (whole) return alone(overlay);
    std::vector<Entry> entries;
    if (!detail::entries_below(base, entries)) {
      report(overlay.origin(), base.path().text(),
             {.message = fmt::format("cannot set keys here: {} has {}", base.origin().text(), base.describe())});
      return base;
    }
    detail::mark_leftovers(entries, overlay.find("type"));
    std::map<std::string, size_t> index;
    for (size_t i = 0; i < entries.size(); ++i) index.emplace(entries[i].key, i);
    std::vector<bool> removed(entries.size(), false);
    for (const Entry& entry : overlay.entries()) {
      const auto found = index.find(entry.key);
      if (found == index.end()) add(entry, base, entries);
      else if (entry.edit == Edit::remove) removed[found->second] = true;
      else put(entry, entries[found->second]);
    }
    size_t kept = 0;
    for (size_t i = 0; i < entries.size(); ++i)
      if (i >= removed.size() || !removed[i]) std::swap(entries[kept++], entries[i]);
    entries.resize(kept);
    return ConfigNode::map(std::move(entries), base.is_null() ? overlay.origin() : base.origin(), base.path());
  }

  // The edits of `node` done where nothing is below them.
  ConfigNode alone(const ConfigNode& node) {
    if (!has_edits(node)) return node;
    if (node.is_map()) return merged(ConfigNode::map({}, node.origin(), node.path()), node);
    std::vector<ConfigNode> items;
    for (const ConfigNode& item : node.items()) items.push_back(alone(item));
    return ConfigNode::sequence(std::move(items), node.origin(), node.path());
  }

 private:
  void report(const Origin& origin, const std::string& path, ErrorParts parts) {
    diagnostics_.report(origin, path, std::move(parts), origin.argument ? ErrorKind::usage : ErrorKind::config);
  }

  // An entry whose key the base does not have.
  void add(const Entry& entry, const ConfigNode& base, std::vector<Entry>& entries) {
    if (entry.edit == Edit::remove) {
      return report(entry.origin, entry.value.path().text(),
                    {.message = "there is nothing to delete",
                     .hint = detail::hint_for(entry.key, base.entries(), diagnostics_)});
    }
    if (entry.edit == Edit::append && !entry.value.is_sequence()) return refuse_item(entry);
    entries.push_back({entry.key, entry.origin, alone(entry.value)});
  }

  void put(const Entry& entry, Entry& below) {
    if (entry.edit == Edit::append) {
      if (!entry.value.is_sequence()) return refuse_item(entry);
      if (!below.value.is_sequence() && !below.value.is_null())
        return report(entry.origin, entry.value.path().text(),
                      {.message = fmt::format("cannot append here: {} has {}, not a list",
                                              below.value.origin().text(), below.value.describe())});
      below.value = detail::appended(below.value, alone(entry.value));
      return;
    }
    below.value = entry.edit == Edit::replace ? alone(entry.value) : merged(below.value, entry.value);
    below.leftover = false;
    if (!below.value.is_map() || entry.edit == Edit::replace) below.origin = entry.origin;
  }

  void refuse_item(const Entry& entry) {
    report(entry.origin, entry.value.path().text(),
           {.expected = "a list of what is appended", .got = entry.value.describe()});
  }

  Diagnostics& diagnostics_;
};

// A component may stand as its bare name: `adam` is {type: adam}. False for numbers and true or false.
bool is_bare_name(const ConfigNode& node) {
  double number = 0;
  return node.is_scalar() && parse_number(node.text(), number) == NumberStatus::not_a_number &&
         !parse_bool(node.text());
}

}  // namespace

namespace detail {

bool entries_below(const ConfigNode& base, std::vector<Entry>& out) {
  if (base.is_map()) {
    out = base.entries();
  } else if (is_bare_name(base)) {
    const ConfigNode type =
        ConfigNode::scalar(base.text(), base.quoted(), base.origin(), base.path().key("type"));
    out = {{"type", base.origin(), type}};
  } else {
    return base.is_null();
  }
  return true;
}

void mark_leftovers(std::vector<Entry>& entries, const ConfigNode* type) {
  if (!type || !type->is_scalar()) return;
  const auto before = std::find_if(entries.begin(), entries.end(), [](const Entry& e) { return e.key == "type"; });
  if (before == entries.end() || !before->value.is_scalar() || before->value.text() == type->text()) return;
  for (Entry& entry : entries) entry.leftover = true;
}

std::string hint_for(const std::string& key, const std::vector<Entry>& entries, const Diagnostics& diagnostics) {
  if (diagnostics.count() > 20) return "";
  std::vector<std::string> known;
  for (const Entry& entry : entries) known.push_back(entry.key);
  const std::string near = nearest(key, known);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

ConfigNode appended(const ConfigNode& list, const ConfigNode& more) {
  std::vector<ConfigNode> items = list.items();
  const KeyPath& path = list.path();
  for (const ConfigNode& item : more.items()) items.push_back(item.moved_to(path.index(items.size())));
  return ConfigNode::sequence(std::move(items), list.is_null() ? more.origin() : list.origin(), path);
}

}  // namespace detail

ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay, Diagnostics& diagnostics) {
  return Merger(diagnostics).merged(base, overlay);
}

ConfigNode merge(const ConfigNode& base, const ConfigNode& overlay) {
  Diagnostics diagnostics;
  ConfigNode result = merge(base, overlay, diagnostics);
  diagnostics.throw_if_any();
  return result;
}

}  // namespace nnx
