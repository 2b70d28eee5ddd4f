// State as a mapping of values, Variables as objects with metadata, and what a model says when a traced value leaked into it.
#include <doctest/doctest.h>

#include "nnx/display.h"
#include "nnx/nnx.h"
#include "support/errors.h"

using namespace nnx;
using nnx::test::error_of;

namespace {

struct Cell2 : Module<Cell2, Layer> {
  Param kernel = Param(ones({2, 2}));
  BatchStat mean = BatchStat(zeros({2}));
  Array operator()(const Array& x) override { return matmul(x, kernel); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("mean", self.mean);
  }
};

struct Net : Module<Net> {
  std::vector<Ref<Cell2>> blocks;
  Ref<Layer> head;
  Array plain;
  static void fields(auto& self, auto&& f) {
    f("blocks", self.blocks);
    f("head", self.head);
    f("plain", self.plain);
  }
};

struct Recorder : Module<Recorder, Layer> {
  Array operator()(const Array& x) override {
    sow<Intermediate>("seen", x);
    sow<Cache>("last", x, [](const Array&, const Array& next) { return next; });
    return x * 2.0;
  }
  static void fields(auto&, auto&&) {}
};

Ref<Net> net() {
  auto model = make<Net>();
  model->blocks = {make<Cell2>(), make<Cell2>()};
  model->head = make<Cell2>();
  return model;
}

template <class V, class A> concept assigns = requires(V v, A a) { v = a; };
template <class V, class A> concept adds_in_place = requires(V v, A a) { v += a; };

}  // namespace

TEST_CASE("a State is a mapping: below a prefix, filtered, merged, mapped and compared") {
  auto model = net();
  const State all = state(model);
  CHECK(all.below("blocks.1").paths() == std::vector<std::string>{"kernel", "mean"});
  CHECK(all.below("blocks").size() == 4);
  CHECK(all.below("nothing").empty());
  const State params = all.filter(of<Param>), stats = all.filter(of<BatchStat>);
  CHECK(State::merge(std::vector<State>{stats, params}) == all);
  CHECK(params != all);
  State changed = all;
  CHECK(changed == all);
  changed.set("head.mean", ones({2}));
  CHECK(changed != all);
  changed.set("head.mean", zeros({2}));   // other memory, the same values
  CHECK(changed == all);
  changed = all.map([](const Path& path, const Array& x) { return to_string(path) == "head.kernel" ? x * 3.0 : x; });
  CHECK(changed["head.kernel"].to_vector<float>() == std::vector<float>(4, 3.0f));
  CHECK(all["head.kernel"].to_vector<float>() == std::vector<float>(4, 1.0f));
  CHECK(error_of([&] { all.at("head.kernle"); }) == "State: there is no path 'head.kernle'; did you mean 'head.kernel'?");
}

TEST_CASE("copies are values: a split State and its model change apart until update, also in place") {
  auto model = net();
  const auto [def, before] = split(model);
  const State kept = before;
  const auto step = jit([](Ref<Net> m) {
    for (const auto& block : m->blocks) block->kernel.set(block->kernel.get() * 2.0);
  });
  for (int i = 0; i < 3; ++i) step(model);   // compiled updates write in place
  CHECK(before["blocks.0.kernel"].to_vector<float>() == std::vector<float>(4, 1.0f));
  CHECK(model->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 8.0f));

  State edited = before;
  edited.set("head.kernel", zeros({2, 2}));
  CHECK(as<Cell2>(model->head)->kernel.get().to_vector<float>() == std::vector<float>(4, 1.0f));
  CHECK(before == kept);
  auto twin = merge<Net>(def, edited);
  update(model, edited);   // both now share Buffers with `edited`
  step(model);
  CHECK(twin->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 1.0f));
  CHECK(edited["blocks.0.kernel"].to_vector<float>() == std::vector<float>(4, 1.0f));
  CHECK(model->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 2.0f));

  auto copy = clone(model);
  step(copy);
  CHECK(model->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 2.0f));
}

