// Streams split over lanes, explicitly.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

TEST_CASE("split_rngs gives JAX's keys and restores the stream one draw further") {
  const auto rngs = make<Rngs>(0);
  const RngBackup backup = split_rngs(rngs, {.splits = {5}});
  const auto& stream = rngs->stream("default");
  CHECK(stream->key.get().to_vector<uint32_t>() ==
        std::vector<uint32_t>{4165894930, 804218099, 1353695780, 2116000888, 2839387376, 2467677468, 4257973933, 3811338087, 1213420782, 2034885899});
  CHECK(stream->count.get().to_vector<uint32_t>() == std::vector<uint32_t>(5, 0));
  CHECK(error_of([&] { split_rngs(rngs, {.splits = {2}}); }) ==
        "split_rngs: expected a stream with one key at 'streams.default', got u32[5,2]; it is split already");
  restore_rngs(backup);
  CHECK(stream->key.get().to_vector<uint32_t>() == std::vector<uint32_t>{0, 0});
  CHECK(stream->count.get().item<uint32_t>() == 1);
}

TEST_CASE("split_rngs around a function, for some streams only") {
  const auto rngs = make<Rngs>(std::map<std::string, uint64_t>{{"params", 0}, {"dropout", 1}});
  const auto shapes = split_rngs([](Ref<Rngs> r) {
    return std::pair(r->stream("params")->key.get(), r->stream("dropout")->key.get());
  }, {.splits = {2, 3}, .only = tag("params")});
  const auto [params, dropout] = shapes(rngs);
  CHECK(params.shape() == Shape{2, 3, 2});
  CHECK(dropout.shape() == Shape{2});
  CHECK(rngs->stream("params")->count.get().item<uint32_t>() == 1);
  CHECK(rngs->stream("dropout")->count.get().item<uint32_t>() == 0);
  CHECK_THROWS(split_rngs([](Ref<Rngs>) -> Array { fail(ErrorKind::structure, {.where = "test", .message = "no"}); }, {.splits = {2}})(rngs));
  CHECK(rngs->stream("params")->key.get().shape() == Shape{2});
}

TEST_CASE("split by hand or by itself, vmap draws the same") {
  const auto one = make<Rngs>(0), two = make<Rngs>(0);
  const auto draw = [](Ref<Rngs> r) { return random::uniform((*r)(), {3}); };
  const Array by_hand = split_rngs(vmap(draw), {.splits = {4}})(one);
  CHECK(floats(by_hand) == floats(vmap(draw, {.axis_size = 4})(two)));
  CHECK(one->stream("default")->count.get().item<uint32_t>() == two->stream("default")->count.get().item<uint32_t>());
}
