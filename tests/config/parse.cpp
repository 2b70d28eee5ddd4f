#include "config/parse.h"

#include <doctest/doctest.h>
#include <sys/stat.h>

#include <ctime>
#include <random>

#include "config/write.h"
#include "help.h"

using namespace nnx;
using namespace std::string_literals;
using test::error_of;

namespace {

std::string parse_error(const std::string& text) {
  return error_of([&] { parse_yaml(text, "c.yaml"); });
}

std::string repeat(const std::string& part, size_t times) {
  std::string out;
  out.reserve(part.size() * times);
  for (size_t i = 0; i < times; ++i) out += part;
  return out;
}

}  // namespace

TEST_CASE("every node and key knows its place and path") {
  const ConfigNode root = parse_yaml(
      "seed: 0\n"
      "model:\n"
      "  type: MLP\n"
      "  bn: {type: BatchNorm, num_features: \"12\"}\n"
      "layers:\n"
      "  - type: Linear\n"
      "    sizes: [1, 2]\n"
      "  - gelu\n"
      "é: {ü: 3, é: [é, é]}\n"
      "none:\n",
      "mlp.yaml");
  CHECK(root.entries().size() == 5);
  CHECK(root.where() == "mlp.yaml:1:1");
  const ConfigNode* features = root.find_path("model.bn.num_features");
  REQUIRE(features);
  CHECK(features->where() == "mlp.yaml:4:39: model.bn.num_features");
  CHECK(features->text() == "12");
  CHECK(features->quoted());
  CHECK(root.find("model")->entries()[1].origin.text() == "mlp.yaml:4:3");
  CHECK(root.find_path("layers[0].sizes[1]")->where() == "mlp.yaml:7:16: layers[0].sizes[1]");
  CHECK(root.find_path("layers.1")->where() == "mlp.yaml:8:5: layers[1]");
  CHECK(root.find_path("layers.1")->describe() == "'gelu'");
  CHECK(root.find_path("é.ü")->where() == "mlp.yaml:9:8: é.ü");  // columns count characters
  CHECK(root.find_path("é.é[1]")->where() == "mlp.yaml:9:18: é.é[1]");
  CHECK(root.find("none")->is_null());
  CHECK(root.find_path("layers[2]") == nullptr);
  CHECK(root.find_path("layers.x") == nullptr);
  CHECK(root.find_path("model.bn.type.x") == nullptr);
}

TEST_CASE("a key with dots is one step of the path") {
  CHECK(parse_yaml("a: {b.c: {d: 1}}", "f").find("a")->find("b.c")->find("d")->path().text() == "a['b.c'].d");
}

TEST_CASE("comments, document marks, block text, a byte order mark and CRLF are fine") {
  const ConfigNode root = parse_yaml("\xef\xbb\xbf---\r\n# top\r\na: 1 # one\r\nb: |\r\n  x\r\n  y\r\n...\r\n", "f");
  CHECK(root.find("a")->text() == "1");
  CHECK(root.find("b")->text() == "x\ny\n");
  CHECK(root.find("b")->quoted());
  CHECK(parse_yaml("a: 1\n \n  # only a comment\nb: \"x\ty\"\n", "f").entries().size() == 2);
}

