// State written in place: same bits as computed aside, old values read in time, other holders and failed guards safe.
#include <doctest/doctest.h>

#include <cstring>
#include <limits>

#include "base/error.h"
#include "support/allocations.h"
#include "ops/ops.h"
#include "plan/plan.h"
#include "random_graphs.h"
#include "reference/reference.h"

namespace nnx {
namespace {

const Type vec{DType::f32, {4}};
const Type mat{DType::f32, {4, 4}};

BufferRef buffer(std::vector<float> values) {
  return array<float>(values, {static_cast<int64_t>(values.size())}).buffer();
}
std::vector<float> values(const BufferRef& b) { return {b->as<float>(), b->as<float>() + b->bytes() / sizeof(float)}; }

struct Session {
  std::shared_ptr<Plan> plan;
  std::vector<BufferRef> state, outputs;
  void run() {
    std::vector<BufferRef*> holders;
    for (BufferRef& b : state) holders.push_back(&b);
    plan->run(holders, outputs);
  }
};

Session session(const Graph& graph, const std::vector<Alias>& aliases, std::vector<BufferRef> state,
                PlanOptions options = {}) {
  return {Plan::compile(graph, aliases, options), std::move(state), std::vector<BufferRef>(graph.outputs.size())};
}

TEST_CASE("an aliased output is written into its input's Buffer") {
  const Traced t = trace({vec, vec}, [](std::span<const Array> in) { return Arrays{in[0] - in[1] * 0.5, sum(in[0])}; });
  Session s = session(t.graph, {{0, 0}}, {buffer({1, 2, 3, 4}), buffer({2, 2, 2, 2})});
  const Buffer* before = s.state[0].get();
  s.run();
  CHECK(s.state[0].get() == before);
  CHECK(values(s.state[0]) == std::vector<float>{0, 1, 2, 3});
  CHECK(values(s.outputs[1]) == std::vector<float>{10});  // of the old value
  CHECK(s.outputs[0] == nullptr);
  CHECK(s.plan->report().copied_aliases.empty());
}

TEST_CASE("what others hold never changes: the Buffer is detached") {
  const Traced t = trace({vec}, [](std::span<const Array> in) { return Arrays{in[0] + 1.0}; });
  Session s = session(t.graph, {{0, 0}}, {buffer({1, 2, 3, 4})});
  const BufferRef other = s.state[0];
  s.run();
  CHECK(values(other) == std::vector<float>{1, 2, 3, 4});
  CHECK(values(s.state[0]) == std::vector<float>{2, 3, 4, 5});
  s.run();
  CHECK(values(s.state[0]) == std::vector<float>{3, 4, 5, 6});

  const Traced two = trace({vec, vec}, [](std::span<const Array> in) { return Arrays{in[0] + in[1], in[1] * in[0]}; });
  const BufferRef same = buffer({1, 2, 3, 4});
  Session twice = session(two.graph, {{0, 0}, {1, 1}}, {same, same});
  twice.run();
  CHECK(values(twice.state[0]) == std::vector<float>{2, 4, 6, 8});
  CHECK(values(twice.state[1]) == std::vector<float>{1, 4, 9, 16});
}

TEST_CASE("aliases that cannot be kept become copies, and the report says so") {
  const Traced swap = trace({vec, vec}, [](std::span<const Array> in) { return Arrays{in[1], in[0]}; });
  Session s = session(swap.graph, {{0, 0}, {1, 1}}, {buffer({1, 1, 1, 1}), buffer({2, 2, 2, 2})});
  s.run();
  CHECK(values(s.state[0]) == std::vector<float>{2, 2, 2, 2});
  CHECK(values(s.state[1]) == std::vector<float>{1, 1, 1, 1});
  CHECK(s.plan->report().copied_aliases.size() == 2);

  // A product cannot write over its own operand, nor a transposed sum over what it still reads.
  const Traced square_of = trace({mat, mat}, [](std::span<const Array> in) {
    return Arrays{matmul(in[0], in[0]), in[1] + transpose(in[1])};
  });
  const std::vector<float> m{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
  Session q = session(square_of.graph, {{0, 0}, {1, 1}}, {buffer(m), buffer(m)});
  const Arrays expected =
      reference::evaluate(square_of.graph, Arrays{array<float>(m, {4, 4}), array<float>(m, {4, 4})});
  q.run();
  CHECK(values(q.state[0]) == expected[0].to_vector<float>());
  CHECK(values(q.state[1]) == expected[1].to_vector<float>());
  CHECK(q.plan->report().copied_aliases.size() == 2);
}

TEST_CASE("outputs that are inputs, constants or other outputs share their Buffer") {
  const Array constant = array<float>({5, 6, 7, 8}, {4});
  const Traced t = trace({vec, vec}, [&](std::span<const Array> in) {
    const Array y = in[0] * 2.0;
    return Arrays{in[1], constant, y, y, in[0], in[0] + 1.0};
  });
  Session s = session(t.graph, {{5, 0}}, {buffer({1, 2, 3, 4}), buffer({9, 9, 9, 9})});
  s.run();
  CHECK(s.outputs[0] == s.state[1]);
  CHECK(s.outputs[1] == constant.buffer());
  CHECK(s.outputs[2] == s.outputs[3]);
  CHECK(values(s.outputs[2]) == std::vector<float>{2, 4, 6, 8});
  CHECK(values(s.outputs[4]) == std::vector<float>{1, 2, 3, 4});  // the old value of a state: a copy
  CHECK(values(s.state[0]) == std::vector<float>{2, 3, 4, 5});
}

TEST_CASE("a failed guard leaves every input as it was, bit for bit") {
  const Traced t = trace({vec, vec, vec}, [](std::span<const Array> in) {
    const Array loss = sum(log(in[1]));
    check_finite(loss, "loss");
    check_finite(in[1] * 2.0, "gradients of w");
    return Arrays{in[0] - in[1], loss, in[2] + 1.0};
  });
  const float inf = std::numeric_limits<float>::infinity();
  for (const bool shared : {false, true}) {
    Session s =
        session(t.graph, {{0, 0}, {2, 2}}, {buffer({1, 2, 3, 4}), buffer({1, inf, 1, 1}), buffer({1, 1, 1, 1})});
    const BufferRef other = shared ? s.state[0] : nullptr;
    const std::vector<BufferRef> held{s.state[0], s.state[2]};
    const Buffer* before = s.state[0].get();
    try {
      s.run();
      FAIL("the guard did not throw");
    } catch (const Error& e) {
      CHECK(e.kind() == ErrorKind::numeric);
      CHECK(e.parts().where == "loss");
    }
    CHECK(s.state[0].get() == before);
    CHECK(values(s.state[0]) == std::vector<float>{1, 2, 3, 4});
    CHECK(values(s.state[2]) == std::vector<float>{1, 1, 1, 1});
    s.state[1] = buffer({1, 2, 1, 1});
    s.run();
    CHECK(values(s.state[0]) == std::vector<float>{0, 0, 2, 3});
  }
}

TEST_CASE("aliases change no bit on random graphs") {
  int aliased = 0;
  for (uint64_t seed = 0; seed < 150; ++seed) {
    const test::RandomGraph random = test::random_graph(seed, 20);
    std::vector<Alias> aliases;
    std::vector<bool> taken(random.graph.inputs.size());
    for (size_t o = 0; o < random.graph.outputs.size(); ++o)
      for (size_t i = 0; i < taken.size(); ++i)
        if (!taken[i] && random.graph.type(random.graph.outputs[o]) == random.graph.type(random.graph.inputs[i])) {
          aliases.push_back({static_cast<int>(o), static_cast<int>(i)});
          taken[i] = true;
          break;
        }
    std::vector<std::vector<std::vector<uint8_t>>> results;
    for (const bool alias : {true, false}) {
      std::vector<BufferRef> state;
      for (const Array& a : random.inputs) {
        state.push_back(Buffer::allocate(a.type().bytes()));
        std::memcpy(state.back()->data(), a.buffer()->data(), a.type().bytes());
      }
      Session s = session(random.graph, aliases, std::move(state), {.alias = alias});
      s.run();
      for (const Alias& a : aliases) s.outputs[static_cast<size_t>(a.output)] = s.state[static_cast<size_t>(a.input)];
      auto& bytes = results.emplace_back();
      for (size_t o = 0; o < s.outputs.size(); ++o)
        bytes.emplace_back(s.outputs[o]->as<uint8_t>(),
                           s.outputs[o]->as<uint8_t>() + random.graph.type(random.graph.outputs[o]).bytes());
    }
    aliased += static_cast<int>(aliases.size());
    INFO("seed " << seed << "\n" << to_string(random.graph));
    REQUIRE(results[0] == results[1]);
  }
  CHECK(aliased > 200);
}

TEST_CASE("a steady run allocates nothing") {
  const Traced t = trace({mat, mat, vec}, [](std::span<const Array> in) {
    const Array y = relu(matmul(in[0], in[1]) + in[2]);
    check_finite(y, "y");
    return Arrays{in[1] - y * 0.1, sum(y), in[0]};
  });
  Session s =
      session(t.graph, {{0, 1}},
              {buffer(std::vector<float>(16, 0.5f)), buffer(std::vector<float>(16, 0.1f)), buffer({1, 2, 3, 4})});
  std::vector<BufferRef*> holders;
  for (BufferRef& b : s.state) holders.push_back(&b);
  for (int i = 0; i < 3; ++i) s.plan->run(holders, s.outputs);
  const int64_t buffers = Buffer::allocations(), before = test::allocations();
  for (int i = 0; i < 10; ++i) s.plan->run(holders, s.outputs);
  CHECK(Buffer::allocations() == buffers);
  CHECK(test::allocations() == before);
}

}  // namespace
}  // namespace nnx
