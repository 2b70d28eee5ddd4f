#include "train/schema.h"

#include <nlohmann/json.hpp>
#include <utility>

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

Json interpolated() { return Json{{"type", "string"}, {"pattern", "\\$\\{"}}; }

class SchemaWriter {
 public:
  explicit SchemaWriter(bool overlay) : overlay_(overlay) {}

  Json run() {
    Json root = with("$schema", "http://json-schema.org/draft-07/schema#");
    root["title"] = overlay_ ? "nnx-train overlay" : "nnx-train config";
    root.update(object(config_keys()));
    root["properties"]["include"] = Json{{"description", "files that this one is merged over, relative to it"},
                                         {"type", Json::array({"string", "array"})},
                                         {"items", with("type", "string")}};
    // Types of one's own are known only to the config: where it has some, other names are allowed for layers.
    root["definitions"] = Json::object();
    for (const CatalogSection& section : catalog()) {
      root["definitions"][section.what] = component(section);
      for (const ComponentDoc& doc : *section.components)
        root["definitions"][section.what + "." + doc.name] = arguments(doc);
    }
    root["properties"]["model"] = with("description", "the layer that is trained");
    root["if"] = with("required", Json::array({"modules"}));
    root["then"] = model_is(with("type", Json::array({"string", "object"})));
    root["else"] = model_is(with("$ref", "#/definitions/layer"));
    return root;
  }

 private:
  static Json model_is(Json schema) { return with("properties", with("model", std::move(schema))); }

  // A bare name where nothing is required, or {type: ...} with the arguments of that type.
  Json component(const CatalogSection& section) const {
    Json bare = Json::array(), all = Json::array(), rules = Json::array();
    for (const ComponentDoc& doc : *section.components) {
      all.push_back(doc.name);
      bool needs = false;
      for (const FieldDoc& field : doc.fields) needs |= field.required;
      if (!needs || overlay_) bare.push_back(doc.name);
      Json rule = Json::object();
      rule["if"] = with("properties", with("type", with("const", doc.name)));
      rule["if"]["required"] = Json::array({"type"});
      rule["then"] = with("$ref", "#/definitions/" + section.what + "." + doc.name);
      rules.push_back(std::move(rule));
    }
    Json map = with("type", "object");
    map["properties"] = with("type", with("enum", std::move(all)));
    map["allOf"] = std::move(rules);
    if (!overlay_) map["required"] = Json::array({"type"});
    Json choices = Json::array();
    if (!bare.empty()) choices.push_back(with("enum", std::move(bare)));
    choices.push_back(interpolated());
    Json schema = with("if", with("type", "object"));
    schema["then"] = std::move(map);
    schema["else"] = with("anyOf", std::move(choices));
    return schema;
  }

  Json arguments(const ComponentDoc& doc) const {
    Json schema = object(doc.fields);
    schema["description"] = doc.help;
    schema["properties"]["type"] = true;
    return schema;
  }

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
    return with("anyOf", std::move(options));
  }

  Json of_type(const FieldDoc& field, std::string_view type) const {
    if (type.starts_with("list of ")) return container("array", "items", field, type.substr(8));
    if (type.starts_with("map of ")) return container("object", "additionalProperties", field, type.substr(7));
    if (type == "component")
      return field.component.empty() ? Json::object() : with("$ref", "#/definitions/" + field.component);
    if (type == "map") return object(field.fields);
    if (type == "true or false") return with("type", "boolean");
    if (type == "integer" || type == "number") return bounded(field, type);
    if (!field.one_of.empty()) return with("anyOf", Json::array({with("enum", field.one_of), interpolated()}));
    // An unquoted 1 or true is a string where one is asked for.
    return with("type", Json::array({"string", "number", "boolean"}));
  }

  Json container(const char* kind, const char* inside, const FieldDoc& field, std::string_view item) const {
    Json schema = with("type", kind);
    schema[inside] = with("anyOf", Json::array({of_type(field, item), interpolated()}));
    return schema;
  }

  Json bounded(const FieldDoc& field, std::string_view type) const {
    Json schema = with("type", std::string(type));
    if (field.min) schema[field.min_open ? "exclusiveMinimum" : "minimum"] = *field.min;
    if (field.max) schema[field.max_open ? "exclusiveMaximum" : "maximum"] = *field.max;
    return schema;
  }

  bool overlay_;
};

}  // namespace

std::string config_schema() { return SchemaWriter(false).run().dump(1) + "\n"; }
std::string overlay_schema() { return SchemaWriter(true).run().dump(1) + "\n"; }

}  // namespace nnx