TEST_CASE("what is not supported is refused with its place") {
  CHECK(parse_error("a: 1\nb: {c: 2, c: 3}\n") ==
        "78 c.yaml:2:11: duplicate key 'c', already set at 2:5; remove one of the two");
  CHECK(parse_error("lr: 1\nx: 2\n\"lr\": 3\n") ==
        "78 c.yaml:3:1: duplicate key 'lr', already set at 1:1; remove one of the two");
  const std::string alias =
      "YAML anchors and aliases are not supported; ${key} repeats a value; quote a text that begins with & or *";
  CHECK(parse_error("a: &x 1\nb: *x\n") == "78 c.yaml:1:4: " + alias + "\nc.yaml:2:4: " + alias);
  CHECK(parse_error("a: &x [*x]\n") == "78 c.yaml:1:4: " + alias + "\nc.yaml:1:8: " + alias);
  CHECK(parse_error("b: *x\n") == "78 c.yaml:1:4: " + alias);
  CHECK(parse_error("a: 1\n<<: {b: 2}\n") ==
        "78 c.yaml:2:1: merge keys (<<) are not supported; use include: or a second --config file");
  CHECK(parse_error("a: 1\n---\nb: 2\n") == "78 c.yaml:2:1: a second YAML document; only one is allowed");
  CHECK(parse_error("a: !!python/object x\n") ==
        "78 c.yaml:1:4: the YAML tag 'tag:yaml.org,2002:python/object' is not supported; remove it; the tags "
        "there are !delete and !replace");
  CHECK(parse_error("a: [!delete , !replace 1]\n") ==
        "78 c.yaml:1:5: !delete can only stand before the value of a key\n"
        "c.yaml:1:15: !replace can only stand before the value of a key");
  CHECK(parse_error("a: !delete 1\nb: !delete {c: 1}\nd+: !replace [1]\n") ==
        "78 c.yaml:1:4: !delete stands alone, without a value\n"
        "c.yaml:2:4: !delete stands alone, without a value\n"
        "c.yaml:3:5: !replace cannot be appended");
  CHECK(parse_error("a: [1]\na+: [1]\n") ==
        "78 c.yaml:2:1: duplicate key 'a', already set at 1:1; remove one of the two");
  CHECK(parse_error("%YAML 1.2\n---\na: 1\n") == "78 c.yaml:1:1: YAML directives are not supported; remove the line");
  CHECK(parse_error("? [a]\n: b\n") ==
        "78 c.yaml:1:3: a key must be a name, got a list; check that its brackets are closed");
  CHECK(parse_error(": b\n") == "78 c.yaml:1:1: a key is missing or null; quote a key that is called null or ~");
  CHECK(parse_error("'': b\n") == "78 c.yaml:1:1: a key is empty");
  CHECK(parse_error("\"a\\nb\": 1\n") == "78 c.yaml:1:1: control character in the key 'a\\nb'");
  CHECK(parse_error(std::string(129, 'k') + ": 1\n") == "78 c.yaml:1:1: a key of more than 128 bytes");
  CHECK(parse_error("a: \"\\0\"\n") == "78 c.yaml:1:4: a NUL character is not allowed");
  CHECK(parse_error("a: \"\\N\"\n") ==
        "78 c.yaml:1:4: the escapes \\N and \\_ are not supported; write \\u0085 or \\u00a0");
}

TEST_CASE("all that is wrong in a file is reported together") {
  CHECK(parse_error("a: 1\na: 2\n'': 3\nb: {c: !t 1, c: [1, *x]}\n") ==
        "78 c.yaml:2:1: duplicate key 'a', already set at 1:1; remove one of the two\n"
        "c.yaml:3:1: a key is empty\n"
        "c.yaml:4:8: the YAML tag '!t' is not supported; remove it; the tags there are !delete and !replace\n"
        "c.yaml:4:14: duplicate key 'c', already set at 4:5; remove one of the two\n"
        "c.yaml:4:21: YAML anchors and aliases are not supported; ${key} repeats a value; quote a text that begins with "
        "& or *");
}

TEST_CASE("bytes that no config holds") {
  CHECK(parse_error("a: 1\nb: \xff\n") == "78 c.yaml:2:4: not valid UTF-8; save the file as UTF-8");
  CHECK(parse_error("\xff\xfe"
                    "a\0"s) == "78 c.yaml:1:1: not valid UTF-8; save the file as UTF-8");
  CHECK(parse_error("a: \xc0\xaf\n") == "78 c.yaml:1:4: not valid UTF-8; save the file as UTF-8");
  CHECK(parse_error("a: \xed\xa0\x80\n") == "78 c.yaml:1:4: not valid UTF-8; save the file as UTF-8");
  CHECK(parse_error("é: \xe2\x82") == "78 c.yaml:1:4: not valid UTF-8; save the file as UTF-8");
  CHECK(parse_error("a: 1\nb: x\0y\n"s) == "78 c.yaml:2:5: control character \\x00; remove it");
  CHECK(parse_error("a: \x1b[31m\n") == "78 c.yaml:1:4: control character \\x1b; remove it");
  CHECK(parse_error("a:\n\tb: 1\n") == "78 c.yaml:2:1: a tab in the indentation; use spaces");
  CHECK(parse_error("a:\n  b: 1\n  \tc: 1\n") == "78 c.yaml:3:3: a tab in the indentation; use spaces");
}

