// What people read of a model: display, tabulate, summaries.
#include "nnx/display.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "nnx/nnx.h"
#include "nnx/summary.h"
#include "nnx/tabulate.h"

using namespace nnx;

namespace {

struct Dense : Module<Dense, Layer> {
  Param kernel, bias;
  int64_t features = 0;
  Dense() = default;
  Dense(int64_t in, int64_t out) : kernel(full({in, out}, 0.5)), bias(zeros({out})), features(out) {}
  Array operator()(const Array& x) override { return matmul(x, kernel) + bias; }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("features", self.features);
  }
};

struct Net : Module<Net> {
  std::vector<Ref<Layer>> blocks;
  Ref<Layer> head;
  BatchStat seen;
  Ref<RngStream> rngs;
  Ref<Net> self_reference;
  Number rate = 0.25;
  Param none;
  static void fields(auto& self, auto&& f) {
    f("blocks", self.blocks);
    f("head", self.head);
    f("seen", self.seen);
    f("rngs", self.rngs);
    f("self_reference", self.self_reference);
    f("rate", self.rate);
    f("none", self.none);
  }
};

// Calls its layers one after the other, and counts.
struct Chain : Module<Chain, Layer> {
  std::vector<Ref<Layer>> layers;
  Ref<Dense> last;
  BatchStat calls;
  Array operator()(const Array& x) override {
    calls.set(calls.get() + 1.0);
    Array y = x;
    for (const Ref<Layer>& layer : layers) y = (*layer)(y);
    return last(y);
  }
  static void fields(auto& self, auto&& f) {
    f("layers", self.layers);
    f("last", self.last);
    f("calls", self.calls);
  }
};

Ref<Net> make_net() {
  auto net = make<Net>();
  net->blocks = {make<Dense>(3, 4), make<Dense>(4, 4)};
  net->head = net->blocks[1];
  net->seen = BatchStat(array<float>({1, 2, 3, 4, 5, 6, 7, std::numeric_limits<float>::quiet_NaN()}, {2, 4}));
  net->rngs = make<RngStream>("dropout", array<uint32_t>({4146000001u, 3}, {2}));
  net->self_reference = net;
  return net;
}

// The cycle is opened at the end: Refs count, and would keep each other alive.
struct CyclicNet {
  Ref<Net> net = make_net();
  ~CyclicNet() { net->self_reference = {}; }
};

constexpr const char* expected_display =
    R"(Net  # 46 (188 B): BatchStat 8 (32 B), Param 36 (144 B), RngState 2 (12 B)
  blocks: list  # Param 36 (144 B)
    0: Dense  # Param 16 (64 B)
      bias: Param f32[4] 16 B  [0, 0, 0, 0]
      features: 4
      kernel: Param f32[3,4] 48 B  mean 0.5 std 0 min 0.5 max 0.5
    1: Dense  # Param 20 (80 B)
      bias: Param f32[4] 16 B  [0, 0, 0, 0]
      features: 4
      kernel: Param f32[4,4] 64 B  mean 0.5 std 0 min 0.5 max 0.5
  head: ↪ blocks.1
  none: none
  rate: 0.25
  rngs: RngStream  # RngState 2 (12 B)
    count: RngCount u32[] 4 B  tag dropout  [0]
    key: RngKey u32[2] 8 B  tag dropout  [4146000001, 3]
    tag: 'dropout'
  seen: BatchStat f32[2,4] 32 B  mean 4 std 2 min 1 max 7, 1 NON-FINITE
  self_reference: ↪ Net (the root)
)";

constexpr const char* expected_state =
    R"(State  # 46 (188 B): BatchStat 8 (32 B), Param 36 (144 B), RngState 2 (12 B)
  blocks  # Param 36 (144 B)
    0  # Param 16 (64 B)
      bias: Param f32[4] 16 B
      kernel: Param f32[3,4] 48 B
    1  # Param 20 (80 B)
      bias: Param f32[4] 16 B
      kernel: Param f32[4,4] 64 B
  rngs  # RngState 2 (12 B)
    count: RngCount u32[] 4 B  tag dropout
    key: RngKey u32[2] 8 B  tag dropout
  seen: BatchStat f32[2,4] 32 B
)";

constexpr const char* expected_table =
    R"(path      type   variables                                           BatchStat       Param  RngState
--------  -----  --------------------------------------------------  ---------  ----------  --------
.         Net    head ↪ blocks.1, seen f32[2,4], self_reference ↪ .   8 (32 B)              2 (12 B)
blocks.0  Dense  bias f32[4], kernel f32[3,4]                                    16 (64 B)
blocks.1  Dense  bias f32[4], kernel f32[4,4]                                    20 (80 B)
Total                                                                 8 (32 B)  36 (144 B)  2 (12 B)
46 (188 B) in all
)";

}  // namespace

TEST_CASE("display: an indented tree, shared objects and cycles as arrows") {
  CHECK(display(CyclicNet().net) == expected_display);
}

TEST_CASE("display: a State alone, and a GraphDef alone") {
  auto [def, state] = split(CyclicNet().net);
  CHECK(display(state, {.values = false}) == expected_state);
  CHECK(display(def, state) == expected_display);
  const std::string bare = display(def);
  CHECK(bare.find("      kernel: Param\n") != std::string::npos);
  CHECK(bare.find("head: ↪ blocks.1\n") != std::string::npos);
  CHECK(bare.find("f32") == std::string::npos);
}

TEST_CASE("display: colours only where asked for, and they change nothing else") {
  std::string colored = display(CyclicNet().net, {.color = true});
  CHECK(colored.find("\x1b[35m↪ blocks.1\x1b[0m") != std::string::npos);
  for (size_t at; (at = colored.find('\x1b')) != std::string::npos;) colored.erase(at, colored.find('m', at) - at + 1);
  CHECK(colored == expected_display);
}

