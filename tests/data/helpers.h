// What the tests of the data room share: a folder for files of their own, and errors as text.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>
#include <zlib.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "base/error.h"
#include "data/dataset.h"

namespace nnx::test {

// A folder that is removed with everything in it.
struct Folder {
  std::filesystem::path path;
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "nnx-data-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()));
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  void write(const std::string& name, const std::string& bytes) const {
    std::filesystem::remove(path / name);  // some file systems flush a file that is cut and written again: slow
    std::ofstream(path / name, std::ios::binary) << bytes;
  }
};

inline std::string gzipped(const std::string& bytes) {
  z_stream stream{};
  REQUIRE(deflateInit2(&stream, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, bytes.size()) + 64, '\0');
  std::string in = bytes;
  stream.next_in = reinterpret_cast<Bytef*>(in.data());
  stream.avail_in = static_cast<uInt>(in.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  REQUIRE(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

// The text of the Error that f() throws, which must be of `kind`; without `folder` where it appears.
inline std::string error_of(ErrorKind kind, const Folder& folder, auto&& f) {
  try {
    f();
  } catch (const Error& error) {
    CHECK(static_cast<int>(error.kind()) == static_cast<int>(kind));
    std::string text = error.what();
    const std::string prefix = folder.path.string() + "/";
    for (size_t at; (at = text.find(prefix)) != std::string::npos;) text.erase(at, prefix.size());
    return text;
  }
  return "no error";
}

// [rows, columns] of numbers that tell their place, with the row as label.
inline Dataset numbered_rows(int64_t rows, int64_t columns) {
  Dataset data{.rows = rows};
  data.schema.feature_shape = {columns};
  data.schema.classes = rows;
  data.features = Buffer::allocate(static_cast<size_t>(rows * columns) * sizeof(float));
  data.targets = Buffer::allocate(static_cast<size_t>(rows) * sizeof(int32_t));
  for (int64_t i = 0; i < rows * columns; ++i) data.features->as<float>()[i] = static_cast<float>(i);
  for (int64_t i = 0; i < rows; ++i) data.targets->as<int32_t>()[i] = static_cast<int32_t>(i);
  return data;
}

}  // namespace nnx::test
