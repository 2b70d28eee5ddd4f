// The object layer on the modules of the guide: split, merge, sharing, jit, grad.
#include "nnx/modules.h"

using namespace nnx;
using namespace nnx::test;

namespace {

struct StatefulLinear : Module<StatefulLinear> {
  Param w, b;
  Count count;
  StatefulLinear() = default;
  StatefulLinear(int64_t in, int64_t out, Rngs& rngs)
      : w(random::uniform(rngs(), {in, out})), b(zeros({out})), count(scalar<int32_t>(0)) {}
  Array operator()(const Array& x) {
    count.set(count.get() + 1);
    return matmul(x, w.get()) + b.get();
  }
  static void fields(auto& self, auto&& f) {
    f("w", self.w);
    f("b", self.b);
    f("count", self.count);
  }
};

struct Pair : Module<Pair> {
  Ref<Layer> first, second;
  Number scale = 2.0;
  std::vector<Ref<Layer>> more;
  Array operator()(const Array& x) { return (*second)((*first)(x)) * scale.array(); }
  static void fields(auto& self, auto&& f) {
    f("first", self.first);
    f("second", self.second);
    f("scale", self.scale);
    f("more", self.more);
  }
};

struct Forgetful : Module<Forgetful> {
  Param listed, forgotten;
  Forgetful() = default;
  explicit Forgetful(int64_t n) : listed(zeros({n})), forgotten(zeros({n})) {}
  static void fields(auto& self, auto&& f) { f("listed", self.listed); }
};

struct Link : Module<Link> {
  Ref<Link> next;
  Param value;
  static void fields(auto& self, auto&& f) {
    f("next", self.next);
    f("value", self.value);
  }
};

}  // namespace

TEST_CASE("split gives values, merge makes objects again") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 5, rngs);
  auto [def, params, counts] = split(model, of<Param>, of<Count>);
  CHECK(params.paths() == std::vector<std::string>{"b", "w"});
  CHECK(counts.paths() == std::vector<std::string>{"count"});
  CHECK(params["w"].data<float>()[0] == doctest::Approx(0.8423141));   // uniform(fold_in(key(0), 0)), flax-census 5.5
  auto copy = merge<StatefulLinear>(def, params, counts);
  (*copy)(ones({1, 3}));
  CHECK(copy->count.get().item<int32_t>() == 1);
  CHECK(model->count.get().item<int32_t>() == 0);
  auto [def2, state2] = split(copy);
  CHECK(def == def2);
  CHECK(def.hash() == def2.hash());
  update(model, state2);
  CHECK(model->count.get().item<int32_t>() == 1);
}

TEST_CASE("non-exhaustive filters and bad states name the paths") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 5, rngs);
  CHECK(error_of([&] { split(model, of<Param>); }) ==
        "split: Non-exhaustive filters, got a non-empty remainder: count (Count); use `rest` to match all remaining Variables");
  auto [def, params, counts] = split(model, of<Param>, rest);
  CHECK(error_of([&] { merge(def, params); }) == "merge: no State has a value for 'count'; give merge every State that split returned");
  CHECK(error_of([&] { split(model, rest, of<Param>); }) == "split: `...` can only be used as the last filters, got it at index 0");
  State wrong;
  wrong.insert(parse_path("weight"), {zeros({3, 5}), &Param::static_kind()});
  CHECK(error_of([&] { update(model, wrong); }).starts_with("update: the module has no Variable 'weight'"));
}

TEST_CASE("sharing and cycles survive split and merge") {
  Rngs rngs(0);
  auto pair = make<Pair>();
  auto linear = make<Linear>(4, 4, rngs);
  pair->first = linear;
  pair->second = linear;
  auto [def, state] = split(pair);
  CHECK(state.paths() == std::vector<std::string>{"first.b", "first.w"});
  auto copy = merge<Pair>(def, state);
  CHECK(copy->first == copy->second);
  CHECK(copy->first != pair->first);
  CHECK(find_duplicates(pair) == std::vector<std::vector<Path>>{{parse_path("first"), parse_path("second")}});

  auto node = make<Link>();
  node->value = Param(ones({2}));
  node->next = node;
  auto [cycle, values] = split(node);
  CHECK(values.size() == 1);
  auto again = merge<Link>(cycle, values);
  CHECK(again->next == again);
  again->next = {};
  node->next = {};
}

TEST_CASE("a tied Variable is one leaf, and two values for it are an error") {
  Rngs rngs(0);
  auto a = make<Linear>(2, 2, rngs), b = make<Linear>(2, 2, rngs);
  b->w = a->w;
  auto pair = make<Pair>();
  pair->first = a;
  pair->second = b;
  auto [def, state] = split(pair);
  CHECK(state.size() == 3);
  auto copy = merge<Pair>(def, state);
  CHECK(as<Linear>(copy->first)->w.same(as<Linear>(copy->second)->w));
  State both = state;
  both.insert(parse_path("second.w"), {zeros({2, 2}), &Param::static_kind()});
  CHECK(error_of([&] { merge(def, both); }) == "merge: two values for one shared Variable: 'first.w' and 'second.w'");
}

