#include "train/schema.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <utility>

#include "config/compose.h"
#include "lang/definition.h"
#include "lang/definitions.h"
#include "train/catalog.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

// An object of one key.
Json with(const char* key, Json value) {
  Json object = Json::object();
  object[key] = std::move(value);
  return object;
}

Json reference(const std::string& to) { return with("$ref", "#/definitions/" + to); }
Json any_of(Json choices) { return with("anyOf", std::move(choices)); }
Json required(const char* key) { return with("required", Json::array({key})); }
Json interpolated() { return Json{{"type", "string"}, {"pattern", "\\$\\{"}}; }
Json identifier() { return Json{{"type", "string"}, {"pattern", "^[A-Za-z_][A-Za-z0-9_]*$"}}; }

// if/then/else, so that an error speaks of the one case that was meant.
Json choose(Json condition, Json then, Json otherwise) {
  Json schema = with("if", std::move(condition));
  schema["then"] = std::move(then);
  schema["else"] = std::move(otherwise);
  return schema;
}

bool holds_layers(const ComponentDoc& doc) {
  return std::ranges::any_of(doc.fields, [](const FieldDoc& field) { return field.component == "layer"; });
}

Json type_is(const std::string& name) {
  Json condition = with("properties", with("type", with("const", name)));
  condition["required"] = Json::array({"type"});
  return condition;
}

// Definitions are named by what registries and fields call what stands in a place: "layer", "attribute". With a type
// they hold its arguments ("layer.Linear"), of which none is required there: "layer" says which are.
//
// Module types of one's own are known only to the config. So "layer" is one that is built in, and "own_layer" one that
// may have another type, with arguments that are not known; each holds layers of its own kind. "partial_layer" is the
// latter with arguments left out: in surgery, that of another layer stands in for them.
class SchemaWriter {
 public:
  // `known`: the layers in force are all there are, types of one's own included.
  explicit SchemaWriter(bool overlay, bool known = false) : overlay_(overlay), known_(known) {}

  Json run() {
    Json root = with("$schema", "http://json-schema.org/draft-07/schema#");
    root["title"] = overlay_ ? "nnx-train overlay" : "nnx-train config";
    layers_ = "own_layer";
    root.update(object(config_keys()));
    root["properties"]["include"] = Json{{"description", "files that this one is merged over, relative to it"},
                                         {"type", Json::array({"string", "array"})},
                                         {"items", with("type", "string")}};
    if (!overlay_ && !known_) {  // what an overlay is merged over may define types
      root["if"] = with("not", any_of({required("modules"), required("include")}));
      root["then"] = with("properties", built_in_layers());
    }
    root["definitions"] = definitions();
    return root;
  }

 private:
  // The keys of a config that are layers.
  static Json built_in_layers() {
    Json keys = Json::object();
    for (const FieldDoc& field : config_keys())
      if (field.component == "layer") keys[field.name] = reference("layer");
    return keys;
  }

  Json definitions() {
    Json all = Json::object();
    for (const CatalogSection& section : catalog()) {
      if (section.what == "operation") {
        add_operations(all, section);
        continue;
      }
      layers_ = "layer";
      all[section.what] = component(section, "");
      for (const ComponentDoc& doc : *section.components) all[section.what + "." + doc.name] = arguments(doc);
      if (section.what != "layer") continue;
      layers_ = "own_layer";
      for (const char* prefix : {"own_", "partial_"}) all[prefix + section.what] = component(section, prefix);
      for (const ComponentDoc& doc : *section.components)
        if (holds_layers(doc)) all["own_layer." + doc.name] = arguments(doc);
    }
    all["modules"] = modules();
    all["attribute"] = attribute();
    all["names"] = names();
    all["ref"] = ref();
    all["Param"] = param();
    all["definition"] = object(lang::definition_fields());
    all["definition"]["properties"]["call"]["type"] = Json::array({"string", "number"});
    return all;
  }

  // ---- components