TEST_CASE("a compiled function takes and returns States") {
  auto model = net();
  const auto [def, values] = split(model);
  const auto forward = jit([def = def](State s, Array x) {
    auto m = merge<Net>(def, s);
    m->blocks[0]->mean.set(m->blocks[0]->mean.get() + 1.0);
    const Array y = m->head(x);
    return std::pair(y, state(m));
  });
  const auto [y, after] = forward(values, ones({1, 2}));
  CHECK(y.to_vector<float>() == std::vector<float>(2, 2.0f));
  CHECK(after["blocks.0.mean"].to_vector<float>() == std::vector<float>(2, 1.0f));
  CHECK(values["blocks.0.mean"].to_vector<float>() == std::vector<float>(2, 0.0f));
  CHECK(after.at("blocks.0.mean").kind == &BatchStat::static_kind());
  CHECK(forward(after, ones({1, 2})).second["blocks.0.mean"].to_vector<float>() == std::vector<float>(2, 2.0f));
  CHECK(forward.entries() == 1);
}

TEST_CASE("update checks everything before it writes anything") {
  auto model = net();
  State wrong = state(model, path("head.kernel")).map([](const Path&, const Array& x) { return x * 5.0; });
  wrong.insert(parse_path("tail.kernel"), {ones({1}), &Param::static_kind()});
  CHECK(error_of([&] { update(model, wrong); }) == "update: the module has no Variable 'tail.kernel'; did you mean 'head.kernel'?");
  CHECK(as<Cell2>(model->head)->kernel.get().to_vector<float>() == std::vector<float>(4, 1.0f));
  model->blocks[1]->kernel = model->blocks[0]->kernel;
  State both;
  for (const char* at : {"blocks.0.kernel", "blocks.1.kernel"}) both.insert(parse_path(at), {zeros({2, 2}), &Param::static_kind()});
  CHECK(error_of([&] { update(model, both); }) == "update: two values for one shared Variable: 'blocks.0.kernel' and 'blocks.1.kernel'");
}

TEST_CASE("Variables and lists of them are roots too; an Array alone is not") {
  const Param w(ones({2}));
  const auto [def, values] = split(w);
  CHECK(values.size() == 1);
  CHECK(values[""].shape() == Shape{2});
  const Param again = merge<Param>(def, values);
  CHECK(again.kind().name == "Param");
  CHECK(!again.same(w));
  const auto [list_def, list_values] = split(std::pair(w, ones({3})));
  CHECK(list_values.paths() == std::vector<std::string>{"0", "1"});
  const auto list = merge<std::pair<Param, Array>>(list_def, list_values);
  CHECK(list.second.shape() == Shape{3});
  CHECK(error_of([] { split(ones({2})); }) == "split: expected a Module, a Variable, or a list, map or tuple of these, got an Array");
}

TEST_CASE("map makes new objects with the mapped values") {
  auto model = net();
  model->blocks[1] = model->blocks[0];
  auto doubled = map([](const Path&, const Array& x) { return x * 2.0; }, model);
  CHECK(doubled->blocks[0] == doubled->blocks[1]);
  CHECK(doubled->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 2.0f));
  CHECK(model->blocks[0]->kernel.get().to_vector<float>() == std::vector<float>(4, 1.0f));
}

TEST_CASE("Variables convert to Arrays in arithmetic, and cannot be changed by operators") {
  const Param w(full({2}, 3)), b(full({2}, 1));
  CHECK((w * ones({2}) + b).to_vector<float>() == std::vector<float>(2, 4.0f));
  CHECK((w + b).to_vector<float>() == std::vector<float>(2, 4.0f));
  CHECK((1.0 - w).to_vector<float>() == std::vector<float>(2, -2.0f));
  CHECK((-w / 2.0).to_vector<float>() == std::vector<float>(2, -1.5f));
  static_assert(std::same_as<decltype(w + b), Array>);
  static_assert(!assigns<Param, Array>);
  static_assert(!adds_in_place<Param, Array>);
}

