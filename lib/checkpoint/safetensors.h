// Reading and writing the safetensors format: a length, a JSON header with dtype, shape and place of each tensor, and
// their bytes without holes. https://huggingface.co/docs/safetensors
//
//   EncodedState file = encode_state(params, "params.safetensors");
//   directory.write("params.safetensors", file.parts());
//   State params = decode_state(bytes, "params.safetensors");
//
// Dtypes: F32 F64 I32 U32 BOOL. Everything about a file is checked before anything is made of it.
#pragma once

#include <cstddef>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "nnx/state.h"

namespace nnx {

struct SafeTensor {
  std::string name;
  Type type;
  std::span<const std::byte> bytes;  // in the file given to parse_safetensors
};

struct SafeTensors {
  std::map<std::string, std::string> metadata;
  std::vector<SafeTensor> tensors;  // in the order of their bytes
};

// Throws ErrorKind::data with `where` and the tensor for whatever the format does not allow. Nothing is copied.
SafeTensors parse_safetensors(std::span<const std::byte> file, const std::string& where);
// A concrete Array with a copy of the tensor; throws ErrorKind::data for a boolean that is neither 0 nor 1.
Array to_array(const SafeTensor& tensor, const std::string& where);

// A State as the parts of one file, largest element type first so that all tensors are aligned. Kinds, tags, metadata
// and paths that their text does not give are in `__metadata__`.
struct EncodedState {
  std::string header;  // the length, the JSON and spaces up to a multiple of 8
  std::vector<Array> tensors;
  std::vector<std::span<const std::byte>> parts() const&;  // of this object, so not of a temporary
  std::vector<std::span<const std::byte>> parts() const&& = delete;
};
// Throws ErrorKind::structure for a leaf without a value or a path that cannot be a name.
EncodedState encode_state(const State& state, const std::string& where);
State decode_state(std::span<const std::byte> file, const std::string& where);

}  // namespace nnx
