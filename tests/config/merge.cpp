#include <doctest/doctest.h>

#include <random>

#include "config/compose.h"
#include "config/write.h"
#include "help.h"

using namespace nnx;
using test::error_of;
using test::merged;

namespace {

const char* const base_text =
    "seed: 0\n"
    "optimizer: adam\n"
    "model: {type: MLP, bn: {rate: 0.1}}\n"
    "layers: [{type: Linear, n: 1}, {type: Linear, n: 2}]\n";

std::string applied(const std::vector<std::string>& arguments) {
  return write_flow(apply_arguments(parse_yaml(base_text, "c.yaml"), arguments));
}

std::string argument_error(const std::vector<std::string>& arguments) {
  return error_of([&] { apply_arguments(parse_yaml(base_text, "c.yaml"), arguments); });
}

}  // namespace

TEST_CASE("arguments replace, create and reach into lists") {
  const std::string rest = "model: {type: MLP, bn: {rate: 0.1}}, layers: [{type: Linear, n: 1}, {type: Linear, n: 2}]";
  CHECK(applied({"seed=7"}) == "{seed: 7, optimizer: adam, " + rest + "}");
  CHECK(applied({"a.b.c=1", "a.b.d=x y"}) == "{seed: 0, optimizer: adam, " + rest + ", a: {b: {c: 1, d: \"x y\"}}}");
  CHECK(applied({"optimizer.learning_rate=1e-3"}) ==
        "{seed: 0, optimizer: {type: adam, learning_rate: 1e-3}, " + rest + "}");
  CHECK(applied({"optimizer={type: sgd, momentum: 0.9}"}) ==
        "{seed: 0, optimizer: {type: sgd, momentum: 0.9}, " + rest + "}");
  CHECK(applied({"model.bn.rate=0.5", "layers.0.n=8", "layers[1].n=[9, 10]"}) ==
        "{seed: 0, optimizer: adam, model: {type: MLP, bn: {rate: 0.5}}, "
        "layers: [{type: Linear, n: 8}, {type: Linear, n: [9, 10]}]}");
  CHECK(applied({"layers[0]=gelu"}) ==
        "{seed: 0, optimizer: adam, model: {type: MLP, bn: {rate: 0.1}}, layers: [gelu, {type: Linear, n: 2}]}");
}

TEST_CASE("arguments append and delete") {
  CHECK(applied({"layers+={type: Dropout}", "layers+=[gelu, relu]", "model=!delete"}) ==
        "{seed: 0, optimizer: adam, layers: [{type: Linear, n: 1}, {type: Linear, n: 2}, {type: Dropout}, gelu, relu]}");
  CHECK(applied({"model.bn.rate=!delete", "seed=!delete", "layers=!delete", "new+=1"}) ==
        "{optimizer: adam, model: {type: MLP, bn: {}}, new: [1]}");
}

TEST_CASE("all wrong arguments are reported together") {
  CHECK(argument_error({"seed", "a..b=1", "seed=1"}) ==
        "64 argument 'seed': not a setting; write key=value\n"
        "argument 'a..b=1': bad key 'a..b': a name is missing next to a '.'");
  CHECK(argument_error(std::vector<std::string>(1001, "a=1")) ==
        "64 more than 1000 arguments; write them in a file and give it as --overlay");
}

TEST_CASE("the value of an argument") {
  const auto value = [](const std::string& text) {
    return apply_arguments(ConfigNode(), {"k=" + text}).find("k")->describe();
  };
  CHECK(value("1e-3") == "'1e-3'");
  CHECK(value("a: b # c, [d]") == "'a: b # c, [d]'");
  CHECK(value("-x") == "'-x'");
  CHECK(value("a=b") == "'a=b'");
  CHECK(value("'1'") == "the string '1'");
  CHECK(value("\"\\u00e9\"") == "the string 'é'");
  CHECK(value("''") == "the string ''");
  CHECK(value("null") == "null");
  CHECK(value("[]") == "an empty list");
  CHECK(value("{a: 1}") == "a map");
}

TEST_CASE("an argument is the origin of what it set") {
  const ConfigNode root = apply_arguments(parse_yaml(base_text, "c.yaml"), {"model.bn.rate=[1, 2]"});
  CHECK(root.find_path("model.bn.rate")->where() == "argument 'model.bn.rate=[1, 2]': model.bn.rate");
  CHECK(root.find_path("model.bn.rate[1]")->where() == "argument 'model.bn.rate=[1, 2]': model.bn.rate[1]");
  CHECK(root.find_path("model.bn")->where() == "c.yaml:3:24: model.bn");
}

