#include "checkpoint/manifest.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
#include <algorithm>

#include "nnx/strict_json.h"

namespace nnx {
namespace {

using nlohmann::json;

// The end of the text: the CRC of all before it.
std::string closing(std::string_view before) { return fmt::format("\"crc32\":\"{:08x}\"\n}}\n", crc32_of(before)); }

std::string_view body_of(std::string_view text, const std::string& where) {
  const size_t tail = closing("").size();
  const std::string_view body = text.substr(0, text.size() - std::min(tail, text.size()));
  if (text.substr(body.size()) != closing(body))
    fail(ErrorKind::data, {.where = where, .message = "is damaged: its last line is not the CRC-32 of the others"});
  return body;
}

uint32_t crc_from(const json& value, const std::string& at) {
  const std::string text = string_of(value, at);
  uint32_t crc = 0;
  for (const char c : text) {
    const size_t digit = std::string_view("0123456789abcdef").find(c);
    if (digit == std::string_view::npos || text.size() != 8)
      fail(ErrorKind::data, {.where = at, .expected = "8 hexadecimal digits", .got = in_quotes(text)});
    crc = crc << 4 | static_cast<uint32_t>(digit);
  }
  return crc;
}

WrittenFile file_from(const json& entry, const std::string& where) {
  WrittenFile out{.name = string_of(member_of(entry, "name", where), where)};
  const std::string at = fmt::format("{}: file {}", where, in_quotes(out.name));
  if (!is_checkpoint_file(out.name) || out.name == manifest_name)
    fail(ErrorKind::data, {.where = at, .message = "this name is not allowed"});
  const int64_t size = integer_of(member_of(entry, "size", at), at);
  if (size < 0) fail(ErrorKind::data, {.where = at, .message = "has a negative size"});
  out.size = static_cast<uint64_t>(size);
  out.crc32 = crc_from(member_of(entry, "crc32", at), at);
  return out;
}

}  // namespace

bool is_partition_name(std::string_view name) {
  const auto letter = [](char c) { return c >= 'a' && c <= 'z'; };
  const auto other = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '_'; };
  return !name.empty() && name.size() <= 64 && letter(name[0]) && std::ranges::all_of(name, other);
}

bool is_checkpoint_file(std::string_view name) {
  if (name == manifest_name || name == graphdef_name) return true;
  return name.ends_with(partition_suffix) && is_partition_name(name.substr(0, name.size() - partition_suffix.size()));
}

std::string to_text(const Manifest& m) {
  const auto text = [](const std::string& value) { return dump_strict(value, manifest_name); };
  std::string out =
      fmt::format("{{\n\"format_version\":{},\n\"run_id\":{},\n\"step\":{},\n\"progress\":{},\n\"environment\":{},\n",
                  checkpoint_format, text(m.run_id), m.step, text(m.progress), text(m.environment));
  out += "\"files\":[";
  for (size_t i = 0; i < m.files.size(); ++i)
    out += fmt::format("{}\n{{\"name\":{},\"size\":{},\"crc32\":\"{:08x}\"}}", i ? "," : "", text(m.files[i].name),
                       m.files[i].size, m.files[i].crc32);
  out += "\n],\n";
  return out + closing(out);
}

Manifest parse_manifest(std::string_view text, const std::string& where) {
  body_of(text, where);
  const json file = parse_strict(text, where);
  const int64_t version = integer_of(member_of(file, "format_version", where), where);
  if (version > checkpoint_format)
    throw NewerFormat(ErrorKind::data, {.where = where,
                                        .expected = fmt::format("a format_version up to {}", checkpoint_format),
                                        .got = std::to_string(version),
                                        .hint = "use the nnx-train that wrote it, or a later one"});
  const auto string = [&](const char* name) { return string_of(member_of(file, name, where), where); };
  Manifest out{.run_id = string("run_id"),
               .step = integer_of(member_of(file, "step", where), where),
               .progress = string("progress"),
               .environment = string("environment")};
  if (version < 1 || out.step < 0) fail(ErrorKind::data, {.where = where, .message = "has a negative version or step"});
  for (const json& entry : member_of(file, "files", where)) {
    WrittenFile found = file_from(entry, where);
    if (std::ranges::find(out.files, found.name, &WrittenFile::name) != out.files.end())
      fail(ErrorKind::data, {.where = where, .message = fmt::format("names {} twice", in_quotes(found.name))});
    out.files.push_back(std::move(found));
  }
  return out;
}

}  // namespace nnx
