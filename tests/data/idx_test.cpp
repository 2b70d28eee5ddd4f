// The idx reader: values of each type, gzip, and the exact text of every refusal.
#include "data/idx.h"

#include <bit>

#include "helpers.h"

using namespace nnx;

namespace {

std::string word(uint32_t v) {
  return {static_cast<char>(v >> 24), static_cast<char>(v >> 16), static_cast<char>(v >> 8), static_cast<char>(v)};
}

std::string idx(int type, const std::vector<uint32_t>& sizes, const std::string& elements) {
  std::string out{'\0', '\0', static_cast<char>(type), static_cast<char>(sizes.size())};
  for (const uint32_t size : sizes) out += word(size);
  return out + elements;
}

struct Idx {
  test::Folder folder;
  IdxOptions options{.images = "x", .labels = "y"};
  std::string images = idx(8, {2, 1, 3}, "\x01\x02\x03\x04\x05\xff");
  std::string labels = idx(8, {2}, std::string("\x00\x04", 2));
  Dataset read(const DataSchema* like = nullptr) const {
    folder.write("x", images);
    folder.write("y", labels);
    return read_idx(options, folder.path, like);
  }
  std::string refusal(ErrorKind kind = ErrorKind::data, const DataSchema* like = nullptr) const {
    return test::error_of(kind, folder, [&] { read(like); });
  }
};

}  // namespace

TEST_CASE("idx: images and labels, plain and gzip, also of several members") {
  for (const int form : {0, 1, 2}) {
    Idx files;
    const std::string plain = files.images;
    if (form == 1) files.images = test::gzipped(plain), files.labels = test::gzipped(files.labels);
    if (form == 2) files.images = test::gzipped(plain.substr(0, 9)) + test::gzipped(plain.substr(9));
    const Dataset data = files.read();
    CHECK(data.rows == 2);
    CHECK(data.feature_shape() == Shape{1, 3});
    CHECK(data.feature_row(0)[0] == 1.0f);
    CHECK(data.feature_row(1)[2] == 255.0f);
    CHECK(data.schema.classes == 5);
    CHECK(data.label(1) == 4);
    REQUIRE(data.sources.size() == 2);
    CHECK(data.sources[0].bytes == files.images.size());
    CHECK(data.sources[0].crc32 ==
          crc32(0, reinterpret_cast<const Bytef*>(files.images.data()), static_cast<uInt>(files.images.size())));
  }
}

TEST_CASE("idx: every element type is read big-endian") {
  const auto first = [](int type, const std::string& bytes) {
    Idx files;
    files.images = idx(type, {1}, bytes);
    files.labels = idx(0x0C, {1}, word(3));
    return files.read().feature_row(0)[0];
  };
  CHECK(first(0x08, "\xfe") == 254.0f);
  CHECK(first(0x09, "\xfe") == -2.0f);
  CHECK(first(0x0B, "\xfe\x01") == -511.0f);
  CHECK(first(0x0C, word(0xfffffffe)) == -2.0f);
  CHECK(first(0x0D, word(std::bit_cast<uint32_t>(1.5f))) == 1.5f);
  const auto bits = std::bit_cast<uint64_t>(-0.375);
  CHECK(first(0x0E, word(static_cast<uint32_t>(bits >> 32)) + word(static_cast<uint32_t>(bits))) == -0.375f);
}

TEST_CASE("idx: shape, class names and the schema of the training set") {
  Idx files;
  files.options.shape = {3};
  files.options.class_names = {"a", "b", "c", "d", "e"};
  const Dataset train = files.read();
  CHECK(train.feature_shape() == Shape{3});
  files.options = {.images = "x", .labels = "y"};
  CHECK(files.read(&train.schema).feature_shape() == Shape{3});
  CHECK(files.read(&train.schema).schema.class_names[4] == "e");
  files.labels = idx(8, {2}, std::string("\x00\x05", 2));
  CHECK(files.refusal(ErrorKind::data, &train.schema) == "y: record 1 (from 0): expected a label from 0 to 4, got 5");
  files.options.shape = {1, 3};
  CHECK(files.refusal(ErrorKind::data, &train.schema) ==
        "x: the images are not those of the training data: expected [3], got [1,3]");
  files.options.shape = {4};
  CHECK(files.refusal(ErrorKind::config) == "x: shape: expected a shape of the 3 numbers in a row, got [4] = 4");
}