TEST_CASE("bad arguments are usage errors") {
  CHECK(argument_error({"seed"}) == "64 argument 'seed': not a setting; write key=value");
  CHECK(argument_error({"=1"}) == "64 argument '=1': bad key '': it is empty");
  CHECK(argument_error({"a..b=1"}) == "64 argument 'a..b=1': bad key 'a..b': a name is missing next to a '.'");
  CHECK(argument_error({".a=1"}) == "64 argument '.a=1': bad key '.a': a name is missing next to a '.'");
  CHECK(argument_error({"a.=1"}) == "64 argument 'a.=1': bad key 'a.': a name is missing next to a '.'");
  CHECK(argument_error({"a b=1"}) == "64 argument 'a b=1': bad key 'a b': a name holds no spaces, quotes or brackets");
  CHECK(argument_error({"a[=1"}) == "64 argument 'a[=1': bad key 'a[': an index is written as list[0]");
  CHECK(argument_error({"a[]=1"}) == "64 argument 'a[]=1': bad key 'a[]': an index is written as list[0]");
  CHECK(argument_error({"layers[0]n=1"}) ==
        "64 argument 'layers[0]n=1': bad key 'layers[0]n': a '.' is missing after ']'");
  CHECK(argument_error({"seed+=1"}) == "64 argument 'seed+=1': seed is '0' (c.yaml:1:7), not a list");
  CHECK(argument_error({"layer=!delete"}) ==
        "64 argument 'layer=!delete': there is nothing to delete; did you mean 'layers'?");
  CHECK(argument_error({"layers.0=!delete"}) ==
        "64 argument 'layers.0=!delete': an item of a list cannot be deleted: the others would change their places; "
        "write the list");
  CHECK(argument_error({"seed=!x"}) ==
        "64 argument 'seed=!x': the only tag of an argument is !delete; quote a text that begins with !");
  CHECK(argument_error({"seed=1", "seed=2"}) == "64 argument 'seed=2': seed is set by an earlier argument");
  CHECK(argument_error({"layers.0.n=1", "layers[0].n=2"}) ==
        "64 argument 'layers[0].n=2': layers[0].n is set by an earlier argument");
  CHECK(argument_error({"layers[99999999999999999999].n=1"}) ==
        "64 argument 'layers[99999999999999999999].n=1': layers has 2 items (c.yaml:4:9): there is no index "
        "99999999999999999999");
  CHECK(argument_error({"layers.-1.n=1"}) == "64 argument 'layers.-1.n=1': layers is a list: '-1' is not an index");
  CHECK(argument_error({"layers.x=1"}) == "64 argument 'layers.x=1': layers is a list: 'x' is not an index");
  CHECK(argument_error({"model[0]=1"}) == "64 argument 'model[0]=1': model is not a list");
  CHECK(argument_error({"seed.x=1"}) == "64 argument 'seed.x=1': seed: cannot set keys here: c.yaml:1:7 has '0'");
  CHECK(argument_error({"seed="}) ==
        "64 argument 'seed=': the value is empty; write key=null, or key='' (in quotes for the shell) for an empty "
        "string");
  CHECK(argument_error({"seed=[1"}) ==
        "64 argument 'seed=[1': a key must be a name, got a list; check that its brackets are closed");
  CHECK(argument_error({"seed={a: 1, a: 2}"}) ==
        "64 argument 'seed={a: 1, a: 2}': duplicate key 'a', already set; remove one of the two");
  CHECK(argument_error({"seed=\xff"}) == "64 argument 'seed=\\xff': not valid UTF-8");
  CHECK(argument_error({"seed=" + std::string(2'000'000, 'x')}).ends_with("xxx...': larger than 1048576 bytes"));
}

TEST_CASE("random arguments never do more than fail") {
  const std::vector<std::string> tokens = {"seed", "layers", "model", "n",  ".", "[",    "]", "0", "1", "=",
                                           "+",    "-",      "'",     "\"", "{", "}",    ",", ":", " ", "&",
                                           "*",    "!",      "${",    "\n", "#", "\xff", "é", "\t"};
  std::mt19937_64 random(3);
  size_t good = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    const size_t length = 1 + random() % 12;
    for (size_t k = 0; k < length; ++k) text += tokens[random() % tokens.size()];
    CAPTURE(text);
    const std::string error = argument_error({text});
    if (error.empty()) ++good;
    else if (!error.starts_with("64 argument '")) FAIL(error);
  }
  CHECK(good > 50);
  MESSAGE("20000 random arguments, " << good << " of them good");
}

TEST_CASE("files merge: maps by key, lists and scalars replace") {
  CHECK(merged("a: {b: 1, c: 2}\nd: [1, 2]\n", "d: [3]\na: {c: 3, e: 4}\nf: 5\n") ==
        "{a: {b: 1, c: 3, e: 4}, d: [3], f: 5}");
}

TEST_CASE("a component may be completed or replaced by an overlay") {
  CHECK(merged("o: adam", "o: {learning_rate: 0.1}") == "{o: {type: adam, learning_rate: 0.1}}");
  CHECK(merged("o: adam", "o: {type: sgd, momentum: 0.1}") == "{o: {type: sgd, momentum: 0.1}}");
  CHECK(merged("o: {type: adam, b1: 0.9}", "o: sgd") == "{o: sgd}");
  CHECK(error_of([] { merged("o: [1]", "o: {b1: 0.1}"); }) ==
        "78 b.yaml:1:4: o: cannot set keys here: a.yaml:1:4 has a list");
}

TEST_CASE("load_config: files in order, then arguments; later places are kept") {
  const test::TemporaryFolder folder;
  const std::string a = folder.write("a.yaml", "x: 1\ny: {z: 2}\n"),
                    b = folder.write("b.yaml", "# over\ny: {z: 3, w: 4}\n");
  const ConfigNode root = load_config({a, b}, {"y.w=5"});
  CHECK(write_flow(root) == "{x: 1, y: {z: 3, w: 5}}");
  CHECK(root.find_path("y.z")->where() == b + ":2:8: y.z");
  CHECK(root.find_path("y.w")->where() == "argument 'y.w=5': y.w");
  CHECK(error_of([] { load_config({}); }) == "64 no config file is given; use --config FILE");
}
