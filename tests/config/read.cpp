#include "config/read.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "config/compose.h"
#include "config/write.h"
#include "help.h"

using namespace nnx;
using test::error_of;

namespace {

enum class Mode { min, max };
std::vector<std::string_view> enum_names(Mode) { return {"min", "max"}; }

struct Inner {
  int64_t num_features = 0;
  double rate = 0.5;
  static void fields(auto& self, auto&& f) {
    f("num_features", self.num_features, Field{.help = "size of the last axis"}.at_least(1).must());
    f("rate", self.rate, Field{.help = "how much"}.at_least(0).below(1));
  }
};

struct Section {
  double scale = 1;
  ConfigNode kind = ConfigNode("csv");
  static void fields(auto& self, auto&& f) {
    f("scale", self.scale);
    f("kind", self.kind);
  }
};

struct All {
  bool flag = false;
  int8_t small = 1;
  uint64_t seed = 0;
  int64_t large = 0;
  float f = 0.1f;
  double d = 0.1;
  std::string name = "x";
  std::string mean = "micro";
  Mode mode = Mode::max;
  std::optional<int64_t> limit;
  std::vector<int64_t> sizes = {3, 3};
  std::vector<bool> flags;
  std::map<std::string, double> weights;
  std::vector<std::pair<std::string, ConfigNode>> layers;
  std::vector<Inner> inner;
  std::optional<Inner> maybe;
  Section section;
  ConfigNode model;
  static void fields(auto& self, auto&& f) {
    f("flag", self.flag, Field{.help = "on"});
    f("small", self.small);
    f("seed", self.seed);
    f("large", self.large);
    f("f", self.f, Field{}.above(0));
    f("d", self.d, Field{}.above(0).at_most(1));
    f("name", self.name);
    f("mean", self.mean, Field{}.among({"micro", "macro"}));
    f("mode", self.mode);
    f("limit", self.limit, Field{}.at_most(10));
    f("sizes", self.sizes, Field{}.at_least(1));
    f("flags", self.flags);
    f("weights", self.weights);
    f("layers", self.layers);
    f("inner", self.inner);
    f("maybe", self.maybe);
    f("section", self.section);
    f("model", self.model);
  }
};

All read_all(const std::string& text) {
  Diagnostics diagnostics;
  All all = read<All>(parse_yaml(text, "c.yaml"), diagnostics);
  diagnostics.throw_if_any();
  return all;
}

template <class T = All> std::string read_error(const std::string& text) {
  return error_of([&] {
    Diagnostics diagnostics;
    read<T>(parse_yaml(text, "c.yaml"), diagnostics);
    diagnostics.throw_if_any();
  });
}

template <class T = All> std::string echo(const std::string& text) {
  Diagnostics diagnostics;
  read<T>(parse_yaml(text, "c.yaml"), diagnostics);
  diagnostics.throw_if_any();
  return write_yaml(diagnostics.resolved());
}

}  // namespace

TEST_CASE("scalars are read by the type of the member") {
  CHECK(read_all("flag: true").flag);
  CHECK(read_all("seed: 010").seed == 10);
  CHECK(read_all("seed: 18446744073709551615").seed == 18446744073709551615u);
  CHECK(read_all("large: -9223372036854775808").large == INT64_MIN);
  CHECK(read_all("large: 1e3").large == 1000);
  CHECK(read_all("large: -2.5e1").large == -25);
  CHECK(read_all("large: +7").large == 7);
  CHECK(read_all("small: -128").small == -128);
  CHECK(read_all("d: 1e-4").d == 1e-4);
  CHECK(read_all("d: .5").d == 0.5);
  CHECK(read_all("d: 1").d == 1.0);
  CHECK(read_all("f: 0.3").f == 0.3f);
  for (const char* text : {"no", "yes", "1", "1e3", "010", "0x10", "true", "2024-01-01", "a b"}) {
    CHECK(read_all("name: " + std::string(text)).name == text);
  }
  CHECK(read_all("name: 'null'").name == "null");
  CHECK(read_all("mean: macro").mean == "macro");
  CHECK(read_all("mode: min").mode == Mode::min);
}