TEST_CASE("indexed reads and writes go along the first axis") {
  Param v(array<float>({1, 2, 3, 4, 5, 6}, {3, 2}));
  CHECK(v.get(1).to_vector<float>() == std::vector<float>{3, 4});
  CHECK(v.get(-1).to_vector<float>() == std::vector<float>{5, 6});
  v.set(1, zeros({2}));
  CHECK(v.get().to_vector<float>() == std::vector<float>{1, 2, 0, 0, 5, 6});
  v.set(-1, ones({2}));
  v.set(0, ones({2}));
  CHECK(v.get().to_vector<float>() == std::vector<float>{1, 1, 0, 0, 1, 1});
  CHECK(error_of([&] { v.set(3, ones({2})); }) == "Param: expected an index in [-3, 3), got 3");
}

TEST_CASE("metadata is set, read, removed, and set for many Variables at once") {
  auto model = net();
  const Param& kernel = model->blocks[0]->kernel;
  const GraphDef plain = graphdef(model);
  kernel.set_metadata("frozen", true);
  CHECK(std::get<bool>(kernel.get_metadata("frozen")));
  CHECK(graphdef(model) != plain);
  CHECK(std::get<int64_t>(kernel.get_metadata("axis", int64_t{4})) == 4);
  CHECK(error_of([&] { kernel.get_metadata("axis"); }) == "Param kernel: it has no metadata 'axis'; it has frozen" );
  kernel.del_metadata("frozen");
  CHECK(!kernel.has_metadata("frozen"));
  CHECK(graphdef(model) == plain);
  CHECK(set_metadata(model, of<Param> && path("blocks.**"), {{"sharding", std::string("data")}}) == 2);
  const auto [def, values] = split(model);
  CHECK(std::get<std::string>(merge<Net>(def, values)->blocks[1]->kernel.get_metadata("sharding")) == "data");
  kernel.set_metadata(Metadata{{"only", 1.5}});
  CHECK(!kernel.has_metadata("sharding"));
}

TEST_CASE("a copy of a Variable is one of its own, with kind and metadata") {
  Param v(ones({2}));
  v.set_metadata("name", std::string("v"));
  const Param twin = v.copy(), other = v.replace(zeros({3}));
  v.set(zeros({2}));
  CHECK(twin.get().to_vector<float>() == std::vector<float>(2, 1.0f));
  CHECK(other.shape() == Shape{3});
  CHECK(other.has_metadata("name"));
  Param into(ones({1}));
  into.copy_from(other);
  CHECK(into.shape() == Shape{3});
  CHECK(into.has_metadata("name"));
  const Param adapter(LoRAParam(ones({1})));   // a Param by its handle, a LoRAParam by its cell
  CHECK(adapter.copy().kind().name == "LoRAParam");
  CHECK(error_of([&] { into.copy_from(adapter); }) == "Param: expected Param, got LoRAParam");
}

TEST_CASE("sown Variables are part of everything until they are popped, and come out of jit") {
  auto model = make<Recorder>();
  model(ones({2}));
  model(zeros({2}));
  const auto [def, values] = split(model);
  CHECK(values.paths() == std::vector<std::string>{"last", "seen.0", "seen.1"});
  CHECK(values["last"].to_vector<float>() == std::vector<float>(2, 0.0f));
  auto copy = merge<Recorder>(def, values);
  CHECK(graphdef(copy) == def);
  CHECK(GraphDef::from_json(def.to_json()) == def);
  CHECK(state(merge<Recorder>(GraphDef::from_json(def.to_json()), values)) == values);
  CHECK(display(model).find("seen") != std::string::npos);
  CHECK(pop(model, of<Intermediate>).size() == 2);
  CHECK(state(model).paths() == std::vector<std::string>{"last"});
  pop(model, rest);

  const auto forward = jit([](Ref<Recorder> m, Array x) { return m(x); });
  for (float v : {1.0f, 2.0f}) {   // the second call is a replay
    forward(model, full({2}, v));
    CHECK(state(model)["seen.0"].to_vector<float>() == std::vector<float>(2, v));
    const State popped = pop(model, rest);
    CHECK(popped.size() == 2);
  }
  CHECK(forward.entries() == 1);
  forward(model, ones({2}));
  forward(model, ones({2}));   // a list that grows is another structure
  CHECK(forward.entries() == 2);
  CHECK(state(model, path("seen.*")).size() == 2);
}

