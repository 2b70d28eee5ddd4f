#include "config/compose.h"

#include <doctest/doctest.h>

#include "config/interpolate.h"
#include "config/read.h"
#include "config/write.h"
#include "help.h"

using namespace nnx;
using test::error_of;
using test::merged;

namespace {

std::string merge_error(const std::string& base, const std::string& overlay) {
  return error_of([&] { merged(base, overlay); });
}

struct Sgd {
  double learning_rate = 0.1;
  bool nesterov = false;
  static void fields(auto& self, auto&& f) {
    f("learning_rate", self.learning_rate, Field{.help = "rate"});
    f("nesterov", self.nesterov, Field{.help = "looks ahead"});
  }
};

}  // namespace

TEST_CASE("an overlay appends, deletes and replaces") {
  CHECK(merged("a: [1, 2]\nb: 3\n", "a+: [3, 4]\n") == "{a: [1, 2, 3, 4], b: 3}");
  CHECK(merged("a: {b: 1, c: 2}\nd: 3\n", "a: {b: !delete }\nd: !delete\n") == "{a: {c: 2}}");
  CHECK(merged("a: {b: 1, c: 2}\n", "a: !replace {d: 4}\n") == "{a: {d: 4}}");
  CHECK(merged("a: {b: 1}\n", "a: !replace\nc: !replace 5\n") == "{a: null, c: 5}");
  CHECK(merged("a: 1\n", "b+: [1]\nc: {d+: [2]}\n") == "{a: 1, b: [1], c: {d: [2]}}");
  CHECK(merged("a: 1\n", "\"b+\": 1\n") == "{a: 1, \"b+\": 1}");
}

TEST_CASE("edits that cannot be done, all together") {
  CHECK(merge_error("layers: {a: 1}\nl: [1]\n", "lyers: !delete\nlayers+: [1]\nl+: 2\n") ==
        "78 b.yaml:1:1: lyers: there is nothing to delete; did you mean 'layers'?\n"
        "b.yaml:2:1: layers: cannot append here: a.yaml:1:9 has a map, not a list\n"
        "b.yaml:3:1: l: expected a list of what is appended, got '2'");
}

TEST_CASE("appended items know their new place") {
  const ConfigNode root = merge(parse_yaml("a: [1]", "a.yaml"), parse_yaml("a+: [{b: 2}]", "b.yaml"));
  CHECK(root.find_path("a[1].b")->where() == "b.yaml:1:10: a[1].b");
}

TEST_CASE("a component of another type keeps the arguments that it knows") {
  const auto read_merged = [](const char* overlay, const std::vector<std::string>& arguments, Diagnostics& diagnostics) {
    const ConfigNode base = parse_yaml("o: {type: adam, learning_rate: 0.5, b1: 0.9}", "a.yaml");
    const ConfigNode root = apply_arguments(merge(base, parse_yaml(overlay, "b.yaml")), arguments);
    Sgd sgd;
    config_detail::read_struct(*root.find("o"), true, sgd, diagnostics);
    diagnostics.throw_if_any();
    return write_flow(to_config(sgd));
  };
  Diagnostics diagnostics;
  CHECK(read_merged("o: {type: sgd, nesterov: true}", {}, diagnostics) == "{learning_rate: 0.5, nesterov: true}");
  CHECK(diagnostics.notes() == std::vector<std::string>{"a.yaml:1:37: o.b1 is no key of the new type and falls away"});
  CHECK(read_merged("x: 1", {"o.type=sgd"}, diagnostics) == "{learning_rate: 0.5, nesterov: false}");
  CHECK(read_merged("o: !replace {type: sgd}", {}, diagnostics) == "{learning_rate: 0.1, nesterov: false}");
  // What the overlay itself says is meant for the new type.
  CHECK(error_of([&] { read_merged("o: {type: sgd, b1: 0.8}", {}, diagnostics); }) ==
        "78 b.yaml:1:16: o.b1: unknown key; known keys: type, learning_rate, nesterov");
}

TEST_CASE("include: relative to the file, merged in order below it") {
  const test::TemporaryFolder folder;
  std::filesystem::create_directory(folder / "parts");
  folder.write("parts/base.yaml", "a: 1\nb: {c: 2, d: 3}\nlist: [1]\n");
  folder.write("parts/more.yaml", "include: base.yaml\nb: {d: 4}\n");
  const std::string top = folder.write("top.yaml", "include: [parts/more.yaml, parts/base.yaml]\na: 5\nlist+: [2]\n");
  const ConfigNode root = load_config({top});
  CHECK(write_flow(root) == "{a: 5, b: {c: 2, d: 3}, list: [1, 2]}");
  CHECK(root.find_path("b.d")->where() == folder / "parts/base.yaml" + ":2:14: b.d");
  CHECK(root.find_path("list[1]")->where() == top + ":3:9: list[1]");
}

