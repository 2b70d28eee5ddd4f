// A Manifest is the file of a checkpoint that is written last and vouches for the others; its last line vouches for
// itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "checkpoint/posix_file.h"

namespace nnx {

inline constexpr int64_t checkpoint_format = 1;
inline constexpr const char* manifest_name = "MANIFEST.json";
inline constexpr const char* graphdef_name = "graphdef.json";
inline constexpr std::string_view partition_suffix = ".safetensors";

// A checkpoint of a later program: not damaged, so it is never set aside.
struct NewerFormat : Error {
  using Error::Error;
};

struct Manifest {
  std::string run_id = {};
  int64_t step = 0;
  std::string progress = {};
  std::string environment = {};
  std::vector<WrittenFile> files = {};  // in the order they were written
};

bool is_partition_name(std::string_view name);   // ^[a-z][a-z0-9_]{0,63}$
bool is_checkpoint_file(std::string_view name);  // one of the names a checkpoint may have
std::string to_text(const Manifest& manifest);   // throws ErrorKind::structure for text that is not UTF-8
// Throws ErrorKind::data naming `where`, NewerFormat for a later format_version.
Manifest parse_manifest(std::string_view text, const std::string& where);

}  // namespace nnx
