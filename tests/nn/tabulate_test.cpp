// Tables and headers of models made of real layers: the totals that Flax prints for the same models.
#include "nnx/tabulate.h"

#include <doctest/doctest.h>

#include "nn/batch_norm.h"
#include "nn/dropout.h"
#include "nn/linear.h"
#include "nnx/display.h"

using namespace nnx;

namespace {

struct TwoLayers : Module<TwoLayers, Layer> {
  Ref<Linear> linear;
  Ref<BatchNorm> bn;
  Ref<Dropout> dropout;
  TwoLayers() = default;
  TwoLayers(int64_t din, int64_t dout, Rngs& rngs)
      : linear(make<Linear>(din, dout, rngs)), bn(make<BatchNorm>(dout, rngs)), dropout(make<Dropout>(0.2, rngs)) {}
  Array operator()(const Array& x) override { return relu(dropout(bn(linear(x)))); }
  static void fields(auto& self, auto&& f) {
    f("linear", self.linear);
    f("bn", self.bn);
    f("dropout", self.dropout);
  }
};

struct Foo : Module<Foo, Layer> {
  Ref<TwoLayers> block1, block2;
  Foo() = default;
  explicit Foo(Rngs& rngs) : block1(make<TwoLayers>(32, 128, rngs)), block2(make<TwoLayers>(128, 10, rngs)) {}
  Array operator()(const Array& x) override { return block2(block1(x)); }
  static void fields(auto& self, auto&& f) {
    f("block1", self.block1);
    f("block2", self.block2);
  }
};

}  // namespace

TEST_CASE("tabulate: the totals are those of Flax (census 13, 67)") {
  Rngs rngs(0);
  const auto foo = make<Foo>(rngs);
  const Tabulation table = tabulate(foo, {{DType::f32, {1, 32}}});
  CHECK(table.totals.at("BatchStat").to_string() == "276 (1.1 KB)");
  CHECK(table.totals.at("Param").to_string() == "5,790 (23.2 KB)");
  CHECK(table.totals.at("RngState").to_string() == "4 (24 B)");
  CHECK(table.total().to_string() == "6,070 (24.3 KB)");
}

TEST_CASE("tabulate: each Module has a row with what goes in and out, also where it is held by its own type") {
  Rngs rngs(0);
  const auto foo = make<Foo>(rngs);
  const Tabulation table = tabulate(foo, {{DType::f32, {1, 32}}});
  REQUIRE(table.rows.size() == 9);  // Foo, two Blocks, and three layers of each
  for (const TableRow& row : table.rows) CHECK_MESSAGE(row.call.has_value(), row.path);
  CHECK(table.rows[4].path == "block1.linear");
  CHECK(table.rows[4].call->inputs == std::vector<Type>{{DType::f32, {1, 32}}});
  CHECK(table.rows[4].call->outputs == std::vector<Type>{{DType::f32, {1, 128}}});
  CHECK(table.rows[4].call->flops >= 2 * 32 * 128);
  CHECK(table.rows[0].call->flops == table.rows[1].call->flops + table.rows[5].call->flops);
  CHECK(foo->block1->dropout->rngs->count.get().item<uint32_t>() == 0);  // the model keeps its counts
}

TEST_CASE("tabulate: a shared layer has one row (census 13, 68)") {
  Rngs rngs(0);
  const auto foo = make<Foo>(rngs);
  for (const auto& block : {foo->block1, foo->block2}) block->dropout = {};
  CHECK(tabulate(foo).rows.size() == 7);
  foo->block2->linear = foo->block1->linear;
  const Tabulation table = tabulate(foo);
  REQUIRE(table.rows.size() == 6);
  CHECK(table.to_string().find("linear ↪ block1.linear") != std::string::npos);
}

TEST_CASE("display: the first line counts all, and each kind (census 13, 69)") {
  Rngs rngs(0);
  const std::string text = display(make<Foo>(rngs));
  CHECK(text.starts_with("Foo  # 6,070 (24.3 KB): BatchStat 276 (1.1 KB), Param 5,790 (23.2 KB), RngState 4 (24 B)\n"));
}
