#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "checkpoint/helpers.h"
#include "nnx/filter.h"
#include "nnx/known_names.h"

using namespace nnx;
using namespace nnx::test;

namespace {

std::string graphdef_of(const std::string& nodes) { return "{\"version\":1,\"nodes\":[" + nodes + "]}"; }

const Error& refused(const std::string& text) {
  static Error last(ErrorKind::internal, {});
  last = error_of([&] { GraphDef::from_json(text); });
  return last;
}

}  // namespace

TEST_CASE("a GraphDef comes back equal: values of all types, aliases, metadata, empty attributes") {
  const auto model = toy();
  const GraphDef def = graphdef(model);
  const std::string text = def.to_json();
  const GraphDef back = GraphDef::from_json(text);
  CHECK(back == def);
  CHECK(back.hash() == def.hash());
  CHECK(back.to_json() == text);

  const auto copy = merge<Toy>(back, state(model));
  CHECK(copy->tied.same(copy->layers[0]->kernel));
  CHECK(copy->again == copy->layers[0]);
  CHECK_FALSE(copy->layers[1]->kernel.same(copy->tied));
  CHECK(copy->layers[0]->scale == 1.0 / 3.0);
  CHECK_FALSE(copy->none);
  CHECK(GraphDef::from_json(GraphDef{}.to_json()) == GraphDef{});
}

TEST_CASE("doubles of a GraphDef are exact") {
  for (const double v :
       {0.1, -0.0, 5.0, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1.0 / 3.0, 123456789012345680.0}) {
    const auto model = std::make_shared<Dense>();
    model->scale = v;
    model->rate = Number(v);
    const GraphDef def = graphdef(Ref<Dense>(model));
    const GraphDef back = GraphDef::from_json(def.to_json());
    CHECK(back == def);
    CHECK(back.hash() == def.hash());  // the hash sees the sign of zero
  }
  for (const double v : {std::numeric_limits<double>::infinity(), std::nan("")}) {
    const auto model = std::make_shared<Dense>();
    model->scale = v;
    CHECK(error_of([&] { graphdef(Ref<Dense>(model)).to_json(); }).kind() == ErrorKind::numeric);
  }
}

TEST_CASE("unknown types and kinds become placeholders that compare, print and refuse to merge") {
  const std::string text =
      graphdef_of(R"({"module":"Foreign","attributes":[{"key":"w","node":1}]},{"variable":"ForeignKind"})");
  const GraphDef def = GraphDef::from_json(text);
  CHECK(def == GraphDef::from_json(text));
  CHECK(def.nodes[0].type->name == "Foreign");
  CHECK_FALSE(def.nodes[0].type->create);
  CHECK(def.nodes[1].kind->name == "ForeignKind");
  CHECK(find_kind("ForeignKind") == nullptr);
  CHECK(&kind_named("LoRAParam") == &LoRAParam::static_kind());
  State values;
  values.insert({Key("w")}, {scalar<float>(1), def.nodes[1].kind});
  CHECK(mentions(error_of([&] { merge(def, values); }), "Foreign"));
}