TEST_CASE("malformed YAML") {
  CHECK(parse_error(",") ==
        "78 c.yaml:1:1: malformed YAML: text that belongs to nothing; check the indentation, quotes and commas");
  CHECK(parse_error("\"foo\" \"bar\"") ==
        "78 c.yaml:1:7: malformed YAML: text that belongs to nothing; check the indentation, quotes and commas");
  CHECK(parse_error("a: [1, 2\nb: 3\n") ==
        "78 c.yaml:2:2: malformed YAML: expected ',' or the end of the list that begins at 1:4");
  CHECK(parse_error("a: {b: 1\n") ==
        "78 c.yaml:3:1: malformed YAML: expected ',' or the end of the map that begins at 1:4");
  CHECK(parse_error("a: {b: 1 \"c\": 2}\n") ==
        "78 c.yaml:1:13: malformed YAML: expected ',' or the end of the map that begins at 1:4");
  CHECK(parse_error("a: {b: ${c}, d: 1}\n") ==
        "78 c.yaml:1:9: malformed YAML: expected ',' or the end of the map that begins at 1:4; inside of brackets an "
        "interpolation stands in quotes: \"${...}\"");
  CHECK(parse_error("[a\n") == "78 c.yaml:1:1: a key must be a name, got a list; check that its brackets are closed");
  CHECK(parse_error("a: b: c\n") ==
        "78 c.yaml:1:5: malformed YAML: a key is not expected here; check the indentation, or quote a text that holds "
        "': '");
  CHECK(parse_error("a: 1\n]\n") == "78 c.yaml:2:1: malformed YAML: a bracket is closed here that was not opened");
  const std::string unclosed = "malformed YAML: the quoted text that begins here is never closed";
  CHECK(parse_error("a: \"x\nb: 1\n") == "78 c.yaml:1:4: " + unclosed);
  CHECK(parse_error("é: ü\nb: 'x''") == "78 c.yaml:2:4: " + unclosed);
  CHECK(parse_error("a: \"x\\\"") == "78 c.yaml:1:4: " + unclosed);
  CHECK(parse_error("a: 'x''y'\nb: \"\\\"\"\nc: [\"x\", 'y']\n") == "");
  CHECK(parse_error("a: 1\n\t\nb: 1\n") == "78 c.yaml:2:1: malformed YAML: a tab in the indentation; use spaces");
  CHECK(parse_error("a: @b\n") == "78 c.yaml:1:4: malformed YAML: no value begins with this character; quote the text");
  CHECK(parse_error("") == "78 c.yaml: the file is empty; a config is a map of keys");
  CHECK(parse_error("\n# nothing\n") == "78 c.yaml: the file is empty; a config is a map of keys");
}