TEST_CASE("display: a Graph and a Plan look like the rest") {
  const Traced traced = trace({{DType::f32, {2, 3}}}, [](std::span<const Array> in) {
    const Array twice = in[0] * 2.0;
    return Arrays{sum(twice, {1}), twice};
  });
  CHECK(display(traced.graph) == R"(Graph  # 4 nodes, 1 input, 2 outputs
  %0: input f32[2,3]
  %1: fill f32[2,3]  {type=f32[2,3], value=2}
  %2: mul f32[2,3]  (%0, %1)
  %3: reduce_sum f32[2]  (%2)  {axes=[1]}
  return: %3, %2
)");
  const auto plan = Plan::compile(traced.graph, {}, {.threads = 1});
  const std::string text = display(*plan);
  CHECK(text.starts_with("Plan  # 1 step, up to 1 thread, "));
  CHECK(text.find("\n  0: fused loop f32[2,3], f32[2]  ") != std::string::npos);
  CHECK(text.find("\n  inputs: 24 B\n  outputs: 32 B\n") != std::string::npos);
}

TEST_CASE("display: a traced value has a type and no summary") {
  const auto net = make<Dense>(3, 4);
  std::string seen;
  jit([&](Ref<Dense> m) {
    seen = display(m);
    return sum(m->kernel.get());
  })(net);
  CHECK(seen.find("kernel: Param f32[3,4] 48 B\n") != std::string::npos);
}

TEST_CASE("tabulate: rows add up to the totals, and everything is counted once") {
  const Tabulation table = tabulate(CyclicNet().net);
  REQUIRE(table.rows.size() == 3);
  CHECK(table.rows[0].type == "Net");
  CHECK(table.rows[1].path == "blocks.0");
  CHECK(table.rows[1].amounts.at("Param").elements == 16);
  CHECK(table.rows[2].path == "blocks.1");
  CHECK(table.totals.at("Param").elements == 36);
  CHECK(table.total().bytes == 32 + 144 + 12);
  for (const auto& [kind, total] : table.totals) {
    Amount sum;
    for (const TableRow& row : table.rows)
      if (row.amounts.contains(kind)) sum.add(row.amounts.at(kind));
    CHECK(sum.elements == total.elements);
    CHECK(sum.bytes == total.bytes);
  }
  CHECK(table.to_string() == expected_table);
}

TEST_CASE("tabulate with an input: shapes and FLOPs of each layer, and the model stays as it was") {
  auto net = make<Chain>();
  net->layers = {make<Dense>(3, 4), make<Dense>(4, 4)};
  net->layers.push_back(net->layers[1]);  // called twice
  net->last = make<Dense>(4, 2);          // of a type of its own: no probe fits there
  net->calls = BatchStat(zeros({}));
  const Tabulation table = tabulate(net, {{DType::f32, {5, 3}}});
  REQUIRE(table.rows.size() == 4);
  CHECK(table.rows[0].call->outputs == std::vector<Type>{{DType::f32, {5, 2}}});
  const TableRow* first = &table.rows[2];
  CHECK(first->path == "layers.0");
  CHECK(first->call->inputs == std::vector<Type>{{DType::f32, {5, 3}}});
  CHECK(first->call->outputs == std::vector<Type>{{DType::f32, {5, 4}}});
  CHECK(first->call->flops >= 2 * 5 * 3 * 4);  // the product, and a little for the bias
  CHECK(first->call->flops <= 2 * 5 * 3 * 4 + 5 * 4);
  CHECK(table.rows[3].call->calls == 2);
  CHECK(table.rows[3].call->flops >= 2 * 2 * 5 * 4 * 4);
  CHECK(table.rows[1].path == "last");
  CHECK(table.rows[1].call->inputs == std::vector<Type>{{DType::f32, {5, 4}}});
  CHECK(table.rows[1].call->outputs == std::vector<Type>{{DType::f32, {5, 2}}});
  CHECK(table.rows[0].call->flops ==
        table.rows[1].call->flops + table.rows[2].call->flops + table.rows[3].call->flops);
  CHECK(table.to_string().find("f32[5,3]") != std::string::npos);
  CHECK(net->calls.get().item<float>() == 0);
  CHECK(as<Dense>(net->layers[0])->features == 4);  // no probe is left behind
}

TEST_CASE("summaries of every dtype, of nothing and of nothing finite") {
  CHECK(summarize(array<int32_t>({-1, 3}, {2})).to_string() == "mean 1 std 2 min -1 max 3");
  CHECK(summarize(array<uint32_t>({4000000000u}, {1})).max == 4e9);
  CHECK(summarize(array<double>({1e300, -1e300}, {2})).mean == 0);
  CHECK(summarize(zeros({0, 3})).to_string() == "empty");
  const float inf = std::numeric_limits<float>::infinity();
  CHECK(summarize(array<float>({inf, -inf, std::nanf("")}, {3})).to_string() == "3 NON-FINITE");
  CHECK(summarize(greater(array<float>({1, 2, 3}, {3}), array<float>({2, 2, 2}, {3}))).mean ==
        doctest::Approx(1.0 / 3));
}

TEST_CASE("numbers as people read them") {
  CHECK(grouped(0) == "0");
  CHECK(grouped(999) == "999");
  CHECK(grouped(-1000) == "-1,000");
  CHECK(grouped(1234567) == "1,234,567");
  CHECK(byte_text(1000) == "1000 B");
  CHECK(byte_text(1001) == "1.0 KB");
  CHECK(byte_text(23'160) == "23.2 KB");
  CHECK(byte_text(2'680'000) == "2.7 MB");
  CHECK(byte_text(1'500'000'000) == "1.5 GB");
}
