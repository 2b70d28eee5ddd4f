#include "train/render.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "config/write.h"
#include "train/catalog.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;
using Help = std::map<std::string, const FieldDoc*>;

std::string help_of(const Help& help, const ConfigNode& node) {
  const auto found = help.find(node.path().text());
  return found == help.end() ? "" : found->second->help;
}

bool is_leaf(const ConfigNode& node) { return node.entries().empty() && node.items().empty(); }

void add_leaves(const ConfigNode& node, const Help& help, Json& leaves) {
  for (const ConfigNode::Entry& entry : node.entries()) add_leaves(entry.value, help, leaves);
  for (const ConfigNode& item : node.items()) add_leaves(item, help, leaves);
  if (is_leaf(node))
    leaves.push_back({{"path", node.path().text()},
                      {"value", Json::parse(to_json(node))},
                      {"origin", node.origin().text()},
                      {"help", help_of(help, node)}});
}

}  // namespace

std::string to_yaml(const Setup& setup, const RenderOptions& options) {
  const Help help = options.comments ? documented_keys(setup.resolved) : Help();
  return write_yaml(setup.resolved,
                    {.above = [&](const ConfigNode& node) { return help_of(help, node); },
                     .behind = [&](const ConfigNode& node) {
                       return options.origin && is_leaf(node) ? node.origin().text() : std::string();
                     }});
}

std::string render_json(const Setup& setup) {
  Json leaves = Json::array();
  add_leaves(setup.resolved, documented_keys(setup.resolved), leaves);
  return Json{{"config", Json::parse(to_json(setup.resolved))}, {"leaves", std::move(leaves)}}.dump(2) + "\n";
}

}  // namespace nnx
