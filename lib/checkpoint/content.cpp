#include "checkpoint/content.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "checkpoint/safetensors.h"

namespace nnx {
namespace {

constexpr uint64_t max_manifest = uint64_t{64} << 20;

template <class T> std::optional<int64_t> first_non_finite(const Array& array) {
  const std::span<const T> values = array.data<T>();
  const auto at = std::ranges::find_if(values, [](T v) { return !std::isfinite(static_cast<double>(v)); });
  return at == values.end() ? std::nullopt : std::optional<int64_t>(at - values.begin());
}

// Weights that are not finite never get better: such a checkpoint would only push out good ones.
void check_parameters(const State& state, ErrorKind kind, const std::string& where) {
  for (const auto& [path, leaf] : state) {
    if (!leaf.kind->is_a(Param::static_kind()) || !leaf.value.concrete() || !is_floating(leaf.value.dtype())) continue;
    const DType dtype = leaf.value.dtype();
    const auto at = dtype == DType::f32   ? first_non_finite<float>(leaf.value)
                    : dtype == DType::f64 ? first_non_finite<double>(leaf.value)
                                          : first_non_finite<bf16>(leaf.value);
    if (at)
      fail(kind, {.where = where, .message = fmt::format("'{}' is not finite at element {}", to_string(path), *at)});
  }
}

std::string file_name_of(const std::string& partition) { return partition + std::string(partition_suffix); }

FileBytes read_verified(const Directory& directory, const WrittenFile& file) {
  FileBytes out = directory.read(file.name, file.size);
  const uint32_t crc = crc32_of(out.bytes());
  if (crc != file.crc32)
    fail(ErrorKind::data, {.where = directory.path_of(file.name),
                           .expected = fmt::format("CRC-32 {:08x}", file.crc32),
                           .got = fmt::format("{:08x}", crc),
                           .hint = "its bytes were changed after it was written"});
  return out;
}

GraphDef read_graphdef(const FileBytes& file, const std::string& path) {
  try {
    return GraphDef::from_json(file.text());
  } catch (const Error& e) { fail(e.kind(), {.where = path, .message = e.what()}); }
}

void check_names(const Directory& directory, const Manifest& manifest) {
  const auto named = [&](const std::string& name) {
    return name == manifest_name || std::ranges::find(manifest.files, name, &WrittenFile::name) != manifest.files.end();
  };
  for (const std::string& name : directory.list())
    if (!named(name))
      fail(ErrorKind::data,
           {.where = (directory.path() / in_quotes(name)).string(), .message = "is not part of the checkpoint"});
  if (!named(graphdef_name))
    fail(ErrorKind::data,
         {.where = directory.path_of(manifest_name), .message = fmt::format("does not name {}", graphdef_name)});
}

}  // namespace

EncodedCheckpoint::EncodedCheckpoint(const Checkpoint& checkpoint, std::string run_id)
    : checkpoint_(checkpoint), run_id_(std::move(run_id)), graphdef_(checkpoint.graphdef.to_json()) {
  if (checkpoint.step < 0) fail(ErrorKind::structure, {.where = "checkpoint", .message = "has a negative step"});
  for (const auto& [name, state] : checkpoint.partitions)
    if (!is_partition_name(name))
      fail(ErrorKind::structure,
           {.where = "checkpoint", .expected = "a partition name of a-z, 0-9 and _", .got = in_quotes(name)});
  for (const auto& [name, state] : checkpoint.partitions)
    check_parameters(state, ErrorKind::numeric, fmt::format("checkpoint of step {}", checkpoint.step));
}

std::string EncodedCheckpoint::write(const Directory& directory) const {
  Manifest manifest{.run_id = run_id_,
                    .step = checkpoint_.step,
                    .progress = checkpoint_.progress,
                    .environment = checkpoint_.environment};
  manifest.files.push_back(directory.write(graphdef_name, graphdef_));
  for (const auto& [name, state] : checkpoint_.partitions) {
    if (state.empty()) continue;
    const std::string file = file_name_of(name);
    const EncodedState encoded = encode_state(state, file);
    manifest.files.push_back(directory.write(file, encoded.parts()));
  }
  const std::string text = to_text(manifest);
  directory.write(manifest_name, text);
  directory.sync();
  return text;
}

Manifest read_manifest(const Directory& directory, const Expected& expected) {
  const std::string path = directory.path_of(manifest_name);
  Manifest manifest = parse_manifest(directory.read(manifest_name, std::nullopt, max_manifest).text(), path);
  if (expected.step && manifest.step != *expected.step)
    fail(ErrorKind::data,
         {.where = path, .expected = fmt::format("step {}", *expected.step), .got = std::to_string(manifest.step)});
  if (!expected.run_id.empty() && manifest.run_id != expected.run_id)
    fail(ErrorKind::data, {.where = path,
                           .expected = fmt::format("run {}", in_quotes(expected.run_id)),
                           .got = in_quotes(manifest.run_id),
                           .hint = "this checkpoint belongs to another run"});
  return manifest;
}

void check_sizes(const Directory& directory, const Manifest& manifest) {
  for (const WrittenFile& file : manifest.files)
    if (const uint64_t size = directory.size_of(file.name); size != file.size)
      fail(ErrorKind::data, {.where = directory.path_of(file.name),
                             .expected = fmt::format("{} bytes", file.size),
                             .got = std::to_string(size)});
}

Checkpoint read_content(const Directory& directory, const Expected& expected) {
  const Manifest manifest = read_manifest(directory, expected);
  check_names(directory, manifest);
  check_sizes(directory, manifest);  // before anything large is read
  Checkpoint out{.step = manifest.step, .progress = manifest.progress, .environment = manifest.environment};
  for (const WrittenFile& file : manifest.files) {
    const std::string path = directory.path_of(file.name);
    const FileBytes content = read_verified(directory, file);
    if (file.name == graphdef_name) {
      out.graphdef = read_graphdef(content, path);
      continue;
    }
    const std::string partition = file.name.substr(0, file.name.size() - partition_suffix.size());
    out.partitions[partition] = decode_state(content.bytes(), path);
    check_parameters(out.partitions[partition], ErrorKind::data, path);
  }
  return out;
}

}  // namespace nnx