TEST_CASE("a Variable that fields does not list is an error of make") {
  CHECK(error_of([] { make<Forgetful>(3); }) ==
        "Forgetful: its constructor made a Param f32[3] that `fields` does not list; add it to `fields`, so that split, "
        "checkpoints and optimizers see it");
}

TEST_CASE("jit carries mutations out and compiles once") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 5, rngs);
  auto forward = jit([](Ref<StatefulLinear> m, Array x) { return (*m)(x); });
  const Array x = ones({1, 3});
  const Array eager = (*clone(model))(x);
  const Array first = forward(model, x), second = forward(model, x);
  CHECK(model->count.get().item<int32_t>() == 2);
  CHECK(first.to_vector<float>() == eager.to_vector<float>());
  CHECK(second.to_vector<float>() == eager.to_vector<float>());
  CHECK(forward.entries() == 1);
  forward(model, ones({2, 3}));
  CHECK(forward.entries() == 2);
}

TEST_CASE("a split State never changes with the model it came from") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 5, rngs);
  auto step = jit([](Ref<StatefulLinear> m) { m->w.set(m->w.get() * 2.0); });
  step(model);
  auto [def, state] = split(model);
  const std::vector<float> before = state["w"].to_vector<float>();
  step(model);
  CHECK(state["w"].to_vector<float>() == before);
  CHECK(model->w.get().to_vector<float>()[0] == 2 * before[0]);
}

TEST_CASE("numbers are inputs of a compiled function") {
  Rngs rngs(0);
  auto pair = make<Pair>();
  pair->first = make<Linear>(2, 2, rngs);
  pair->second = make<Linear>(2, 2, rngs);
  auto forward = jit([](Ref<Pair> m, Array x) { return (*m)(x); });
  const float two = forward(pair, ones({1, 2})).to_vector<float>()[0];
  pair->scale.set(4.0);
  CHECK(forward(pair, ones({1, 2})).to_vector<float>()[0] == 2 * two);
  CHECK(forward.entries() == 1);
}

TEST_CASE("value_and_grad, eager and inside jit") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 2, rngs);
  const auto loss_fn = [](Ref<StatefulLinear> m, Array x) { return sum((*m)(x)); };
  const Array x = ones({4, 3});
  auto [loss, grads] = value_and_grad(loss_fn)(model, x);
  CHECK(grads.paths() == std::vector<std::string>{"b", "w"});
  CHECK(grads["w"].to_vector<float>() == std::vector<float>(6, 4.0f));
  CHECK(grads["b"].to_vector<float>() == std::vector<float>(2, 4.0f));
  CHECK(model->count.get().item<int32_t>() == 1);

  auto step = jit([&](Ref<StatefulLinear> m, Array input) {
    auto [value, g] = value_and_grad(loss_fn)(m, input);
    m->w.set(m->w.get() - g["w"] * 0.1);
    return value;
  });
  const float w0 = model->w.get().to_vector<float>()[0];
  CHECK(step(model, x).item<float>() == doctest::Approx(loss.item<float>()));
  CHECK(model->w.get().to_vector<float>()[0] == doctest::Approx(w0 - 0.4f));
  step(model, x);
  CHECK(model->count.get().item<int32_t>() == 3);
  CHECK(step.entries() == 1);
  CHECK(error_of([&] { value_and_grad([](Ref<StatefulLinear> m, Array input) { return (*m)(input); })(model, x); }) ==
        "grad: expected a function whose (first) result is a float scalar, got f32[4,2]; take a mean or a sum");
}

TEST_CASE("gradients by position, with aux, of gradients, of a shared Variable") {
  const auto f = [](Array x, Array y) { return std::pair(sum(x * x * y), x + y); };
  const Array x = array<float>({1, 2}, {2}), y = array<float>({3, 4}, {2});
  auto [out, g] = value_and_grad<0, 1>(f)(x, y);
  CHECK(std::get<0>(g).to_vector<float>() == std::vector<float>{6, 16});
  CHECK(std::get<1>(g).to_vector<float>() == std::vector<float>{1, 4});
  CHECK(out.second.to_vector<float>() == std::vector<float>{4, 6});
  const auto cube = [](Array v) { return sum(v * v * v); };
  const auto second = grad([&](Array v) { return sum(grad(cube)(v)); })(x);
  CHECK(second.to_vector<float>() == std::vector<float>{6, 12});
}

TEST_CASE("mutating what is not an argument is an error that names it") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 2, rngs);
  auto step = jit([&](Array x) { return (*model)(x); });
  CHECK(error_of([&] { step(ones({1, 3})); }) ==
        "Count count: cannot be mutated from a different trace level; pass the Module that owns it as an argument of the "
        "transformed function");
  CHECK(model->count.get().item<int32_t>() == 0);
  // Reading it is fine, and sees later changes.
  auto read = jit([&](Array x) { return matmul(x, model->w); });
  const float before = read(ones({1, 3})).to_vector<float>()[0];
  model->w.set(model->w.get() * 2.0);
  CHECK(read(ones({1, 3})).to_vector<float>()[0] == 2 * before);
  CHECK(read.entries() == 1);
}

