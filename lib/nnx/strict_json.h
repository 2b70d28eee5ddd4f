// JSON that comes from outside, read with limits: nesting, number of values, no duplicate keys, no numbers that
// overflow. For sources that use nlohmann/json; what parse_strict returns is safe to look at with the checked getters
// below.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>

#include "nnx/path.h"
#include "nnx/variable.h"

namespace nnx {

struct JsonLimits {
  size_t bytes = size_t{64} << 20;
  size_t depth = 64;
  size_t values = size_t{1} << 23;  // keys and values together
};

// Throws ErrorKind::data with `where` and the byte offset.
nlohmann::json parse_strict(std::string_view text, const std::string& where, const JsonLimits& limits = {});

// Text for writing; throws ErrorKind::structure with `where` unless it is UTF-8.
std::string dump_strict(const nlohmann::json& value, const std::string& where);

// A member of an object; throws ErrorKind::data when `object` is not one or has no such member.
const nlohmann::json& member_of(const nlohmann::json& object, const char* name, const std::string& where);
std::string string_of(const nlohmann::json& value, const std::string& where);
int64_t integer_of(const nlohmann::json& value, const std::string& where);  // a JSON integer that fits

// Steps of paths: a name, or an index as a number. Metadata: an object of single values.
nlohmann::json key_to_json(const Key& key);
Key key_from_json(const nlohmann::json& value, const std::string& where);
nlohmann::json metadata_to_json(const Metadata& metadata, const std::string& where);  // refuses non-finite numbers
Metadata metadata_from_json(const nlohmann::json& value, const std::string& where);

}  // namespace nnx
