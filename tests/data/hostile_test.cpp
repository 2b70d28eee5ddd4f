// Damaged files of every reader: each is read or refused with an Error, never anything else.
#include <filesystem>

#include "base/threefry.h"
#include "data/csv.h"
#include "data/idx.h"
#include "helpers.h"

using namespace nnx;

namespace {

// `text` with one to four bytes changed, removed, doubled or cut off behind, chosen by `seed`.
std::string damaged(std::string text, uint64_t seed) {
  const RandomKey key = random_key(seed);
  for (uint64_t i = 0; i <= random_bits(key, 0) % 4 && !text.empty(); ++i) {
    const size_t at = random_bits(key, 3 * i + 1) % text.size();
    const uint32_t byte = random_bits(key, 3 * i + 2);
    constexpr std::string_view special("\0\n\r\",\xff.e-9", 11);
    switch (random_bits(key, 3 * i + 3) % 5) {
      case 0: text[at] = static_cast<char>(byte); break;
      case 1: text[at] = special[byte % special.size()]; break;
      case 2: text.erase(at, 1 + byte % 8); break;
      case 3: text.insert(at, text.substr(at, byte % 16)); break;
      default: text.resize(at); break;
    }
  }
  return text;
}

// How many of `count` damaged versions of `text`, in file "a", were refused.
int refused(const test::Folder& folder, const std::string& text, uint64_t count, auto&& read) {
  int refusals = 0;
  for (uint64_t seed = 0; seed < count; ++seed) {
    folder.write("a", damaged(text, seed));
    try {
      const Dataset data = read();
      CHECK(data.features->bytes() == static_cast<size_t>(data.rows * data.schema.features()) * sizeof(float));
    } catch (const Error& error) {
      ++refusals;
      CHECK((error.kind() == ErrorKind::data || error.kind() == ErrorKind::config));
    }
  }
  return refusals;
}

}  // namespace

TEST_CASE("damaged csv, plain and gzip") {
  const test::Folder folder;
  std::string text = "a,\"b\",y\r\n";
  for (int i = 0; i < 20; ++i)
    text += std::to_string(i) + ",\"1.5e" + std::to_string(i % 9) + "\"," + std::to_string(i % 3) + "\n";
  const auto read = [&] { return read_csv({.path = "a", .label = "y"}, folder.path); };
  const int plain = refused(folder, text, 2000, read);
  CHECK(plain > 1000);
  CHECK(plain < 2000);
  CHECK(refused(folder, test::gzipped(text), 1000, read) > 900);
}

TEST_CASE("damaged idx images and labels, plain and gzip") {
  const test::Folder folder;
  const std::string images(
      "\0\0\x08\x02\0\0\0\x02\0\0\0\x03"
      "abcdef",
      18),
      labels(
          "\0\0\x08\x01\0\0\0\x02"
          "\x01\x03",
          10);
  folder.write("images", images);
  folder.write("labels", labels);
  const auto read_images = [&] { return read_idx({.images = "a", .labels = "labels"}, folder.path); };
  const auto read_labels = [&] { return read_idx({.images = "images", .labels = "a"}, folder.path); };
  CHECK(refused(folder, images, 2000, read_images) > 1000);
  CHECK(refused(folder, test::gzipped(images), 1000, read_images) > 800);
  CHECK(refused(folder, labels, 1000, read_labels) > 500);
}