TEST_CASE("lists, maps, optionals, structs and raw nodes") {
  const All all = read_all(
      "limit: 7\nsizes: [1, 2, 1e1]\nflags: [true, false]\nweights: {z: 1, a: 0.5}\n"
      "layers: {z: {type: Linear}, a: gelu}\n"
      "inner: [{num_features: 3}, {num_features: 4, rate: 0}]\nmaybe: {num_features: 5}\n"
      "section: {scale: 2}\nmodel: {type: MLP, n: 1}\n");
  CHECK(all.limit == 7);
  CHECK(all.sizes == std::vector<int64_t>{1, 2, 10});
  CHECK(all.flags == std::vector<bool>{true, false});
  CHECK(all.weights.at("a") == 0.5);
  REQUIRE(all.layers.size() == 2);
  CHECK(all.layers[0].first == "z");  // the order of the file
  CHECK(all.layers[0].second.where() == "c.yaml:5:13: layers.z");
  CHECK(all.layers[1].second.text() == "gelu");
  CHECK(all.inner[0].rate == 0.5);
  CHECK(all.inner[1].rate == 0);
  CHECK(all.maybe->num_features == 5);
  CHECK(all.section.scale == 2);
  CHECK(all.section.kind.text() == "csv");
  CHECK(all.section.kind.where() == "default: section.kind");
  CHECK(all.model.find("n")->text() == "1");
  CHECK(!read_all("limit: null").limit);
  CHECK(read_all("{}").section.kind.path().text() == "section.kind");
}

TEST_CASE("wrong scalars") {
  const auto one = [](const std::string& text, const std::string& error) {
    CHECK(read_error(text) == "78 c.yaml:1:" + error);
  };
  one("flag: yes", "7: flag: expected true or false, got 'yes'");
  one("flag: 'true'", "7: flag: expected true or false, got the string 'true'");
  one("flag: True", "7: flag: expected true or false, got 'True'");
  one("large: abc", "8: large: expected an integer, got 'abc'");
  one("large: '1'", "8: large: expected an integer, got the string '1'");
  one("large: 1.5", "8: large: expected an integer, got '1.5'");
  one("large: 0x10", "8: large: expected an integer, got '0x10'");
  one("large: 1_000", "8: large: expected an integer, got '1_000'");
  one("large: [1]", "8: large: expected an integer, got a list");
  one("large:", "1: large: expected an integer, got null");
  one("large: 9223372036854775808",
      "8: large: expected an integer in [-9223372036854775808, 9223372036854775807], got '9223372036854775808'");
  one("large: 1e300", "8: large: expected an integer in [-9223372036854775808, 9223372036854775807], got '1e300'");
  one("large: 1e999", "8: large: expected an integer in [-9223372036854775808, 9223372036854775807], got '1e999'");
  one("seed: -1", "7: seed: expected an integer in [0, 18446744073709551615], got '-1'");
  one("seed: 18446744073709551616",
      "7: seed: expected an integer in [0, 18446744073709551615], got '18446744073709551616'");
  one("small: 128", "8: small: expected an integer in [-128, 127], got '128'");
  one("d: .nan", "4: d: expected a number in (0, 1], got '.nan'");
  one("d: nan", "4: d: expected a number in (0, 1], got 'nan'");
  one("d: .inf", "4: d: expected a number in (0, 1], got '.inf'");
  one("d: -inf", "4: d: expected a number in (0, 1], got '-inf'");
  one("d: 1e999", "4: d: expected a number that fits in 64 bits, got '1e999'");
  one("d: 0", "4: d: expected a number in (0, 1], got '0'");
  one("d: 1,5", "4: d: expected a number in (0, 1], got '1,5'");
  one("d: 1 0", "4: d: expected a number in (0, 1], got '1 0'");
  one("f: 0", "4: f: expected a number above 0, got '0'");
  one("f: 1e39", "4: f: expected a number that fits in 32 bits, got '1e39'");
  one("name: [a]", "7: name: expected a string, got a list");
  one("name: null", "7: name: expected a string, got null");
  one("mean: macr", "7: mean: expected one of micro, macro, got 'macr'; did you mean 'macro'?");
  one("mode: 3", "7: mode: expected one of min, max, got '3'");
  one("limit: 11", "8: limit: expected an integer of at most 10, got '11'");
  one("sizes: 3", "8: sizes: expected a list, got '3'");
  one("sizes: [1, 0]", "12: sizes[1]: expected an integer of at least 1, got '0'");
  one("weights: {a: {}}", "14: weights.a: expected a number, got an empty map");
  one("weights: []", "10: weights: expected a map, got an empty list");
  one("section: 1", "10: section: expected a map, got '1'");
  one("mean: \"\\e[31m\"", "7: mean: expected one of micro, macro, got the string '\\x1b[31m'");
}