  // A bare name where nothing is required, or {type: ...} with the arguments of that type. The prefix is "", or that of
  // layers that may have a type of one's own.
  Json component(const CatalogSection& section, std::string_view prefix) const {
    const bool own = !prefix.empty() && !known_, complete = !overlay_ && prefix != "partial_";
    Json bare = Json::array(), all = Json::array(), rules = Json::array();
    for (const ComponentDoc& doc : *section.components) {
      all.push_back(doc.name);
      const Json needed = complete ? required_keys(doc.fields) : Json::array();
      if (needed.empty()) bare.push_back(doc.name);
      Json then = reference((own && holds_layers(doc) ? "own_" : "") + section.what + "." + doc.name);
      if (!needed.empty()) then = with("allOf", Json::array({std::move(then), with("required", needed)}));
      rules.push_back(Json{{"if", type_is(doc.name)}, {"then", std::move(then)}});
    }
    Json map = with("type", "object");
    map["properties"] = with("type", own ? any_of({identifier(), interpolated()}) : with("enum", all));
    map["allOf"] = std::move(rules);
    if (!overlay_) map["required"] = Json::array({"type"});
    Json names = Json::array();
    if (!bare.empty()) names.push_back(with("enum", std::move(bare)));
    if (own) {
      names.push_back(identifier());
      names.back()["not"] = with("enum", std::move(all));
    }
    names.push_back(interpolated());
    if (section.what == "layer") map = choose(required("ref"), reference("ref"), std::move(map));
    return choose(with("type", "object"), std::move(map), any_of(std::move(names)));
  }

  Json arguments(const ComponentDoc& doc) const {
    Json schema = properties(doc.fields);
    schema["description"] = doc.help;
    schema["properties"]["type"] = true;
    return schema;
  }

  // {replace: SELECTOR, with: ...}: its first argument stands under the name of the operation, or, with `type`, under
  // its own.
  void add_operations(Json& all, const CatalogSection& section) {
    layers_ = "partial_layer";
    Json rules = Json::array(), any = Json::array({required("type")});
    for (const ComponentDoc& doc : *section.components) {
      Json schema = arguments(doc);
      const std::string& first = doc.fields.at(0).name;
      schema["properties"][doc.name] = schema["properties"][first];
      Json needed = required_keys(doc.fields);
      std::erase(needed.get_ref<Json::array_t&>(), Json(first));
      if (!needed.empty()) schema["required"] = std::move(needed);
      all["operation." + doc.name] = std::move(schema);
      any.push_back(required(doc.name.c_str()));
      rules.push_back(Json{{"if", any_of({required(doc.name.c_str()), type_is(doc.name)})},
                           {"then", reference("operation." + doc.name)}});
    }
    all[section.what] = Json{{"type", "object"}, {"anyOf", std::move(any)}, {"allOf", std::move(rules)}};
  }

  // ---- Modules of one's own

  // Named as no built-in type is.
  static Json modules() {
    Json taken = Json::array();
    for (const ComponentDoc& doc : builtin_layers().components()) taken.push_back(doc.name);
    for (const std::string_view name : lang::reserved_types()) taken.push_back(name);
    Json schema = with("type", "object");
    schema["propertyNames"] = identifier();
    schema["propertyNames"]["not"] = with("enum", std::move(taken));
    schema["additionalProperties"] = reference("definition");
    return schema;
  }

  // [din, {rate: 0.1}], or a map of names to defaults.
  static Json names() {
    Json name = identifier();
    name["not"] = with("const", "type");
    Json one = Json{{"type", "object"}, {"propertyNames", name}, {"minProperties", 1}, {"maxProperties", 1}};
    Json list = Json{{"type", "array"}, {"items", any_of({name, std::move(one)})}};
    return any_of({with("type", "null"), std::move(list), Json{{"type", "object"}, {"propertyNames", name}}});
  }

  // A layer, a Param, a ref, or a list or map of these.
  static Json attribute() {
    const Json list = Json{{"type", "array"}, {"items", reference("attribute")}};
    const Json map =
        Json{{"type", "object"}, {"propertyNames", identifier()}, {"additionalProperties", reference("attribute")}};
    const Json typed = choose(type_is("Param"), reference("Param"), reference("own_layer"));
    const Json maps = choose(required("type"), typed, choose(required("ref"), reference("ref"), map));
    return choose(with("type", "object"), maps, choose(with("type", "array"), list, reference("own_layer")));
  }

