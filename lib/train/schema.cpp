#include "train/schema.h"

#include <nlohmann/json.hpp>
#include <algorithm>
#include <utility>

#include "lang/definition.h"
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

// Definitions are named by what registries and fields call what stands in a place: "layer", "layer.Linear",
// "attribute". Module types of one's own are known only to the config. So there are two kinds of layers: "layer" is one
// that is built in, "own_layer" may have a type of one's own, with arguments that are not known; each holds layers of
// its own kind.
class SchemaWriter {
 public:
  explicit SchemaWriter(bool overlay) : overlay_(overlay) {}

  Json run() {
    Json root = with("$schema", "http://json-schema.org/draft-07/schema#");
    root["title"] = overlay_ ? "nnx-train overlay" : "nnx-train config";
    own_ = true;
    root.update(object(config_keys()));
    root["properties"]["include"] = Json{{"description", "files that this one is merged over, relative to it"},
                                         {"type", Json::array({"string", "array"})},
                                         {"items", with("type", "string")}};
    if (!overlay_) {  // what an overlay is merged over may define types
      root["if"] = with("not", any_of({required("modules"), required("include")}));
      root["then"] = with("properties", built_in_layers());
    }
    root["definitions"] = definitions();
    return root;
  }

 private:
  // The keys of a config that are layers.
  Json built_in_layers() const {
    Json keys = Json::object();
    for (const FieldDoc& field : config_keys())
      if (field.component == "layer") keys[field.name] = reference("layer");
    return keys;
  }

  Json definitions() {
    Json all = Json::object();
    for (const CatalogSection& section : catalog()) {
      own_ = section.what != "layer";
      all[section.what] = component(section);
      for (const ComponentDoc& doc : *section.components) all[section.what + "." + doc.name] = arguments(doc);
      if (own_) continue;
      own_ = true;
      all["own_layer"] = component(section);
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

  bool may_be_own(const CatalogSection& section) const { return own_ && section.what == "layer"; }

  // A bare name where nothing is required, or {type: ...} with the arguments of that type.
  Json component(const CatalogSection& section) const {
    Json bare = Json::array(), all = Json::array(), rules = Json::array();
    for (const ComponentDoc& doc : *section.components) {
      all.push_back(doc.name);
      const bool needs = std::ranges::any_of(doc.fields, &FieldDoc::required);
      if (!needs || overlay_) bare.push_back(doc.name);
      const std::string prefix = may_be_own(section) && holds_layers(doc) ? "own_layer" : section.what;
      rules.push_back(Json{{"if", type_is(doc.name)}, {"then", reference(prefix + "." + doc.name)}});
    }
    Json map = with("type", "object");
    map["properties"] = with("type", may_be_own(section) ? any_of({identifier(), interpolated()}) : with("enum", all));
    map["allOf"] = std::move(rules);
    if (!overlay_) map["required"] = Json::array({"type"});
    Json names = Json::array();
    if (!bare.empty()) names.push_back(with("enum", std::move(bare)));
    if (may_be_own(section)) {
      names.push_back(identifier());
      names.back()["not"] = with("enum", std::move(all));
    }
    names.push_back(interpolated());
    if (section.what == "layer") map = choose(required("ref"), reference("ref"), std::move(map));
    return choose(with("type", "object"), std::move(map), any_of(std::move(names)));
  }

  Json arguments(const ComponentDoc& doc) const {
    Json schema = object(doc.fields);
    schema["description"] = doc.help;
    schema["properties"]["type"] = true;
    return schema;
  }

  // ---- Modules of one's own

  // Named as no built-in type is.
  static Json modules() {
    Json taken = Json::array();
    for (const CatalogSection& section : catalog())
      if (section.what == "layer")
        for (const ComponentDoc& doc : *section.components) taken.push_back(doc.name);
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
    return arguments(
        {.name = "Param", .help = "a parameter of the Module itself", .fields = describe_fields<lang::ParamOptions>()});
  }

  // ---- keys

  Json object(const std::vector<FieldDoc>& fields) const {
    Json schema = with("type", "object");
    schema["properties"] = Json::object();
    schema["additionalProperties"] = false;
    Json required = Json::array();
    for (const FieldDoc& field : fields) {
      Json property = value(field);
      if (!field.help.empty()) property["description"] = field.help;
      if (overlay_ && field.type.starts_with("list of")) schema["properties"][field.name + "+"] = property;
      schema["properties"][field.name] = std::move(property);
      bool needs = field.required;
      // A section is required when something inside of it is.
      for (const FieldDoc& inner : field.fields) needs |= field.type == "map" && inner.required;
      if (needs) required.push_back(field.name);
    }
    if (!required.empty() && !overlay_) schema["required"] = required;
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
    if (type != "string" && type != "component") options.push_back(interpolated());
    if (options.size() == 1) return options[0];
    return any_of(std::move(options));
  }

  Json of_type(const FieldDoc& field, std::string_view type) const {
    if (type.starts_with("list of ")) return container("array", "items", field, type.substr(8));
    if (type.starts_with("map of ")) return container("object", "additionalProperties", field, type.substr(7));
    if (type == "component" && field.component.empty()) return Json::object();
    if (type == "component") return reference(field.component == "layer" && own_ ? "own_layer" : field.component);
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

  bool overlay_;
  bool own_ = false;  // whether the layers in what is written now may have types of one's own
};

}  // namespace

std::string config_schema() { return SchemaWriter(false).run().dump(1) + "\n"; }
std::string overlay_schema() { return SchemaWriter(true).run().dump(1) + "\n"; }

}  // namespace nnx