TEST_CASE("unknown and missing keys") {
  CHECK(read_error<Inner>("num_featurs: 3\n") ==
        "78 c.yaml:1:1: num_featurs: unknown key; did you mean 'num_features'? known keys: num_features, rate");
  CHECK(read_error<Inner>("num_features: 3\nzzzzzz: 1\n") ==
        "78 c.yaml:2:1: zzzzzz: unknown key; known keys: num_features, rate");
  CHECK(read_error<Inner>("rate: 0.1\n") == "78 c.yaml:1:1: num_features: this key is required; size of the last axis");
  CHECK(read_error("section:\n  scal: 2\n") ==
        "78 c.yaml:2:3: section.scal: unknown key; did you mean 'scale'? known keys: scale, kind");
  CHECK(read_error("inner: [{num_features: 0}]") ==
        "78 c.yaml:1:24: inner[0].num_features: expected an integer of at least 1, got '0'");
}

TEST_CASE("all errors of a file come together, in its order, at most twenty") {
  CHECK(read_error("large: x\nsection: {scal: 1, scale: y}\nflag: 3\n") ==
        "78 c.yaml:1:8: large: expected an integer, got 'x'\n"
        "c.yaml:2:11: section.scal: unknown key; did you mean 'scale'? known keys: scale, kind\n"
        "c.yaml:2:27: section.scale: expected a number, got 'y'\n"
        "c.yaml:3:7: flag: expected true or false, got '3'");
  std::string many = "sizes:\n";
  for (int i = 0; i < 30; ++i) many += "- x\n";
  const std::string error = read_error(many);
  CHECK(std::count(error.begin(), error.end(), '\n') == 20);
  CHECK(error.starts_with("78 c.yaml:2:3: sizes[0]: expected an integer of at least 1, got 'x'\nc.yaml:3:3: sizes[1]"));
  CHECK(
      error.ends_with("c.yaml:21:3: sizes[19]: expected an integer of at least 1, got 'x'\n"
                      "30 errors, of which the first 20 are shown"));
}

TEST_CASE("an unknown key on the command line is a usage error") {
  const auto error = [](const std::string& argument) {
    return error_of([&] {
      Diagnostics diagnostics;
      read<All>(apply_arguments(parse_yaml("seed: 1", "c.yaml"), {argument}), diagnostics);
      diagnostics.throw_if_any();
    });
  };
  CHECK(error("section.scal=1") ==
        "64 argument 'section.scal=1': section.scal: unknown key; did you mean 'scale'? known keys: scale, kind");
  CHECK(error("seed=x") == "78 argument 'seed=x': seed: expected an integer, got 'x'");
}

TEST_CASE("the resolved echo is what was read, defaults included, and reads back to itself") {
  const std::string text = echo(
      "seed: 010\nd: 1e-1\nf: 0.30000001\nname: 'no'\nweights: {z: 1e2, a: 0.1}\nlayers: {b: {type: Linear, n: '1'}, "
      "a: gelu}\n"
      "inner: [{num_features: 2}]\n");
  CHECK(text ==
        "flag: false\n"
        "small: 1\n"
        "seed: 10\n"
        "large: 0\n"
        "f: 0.3\n"
        "d: 0.1\n"
        "name: \"no\"\n"
        "mean: micro\n"
        "mode: max\n"
        "limit: null\n"
        "sizes: [3, 3]\n"
        "flags: []\n"
        "weights:\n"
        "  a: 0.1\n"
        "  z: 100\n"
        "layers:\n"
        "  b:\n"
        "    type: Linear\n"
        "    n: \"1\"\n"
        "  a: gelu\n"
        "inner:\n"
        "  -\n"
        "    num_features: 2\n"
        "    rate: 0.5\n"
        "maybe: null\n"
        "section:\n"
        "  scale: 1\n"
        "  kind: csv\n"
        "model: null\n");
  CHECK(echo(text) == text);
  CHECK(echo(echo("{}")) == echo("{}"));
}

TEST_CASE("echoed values keep their origin") {
  Diagnostics diagnostics;
  read<All>(apply_arguments(parse_yaml("seed: 3\n", "c.yaml"), {"section.scale=2"}), diagnostics);
  const ConfigNode root = diagnostics.resolved();
  CHECK(root.find("seed")->where() == "c.yaml:1:7: seed");
  CHECK(root.find_path("section.scale")->where() == "argument 'section.scale=2': section.scale");
  CHECK(root.find_path("sizes[1]")->where() == "default: sizes[1]");
}