  static Json ref() {
    Json schema =
        Json{{"description", "an object that was made before"}, {"type", "object"}, {"additionalProperties", false}};
    schema["properties"] = with("ref", with("type", "string"));
    return schema;
  }

  Json param() const {
    Json schema = object(describe_fields<lang::ParamOptions>());
    schema["description"] = "a parameter of the Module itself";
    schema["properties"]["type"] = true;
    return schema;
  }

  // ---- keys

  Json object(const std::vector<FieldDoc>& fields) const {
    Json schema = properties(fields);
    if (Json needed = required_keys(fields); !needed.empty() && !overlay_) schema["required"] = std::move(needed);
    return schema;
  }

  static Json required_keys(const std::vector<FieldDoc>& fields) {
    Json keys = Json::array();
    for (const FieldDoc& field : fields) {
      bool needs = field.required;
      // A section is required when something inside of it is.
      for (const FieldDoc& inner : field.fields) needs |= field.type == "map" && inner.required;
      if (needs) keys.push_back(field.name);
    }
    return keys;
  }

  Json properties(const std::vector<FieldDoc>& fields) const {
    Json schema = with("type", "object");
    schema["properties"] = Json::object();
    schema["additionalProperties"] = false;
    for (const FieldDoc& field : fields) {
      Json property = value(field);
      if (!field.help.empty()) property["description"] = field.help;
      if (overlay_ && field.type.starts_with("list of")) schema["properties"][field.name + "+"] = property;
      schema["properties"][field.name] = std::move(property);
    }
    return schema;
  }

  Json value(const FieldDoc& field) const {
    std::string_view type = field.type;
    const bool null = type.ends_with(" or null");
    if (null) type.remove_suffix(8);
    Json options = Json::array({of_type(field, type)});
    if (null) options.push_back(with("type", "null"));
    if (type == "component" && !field.required) options.push_back(with("type", "null"));
    if (field.or_number) options.push_back(with("type", "number"));
    if (type != "string" && type != "component" && type != "value") options.push_back(interpolated());
    if (options.size() == 1) return options[0];
    return any_of(std::move(options));
  }

  Json of_type(const FieldDoc& field, std::string_view type) const {
    if (type.starts_with("list of ")) return container("array", "items", field, type.substr(8));
    if (type.starts_with("map of ")) return container("object", "additionalProperties", field, type.substr(7));
    if (type == "value") return Json::object();
    if (type == "component") return reference(field.component == "layer" ? layers_ : field.component);
    if (type == "map") return object(field.fields);
    if (type == "true or false") return with("type", "boolean");
    if (type == "integer" || type == "number") return bounded(field, type);
    if (!field.one_of.empty()) return any_of({with("enum", field.one_of), interpolated()});
    // An unquoted 1 or true is a string where one is asked for.
    return with("type", Json::array({"string", "number", "boolean"}));
  }

  Json container(const char* kind, const char* inside, const FieldDoc& field, std::string_view item) const {
    Json schema = with("type", kind);
    // Attributes and the terms of a loss become parts of other names.
    if (field.component == "attribute" || field.component == "loss") schema["propertyNames"] = identifier();
    schema[inside] = any_of({of_type(field, item), interpolated()});
    return schema;
  }

  Json bounded(const FieldDoc& field, std::string_view type) const {
    Json schema = with("type", std::string(type));
    if (field.min) schema[field.min_open ? "exclusiveMinimum" : "minimum"] = *field.min;
    if (field.max) schema[field.max_open ? "exclusiveMaximum" : "maximum"] = *field.max;
    return schema;
  }

  bool overlay_, known_;
  std::string layers_;  // the definition of the layers in what is written now
};

}  // namespace

std::string config_schema() { return SchemaWriter(false).run().dump(1) + "\n"; }
std::string config_schema(const std::vector<std::string>& files) {
  Diagnostics diagnostics;
  const ConfigNode root = load_config(files, {}, diagnostics);
  const ConfigNode* modules = root.find("modules");
  const Definitions definitions(modules ? *modules : ConfigNode(), diagnostics);
  diagnostics.throw_if_any();
  const LayerScope scope(definitions.layers());
  return SchemaWriter(false, true).run().dump(1) + "\n";
}

std::string overlay_schema() { return SchemaWriter(true).run().dump(1) + "\n"; }

}  // namespace nnx