TEST_CASE("an overlay that includes another one edits what both stand on") {
  const test::TemporaryFolder folder;
  const std::string base = folder.write("base.yaml", "list: [1]\nmap: {a: 1, b: 2}\n");
  folder.write("first.yaml", "list+: [2]\nmap: {a: !delete }\n");
  const std::string second = folder.write("second.yaml", "include: first.yaml\nlist+: [3]\n");
  CHECK(write_flow(load_config({base, second})) == "{list: [1, 2, 3], map: {b: 2}}");
}

TEST_CASE("includes that do not work") {
  const test::TemporaryFolder folder;
  const auto load_error = [&](const std::string& file) {
    std::string error = error_of([&] { load_config({folder / file}); });
    for (size_t at; (at = error.find(folder.path().string() + "/")) != std::string::npos;)
      error.erase(at, folder.path().string().size() + 1);
    return error;
  };
  folder.write("a.yaml", "include: b.yaml\n");
  folder.write("b.yaml", "x: 1\ninclude: [c.yaml]\n");
  folder.write("c.yaml", "include: ./a.yaml\n");
  folder.write("self.yaml", "include: self.yaml\n");
  folder.write("missing.yaml", "include: nowhere.yaml\n");
  folder.write("odd.yaml", "include: {a: 1}\n");
  CHECK(load_error("a.yaml") ==
        "78 c.yaml:1:10: include: files include each other: a.yaml -> b.yaml -> c.yaml -> a.yaml");
  CHECK(load_error("self.yaml") == "78 self.yaml:1:10: include: files include each other: self.yaml -> self.yaml");
  CHECK(load_error("missing.yaml") ==
        "66 missing.yaml:1:10: include: nowhere.yaml: cannot open: No such file or directory");
  CHECK(load_error("odd.yaml") == "78 odd.yaml:1:10: include: expected a file name, or a list of them, got a map");
}

TEST_CASE("includes that would multiply are stopped") {
  const test::TemporaryFolder folder;
  for (int i = 0; i < 40; ++i) {
    const std::string next = "f" + std::to_string(i + 1) + ".yaml";
    folder.write("f" + std::to_string(i) + ".yaml", "include: [" + next + ", " + next + "]\n");
  }
  folder.write("f40.yaml", "a: 1\n");
  CHECK(error_of([&] { load_config({folder / "f0.yaml"}); })
            .ends_with(": more than 256 files are read for one config"));
}

TEST_CASE("errors of files, edits, arguments and interpolation are reported together") {
  const test::TemporaryFolder folder;
  const std::string a = folder.write("a.yaml", "x: 1\nx: 2\ny: ${nope}\n"), b = folder.write("b.yaml", "z: !delete\n");
  CHECK(error_of([&] { load_config({a, b}, {"y"}); }) ==
        "78 " + a + ":2:1: duplicate key 'x', already set at 1:1; remove one of the two\n" + a +
            ":3:4: y: '${nope}': there is no such key\n" + b +
            ":1:1: z: there is nothing to delete; did you mean 'x'?\nargument 'y': not a setting; write key=value");
}

TEST_CASE("a value that could not be composed is not reported again when it is read") {
  Diagnostics diagnostics;
  const ConfigNode root =
      resolve_interpolation(parse_yaml("learning_rate: ${x}\nnesterov: maybe\n", "c.yaml"), diagnostics);
  read<Sgd>(root, diagnostics);
  CHECK(error_of([&] { diagnostics.throw_if_any(); }) ==
        "78 c.yaml:1:16: learning_rate: '${x}': there is no such key\n"
        "c.yaml:2:11: nesterov: expected true or false, got 'maybe'");
}

TEST_CASE("hostile configs are refused in little time") {
  std::string text;
  for (int i = 0; i < 40'000; ++i) text += "k" + std::to_string(i) + ": ${q" + std::to_string(i % 10) + "}\n";
  Diagnostics unknown;
  resolve_interpolation(parse_yaml(text, "c.yaml"), unknown);
  CHECK(unknown.count() == 40'000);
  std::string good = "q: [1]\n", deleted;
  for (int i = 0; i < 40'000; ++i) good += "k" + std::to_string(i) + ": ${q[0]}\n";
  for (int i = 0; i < 40'000; ++i) deleted += "d" + std::to_string(i) + ": !delete\n";
  Diagnostics nothing;
  CHECK(write_flow(*merge(resolve_interpolation(parse_yaml(good, "c.yaml"), nothing), parse_yaml(deleted, "d.yaml"), nothing)
                        .find("k39999")) == "1");
  CHECK(nothing.count() == 40'000);
}
