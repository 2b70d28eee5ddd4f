#include "lang/definitions.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "config/interpolate.h"
#include "config/write.h"
#include "lang/check.h"
#include "lang/definition.h"

namespace nnx {

using namespace lang;

namespace {

constexpr size_t max_nested = 64;       // Module types inside of each other
constexpr size_t max_objects = 20'000;  // layers that one config makes

using Values = std::map<std::string, ConfigNode>;  // of arguments

// The arguments as they are given, then with their defaults: these are what the run writes down.
Values read_arguments(const Definition& definition, const ConfigNode& node, Diagnostics& diagnostics) {
  const ConfigNode given = node.is_map() ? node : ConfigNode::map({}, node.origin(), node.path());
  config_detail::KeyReader keys(given, true, diagnostics);
  Values values;
  std::vector<ConfigNode::Entry> echo;
  for (const Argument& a : definition.arguments) {
    const ConfigNode* value = keys.take(a.name, a.initial ? Field{} : Field{}.must());
    if (!value && !a.initial) continue;
    values[a.name] = value ? *value : *a.initial;
    echo.push_back({a.name, values[a.name].origin(), values[a.name].moved_to(node.path().key(a.name))});
  }
  keys.finish();
  const ConfigNode all = ConfigNode::map(std::move(echo), node.origin(), node.path());
  diagnostics.resolve(config_detail::component_node(definition.name, all, node));
  return values;
}

}  // namespace

// What all copies share. The list of layers holds a pointer back to it, so it lives behind a shared_ptr and never
// moves.
struct Definitions::State {
  explicit State(const Layers& builtin) : list(builtin) {
    list.around([this](const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next, Rngs& rngs) {
      return make_layer(node, diagnostics, next, rngs);
    });
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  Layers list;
  std::vector<Definition> definitions;
  std::map<const ModuleBase*, std::pair<std::weak_ptr<ModuleBase>, ConfigNode>> written;  // looked up, never walked
  std::vector<std::string> open;                          // types being made, outermost first
  std::vector<std::map<std::string, Attribute>> made{1};  // of each open type: what stands at which config path
  size_t objects = 0;

  Ref<Layer> make_layer(const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next, Rngs& rngs);
  Ref<Layer> make_composite(const Definition& definition, const ConfigNode& node, Diagnostics& diagnostics, Rngs& rngs);
  void refuse_endless(const Definition& definition, const ConfigNode& node, Diagnostics& diagnostics) const;
  Composite::Attributes make_attributes(const Definition& definition, const Values& values, Diagnostics& diagnostics,
                                        Rngs& rngs);
  Attribute make_attribute(const ConfigNode& spec, Diagnostics& diagnostics, Rngs& rngs);
  Attribute referred(const ConfigNode& node, Diagnostics& diagnostics) const;
};

// ---- making objects

Ref<Layer> Definitions::State::make_layer(const ConfigNode& node, Diagnostics& diagnostics, const Layers::Build& next,
                                          Rngs& rngs) {
  if (++objects > max_objects) {
    if (objects == max_objects + 1)
      diagnostics.report(node, {.message = fmt::format("more than {} layers", max_objects)});
    diagnostics.throw_if_any();
  }
  if (is_ref(node)) {
    const Ref<ModuleBase> module = referred(node, diagnostics).module();
    auto layer = module ? std::dynamic_pointer_cast<Layer>(module.shared()) : nullptr;
    if (!layer) {
      diagnostics.report(node,
                         {.expected = "a path to a layer", .got = module ? module->type().name : "something else"});
      diagnostics.throw_if_any();
    }
    return Ref<Layer>(std::move(layer));
  }
  Ref<Layer> layer = next(node, diagnostics, rngs);
  written.insert_or_assign(layer.shared().get(), std::pair(std::weak_ptr<ModuleBase>(layer.shared()), node));
  made.back().insert_or_assign(node.path().text(), Attribute{Ref<ModuleBase>(layer)});
  return layer;
}

Ref<Layer> Definitions::State::make_composite(const Definition& definition, const ConfigNode& node,
                                              Diagnostics& diagnostics, Rngs& rngs) {
  if (definition.broken) diagnostics.throw_if_any();
  const size_t before = diagnostics.count();
  const Values values = read_arguments(definition, node, diagnostics);
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  refuse_endless(definition, node, diagnostics);
  struct Frame {
    State& state;
    Frame(State& s, const std::string& name) : state(s) { state.open.push_back(name), state.made.emplace_back(); }
    ~Frame() { state.open.pop_back(), state.made.pop_back(); }
  } frame(*this, definition.name);
  const Diagnostics::Unrecorded unrecorded(diagnostics);  // the echo of a definition is what was written

  Composite::Attributes attributes = make_attributes(definition, values, diagnostics, rngs);
  for (const Argument& a : definition.arguments) {
    if (!mentions(definition.type->program, a.name)) continue;
    const ConfigNode& value = values.at(a.name);
    if (auto fixed = static_attribute(value)) attributes.emplace_back(a.name, std::move(*fixed));
    else
      diagnostics.report(value, {.message = fmt::format("the call of {} uses '{}'", definition.name, a.name),
                                 .expected = "a number, a text, true, false or a list of integers",
                                 .got = value.describe()});
  }
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  return make<Composite>(*definition.type, std::move(attributes));
}

void Definitions::State::refuse_endless(const Definition& definition, const ConfigNode& node,
                                        Diagnostics& diagnostics) const {
  const auto inside = std::ranges::find(open, definition.name);
  std::string chain;
  for (auto it = inside; it != open.end(); ++it) chain += *it + " in ";
  if (inside != open.end())
    diagnostics.report(
        node, {.message = fmt::format("{} would hold itself for ever: {}{}", definition.name, chain, definition.name)});
  else if (open.size() == max_nested)
    diagnostics.report(node, {.message = fmt::format("more than {} Module types inside of each other", max_nested)});
  else return;
  diagnostics.throw_if_any();
}

// The attributes as they are written, with the values of the arguments in them.
Composite::Attributes Definitions::State::make_attributes(const Definition& definition, const Values& values,
                                                          Diagnostics& diagnostics, Rngs& rngs) {
  Scope scope;
  scope.find = [&](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
  scope.names = [&](const std::string&) {
    std::vector<std::string> names;
    for (const Argument& a : definition.arguments) names.push_back(a.name);
    return names;
  };
  Composite::Attributes attributes;
  for (const auto& [name, spec] : definition.attributes) {
    diagnostics.attempt([&] {
      const size_t errors = diagnostics.count();
      const ConfigNode filled = interpolate_all(spec, scope, diagnostics);
      if (diagnostics.count() != errors) diagnostics.throw_if_any();
      Attribute attribute = make_attribute(filled, diagnostics, rngs);
      made.back().insert_or_assign(spec.path().text(), attribute);
      attributes.emplace_back(name, std::move(attribute));
    });
  }
  return attributes;
}

Attribute Definitions::State::make_attribute(const ConfigNode& spec, Diagnostics& diagnostics, Rngs& rngs) {
  if (is_ref(spec)) return referred(spec, diagnostics);
  const ConfigNode* type = spec.find("type");
  if (type && type->is_scalar() && type->text() == "Param") {
    const auto options = config_detail::read_options<ParamOptions>(spec, "Param", diagnostics);
    const Initializer init = initializers().build(options.init, diagnostics);
    return {Variable(Param(init(rngs.params(), Shape(std::span<const int64_t>(options.shape)))))};
  }
  if (spec.is_scalar() || type) return {Ref<ModuleBase>(list.build(spec, diagnostics, rngs))};
  const auto each = [&](const ConfigNode& item, auto&& add) {
    diagnostics.attempt([&] {
      Attribute attribute = make_attribute(item, diagnostics, rngs);
      made.back().insert_or_assign(item.path().text(), attribute);
      add(std::move(attribute));
    });
  };
  const size_t before = diagnostics.count();
  Attribute::List all;
  Attribute::Map by_name;
  for (const ConfigNode& item : spec.items()) each(item, [&](Attribute a) { all.push_back(std::move(a)); });
  for (const ConfigNode::Entry& e : spec.entries()) {
    if (!is_name(e.key))
      diagnostics.report(e.value, {.expected = "a name: letters, digits and _", .got = in_quotes(e.key)});
    else each(e.value, [&](Attribute a) { by_name[e.key] = std::move(a); });
  }
  if (spec.is_null())
    diagnostics.report(spec, {.expected = "a layer, a {ref: path}, or a list or map of these", .got = "null"});
  if (diagnostics.count() != before) diagnostics.throw_if_any();
  if (spec.is_sequence()) return {std::move(all)};
  return {std::move(by_name)};
}

// Looks for the path beside `node`, then beside what is around it; the longest part of it that stands in the config is
// found there, the rest among attributes.
Attribute Definitions::State::referred(const ConfigNode& node, Diagnostics& diagnostics) const {
  const ConfigNode& ref = *node.find("ref");
  const auto refuse = [&](ErrorParts parts) {
    diagnostics.report(ref, std::move(parts));
    diagnostics.throw_if_any();
  };
  if (!ref.is_scalar()) refuse({.expected = "a path, e.g. encoder.linear1", .got = ref.describe()});
  const Path steps = parse_path(ref.text());
  std::string around = node.path().text();
  while (!around.empty()) {
    around.resize(around.find_last_of(".[") == std::string::npos ? 0 : around.find_last_of(".["));
    std::string at = around;
    std::optional<Attribute> found;
    size_t used = 0;
    for (size_t i = 0; i < steps.size() && i < max_config_depth; ++i) {
      at += steps[i].index >= 0 ? fmt::format("[{}]", steps[i].index) : (at.empty() ? "" : ".") + steps[i].name;
      if (const auto it = made.back().find(at); it != made.back().end()) found = it->second, used = i + 1;
    }
    if (!found) continue;
    for (; used < steps.size(); ++used) {
      const Ref<ModuleBase> module = found->module();
      const auto next = module ? find_attribute(*module, steps[used].to_string()) : std::nullopt;
      if (!next || !std::holds_alternative<Attribute>(*next)) {
        const std::string near = module ? nearest(steps[used].to_string(), attribute_names(*module)) : "";
        refuse({.message = fmt::format("{} has no attribute {}", found->kind(), in_quotes(steps[used].to_string())),
                .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
      }
      found = std::get<Attribute>(*next);
    }
    return *found;
  }
  refuse({.message = fmt::format("nothing was made at {} before this place", in_quotes(ref.text())),
          .hint = "a ref names a neighbour that is written before it"});
  return {};
}

// ---- the class

Definitions::Definitions() : state_(std::make_shared<State>(builtin_layers())) {}

Definitions::Definitions(const ConfigNode& modules, Diagnostics& diagnostics) : Definitions() {
  if (modules.is_null()) return;
  if (!modules.is_map()) {
    diagnostics.report(modules, {.expected = "a map of Module types", .got = modules.describe()});
    return;
  }
  State& state = *state_;
  for (const ConfigNode::Entry& e : modules.entries())
    if (auto d = read_definition(e.key, e.value, state.list, diagnostics)) state.definitions.push_back(std::move(*d));
  for (const Definition& d : state.definitions) {
    ComponentDoc doc{.name = d.name, .help = "defined in this config", .fields = {}};
    for (const Argument& a : d.arguments)
      doc.fields.push_back({.name = a.name,
                            .type = "value",
                            .default_value = a.initial ? write_flow(*a.initial) : "",
                            .required = !a.initial});
    state.list.add(std::move(doc), [&state, &d](const ConfigNode& node, Diagnostics& out, Rngs& rngs) {
      return state.make_composite(d, node, out, rngs);
    });
  }
  for (const ConfigNode::Entry& e : modules.entries()) {
    const ConfigNode* attributes = e.value.find("attributes");
    if (!attributes || !attributes->is_map()) continue;
    for (const ConfigNode::Entry& attribute : attributes->entries())
      check_attribute(attribute.value, state.list, diagnostics);
  }
}

const Layers& Definitions::layers() const { return state_->list; }

const ConfigNode* Definitions::written_at(const ModuleBase* module) const {
  const auto found = state_->written.find(module);
  return found != state_->written.end() && !found->second.first.expired() ? &found->second.second : nullptr;
}

}  // namespace nnx
