#include "config/interpolate.h"

#include <doctest/doctest.h>

#include <cstdlib>

#include "config/compose.h"
#include "config/write.h"
#include "help.h"

using namespace nnx;
using test::error_of;

namespace {

std::string resolved(const std::string& text) {
  Diagnostics diagnostics;
  const ConfigNode root = resolve_interpolation(parse_yaml(text, "c.yaml"), diagnostics);
  diagnostics.throw_if_any();
  return write_flow(root);
}

std::string resolve_error(const std::string& text) {
  return error_of([&] { resolved(text); });
}

}  // namespace

TEST_CASE("a reference is the value, a text around it makes a string") {
  CHECK(resolved("a: 1\nb: ${a}\nc: \"${a}\"\nd: x${a}y${a}\ne: 'v${a}'\n") ==
        "{a: 1, b: 1, c: 1, d: x1y1, e: \"v1\"}");
  CHECK(resolved("a: {b: [1, {c: 2}]}\nd: ${a.b}\ne: ${a.b[1].c}\nf: ${a.b.0}\ng: ${n}\nn: null\n") ==
        "{a: {b: [1, {c: 2}]}, d: [1, {c: 2}], e: 2, f: 1, g: null, n: null}");
  CHECK(resolved("a: ${b}\nb: ${c}\nc: ${d.e}\nd: {e: \"${f}\"}\nf: {g: 1}\nh: ${a.g}\n") ==
        "{a: {g: 1}, b: {g: 1}, c: {g: 1}, d: {e: {g: 1}}, f: {g: 1}, h: 1}");
}

TEST_CASE("integer arithmetic") {
  const auto value = [](const std::string& expression) { return resolved("w: 12\nm: {n: 5}\nx: ${" + expression + "}\n"); };
  CHECK(value("2 * w + 1") == "{w: 12, m: {n: 5}, x: 25}");
  CHECK(value("2*(w+1)-m.n") == "{w: 12, m: {n: 5}, x: 21}");
  CHECK(value("w / 4 * 3") == "{w: 12, m: {n: 5}, x: 9}");
  CHECK(value("-w // m.n") == "{w: 12, m: {n: 5}, x: -3}");
  CHECK(value("-w % m.n") == "{w: 12, m: {n: 5}, x: 3}");
  CHECK(value("w - -m.n") == "{w: 12, m: {n: 5}, x: 17}");
  CHECK(value(" 7 ") == "{w: 12, m: {n: 5}, x: 7}");
}

TEST_CASE("arithmetic that cannot be done") {
  const auto error = [](const std::string& expression) {
    return resolve_error("w: 12\nf: 0.5\nx: \"${" + expression + "}\"\n");
  };
  CHECK(error("w / 5") == "78 c.yaml:3:4: x: in '${w / 5}': 12 / 5 leaves a remainder; // rounds down");
  CHECK(error("w / 0") == "78 c.yaml:3:4: x: in '${w / 0}': 12 is divided by zero");
  CHECK(error("w // (w - 12)") == "78 c.yaml:3:4: x: in '${w // (w - 12)}': 12 is divided by zero");
  CHECK(error("9223372036854775807 + w") ==
        "78 c.yaml:3:4: x: in '${9223372036854775807 + w}': 9223372036854775807 + 12 does not fit in 64 bits");
  CHECK(error("9223372036854775808 + 1") ==
        "78 c.yaml:3:4: x: in '${9223372036854775808 + 1}': '9223372036854775808' does not fit in 64 bits");
  CHECK(error("f * 2") == "78 c.yaml:3:4: x: in '${f * 2}': expected an integer for 'f', got '0.5' (c.yaml:2:4)");
  CHECK(error("w +") == "78 c.yaml:3:4: x: in '${w +}': expected a name or an integer, got the end");
  CHECK(error("(w") == "78 c.yaml:3:4: x: in '${(w}': expected ')', got the end");
  CHECK(error("w w") == "78 c.yaml:3:4: x: in '${w w}': expected an operator or the end, got 'w'");
  CHECK(error("w & 1") == "78 c.yaml:3:4: x: in '${w & 1}': expected names, integers and + - * / // % ( ), got '&'");
  CHECK(error("") == "78 c.yaml:3:4: x: ${} is empty; write $${ for the characters themselves");
  CHECK(error(std::string(100, '(')).ends_with("an expression nested deeper than 64 levels"));
}

TEST_CASE("names that are not there, and what cannot be put in a text") {
  CHECK(resolve_error("width: 1\nx: ${widht}\n") ==
        "78 c.yaml:2:4: x: '${widht}': there is no such key; did you mean 'width'?");
  CHECK(resolve_error("m: {width: 1}\nx: ${m.widht}\ny: ${q.r}\n") ==
        "78 c.yaml:2:4: x: '${m.widht}': there is no such key; did you mean 'm.width'?\n"
        "c.yaml:3:4: y: '${q.r}': there is no such key");
  CHECK(resolve_error("a: [1]\nx: b${a}\n") ==
        "78 c.yaml:2:4: x: '${a}' is a list and cannot stand inside of a text");
  CHECK(resolve_error("x: ${a\n") == "78 c.yaml:1:4: x: a ${ is never closed; write $${ for the characters themselves");
}

TEST_CASE("values that refer to each other are reported with their chain, once") {
  CHECK(resolve_error("a: ${b}\nb: x${c.d}\nc: {d: \"${a}\"}\ne: ${a}\n") ==
        "78 c.yaml:1:4: a: values refer to each other: a -> b -> c.d -> a");
  CHECK(resolve_error("a: ${a}\n") == "78 c.yaml:1:4: a: values refer to each other: a -> a");
  CHECK(resolve_error("a: {b: \"${a}\"}\n") == "78 c.yaml:1:8: a.b: values refer to each other: a.b -> a.b");
  std::string chain;
  for (int i = 0; i < 40; ++i) chain += "a" + std::to_string(i) + ": ${a" + std::to_string(i + 1) + "}\n";
  CHECK(resolve_error(chain + "a40: 1\n") ==
        "78 c.yaml:33:6: a32: more than 32 values refer to each other: ... -> a29 -> a30 -> a31 -> a32");
}