TEST_CASE("a hostile GraphDef is refused with a reason") {
  const std::string leaf = R"({"variable":"Param"})";
  const auto module = [](const std::string& attributes) {
    return R"({"module":"M","attributes":[)" + attributes + "]}";
  };
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "JSON"},
      {"[]", "not an object"},
      {"{}", "version"},
      {R"({"version":2,"nodes":[]})", "version 1"},
      {R"({"version":1,"nodes":{}})", "list of nodes"},
      {R"({"version":1,"nodes":[],"x":1})", "nothing else"},
      {R"({"version":1,"version":1,"nodes":[]})", "twice"},
      {graphdef_of(leaf) + "x", "JSON"},
      {graphdef_of("7"), "not an object"},
      {graphdef_of("{}"), "must be one of"},
      {graphdef_of(R"({"module":"M","variable":"Param"})"), "must be one of"},
      {graphdef_of(R"({"module":7})"), "string"},
      {graphdef_of(R"({"module":"M","tag":"x"})"), "only a Variable"},
      {graphdef_of(R"({"module":"M","other":1})"), "unknown member"},
      {graphdef_of(module(R"({"node":1})") + "," + leaf), "key"},
      {graphdef_of(module(R"({"key":"a","node":1,"value":2})") + "," + leaf), "more than"},
      {graphdef_of(module(R"({"key":"a","what":1})")), "unknown member"},
      {graphdef_of(module(R"({"key":"a","number":"1"})")), "unknown member"},
      {graphdef_of(module(R"({"key":"a","number":1e999})")), "JSON"},
      {graphdef_of(module(R"({"key":"a","value":[1,2.5]})")), "integer"},
      {graphdef_of(module(R"({"key":"a","value":18446744073709551615})")), "integer"},
      {graphdef_of(module(R"({"key":"a","node":5})")), "not there"},
      {graphdef_of(module(R"({"key":"a","node":-1})")), "out of range"},
      {graphdef_of(module(R"({"key":"a","node":99999999999999})")), "out of range"},
      {graphdef_of(module(R"({"key":"a","node":2})") + "," + leaf + "," + leaf), "not the next"},
      {graphdef_of(module("") + "," + leaf), "not reached"},
      {graphdef_of(module(R"({"key":"b","node":1},{"key":"a","node":2})") + "," + leaf + "," + leaf), "out of order"},
      {graphdef_of(module(R"({"key":"a","node":1},{"key":"a","node":2})") + "," + leaf + "," + leaf), "out of order"},
      {graphdef_of(module(R"({"key":0,"node":1})") + "," + leaf), "out of order"},
      {graphdef_of(module(R"({"key":"a","array":1})")), "Arrays are out of order"},
      {graphdef_of(module(R"({"key":"a","node":1})") + R"(,{"list":1,"attributes":[{"key":1,"value":2}]})"),
       "out of order"},
      {graphdef_of(module(R"({"key":"a","node":1})") + R"(,{"list":2,"attributes":[{"key":0,"value":2}]})"), "says 2"},
      {graphdef_of(module(R"({"key":"a","node":1},{"key":"b","node":1})") + R"(,{"list":0})"), "cannot be shared"},
      {graphdef_of(module(R"({"key":"a","node":1})") + R"(,{"variable":"Param","attributes":[{"key":"x"}]})"),
       "Variable has attributes"},
      {graphdef_of(module(R"({"key":"a","node":1})") + R"(,{"variable":"Param","metadata":{"x":null}})"), "integer"},
      {graphdef_of(std::string(100, '[')), "nested deeper"},
      {graphdef_of("\"\xff\""), "JSON"},
  };
  for (const auto& [text, why] : cases) {
    CAPTURE(text);
    const Error& e = refused(text);
    CAPTURE(e.what());
    CHECK(e.kind() == ErrorKind::data);
    CHECK(mentions(e, why));
  }
}

TEST_CASE("objects nested deeper than the walks allow are refused; cycles are not") {
  const auto chain = [](int n) {
    std::string nodes;
    for (int i = 0; i < n; ++i)
      nodes += fmt::format(R"({{"module":"M","attributes":[{{"key":"next","node":{}}}]}},)", i + 1);
    return graphdef_of(nodes + R"({"module":"M"})");
  };
  CHECK(GraphDef::from_json(chain(900)).nodes.size() == 901);
  CHECK(mentions(refused(chain(1100)), "nested deeper"));
  const GraphDef cycle = GraphDef::from_json(graphdef_of(R"({"module":"M","attributes":[{"key":"self","node":0}]})"));
  CHECK(cycle.to_string() == "M #0\n  self: M #0 (shared)\n");
}

TEST_CASE("every cut and every changed byte of a GraphDef's text gives an equal text back or an Error") {
  const std::string text = graphdef(toy()).to_json();
  int changed = 0;
  const auto read = [&](const std::string& damaged) {
    try {
      const GraphDef def = GraphDef::from_json(damaged);
      CHECK(GraphDef::from_json(def.to_json()) == def);
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::data);
      ++changed;
    }
  };
  for (size_t i = 0; i + 1 < text.size(); ++i) read(text.substr(0, i));
  for (size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ (1 << i % 8));
    read(damaged);
  }
  CHECK(changed > static_cast<int>(text.size()));
}
