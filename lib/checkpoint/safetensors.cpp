#include "checkpoint/safetensors.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>
#include <array>
#include <cstring>

#include "base/error.h"
#include "base/utf8.h"
#include "nnx/known_names.h"
#include "nnx/strict_json.h"

namespace nnx {
namespace {

using nlohmann::json;

constexpr const char* metadata_name = "__metadata__";
constexpr size_t max_header = size_t{16} << 20;
constexpr size_t max_name = 1024;
constexpr size_t length_bytes = 8;
constexpr JsonLimits header_limits{.bytes = max_header, .depth = 4, .values = size_t{1} << 21};

constexpr std::array<std::pair<std::string_view, DType>, 6> dtypes{{{"F32", DType::f32},
                                                                    {"F64", DType::f64},
                                                                    {"I32", DType::i32},
                                                                    {"U32", DType::u32},
                                                                    {"BOOL", DType::boolean},
                                                                    {"BF16", DType::bf16}}};

[[noreturn]] void refuse(const std::string& where, std::string message) {
  fail(ErrorKind::data, {.where = where, .message = std::move(message)});
}

bool valid_name(std::string_view name) {
  const auto control = [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; };
  return name.size() <= max_name && name != metadata_name && std::ranges::none_of(name, control) && !invalid_utf8(name);
}

uint64_t unsigned_of(const json& value, const std::string& at, const char* what) {
  if (!value.is_number_unsigned()) refuse(at, fmt::format("{} must be unsigned integers", what));
  return value.get<uint64_t>();
}

// ---- reading

std::string_view header_of(std::span<const std::byte> file, const std::string& where) {
  if (file.size() < length_bytes) refuse(where, fmt::format("has {} bytes, too few for a header", file.size()));
  uint64_t length = 0;
  for (size_t i = length_bytes; i-- > 0;) length = length << 8 | std::to_integer<uint64_t>(file[i]);  // little endian
  if (length > max_header)
    refuse(where, fmt::format("says its header has {} bytes; at most {} are read", length, max_header));
  if (length > file.size() - length_bytes) refuse(where, fmt::format("ends inside of its header of {} bytes", length));
  const std::string_view header{reinterpret_cast<const char*>(file.data()) + length_bytes, static_cast<size_t>(length)};
  if (!header.starts_with('{')) refuse(where, "has a header that does not begin with '{'");
  return header;
}

Shape shape_from(const json& value, const std::string& at) {
  if (!value.is_array() || value.size() > static_cast<size_t>(Shape::max_rank))
    refuse(at, fmt::format("the shape must be a list of at most {} sizes", Shape::max_rank));
  std::vector<int64_t> dims;
  int64_t elements = 1;
  for (const json& item : value) {
    const uint64_t size = unsigned_of(item, at, "the sizes of a shape");
    // A size of 0 does not excuse the others: their product must be sound without it.
    if (size > uint64_t{1} << 62 ||
        __builtin_mul_overflow(elements, std::max<int64_t>(static_cast<int64_t>(size), 1), &elements) ||
        elements > int64_t{1} << 59)
      refuse(at, fmt::format("the shape {} overflows", value.dump()));
    dims.push_back(static_cast<int64_t>(size));
  }
  return Shape(dims);
}

DType dtype_from(const json& value, const std::string& at) {
  const std::string name = string_of(value, at);
  for (const auto& [text, dtype] : dtypes)
    if (text == name) return dtype;
  fail(ErrorKind::data,
       {.where = at, .expected = "one of the dtypes F32, F64, I32, U32, BOOL", .got = in_quotes(name)});
}

struct Entry {
  std::string name;
  Type type;
  uint64_t begin = 0, end = 0;
};

Entry entry_from(const std::string& name, const json& value, const std::string& where) {
  if (!valid_name(name)) refuse(where, fmt::format("the name {} is not allowed", in_quotes(name)));
  const std::string at = fmt::format("{}: tensor {}", where, in_quotes(name));
  if (!value.is_object() || value.size() != 3) refuse(at, "must have dtype, shape and data_offsets, nothing else");
  const json& offsets = member_of(value, "data_offsets", at);
  if (!offsets.is_array() || offsets.size() != 2) refuse(at, "data_offsets must be two numbers");
  Entry out{.name = name,
            .type = {dtype_from(member_of(value, "dtype", at), at), shape_from(member_of(value, "shape", at), at)},
            .begin = unsigned_of(offsets[0], at, "data_offsets"),
            .end = unsigned_of(offsets[1], at, "data_offsets")};
  if (out.begin > out.end) refuse(at, "data_offsets end before they begin");
  if (out.end - out.begin != out.type.bytes())
    refuse(at, fmt::format("{} has {} bytes, but data_offsets give it {}", out.type.to_string(), out.type.bytes(),
                           out.end - out.begin));
  return out;
}

// ---- kinds, tags, metadata and paths

json leaf_info(const Path& path, const StateLeaf& leaf, const std::string& where) {
  json info = {{"kind", leaf.kind->name}};
  if (!leaf.tag.empty()) info["tag"] = leaf.tag;
  if (!leaf.metadata.empty()) info["metadata"] = metadata_to_json(leaf.metadata, where);
  if (parse_path(to_string(path)) != path) {  // a name with dots or of digits
    json& steps = info["path"] = json::array();
    for (const Key& key : path) steps.push_back(key_to_json(key));
  }
  return info;
}

Path path_from(const json& steps, const std::string& name, const std::string& at) {
  Path path;
  if (!steps.is_array()) refuse(at, "its path is not a list");
  for (const json& step : steps) path.push_back(key_from_json(step, at));
  if (to_string(path) != name) refuse(at, fmt::format("its path is {}", in_quotes(to_string(path))));
  return path;
}

std::pair<Path, StateLeaf> leaf_from(const std::string& name, const std::string& info_text, const std::string& at) {
  const json info = parse_strict(info_text, at, {.bytes = max_header, .depth = 4, .values = 1 << 16});
  std::pair<Path, StateLeaf> out{parse_path(name), {}};
  out.second.kind = &kind_named(string_of(member_of(info, "kind", at), at));
  for (const auto& [key, value] : info.items()) {
    if (key == "tag") out.second.tag = string_of(value, at);
    else if (key == "metadata") out.second.metadata = metadata_from_json(value, at);
    else if (key == "path") out.first = path_from(value, name, at);
    else if (key != "kind") refuse(at, fmt::format("has an unknown member {}", in_quotes(key)));
  }
  return out;
}

std::string_view safetensors_name(DType dtype) {
  return std::ranges::find(dtypes, dtype, &std::pair<std::string_view, DType>::second)->first;
}

std::span<const std::byte> bytes_of(const Array& array) {
  return {array.buffer()->as<std::byte>(), array.type().bytes()};
}

}  // namespace

SafeTensors parse_safetensors(std::span<const std::byte> file, const std::string& where) {
  const std::string_view text = header_of(file, where);
  const std::span<const std::byte> data = file.subspan(length_bytes + text.size());
  const json header = parse_strict(text, where, header_limits);
  if (!header.is_object()) refuse(where, "has a header that is not an object");
  SafeTensors out;
  std::vector<Entry> entries;
  for (const auto& [name, value] : header.items()) {
    if (name != metadata_name) {
      entries.push_back(entry_from(name, value, where));
      continue;
    }
    if (!value.is_object()) refuse(where, "__metadata__ is not an object");
    for (const auto& [key, item] : value.items()) out.metadata[key] = string_of(item, where + ": __metadata__");
  }
  // Empty tensors come before the one that begins where they stand.
  std::ranges::stable_sort(entries, {}, [](const Entry& e) { return std::pair(e.begin, e.end); });
  uint64_t place = 0;
  for (Entry& e : entries) {
    const std::string at = fmt::format("{}: tensor {}", where, in_quotes(e.name));
    if (e.begin != place)
      refuse(at, fmt::format("begins at {}, where {} is next: a hole or an overlap", e.begin, place));
    if (e.end > data.size()) refuse(at, fmt::format("ends at {}, after the data of {} bytes", e.end, data.size()));
    place = e.end;
    out.tensors.push_back({std::move(e.name), e.type, data.subspan(e.begin, e.end - e.begin)});
  }
  if (place != data.size()) refuse(where, fmt::format("has {} bytes after the last tensor", data.size() - place));
  return out;
}

Array to_array(const SafeTensor& tensor, const std::string& where) {
  if (tensor.type.dtype == DType::boolean &&
      std::ranges::any_of(tensor.bytes, [](std::byte b) { return std::to_integer<int>(b) > 1; }))
    refuse(fmt::format("{}: tensor {}", where, in_quotes(tensor.name)), "has a boolean that is neither 0 nor 1");
  BufferRef buffer = Buffer::allocate(tensor.bytes.size());
  if (!tensor.bytes.empty()) std::memcpy(buffer->data(), tensor.bytes.data(), tensor.bytes.size());
  return Array(tensor.type, std::move(buffer));
}

std::vector<std::span<const std::byte>> EncodedState::parts() const& {
  std::vector<std::span<const std::byte>> out{std::as_bytes(std::span(header.data(), header.size()))};
  for (const Array& tensor : tensors) out.push_back(bytes_of(tensor));
  return out;
}

EncodedState encode_state(const State& state, const std::string& where) {
  std::vector<std::pair<std::string, const StateLeaf*>> leaves;
  json header = json::object();
  json& metadata = header[metadata_name] = json::object();
  for (const auto& [path, leaf] : state) {
    const std::string name = to_string(path);
    const std::string at = fmt::format("{}: {}", where, in_quotes(name));
    if (!valid_name(name)) fail(ErrorKind::structure, {.where = at, .message = "this path cannot be a name in a file"});
    if (!leaf.value.concrete()) fail(ErrorKind::structure, {.where = at, .message = "has no value to write"});
    if (metadata.contains(name)) fail(ErrorKind::structure, {.where = at, .message = "two paths have this text"});
    metadata[name] = dump_strict(leaf_info(path, leaf, at), at);
    leaves.emplace_back(name, &leaf);
  }
  std::ranges::stable_sort(leaves, std::greater{}, [](const auto& l) { return size_of(l.second->value.dtype()); });

  EncodedState out;
  uint64_t place = 0;
  for (const auto& [name, leaf] : leaves) {
    const Type& type = leaf->value.type();
    const json shape = std::vector<int64_t>(type.shape.begin(), type.shape.end());
    header[name] = {
        {"dtype", safetensors_name(type.dtype)}, {"shape", shape}, {"data_offsets", {place, place + type.bytes()}}};
    place += type.bytes();
    out.tensors.push_back(leaf->value);
  }
  std::string text = dump_strict(header, where);
  text.append((length_bytes - text.size() % length_bytes) % length_bytes, ' ');
  if (text.size() > max_header)
    fail(ErrorKind::structure, {.where = where, .message = "has too many leaves for one file"});
  for (size_t i = 0; i < length_bytes; ++i) out.header += static_cast<char>(text.size() >> 8 * i & 0xff);
  out.header += text;
  return out;
}

State decode_state(std::span<const std::byte> file, const std::string& where) {
  const SafeTensors parsed = parse_safetensors(file, where);
  State out;
  for (const SafeTensor& tensor : parsed.tensors) {
    const std::string at = fmt::format("{}: {}", where, in_quotes(tensor.name));
    const auto info = parsed.metadata.find(tensor.name);
    if (info == parsed.metadata.end()) refuse(at, "has no kind in __metadata__");
    auto [path, leaf] = leaf_from(tensor.name, info->second, at);
    leaf.value = to_array(tensor, where);
    out.insert(std::move(path), std::move(leaf));
  }
  if (parsed.metadata.size() != parsed.tensors.size()) refuse(where, "__metadata__ names tensors that are not there");
  return out;
}

}  // namespace nnx