TEST_CASE("a compiled function may return nothing in an Array's place, and Modules that hold bare Arrays") {
  const auto f = jit([](Array x) {
    auto made = make<Net>();
    made->head = make<Cell2>();
    made->plain = x * 3.0;
    return std::tuple(Array(), x * 2.0, made);
  });
  for (float v : {1.0f, 2.0f}) {   // traced, then replayed
    const auto [none, twice, made] = f(full({2}, v));
    CHECK(!none.defined());
    CHECK(twice.to_vector<float>() == std::vector<float>(2, 2 * v));
    CHECK(made->plain.to_vector<float>() == std::vector<float>(2, 3 * v));
    CHECK(as<Cell2>(made->head)->kernel.shape() == Shape{2, 2});
  }
  CHECK(f.entries() == 1);
  auto model = net();
  const auto count = jit([](Ref<Net> m) { return m->plain.defined(); });
  CHECK(!count(model));
  model->plain = ones({2});
  CHECK(count(model));   // an Array that is there is another structure
  CHECK(count.entries() == 2);
}

TEST_CASE("capture leaves a model as it was, also when the call throws") {
  auto model = make<Recorder>();
  model(ones({2}));
  const State before = state(model);
  const auto [y, sown] = capture(model, of<Intermediate>)(zeros({2}));
  CHECK(sown.paths() == std::vector<std::string>{"seen.0"});
  CHECK(sown["seen.0"].to_vector<float>() == std::vector<float>(2, 0.0f));
  CHECK(state(model) == before);
  CHECK_THROWS(capture(model, of<Intermediate>)(Array()));
  CHECK(state(model) == before);
  State nowhere;
  nowhere.insert(parse_path("block.p"), {zeros({2}), &Perturbation::static_kind()});
  CHECK(error_of([&] { capture(model, of<Perturbation>, nowhere)(ones({2})); }) ==
        "capture: there is no Module 'block' for 'block.p' of init");
  CHECK(state(model) == before);
}

TEST_CASE("a traced value that leaked is named by whoever reads it") {
  Ref<Net> stash;
  Array leaked;
  jit([&](Array x) {
    auto made = make<Net>();
    made->head = make<Cell2>();
    as<Cell2>(made->head)->kernel.set(x * 2.0);
    stash = made;
    leaked = x * 3.0;
    return x;
  })(ones({2, 2}));
  const std::string end =
      "a traced f32[2,2] is used after its trace has ended; a value computed inside jit, grad, vmap or scan must leave it as a "
      "result or in a Variable of an argument";
  CHECK(error_of([&] { split(stash); }) == "Param 'head.kernel': " + end);
  CHECK(error_of([&] { state(stash, of<Param>); }) == "Param 'head.kernel': " + end);
  CHECK(error_of([&] { display(stash); }) == "Param 'head.kernel': " + end);
  CHECK(error_of([&] { as<Cell2>(stash->head)->kernel.get(); }) == "Param kernel: " + end);

  auto model = net();
  CHECK(error_of([&] { model->blocks[0]->kernel.set(leaked); }) == "Param kernel: " + end);
  model->plain = leaked;
  CHECK(error_of([&] { split(model); }) == "Array 'plain': " + end);
}