TEST_CASE("idx: headers that lie") {
  Idx files;
  files.images = idx(8, {2, 1, 3}, "\x01\x02\x03\x04\x05");
  CHECK(files.refusal() == "x: the header says [2,1,3]: expected 22 bytes, got 21");
  files.images = idx(8, {2, 1, 3}, "1234567");
  CHECK(files.refusal() == "x: the header says [2,1,3]: expected 22 bytes, got 23");
  files.images = "PNG and more";
  CHECK(files.refusal() == "x: expected an IDX file (two zero bytes, a type, a rank), got the bytes 504e4720");
  files.images = idx(0x0A, {1}, "1");
  CHECK(files.refusal() == "x: expected an IDX file (two zero bytes, a type, a rank), got the bytes 00000a01");
  files.images = idx(8, {}, "1");
  CHECK(files.refusal() == "x: expected a rank from 1 to 8, got 0");
  files.images = idx(8, std::vector<uint32_t>(255, 1), "1");
  CHECK(files.refusal() == "x: expected a rank from 1 to 8, got 255");
  files.images = idx(8, {2, 0, 3}, "");
  CHECK(files.refusal() == "x: dimension 1 is zero");
  files.images = idx(8, {0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff}, "1");
  CHECK(files.refusal() == "x: the header promises more than 8589934592 values");
  files.images = idx(8, {2, 3}, "").substr(0, 10);
  CHECK(files.refusal() == "x: the file ends inside its IDX header");
  files.images = test::gzipped(idx(8, {100000, 1000}, "1"));
  CHECK(files.refusal().starts_with("x: the header says [100000,1000]: expected 100000012 bytes, got "));
}

TEST_CASE("idx: labels that do not fit") {
  Idx files;
  files.labels = idx(8, {3}, "123");
  CHECK(files.refusal() == "y: expected one label for each of the 2 images, got 3");
  files.labels = idx(8, {2, 1}, "12");
  CHECK(files.refusal() == "y: expected integer labels of rank 1, got type 0x08, rank 2");
  files.labels = idx(0x0D, {2}, word(0) + word(0));
  CHECK(files.refusal() == "y: expected integer labels of rank 1, got type 0x0d, rank 1");
  files.labels = idx(9, {2}, "\x01\xff");
  CHECK(files.refusal() == "y: record 1 (from 0): expected a label from 0 to 999999, got -1");
  files.options.labels = "";
  CHECK(files.refusal(ErrorKind::config) == "idx: labels: must be given");
  files.options.labels = "z";
  CHECK(files.refusal(ErrorKind::missing).starts_with("z: no such file"));
}

TEST_CASE("idx: numbers that are not finite in f32") {
  Idx files;
  files.images = idx(0x0D, {2, 1}, word(0) + word(0x7fc00000));
  CHECK(files.refusal() == "x: image 1 (from 0): expected finite numbers within the range of f32, got nan");
  const auto bits = std::bit_cast<uint64_t>(1e39);
  files.images = idx(0x0E, {1}, word(static_cast<uint32_t>(bits >> 32)) + word(static_cast<uint32_t>(bits)));
  CHECK(files.refusal() == "x: image 0 (from 0): expected finite numbers within the range of f32, got 1e+39");
}

TEST_CASE("idx: gzip that is cut, damaged or followed by something") {
  Idx files;
  const std::string whole = test::gzipped(files.images);
  for (size_t length = 2; length < whole.size(); ++length) {
    files.images = whole.substr(0, length);
    CHECK(files.refusal() == "x: the gzip data is truncated; fetch the file again");
  }
  files.images = whole + "tail";
  CHECK(files.refusal() == "x: bytes after the end of the gzip data, at offset " + std::to_string(whole.size()));
  files.images = whole;
  files.images[whole.size() - 6] ^= 1;  // of the CRC
  CHECK(files.refusal().ends_with(": incorrect data check"));
  size_t refused = 0;
  for (size_t at = 10; at < whole.size(); ++at) {  // past the header, whose time and flags carry no check
    files.images = whole;
    files.images[at] ^= 0x10;
    // Deflate has unused bits: the CRC proves that the values came out right all the same.
    if (files.refusal() == "no error") CHECK(files.read().feature_row(1)[2] == 255.0f);
    else ++refused;
  }
  CHECK(refused + 2 >= whole.size() - 10);
  files.images = test::gzipped(idx(8, {2, 1, 3}, "1234567"));
  CHECK(files.refusal() == "x: there are bytes after the last of the values its header promises");
  files.images = test::gzipped(idx(8, {2, 1, 3}, "12345"));
  CHECK(files.refusal() == "x: the file ends before the last of the values its header promises");
}

TEST_CASE("idx: Fashion-MNIST of Debian, where it is installed" *
          doctest::skip(!std::filesystem::exists("/usr/share/datasets/fashion-mnist"))) {
  const Dataset test = read_idx({.images = "t10k-images-idx3-ubyte.gz", .labels = "t10k-labels-idx1-ubyte.gz"},
                                "/usr/share/datasets/fashion-mnist");
  CHECK(test.rows == 10000);
  CHECK(test.feature_shape() == Shape{28, 28});
  CHECK(test.schema.classes == 10);
  std::vector<int> counts(10);
  for (int64_t i = 0; i < test.rows; ++i) ++counts[static_cast<size_t>(test.label(i))];
  CHECK(counts == std::vector<int>(10, 1000));  // the set is balanced by design
}
