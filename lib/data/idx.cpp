#include "data/idx.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "data/byte_source.h"
#include "data/dataset.h"

namespace nnx {
namespace {

constexpr int64_t max_values = int64_t{1} << 33;  // 32 GiB as f32

struct Header {
  unsigned type = 0;
  std::vector<int64_t> sizes;
  size_t element_bytes = 0;
};

uint32_t big_endian(const std::byte* p, size_t bytes) {
  uint32_t value = 0;
  for (size_t i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint32_t>(p[i]);
  return value;
}

// One element as a double: exact for every type of the format.
double decode(const std::byte* p, unsigned type) {
  switch (type) {
    case 0x08: return big_endian(p, 1);
    case 0x09: return static_cast<int8_t>(big_endian(p, 1));
    case 0x0B: return static_cast<int16_t>(big_endian(p, 2));
    case 0x0C: return static_cast<int32_t>(big_endian(p, 4));
    case 0x0D: return std::bit_cast<float>(big_endian(p, 4));
    default: return std::bit_cast<double>(uint64_t{big_endian(p, 4)} << 32 | big_endian(p + 4, 4));
  }
}

void read_exactly(ByteSource& in, std::span<std::byte> out) {
  if (in.read(out) != out.size())
    fail(ErrorKind::data, {.where = in.name(), .message = "the file ends inside its IDX header"});
}

Header read_header(ByteSource& in) {
  std::array<std::byte, 4> magic{};
  read_exactly(in, magic);
  Header header{.type = static_cast<unsigned>(magic[2]), .sizes = {}};
  const size_t rank = static_cast<size_t>(magic[3]);
  constexpr std::array<size_t, 7> bytes_of = {1, 1, 0, 2, 4, 4, 8};  // types 0x08 to 0x0E
  if (header.type >= 0x08 && header.type <= 0x0E) header.element_bytes = bytes_of[header.type - 0x08];
  if (magic[0] != std::byte{0} || magic[1] != std::byte{0} || header.element_bytes == 0)
    fail(ErrorKind::data, {.where = in.name(),
                           .expected = "an IDX file (two zero bytes, a type, a rank)",
                           .got = fmt::format("the bytes {:08x}", big_endian(magic.data(), 4))});
  if (rank < 1 || rank > Shape::max_rank)
    fail(ErrorKind::data, {.where = in.name(), .expected = "a rank from 1 to 8", .got = fmt::to_string(rank)});
  int64_t product = 1;
  for (size_t i = 0; i < rank; ++i) {
    std::array<std::byte, 4> size{};
    read_exactly(in, size);
    header.sizes.push_back(big_endian(size.data(), 4));
    if (header.sizes.back() == 0)
      fail(ErrorKind::data, {.where = in.name(), .message = fmt::format("dimension {} is zero", i)});
    if (__builtin_mul_overflow(product, header.sizes.back(), &product) || product > max_values)
      fail(ErrorKind::data,
           {.where = in.name(), .message = fmt::format("the header promises more than {} values", max_values)});
  }
  const uint64_t promised = 4 + 4 * rank + static_cast<uint64_t>(product) * header.element_bytes;
  // Deflate packs at most 1032 to 1, so a small file cannot make us allocate a large matrix.
  const bool possible = in.gzip() ? promised / 1032 <= in.file_bytes() : promised == in.file_bytes();
  if (!possible)
    fail(ErrorKind::data, {.where = in.name(),
                           .message = fmt::format("the header says [{}]", fmt::join(header.sizes, ",")),
                           .expected = fmt::format("{} bytes", promised),
                           .got = fmt::format("{}{}", in.file_bytes(), in.gzip() ? " of gzip" : "")});
  return header;
}

// Calls each(index, value) for every element, then proves that the file ends there.
void read_values(ByteSource& in, const Header& header, int64_t count, auto&& each) {
  std::vector<std::byte> chunk(65536);  // a multiple of every element size
  for (int64_t done = 0; done < count;) {
    const size_t wanted = std::min(chunk.size(), static_cast<size_t>(count - done) * header.element_bytes);
    if (in.read(std::span(chunk).first(wanted)) != wanted)
      fail(ErrorKind::data,
           {.where = in.name(), .message = "the file ends before the last of the values its header promises"});
    for (size_t at = 0; at < wanted; at += header.element_bytes) each(done++, decode(chunk.data() + at, header.type));
  }
  if (in.read(std::span(chunk).first(1)) != 0)
    fail(ErrorKind::data,
         {.where = in.name(), .message = "there are bytes after the last of the values its header promises"});
}

void read_images(const IdxOptions& options, const std::filesystem::path& base, const DataSchema* like, Dataset& data) {
  ByteSource in(base / options.images);
  const Header header = read_header(in);
  data.rows = header.sizes[0];
  std::vector<int64_t> found(header.sizes.begin() + 1, header.sizes.end());
  if (found.empty()) found = {1};
  int64_t width = 1;
  for (const int64_t size : found) width *= size;
  const std::vector<int64_t>& wanted = options.shape.empty() && like ? like->feature_shape : options.shape;
  data.schema.feature_shape = row_shape(wanted, std::move(found), in.name());
  data.features = Buffer::allocate(static_cast<size_t>(data.rows * width) * sizeof(float));
  float* out = data.features->as<float>();
  read_values(in, header, data.rows * width, [&](int64_t i, double value) {
    if (!(std::fabs(value) <= double{std::numeric_limits<float>::max()}))  // also catches NaN
      fail(ErrorKind::data, {.where = in.name(),
                             .message = fmt::format("image {} (from 0)", i / width),
                             .expected = "finite numbers within the range of f32",
                             .got = fmt::to_string(value)});
    out[i] = static_cast<float>(value);
  });
  data.sources.push_back(in.identity());
}

void read_labels(const IdxOptions& options, const std::filesystem::path& base, int64_t known_classes, Dataset& data) {
  ByteSource in(base / options.labels);
  const Header header = read_header(in);
  if (header.sizes.size() != 1 || header.type > 0x0C)
    fail(ErrorKind::data, {.where = in.name(),
                           .expected = "integer labels of rank 1",
                           .got = fmt::format("type 0x{:02x}, rank {}", header.type, header.sizes.size())});
  if (header.sizes[0] != data.rows)
    fail(ErrorKind::data, {.where = in.name(),
                           .expected = fmt::format("one label for each of the {} images", data.rows),
                           .got = fmt::to_string(header.sizes[0])});
  data.targets = Buffer::allocate(static_cast<size_t>(data.rows) * sizeof(int32_t));
  const double limit = static_cast<double>(known_classes ? known_classes : max_classes);
  double largest = 0;
  read_values(in, header, data.rows, [&](int64_t i, double value) {
    if (value < 0 || value >= limit)
      fail(ErrorKind::data, {.where = in.name(),
                             .message = fmt::format("record {} (from 0)", i),
                             .expected = fmt::format("a label from 0 to {}", limit - 1),
                             .got = fmt::to_string(value)});
    largest = std::max(largest, value);
    data.targets->as<int32_t>()[i] = static_cast<int32_t>(value);
  });
  data.schema.classes = known_classes ? known_classes : static_cast<int64_t>(largest) + 1;
  data.sources.push_back(in.identity());
}

}  // namespace

Dataset read_idx(const IdxOptions& options, const std::filesystem::path& base, const DataSchema* like) {
  if (options.images.empty()) fail(ErrorKind::config, {.where = "idx: images", .message = "must be given"});
  if (options.labels.empty()) fail(ErrorKind::config, {.where = "idx: labels", .message = "must be given"});
  Dataset data;
  read_images(options, base, like, data);
  if (like && data.schema.feature_shape != like->feature_shape)
    fail(ErrorKind::data, {.where = data.sources[0].path,
                           .message = "the images are not those of the training data",
                           .expected = fmt::format("[{}]", fmt::join(like->feature_shape, ",")),
                           .got = fmt::format("[{}]", fmt::join(data.schema.feature_shape, ","))});
  read_labels(options, base, like ? like->classes : static_cast<int64_t>(options.class_names.size()), data);
  data.schema.class_names = like ? like->class_names : options.class_names;
  return data;
}

}  // namespace nnx
