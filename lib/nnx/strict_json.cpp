#include "nnx/strict_json.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <cmath>
#include <limits>

#include "base/error.h"

namespace nnx {
namespace {

using nlohmann::json;

[[noreturn]] void refuse(const std::string& where, std::string message) {
  fail(ErrorKind::data, {.where = where, .message = std::move(message)});
}

// Builds the value while it is read, so that the limits hold before the memory is spent.
class LimitedBuilder final : public nlohmann::json_sax<json> {
 public:
  LimitedBuilder(const std::string& where, const JsonLimits& limits) : where_(where), limits_(limits) {}
  json take() { return std::move(root_); }

  bool null() override { return add(nullptr); }
  bool boolean(bool v) override { return add(v); }
  bool number_integer(int64_t v) override { return add(v); }
  bool number_unsigned(uint64_t v) override { return add(v); }
  bool number_float(double v, const std::string&) override { return add(v); }
  bool string(std::string& v) override { return add(std::move(v)); }
  bool binary(binary_t&) override { refuse(where_, "binary values are not JSON"); }
  bool start_object(size_t) override { return open(json::object()); }
  bool start_array(size_t) override { return open(json::array()); }
  bool end_object() override { return open_.pop_back(), true; }
  bool end_array() override { return open_.pop_back(), true; }
  bool key(std::string& name) override {
    count();
    json& object = *open_.back();
    const auto [at, fresh] = object.get_ref<json::object_t&>().emplace(name, nullptr);
    if (!fresh) refuse(where_, fmt::format("the key {} is there twice", in_quotes(name)));
    member_ = &at->second;
    return true;
  }
  bool parse_error(size_t position, const std::string&, const nlohmann::detail::exception& e) override {
    // Only the last part of the library's message is for people: "[json.exception.parse_error.101] parse error at ...:
    // ".
    const std::string_view what = e.what();
    const size_t colon = what.find(": ");
    refuse(where_, fmt::format("not valid JSON at byte {}: {}", position,
                               colon == std::string_view::npos ? what : what.substr(colon + 2)));
  }

 private:
  void count() {
    if (++count_ > limits_.values) refuse(where_, fmt::format("has more than {} values", limits_.values));
  }

  json* place(json value) {
    count();
    if (open_.empty()) return &(root_ = std::move(value));
    json& parent = *open_.back();
    if (parent.is_object()) return &(*member_ = std::move(value));
    return &parent.get_ref<json::array_t&>().emplace_back(std::move(value));
  }
  bool add(json value) { return place(std::move(value)), true; }
  bool open(json value) {
    if (open_.size() >= limits_.depth) refuse(where_, fmt::format("is nested deeper than {} levels", limits_.depth));
    open_.push_back(place(std::move(value)));  // stays in place: nothing is added to its parent until it is closed
    return true;
  }

  const std::string& where_;
  const JsonLimits& limits_;
  json root_;
  std::vector<json*> open_;
  json* member_ = nullptr;
  size_t count_ = 0;
};

}  // namespace

json parse_strict(std::string_view text, const std::string& where, const JsonLimits& limits) {
  if (text.size() > limits.bytes) refuse(where, fmt::format("is larger than {} bytes", limits.bytes));
  LimitedBuilder builder(where, limits);
  json::sax_parse(text.begin(), text.end(), &builder);
  return builder.take();
}

std::string dump_strict(const json& value, const std::string& where) {
  try {
    return value.dump();
  } catch (const json::type_error&) {
    fail(ErrorKind::structure, {.where = where, .message = "a name or text that is not UTF-8 cannot be written"});
  }
}

const json& member_of(const json& object, const char* name, const std::string& where) {
  if (!object.is_object()) refuse(where, "is not an object");
  const auto at = object.find(name);
  if (at == object.end()) refuse(where, fmt::format("has no \"{}\"", name));
  return *at;
}

std::string string_of(const json& value, const std::string& where) {
  if (!value.is_string()) fail(ErrorKind::data, {.where = where, .expected = "a string", .got = value.type_name()});
  return value.get<std::string>();
}

int64_t integer_of(const json& value, const std::string& where) {
  const bool fits =
      value.is_number_integer() &&
      (!value.is_number_unsigned() || value.get<uint64_t>() <= uint64_t{std::numeric_limits<int64_t>::max()});
  if (!fits)
    fail(ErrorKind::data, {.where = where, .expected = "an integer of 64 bits", .got = in_quotes(value.type_name())});
  return value.get<int64_t>();
}

json key_to_json(const Key& key) { return key.index >= 0 ? json(key.index) : json(key.name); }

Key key_from_json(const json& value, const std::string& where) {
  if (value.is_string()) return Key(value.get<std::string>());
  const int64_t index = integer_of(value, where);
  if (index < 0) refuse(where, "has a negative index");
  return Key(index);
}

json metadata_to_json(const Metadata& metadata, const std::string& where) {
  json out = json::object();
  for (const auto& [name, value] : metadata) {
    if (const double* number = std::get_if<double>(&value); number && !std::isfinite(*number))
      fail(ErrorKind::numeric,
           {.where = where, .message = fmt::format("the metadata {} is not finite", in_quotes(name))});
    out[name] = std::visit([](const auto& v) { return json(v); }, value);
  }
  return out;
}

Metadata metadata_from_json(const json& value, const std::string& where) {
  if (!value.is_object()) refuse(where, "is not an object");
  Metadata out;
  for (const auto& [name, item] : value.items()) {
    if (item.is_boolean()) out[name] = item.get<bool>();
    else if (item.is_number_float()) out[name] = item.get<double>();
    else if (item.is_string()) out[name] = item.get<std::string>();
    else out[name] = integer_of(item, where);
  }
  return out;
}

}  // namespace nnx