TEST_CASE("environment variables") {
  ::setenv("NNX_TEST_VALUE", "7", 1);
  ::unsetenv("NNX_TEST_ABSENT");
  CHECK(resolved("a: ${env:NNX_TEST_VALUE}\nb: ${env:NNX_TEST_ABSENT,runs/x}\nc: r${env:NNX_TEST_VALUE,0}\n") ==
        "{a: 7, b: runs/x, c: r7}");
  CHECK(resolved("a: ${env:NNX_TEST_ABSENT,}\nb: ${env:NNX_TEST_ABSENT,null}\nd: 1\n"
                 "c: \"${env:NNX_TEST_ABSENT,${env:NNX_TEST_ABSENT,${d}}}\"\n") ==
        "{a: \"\", b: null, d: 1, c: 1}");
  CHECK(resolve_error("a: ${env:NNX_TEST_ABSENT}\n") ==
        "78 c.yaml:1:4: a: the environment variable NNX_TEST_ABSENT is not set; ${env:NNX_TEST_ABSENT,default} has a "
        "default");
  CHECK(resolve_error("a: ${env:A B}\n") == "78 c.yaml:1:4: a: 'A B' is not the name of an environment variable");
}

TEST_CASE("an escape stands for the characters, and survives being written and read") {
  CHECK(resolved("a: $${x}\nb: 'c$${${d}}'\nd: 1\n") == "{a: \"${x}\", b: \"c${1}\", d: 1}");
  Diagnostics diagnostics;
  const ConfigNode root = resolve_interpolation(parse_yaml("a: $${x}\n", "c.yaml"), diagnostics);
  CHECK(resolved(write_yaml(escape_interpolation(root))) == "{a: \"${x}\"}");
}

TEST_CASE("inside of a Module definition its arguments stay") {
  const std::string text =
      "w: 8\n"
      "modules:\n"
      "  MLP:\n"
      "    arguments: [din, {dout: 10}]\n"
      "    attributes: {a: \"${din}\", b: \"${din * w}\", c: \"${w}\", d: \"x${dout}y${w}$${\"}\n"
      "x: ${w}\n";
  CHECK(resolved(text) ==
        "{w: 8, modules: {MLP: {arguments: [din, {dout: 10}], attributes: {a: \"${din}\", b: \"${din * 8}\", c: 8, d: "
        "\"x${dout}y8$${\"}}}, x: 8}");
  CHECK(resolve_error("modules: {M: {arguments: [din], attributes: {a: \"${dni}\"}}}\n") ==
        "78 c.yaml:1:49: modules.M.attributes.a: '${dni}': there is no such key; did you mean 'din'?");
  CHECK(resolve_error("modules: {M: {arguments: [din]}}\na: ${modules.M.arguments}\n") ==
        "78 c.yaml:2:4: a: '${modules.M.arguments}': there is no such key");
}

TEST_CASE("a scope of one's own: the arguments of a Module") {
  const ConfigNode values = parse_yaml("{din: 4, kernel_init: {type: normal, stddev: 0.1}}", "v.yaml");
  Scope scope{.find = [&](const std::string& name) -> std::optional<ConfigNode> {
                const ConfigNode* found = values.find(name);
                return found ? std::optional(*found) : std::nullopt;
              },
              .names = [](const std::string&) { return std::vector<std::string>{"din", "kernel_init"}; }};
  const ConfigNode body = parse_yaml("{n: \"${din * 2}\", init: \"${kernel_init}\", t: \"${dni}\"}", "m.yaml");
  CHECK(write_flow(interpolate(*body.find("n"), scope)) == "8");
  Diagnostics diagnostics;
  const ConfigNode all = interpolate_all(body, scope, diagnostics);
  CHECK(write_flow(*all.find("init")) == "{type: normal, stddev: 0.1}");
  CHECK(all.find("init")->where() == "m.yaml:1:25: init");
  CHECK(error_of([&] { diagnostics.throw_if_any(); }) ==
        "78 m.yaml:1:46: t: '${dni}': there is no such key; did you mean 'din'?");
}

TEST_CASE("interpolation cannot make a config grow without bound") {
  std::string lists = "a0: [1, 1, 1, 1, 1, 1, 1, 1, 1, 1]\n", texts = "a0: xxxxxxxxxx\n";
  for (int i = 1; i < 10; ++i) {
    const std::string below = "\"${a" + std::to_string(i - 1) + "}\"";
    std::string row = "a" + std::to_string(i) + ": [" + below;
    for (int k = 1; k < 10; ++k) row += ", " + below;
    lists += row + "]\n";
    std::string text = "a" + std::to_string(i) + ": ";
    for (int k = 0; k < 10; ++k) text += "${a" + std::to_string(i - 1) + "}";
    texts += text + "\n";
  }
  CHECK(resolve_error(lists).find("more than 100000 interpolated values") != std::string::npos);
  CHECK(resolve_error(texts).find("more than 1048576 bytes of interpolated text") != std::string::npos);
  std::string deep;
  for (int i = 1; i < 20; ++i)
    deep += "a" + std::to_string(i) + ": [[[[[[[[\"${a" + std::to_string(i - 1) + "}\"]]]]]]]]\n";
  CHECK(resolve_error("a0: 1\n" + deep).find("interpolated values nest deeper than 64 levels") != std::string::npos);
}
