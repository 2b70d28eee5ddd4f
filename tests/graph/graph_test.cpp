#include "graph/graph.h"

#include <doctest/doctest.h>

#include "graph/toy_ops.h"

namespace nnx::test {
namespace {

Graph record(const std::function<Arrays(std::span<const Array>)>& body) { return trace({f32x2, f32x2}, body).graph; }

std::string message_of(const Graph& graph) {
  try {
    verify(graph);
  } catch (const Error& error) {
    CHECK(error.kind() == ErrorKind::internal);
    return error.what();
  }
  return "";
}

}  // namespace

TEST_CASE("the text of a graph") {
  const Graph g = record([](std::span<const Array> in) {
    const Arrays pair = swapped(in[0], scale(in[1], 2));
    check_finite(pair[1], "loss");
    return Arrays{add(pair[0], pair[1]), in[0]};
  });
  CHECK(to_string(g) ==
        "%0:f32[2] = input\n"
        "%1:f32[2] = input\n"
        "%2:f32[2] = toy_scale(%1) {factor=2}\n"
        "%3:f32[2], f32[2] = toy_swap(%0, %2)\n"
        "%4:f32[2] = toy_add(%3.0, %3.1)\n"
        "guard %3.1 \"loss\"\n"
        "return %4, %0\n");
  CHECK(g.input_types() == std::vector<Type>{f32x2, f32x2});
  CHECK(g.output_types() == std::vector<Type>{f32x2, f32x2});
}

TEST_CASE("equality and hash follow the structure, not the numbering") {
  const auto left_first = [](std::span<const Array> in) {
    const Array a = scale(in[0], 2), b = scale(in[1], 3);
    return Arrays{add(a, b)};
  };
  const auto right_first = [](std::span<const Array> in) {
    const Array b = scale(in[1], 3), a = scale(in[0], 2);
    return Arrays{add(a, b)};
  };
  const auto inputs_exchanged = [](std::span<const Array> in) { return Arrays{add(scale(in[1], 2), scale(in[0], 3))}; };
  const auto sides_exchanged = [](std::span<const Array> in) { return Arrays{add(scale(in[1], 3), scale(in[0], 2))}; };
  const Graph g = record(left_first);
  CHECK(same_graph(g, record(right_first)));
  CHECK(to_string(g) != to_string(record(right_first)));
  CHECK(hash_graph(g) == hash_graph(record(right_first)));
  for (const Graph& other : {record(inputs_exchanged), record(sides_exchanged)}) {
    CHECK(!same_graph(g, other));
    CHECK(hash_graph(g) != hash_graph(other));
  }
  CHECK(!same_graph(g, record([](std::span<const Array> in) { return Arrays{in[0], in[1]}; })));
  CHECK(!same_graph(record([](std::span<const Array> in) { return Arrays{swapped(in[0], in[1])[0]}; }),
                    record([](std::span<const Array> in) { return Arrays{swapped(in[0], in[1])[1]}; })));
}

TEST_CASE("constants are equal by content") {
  const auto with_constant = [](float v) {
    return record([v](std::span<const Array> in) { return Arrays{add(in[0], array<float>({1, v}, {2}))}; });
  };
  CHECK(same_graph(with_constant(2), with_constant(2)));
  CHECK(hash_graph(with_constant(2)) == hash_graph(with_constant(2)));
  CHECK(!same_graph(with_constant(2), with_constant(3)));
}

TEST_CASE("guards belong to a graph") {
  const auto guarded = [](std::string name) {
    return record([name](std::span<const Array> in) { return Arrays{check_finite(in[0], name)}; });
  };
  CHECK(same_graph(guarded("loss"), guarded("loss")));
  CHECK(!same_graph(guarded("loss"), guarded("gradient")));
  CHECK(!same_graph(guarded("loss"), record([](std::span<const Array> in) { return Arrays{in[0]}; })));
}

TEST_CASE("dead nodes go, inputs and guarded values stay") {
  const Graph g = record([](std::span<const Array> in) {
    scale(in[0], 5);
    check_finite(scale(in[0], 7), "guarded");
    return Arrays{scale(in[1], 2)};
  });
  CHECK(g.nodes.size() == 4);
  CHECK(g.inputs.size() == 2);
  CHECK(g.guards.size() == 1);
}

TEST_CASE("verify names the node that is broken") {
  const Graph good = record([](std::span<const Array> in) { return Arrays{add(in[0], scale(in[1], 2))}; });
  CHECK(message_of(good) == "");
  Graph g = good;
  g.nodes[3].types[0].shape = {3};
  CHECK(message_of(g).find("%3: the types of toy_add") != std::string::npos);
  g = good;
  g.nodes[2].inputs[0].node = 3;
  CHECK(message_of(g).find("%2: an input does not come before it") != std::string::npos);
  g = good;
  g.inputs.pop_back();
  CHECK(message_of(g).find("%1: an input node that the graph does not list") != std::string::npos);
  g = good;
  g.inputs[1] = g.inputs[0];
  CHECK(message_of(g).find("%0: an input that is listed twice") != std::string::npos);
  g = good;
  g.inputs[0].node = 2;
  CHECK(message_of(g).find("%2: not an input node") != std::string::npos);
  g = good;
  g.outputs[0].out = 1;
  CHECK(message_of(g).find("%3: no such output") != std::string::npos);
  g = good;
  g.guards.push_back({{9, 0}, "loss"});
  CHECK(message_of(g).find("%9: no such guarded value") != std::string::npos);
  g = good;
  g.nodes.push_back({.kind = NodeKind::constant, .types = {f32x2}});
  CHECK(message_of(g).find("%4: a constant without value") != std::string::npos);
}

}  // namespace nnx::test