TEST_CASE("numbers survive the echo exactly") {
  for (const double value : {0.1, 1.0 / 3, 1e-300, 5e-324, 1.7976931348623157e308, 123456789012345680.0, -0.0, 1e22}) {
    Diagnostics diagnostics;
    const ConfigNode node = parse_yaml(write_yaml(to_config(value)), "f");
    CHECK(read<double>(node, diagnostics) == value);
    CHECK(diagnostics.ok());
  }
  for (const float value : {0.1f, 1.0f / 3, 1e-38f, 1.4e-45f, 3.4028235e38f}) {
    Diagnostics diagnostics;
    CHECK(read<float>(parse_yaml(write_yaml(to_config(value)), "f"), diagnostics) == value);
    CHECK(diagnostics.ok());
  }
}

TEST_CASE("strings survive the echo exactly") {
  for (const std::string value : {"",
                                  " ",
                                  "a",
                                  "a b",
                                  " a",
                                  "null",
                                  "~",
                                  "true",
                                  "No",
                                  "on",
                                  "1",
                                  "1e3",
                                  ".5",
                                  "-",
                                  "- a",
                                  "a: b",
                                  "a #b",
                                  "#",
                                  "'",
                                  "\"",
                                  "\\",
                                  "a\nb\n",
                                  "\n",
                                  "\t",
                                  "é",
                                  "\xc2\x85",
                                  "\xe2\x80\xa8",
                                  "\xe2\x80\xa9",
                                  "\xef\xbb\xbf",
                                  "\x01",
                                  "[",
                                  "{a",
                                  "*a",
                                  "&a",
                                  "!a",
                                  "%",
                                  "@",
                                  "a,b",
                                  "---",
                                  "...",
                                  "<<",
                                  "=",
                                  "/tmp/x-1.csv",
                                  "../x",
                                  "\r\n",
                                  "😀"}) {
    CAPTURE(value);
    const std::string text = write_yaml(to_config(std::map<std::string, std::string>{{"k", value}}));
    Diagnostics diagnostics;
    CHECK(read<std::map<std::string, std::string>>(parse_yaml(text, "f"), diagnostics).at("k") == value);
    CHECK(diagnostics.ok());
    CHECK(write_yaml(parse_yaml(text, "f")) == text);
    if (value.empty() || value == "\x01" || value.find('\n') != std::string::npos || value == "\t") continue;
    const std::string keyed = write_yaml(to_config(std::map<std::string, std::string>{{value, "v"}}));
    CHECK(read<std::map<std::string, std::string>>(parse_yaml(keyed, "f"), diagnostics).at(value) == "v");
  }
}

TEST_CASE("fields describe themselves") {
  const std::vector<FieldDoc> docs = describe_fields<All>();
  const auto doc = [&](std::string_view name) {
    return *std::find_if(docs.begin(), docs.end(), [&](const FieldDoc& d) { return d.name == name; });
  };
  CHECK(docs.size() == 18);
  CHECK(doc("flag").type == "true or false");
  CHECK(doc("flag").help == "on");
  CHECK(doc("flag").default_value == "false");
  CHECK(doc("d").range == "in (0, 1]");
  CHECK(doc("f").range == "above 0");
  CHECK(doc("sizes").type == "list of integer");
  CHECK(doc("sizes").default_value == "[3, 3]");
  CHECK(doc("sizes").range == "at least 1");
  CHECK(doc("mean").one_of == std::vector<std::string>{"micro", "macro"});
  CHECK(doc("mode").one_of == std::vector<std::string>{"min", "max"});
  CHECK(doc("mode").default_value == "max");
  CHECK(doc("limit").type == "integer or null");
  CHECK(doc("layers").type == "map of value");   // no registry is named that reads them
  CHECK(doc("inner").type == "list of map");
  REQUIRE(doc("inner").fields.size() == 2);
  CHECK(doc("inner").fields[0].required);
  CHECK(doc("inner").fields[0].default_value == "");
  CHECK(doc("section").fields[1].default_value == "csv");
}

TEST_CASE("json") {
  CHECK(
      to_json(parse_yaml("{a: 010, b: '1', c: true, d: null, e: [.5, x, -3], f: {}, g: 18446744073709551615}", "f")) ==
      "{\n  \"a\": 10,\n  \"b\": \"1\",\n  \"c\": true,\n  \"d\": null,\n  \"e\": [\n    0.5,\n    \"x\",\n    -3\n  "
      "],\n"
      "  \"f\": {},\n  \"g\": 18446744073709551615\n}");
}