TEST_CASE("limits of depth, number and size") {
  const auto nested = [](size_t depth) { return "a: " + repeat("[", depth) + repeat("]", depth); };
  CHECK(parse_error(nested(63)) == "");
  CHECK(parse_error(nested(64)) == "78 c.yaml:1:67: nesting deeper than 64 levels");
  CHECK(parse_error(nested(100'000)) == "78 c.yaml:1:67: nesting deeper than 64 levels");
  CHECK(parse_error("a: " + repeat("{a: ", 100'000)) == "78 c.yaml:1:256: nesting deeper than 64 levels");
  CHECK(parse_error(repeat("- ", 100'000)) == "78 c.yaml:1:129: nesting deeper than 64 levels");
  CHECK(parse_error("a: [" + repeat("1,", 100'000) + "]") == "78 c.yaml:1:199999: more than 100000 values");
  CHECK(parse_error("a: " + std::string(max_config_bytes, 'x')) == "78 c.yaml: larger than 1048576 bytes");
}

TEST_CASE("no megabyte of one thing takes long") {
  const std::clock_t start = std::clock();  // processor time: the machine may be busy
  for (const char* part :
       {",",   "- ",  "? ",  "a: ", "a:\n", "[",   "{",   "[a,",   "{a,",   "'",  "\"",  "''", "x ", "\n", " ",    "#",
        "#\n", "&a ", "*a ", "!a ", "! ",   "|\n", ">\n", "---\n", "...\n", ": ", "a\n", "\\", "]",  "}",  "- a\n"}) {
    CAPTURE(part);
    parse_error(repeat(part, (size_t{1} << 20) / std::string_view(part).size()));
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(seconds < 30);
  MESSAGE("31 texts of 1 MiB: " << seconds << " s");
}

TEST_CASE("files that are none") {
  const test::TemporaryFolder folder;
  const auto load_error = [&](const std::string& file) { return error_of([&] { load_file(file); }); };
  CHECK(load_error(folder / "no.yaml") == "66 " + folder / "no.yaml" + ": cannot open: No such file or directory");
  CHECK(load_error(folder.path().string()) ==
        "78 " + folder.path().string() + ": is a directory; give the YAML file inside of it");
  REQUIRE(mkfifo((folder / "fifo").c_str(), 0600) == 0);
  CHECK(load_error(folder / "fifo") == "78 " + folder / "fifo" + ": is not a regular file");
  CHECK(load_error("/dev/zero") == "78 /dev/zero: is not a regular file");
  const std::string huge = folder.write("huge.yaml", "a: 1\n");
  std::filesystem::resize_file(huge, uintmax_t{5} << 30);
  CHECK(load_error(huge) == "78 " + huge + ": larger than 1048576 bytes");
  CHECK(load_error(folder.write("list.yaml", "- a\n")) ==
        "78 " + folder / "list.yaml" + ":1:1: expected a map of keys, got a list");
  CHECK(load_error(folder.write("empty.yaml", "")) ==
        "78 " + folder / "empty.yaml" + ": the file is empty; a config is a map of keys");
  CHECK(load_error("") == "64 '': not a file name");
  CHECK(write_yaml(load_file(folder.write("good.yaml", "a: 1\n"))) == "a: 1\n");
}

// Texts of random YAML tokens: each parses or gives an Error of kind config, and what parses is written and read again
// as the same text.
TEST_CASE("random tokens never do more than fail") {
  const std::vector<std::string> tokens = {
      "a",           "b:",          "c: ",   " ",     "  ",    "\n",  "\n  ",   "\n    ",
      "- ",          "-",           "? ",    ": ",    ",",     "[",   "]",      "{",
      "}",           "#",           " # ",   "&a ",   "*a",    "!t ", "!!str ", "! ",
      "|",           "|\n",         ">",     ">-\n",  "'",     "\"",  "\\",     "%",
      "%YAML 1.2\n", "---",         "---\n", "...",   "...\n", "@",   "`",      "\t",
      "null",        "~",           "1e3",   "0x1",   "é",     "\r",  "\r\n",   "<<: ",
      "a: 1\n",      "b: {c: d}\n", "'x'",   "\"y\"", "\\n",   "=",   ".",      "\xef\xbb\xbf",
      "\xc2\x85"};
  std::mt19937_64 random(20240607);
  size_t good = 0;
  const std::clock_t start = std::clock();  // processor time: the machine may be busy
  for (int i = 0; i < 30'000; ++i) {
    std::string text;
    const size_t length = 1 + random() % 24;
    for (size_t k = 0; k < length; ++k) text += tokens[random() % tokens.size()];
    CAPTURE(text);
    try {
      const ConfigNode node = parse_yaml(text, "fuzz");
      const std::string written = write_yaml(node);
      CHECK(write_yaml(parse_yaml(written, "again")) == written);
      ++good;
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::config || !std::string(e.what()).starts_with("fuzz")) FAIL(e.what());
    }
  }
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  CHECK(good > 500);
  CHECK(seconds < 60);
  MESSAGE("30000 random texts, " << good << " of them good: " << seconds << " s");
}

TEST_CASE("a changed byte of a good config never does more than fail") {
  const std::string good =
      "seed: 0\nmodel: {type: MLP, din: 64, sizes: [1, 2]}\ndata:\n  train: \"x # y\"\n  text: |\n    a\n    "
      "b\nlist:\n  - a: 1\n"
      "    b: 2\n  - c\n";
  std::mt19937_64 random(7);
  for (size_t i = 0; i < good.size(); ++i) {
    for (int k = 0; k < 40; ++k) {
      std::string text = good;
      text[i] = static_cast<char>(random() & 0xff);
      if (k == 0) text.resize(i);
      const std::string error = parse_error(text);
      if (!error.empty() && !error.starts_with("78 c.yaml")) FAIL(error);
    }
  }
}