TEST_CASE("a call that replaces, swaps and makes objects is replayed") {
  Rngs rngs(0);
  auto pair = make<Pair>();
  pair->first = make<Linear>(2, 2, rngs);
  pair->second = make<Linear>(2, 2, rngs);
  const Ref<Layer> a = pair->first, b = pair->second;
  auto swap = jit([](Ref<Pair> p) { std::swap(p->first, p->second); });
  swap(pair);
  CHECK(pair->first == b);
  swap(pair);
  CHECK(pair->first == a);
  CHECK(swap.entries() == 1);

  auto build = jit([](Ref<Pair> p, Array x) {
    auto fresh = make<Linear>();
    fresh->w = Param(x * 2.0);
    fresh->b = Param(zeros({2}));
    p->more.push_back(fresh);
    return fresh;
  });
  const Array x = ones({2, 2});
  auto made = build(pair, x);
  CHECK(made->w.get().to_vector<float>() == std::vector<float>(4, 2.0f));
  CHECK(pair->more.size() == 1);
  pair->more.clear();
  auto again = build(pair, x * 3.0);
  CHECK(build.entries() == 1);
  CHECK(again != made);
  CHECK(pair->more.size() == 1);
  CHECK(pair->more[0] == again);
  CHECK(again->w.get().to_vector<float>() == std::vector<float>(4, 6.0f));
}

TEST_CASE("surgery is assignment, and the next call notices") {
  Rngs rngs(0);
  auto pair = make<Pair>();
  pair->first = make<Linear>(2, 2, rngs);
  pair->second = make<Linear>(2, 2, rngs);
  auto forward = jit([](Ref<Pair> m, Array x) { return (*m)(x); });
  forward(pair, ones({1, 2}));
  pair->second = make<Linear>(2, 7, rngs);
  CHECK(forward(pair, ones({1, 2})).shape() == Shape{1, 7});
  CHECK(forward.entries() == 2);
}

TEST_CASE("generic calls check their arguments") {
  Rngs rngs(0);
  auto model = make<Linear>(2, 3, rngs);
  CHECK(model->call({ones({1, 2})}).as<Array>().shape() == Shape{1, 3});
  CHECK(error_of([&] { model->call({ones({1, 2}), true}); }) == "Linear: expected at most 1 arguments, got 2");
  CHECK(error_of([&] { model->call({"x"}); }) == "call: expected an Array, got 'x'");
}

TEST_CASE("values are restored when a call throws") {
  Rngs rngs(0);
  auto model = make<StatefulLinear>(3, 2, rngs);
  const std::vector<float> w = model->w.get().to_vector<float>();
  auto bad = jit([](Ref<StatefulLinear> m, Array x) {
    m->w.set(m->w.get() * 0.0);
    return matmul(x, ones({7, 7}));
  });
  CHECK_THROWS(bad(model, ones({1, 3})));
  CHECK(model->w.get().to_vector<float>() == w);
  auto guarded = jit([](Ref<StatefulLinear> m, Array x) {
    const Array loss = check_finite(sum(log(x)), "loss");
    m->w.set(m->w.get() * 0.0);
    return loss;
  });
  CHECK(error_of([&] { guarded(model, zeros({1, 3}) - 1.0); }) == "loss: expected finite values, got a NaN or infinity");
  CHECK(model->w.get().to_vector<float>() == w);
}

TEST_CASE("filters come back from their text") {
  const Path kernel = parse_path("blocks.0.kernel"), key = parse_path("dropout.rngs.key");
  const std::string none, dropout = "dropout";
  const LeafInfo param{kernel, LoRAParam::static_kind(), none}, rng{key, RngKey::static_kind(), dropout, nullptr, &RngStream::static_type()};
  struct Row { Filter filter; bool param, rng; };
  const std::vector<Row> rows = {{of<Param>, true, false}, {of<LoRAParam> || tag("dropout"), true, true},
                                 {of<RngState> && !path("dropout.**"), false, false}, {re("blocks\\.[0-9]+\\.kernel"), true, false},
                                 {path("blocks.*.kern*"), true, false}, {path("**.key"), false, true}, {nothing(), false, false},
                                 {below("blocks"), true, false}, {below("k*"), true, true}, {below("blocks.{0,3}"), true, false},
                                 {below("rngs") || frozen(), false, true}, {held_by("=RngStream"), false, true},
                                 {rest, true, true}, {!(of<Param> || (of<RngKey> && tag("x"))), false, true}};
  for (const Row& row : rows) {
    CAPTURE(row.filter.to_string());
    const Filter again = parse_filter(row.filter.to_string());
    CHECK(again.to_string() == row.filter.to_string());
    CHECK(row.filter.matches(param) == row.param);
    CHECK(row.filter.matches(rng) == row.rng);
    CHECK(again.matches(param) == row.param);
    CHECK(again.matches(rng) == row.rng);
  }
  CHECK(error_of([] { parse_filter("Parm"); }).ends_with("got 'Parm'; did you mean 'Param'?"));
}
