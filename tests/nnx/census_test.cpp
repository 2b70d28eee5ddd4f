// Flax's behaviours of objects, State, filters and random streams, numbered as in the list they come from; those that need
// layers or optimizers are in tests/nn and tests/optim, those of transforms in the tests of these.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include "nnx/nnx.h"
#include "support/errors.h"

using namespace nnx;
using nnx::test::error_of;

namespace {

struct Affine : Module<Affine, Layer> {
  Param kernel, bias;
  Affine() = default;
  Affine(int64_t in, int64_t out, Rngs& rngs) : kernel(rngs.stream("params")->normal({in, out})), bias(zeros({out})) {}
  Array operator()(const Array& x) override { return matmul(x, kernel) + bias; }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
  }
};

// Flax's Dict: a Module with named children, and lists.
struct Dict : Module<Dict> {
  std::map<std::string, Ref<ModuleBase>> items;
  std::vector<Ref<ModuleBase>> list;
  Ref<Dict> sub;
  Param value;
  static void fields(auto& self, auto&& f) {
    f("items", self.items);
    f("list", self.list);
    f("sub", self.sub);
    f("value", self.value);
  }
};

struct Stats : Module<Stats> {
  Param scale = Param(ones({2}));
  BatchStat mean = BatchStat(zeros({2}));
  Array plain;
  int64_t d = 0;
  bool deterministic = false;
  std::vector<int64_t> numbers;
  static void fields(auto& self, auto&& f) {
    f("scale", self.scale);
    f("mean", self.mean);
    f("plain", self.plain);
    f("d", self.d);
    f("deterministic", self.deterministic);
    f("numbers", self.numbers);
  }
};

struct Counted : Module<Counted> {
  Param count = Param(scalar<int32_t>(0));
  void inc() { count.set(count.get() + 1); }
  static void fields(auto& self, auto&& f) { f("count", self.count); }
};

// y = 3 x, with its input perturbed and its output sown.
struct Triple : Module<Triple, Layer> {
  Array operator()(const Array& x) override {
    const Array y = perturb("grad_of_x", x) * 3.0;
    sow<Intermediate>("y", y);
    return y;
  }
  static void fields(auto&, auto&&) {}
};

struct Triples : Module<Triples, Layer> {
  std::vector<Ref<Layer>> blocks;
  Array operator()(const Array& x) override {
    Array y = x;
    for (const auto& block : blocks) y = block(y);
    return y;
  }
  static void fields(auto& self, auto&& f) { f("blocks", self.blocks); }
};

Ref<Triples> three_triples() {
  auto model = make<Triples>();
  for (int i = 0; i < 3; ++i) model->blocks.push_back(make<Triple>());
  return model;
}

struct Sower : Module<Sower> {
  Param weight = Param(ones({1}));
  int64_t size = 3;
  Intermediate last;
  static void fields(auto& self, auto&& f) {
    f("weight", self.weight);
    f("size", self.size);
    f("last", self.last);
  }
};

struct Holder : Module<Holder> {
  Ref<RngStream> params, dropout, other;
  explicit Holder(Rngs rngs) : params(rngs.stream("params")), dropout(rngs.stream("dropout")) {}
  Holder() = default;
  static void fields(auto& self, auto&& f) {
    f("params", self.params);
    f("dropout", self.dropout);
    f("other", self.other);
  }
};

std::vector<std::string> texts(const auto& visited) {
  std::vector<std::string> out;
  for (const auto& v : visited) out.push_back(to_string(v.path));
  return out;
}

std::vector<uint32_t> words(const Array& key) { return key.to_vector<uint32_t>(); }
uint32_t count_of(const Ref<RngStream>& stream) { return stream->count.get().item<uint32_t>(); }

}  // namespace

TEST_CASE("census 1: a Variable twice in a list is one leaf, and one Variable after merge") {
  const Param v(ones({3}));
  const auto [def, state] = split(std::vector<Param>{v, v});
  CHECK(state.paths() == std::vector<std::string>{"0"});
  const auto list = merge<std::vector<Param>>(def, state);
  REQUIRE(list.size() == 2);
  CHECK(list[0].same(list[1]));
  CHECK(!list[0].same(v));
}

TEST_CASE("census 2: two Linears with one kernel have three leaves, and still one kernel after merge") {
  Rngs rngs(0);
  auto bar = make<Affine>(2, 2, rngs), baz = make<Affine>(2, 2, rngs);
  baz->kernel = bar->kernel;
  auto model = make<Dict>();
  model->items = {{"bar", bar}, {"baz", baz}};
  const auto [def, state] = split(model);
  CHECK(state.paths() == std::vector<std::string>{"items.bar.bias", "items.bar.kernel", "items.baz.bias"});
  auto copy = merge<Dict>(def, state);
  CHECK(as<Affine>(copy->items["bar"])->kernel.same(as<Affine>(copy->items["baz"])->kernel));
}

TEST_CASE("census 4: containers are values, Modules keep their identity") {
  auto model = make<Dict>();
  auto shared = make<Dict>();
  shared->value = Param(ones({1}));
  model->items = {{"a", shared}, {"b", shared}};
  const auto [def, state] = split(model);
  CHECK(state.size() == 1);
  auto copy = merge<Dict>(def, state);
  CHECK(copy->items["a"] == copy->items["b"]);
  copy->list = copy->list;   // a list assigned is a copy: changing one leaves the other
  std::vector<Ref<ModuleBase>> other = copy->list;
  other.push_back(shared);
  CHECK(copy->list.empty());
}

TEST_CASE("census 5: a Module that holds itself has one leaf and comes back holding itself") {
  auto m = make<Dict>();
  m->sub = m;
  m->value = Param(ones({1}));
  const auto [def, state] = split(m);
  CHECK(state.size() == 1);
  auto m2 = merge<Dict>(def, state);
  CHECK(m2 == m2->sub);
  m->sub = {};
  m2->sub = {};
}

TEST_CASE("census 6: a Module under two names stays one, its Variables the same") {
  Rngs rngs(0);
  auto m1 = make<Affine>(2, 3, rngs);
  auto dict = make<Dict>();
  dict->items = {{"x", m1}, {"y", m1}, {"z", make<Affine>(2, 3, rngs)}};
  const auto [def, state] = split(dict);
  CHECK(state.size() == 4);
  auto copy = merge<Dict>(def, state);
  CHECK(copy->items["x"] == copy->items["y"]);
  CHECK(!(copy->items["x"] == copy->items["z"]));
  CHECK(as<Affine>(copy->items["x"])->kernel.same(as<Affine>(copy->items["y"])->kernel));
}

TEST_CASE("census 7: what lists and maps share counts once") {
  auto r1 = make<Dict>(), r2 = make<Dict>();
  r1->value = Param(ones({1}));
  r2->value = Param(ones({1}));
  auto dict = make<Dict>();
  dict->list = {r1, r2};
  dict->items = {{"c", r1}, {"d", r2}};
  CHECK(state(dict).size() == 2);
}

TEST_CASE("census 8: nothing matches no leaf") {
  auto m = make<Stats>();
  const auto [def, none, all] = split(m, nothing(), rest);
  CHECK(none.empty());
  CHECK(all.size() == 2);
}

TEST_CASE("census 9, 10: filters are exhaustive, and `...` comes last") {
  auto m = make<Stats>();
  CHECK(error_of([&] { split(m, of<Param>); }) ==
        "split: Non-exhaustive filters, got a non-empty remainder: mean (BatchStat); use `rest` to match all remaining Variables");
  CHECK(error_of([&] { split(m, of<Param>, rest, of<BatchStat>); }) == "split: `...` can only be used as the last filters, got it at index 1");
  CHECK(state(m, of<Param>).size() == 1);   // these need not be exhaustive
  const auto [params, none] = state(m, of<Param>, of<Cache>);
  CHECK(params.size() == 1);
  CHECK(none.empty());
}

TEST_CASE("census 11: merge misses what an empty State has not, and names it") {
  auto m = make<Stats>();
  const auto [def, values] = split(m);
  CHECK(error_of([&, def = def] { merge<Stats>(def, State()); }) ==
        "merge: no State has a value for 'mean'; give merge every State that split returned");
  State more = values;
  more.insert(parse_path("other"), {ones({1}), &Param::static_kind()});
  CHECK(error_of([&, def = def] { merge<Stats>(def, more); }) ==
        "merge: expected 2 values, got 3; a State has paths that the GraphDef has not");
}

TEST_CASE("census 12: Modules come after those they hold, the root last") {
  Rngs rngs(0);
  auto root = make<Dict>(), a = make<Dict>(), b = make<Dict>();
  a->items["a"] = make<Affine>(2, 2, rngs);
  b->items["b"] = make<Affine>(2, 2, rngs);
  root->items = {{"dropout", make<Stats>()}, {"linear", make<Affine>(2, 2, rngs)}};
  root->list = {a, b};
  CHECK(texts(iterate_modules(root)) == std::vector<std::string>{"items.dropout", "items.linear", "list.0.items.a", "list.0",
                                                                 "list.1.items.b", "list.1", ""});
  CHECK(texts(children(root)) == std::vector<std::string>{"items.dropout", "items.linear", "list.0", "list.1"});
}

TEST_CASE("census 13: objects are visited once, each after what it holds; bare Arrays where they are") {
  auto child = make<Stats>();
  child->plain = ones({4});
  auto root = make<Dict>();
  root->items = {{"again", child}, {"child", child}};
  root->value = Param(ones({1}));
  CHECK(texts(iterate(root)) == std::vector<std::string>{"items.again.mean", "items.again.plain", "items.again.scale", "items.again",
                                                         "value", ""});
  const auto visited = iterate(root);
  CHECK(visited[1].array.shape() == Shape{4});
  CHECK(visited[3].module == child.shared());
  CHECK(visited[4].variable.same(root->value));
}

TEST_CASE("census 14: find_duplicates lists the paths of what is reached twice") {
  auto root = make<Dict>(), a = make<Dict>();
  root->items = {{"a", a}, {"b", make<Dict>()}, {"c", a}};
  CHECK(find_duplicates(root) == std::vector<std::vector<Path>>{{parse_path("items.a"), parse_path("items.c")}});
}

TEST_CASE("census 15: recursive_map maps a shared Module once and keeps it shared") {
  auto f1 = make<Stats>(), f2 = make<Stats>();
  f1->d = 10;
  f2->d = 20;
  auto root = make<Dict>();
  root->list = {f1, f2, f1};
  int n = 0;
  auto mapped = recursive_map([&](const Path&, const Ref<ModuleBase>& m) {
    if (is<Stats>(m)) as<Stats>(m)->d += 1, ++n;
    return m;
  }, root);
  CHECK(n == 2);
  CHECK(as<Stats>(mapped->list[0])->d == 11);
  CHECK(as<Stats>(mapped->list[1])->d == 21);
  CHECK(mapped->list[0] == mapped->list[2]);
  CHECK(f1->d == 10);
  CHECK(as<Stats>(mapped->list[0])->scale.same(f1->scale));

  auto cycle = make<Dict>();
  cycle->sub = cycle;
  CHECK(error_of([&] { recursive_map([](const Path&, const Ref<ModuleBase>& m) { return m; }, cycle); }) ==
        "recursive_map: Found cycle in the graph at path 'sub'");
  cycle->sub = {};
  auto nested = make<Dict>();
  nested->sub = make<Dict>();
  CHECK(error_of([&] { recursive_map([&](const Path& p, const Ref<ModuleBase>& m) { return p.empty() ? m : Ref<ModuleBase>(f1); }, nested); }) ==
        "recursive_map: 'sub': expected Dict, got Stats");
}

TEST_CASE("census 17: update from nested maps changes what they name") {
  auto root = make<Dict>(), a = make<Dict>();
  root->items["a"] = a;
  a->value = Param(scalar(10.0f));
  root->value = Param(scalar(3.0f));
  update(root, PureDict{{"items", {{"a", {{"value", scalar(4.0f)}}}}}});
  CHECK(a->value.get().item<float>() == 4);
  CHECK(root->value.get().item<float>() == 3);
  CHECK(error_of([&] { update(root, PureDict{{"items", {{"a", {{"valve", scalar(4.0f)}}}}}}); }) ==
        "update: the module has no Variable 'items.a.valve'; did you mean 'items.a.value'?");
}

TEST_CASE("census 18: pop takes what filters of kind and value match") {
  auto m = make<Stats>();
  m->scale.set(scalar(2.0f));
  m->plain = scalar(1.0f);
  m->mean.set(scalar(3.0f));
  const Filter small = where("x < 2", [](const LeafInfo& leaf) { return leaf.value->concrete() && leaf.value->item<float>() < 2; });
  const State popped = pop(m, of<Param> || small);
  CHECK(popped.paths() == std::vector<std::string>{"plain", "scale"});
  CHECK(!m->scale);
  CHECK(!m->plain.defined());
  CHECK(state(m).paths() == std::vector<std::string>{"mean"});
  // What was popped can be put back.
  update(m, popped.filter(of<Param>));
  CHECK(m->scale.get().item<float>() == 2);
  CHECK(m->scale.kind().is_a(Param::static_kind()));
  const auto [params, stats] = pop(m, of<Param>, of<BatchStat>);
  CHECK(params.size() == 1);
  CHECK(stats.size() == 1);
  CHECK(state(m).empty());
}

TEST_CASE("census 19: objects split together keep what they share") {
  auto m = make<Stats>();
  const auto [def, values] = split(std::tuple(m, m));
  CHECK(values.paths() == std::vector<std::string>{"0.mean", "0.scale"});
  const auto [first, second] = merge<std::tuple<Ref<Stats>, Ref<Stats>>>(def, values);
  CHECK(first == second);
}

TEST_CASE("census 22: pure calls change the State they return, not the object") {
  auto counter = make<Counted>();
  const auto [def, before] = split(counter);
  const auto twice = jit([def = def](State s) {
    for (int i = 0; i < 2; ++i) s = call<Counted>(def, s, [](Ref<Counted> c) { c->inc(); });
    return s;
  });
  CHECK(twice(before)["count"].item<int32_t>() == 2);
  CHECK(before["count"].item<int32_t>() == 0);
  CHECK(counter->count.get().item<int32_t>() == 0);
  const auto [now, after] = call<Counted>(def, before, [](Ref<Counted> c) { return c->inc(), c->count.get(); });
  CHECK(now.item<int32_t>() == 1);
  CHECK(after["count"].item<int32_t>() == 1);
}

TEST_CASE("census 41: a stream's tag and the kinds of random state are filters") {
  auto holder = make<Holder>(Rngs({{"params", 0}, {"dropout", 1}}));
  const auto [def, dropout, counts, params] = split(holder, tag("dropout") && of<RngKey>, of<RngCount>, tag("params"));
  CHECK(dropout.paths() == std::vector<std::string>{"dropout.key"});
  CHECK(params.paths() == std::vector<std::string>{"params.key"});
  CHECK(counts.size() == 2);
}

TEST_CASE("census 42: samplers draw the next key of their stream") {
  Rngs rngs(0, {{"params", 1}});
  const Array key0 = random::key(0), key1 = random::key(1);
  CHECK(rngs.normal({3}).to_vector<float>() == random::normal(random::fold_in(key0, 0), {3}).to_vector<float>());
  CHECK(rngs.stream("params")->uniform({3}).to_vector<float>() == random::uniform(random::fold_in(key1, 0), {3}).to_vector<float>());
  CHECK(rngs.stream("params")->truncated_normal(-2, 2, {3}).to_vector<float>() ==
        random::truncated_normal(random::fold_in(key1, 1), -2, 2, {3}).to_vector<float>());
  CHECK(rngs.randint({4}, 0, 10).to_vector<int32_t>() == random::randint(random::fold_in(key0, 1), {4}, 0, 10).to_vector<int32_t>());
  CHECK(rngs.permutation(5).to_vector<int32_t>() == random::permutation(random::fold_in(key0, 2), 5).to_vector<int32_t>());
  CHECK(words(rngs.bits({2})) == words(random::bits(random::fold_in(key0, 3), {2})));
  CHECK(sum(cast(rngs.bernoulli(1.0, {6}), DType::i32)).item<int32_t>() == 6);
  // Seeds, keys and streams are the same sources; of a stream the key alone counts.
  CHECK(words(Rngs(random::key(7))()) == words(Rngs(7)()));
  CHECK(words(Rngs(rngs.stream("default"))()) == words(Rngs(0)()));
  CHECK(words(Rngs(-1)()) == words(random::fold_in(random::key(~uint64_t{0}), 0)));
  CHECK(error_of([] { Rngs({{"params", 0}, {"noise", 1}}).dropout(); }) ==
        "Rngs: No RngStream named 'dropout' found in Rngs; it has noise, params, and no default");
  CHECK(error_of([] { Rngs(ones({2})); }) == "RngStream 'default': expected a key u32[..., 2], got f32[2]");
}

TEST_CASE("census 43: a reseeded stream gives what a new one of that seed gives") {
  auto model = make<Holder>(Rngs({{"params", 0}, {"dropout", 1}}));
  (*model->dropout)();
  const std::vector<uint32_t> key_of_params = words(model->params->key.get());
  reseed(model, {{"dropout", 42}});
  // The j-th stream of that name gets the j-th draw of the seed; its own draws fold into that.
  const Array key = random::fold_in(random::key(42), 0);
  CHECK(words(model->dropout->key.get()) == words(key));
  CHECK(count_of(model->dropout) == 0);
  CHECK(words((*model->dropout)()) == words(random::fold_in(key, 0)));
  CHECK(words(model->params->key.get()) == key_of_params);
  CHECK(words(Rngs(42).stream("default")->fork()->key.get()) == words(key));

  model->other = model->dropout->split({3});
  CHECK(error_of([&] { reseed(model, {{"dropout", 1}}); }) ==
        "reseed: stream 'dropout' at 'other': expected a single key, got u32[3,2]; ReseedPolicy::match_shape splits the new key "
        "to that shape");
  reseed(model, {{"dropout", 42}}, ReseedPolicy::match_shape);
  CHECK(model->other->key.shape() == Shape{3, 2});
  CHECK(words(model->other->key.get()) == words(random::split(random::fold_in(random::key(42), 1), Shape{3})));
}

TEST_CASE("census 44: with_rngs splits, forks and broadcasts the streams that filters choose") {
  Rngs rngs({{"params", 0}, {"dropout", 1}, {"noise", 2}});
  const Rngs split = with_rngs(rngs, {.split = {{tag("params"), {4}}, {rest, {2, 3}}}});
  CHECK(split.stream("params")->key.shape() == Shape{4, 2});
  CHECK(split.stream("params")->count.shape() == Shape{4});
  CHECK(split.stream("dropout")->key.shape() == Shape{2, 3, 2});
  CHECK(split.stream("noise")->key.shape() == Shape{2, 3, 2});
  CHECK(count_of(rngs.stream("params")) == 1);   // the draw that was split
  CHECK(rngs.stream("params")->key.shape() == Shape{2});

  const Rngs some = with_rngs(rngs, {.broadcast = {{tag("noise"), {2}}}, .fork = {tag("dropout")}});
  CHECK(some.stream("params")->key.same(rngs.stream("params")->key));   // no rule: the same Variables
  CHECK(!some.stream("dropout")->key.same(rngs.stream("dropout")->key));
  const std::vector<uint32_t> twice = words(some.stream("noise")->key.get());
  CHECK(std::vector<uint32_t>(twice.begin(), twice.begin() + 2) == std::vector<uint32_t>(twice.begin() + 2, twice.end()));
  CHECK(error_of([&] { with_rngs(rngs, {.split = {{tag("params"), {4}}}, .fork = {rest}}); }) ==
        "with_rngs: stream 'params' at 'streams.params': multiple rules match it; split, broadcast or fork it, not several of these");

  // Forking all streams at once: one draw of each, new counts.
  const Rngs forked = rngs.fork();
  CHECK(count_of(forked.stream("params")) == 0);
  CHECK(words(forked.stream("params")->key.get()) == words(random::fold_in(random::key(0), 1)));
  CHECK(rngs.split({5}).stream("noise")->key.shape() == Shape{5, 2});
  CHECK(rngs.broadcast({5}).stream("noise")->count.shape() == Shape{5});
}

TEST_CASE("census 53: unknown attributes of set_attributes and view are listed") {
  auto root = make<Dict>();
  root->items = {{"a", make<Stats>()}, {"b", make<Stats>()}};
  CHECK(error_of([&] { set_attributes(root, {{"deterministic", true}, {"unknown", true}}); }) ==
        "set_attributes: Could not find at least one instance of the following attributes: ['unknown']");
  CHECK(!as<Stats>(root->items["a"])->deterministic);   // nothing was set
  CHECK(error_of([&] { view(root, {{"unknown", 1}}); }) == "view: Unused keys found in nnx.view: ['unknown']");
  set_attributes(root, {{"deterministic", true}, {"d", 3}}, path("items.a"));
  CHECK(as<Stats>(root->items["a"])->deterministic);
  CHECK(as<Stats>(root->items["a"])->d == 3);
  CHECK(!as<Stats>(root->items["b"])->deterministic);
  set_attributes(root, {{"d", 7}}, only<Stats>);
  CHECK(as<Stats>(root->items["b"])->d == 7);
  CHECK(error_of([&] { set_attributes(root, {{"deterministic", true}}, only<Affine>); }) ==
        "set_attributes: Could not find at least one instance of the following attributes: ['deterministic']");

  auto changed = view(root, {{"d", 9}}, path("items.b"));
  CHECK(as<Stats>(changed->items["b"])->d == 9);
  CHECK(as<Stats>(root->items["b"])->d == 7);
  CHECK(as<Stats>(changed->items["b"])->scale.same(as<Stats>(root->items["b"])->scale));
}

TEST_CASE("census 56: zeros through plain maps make a model of zeros") {
  Rngs rngs(0);
  auto root = make<Dict>();
  root->list = {make<Affine>(3, 5, rngs)};
  auto [def, values] = split(root);
  const PureDict zero = to_pure_dict(values.map([](const Path&, const Array& x) { return zeros_like(x); }));
  CHECK(zero.at("list").at(Key(0)).at("kernel").array.shape() == Shape{3, 5});
  replace_by_pure_dict(values, zero);
  auto copy = merge<Dict>(def, values);
  CHECK((*as<Affine>(copy->list[0]))(ones({3, 3})).to_vector<float>() == std::vector<float>(15, 0.0f));
  replace_by_pure_dict(values, {{"list", {{"0", {{"bias", ones({5})}}}}}});   // names of digits fit indices
  CHECK(values["list.0.bias"].to_vector<float>() == std::vector<float>(5, 1.0f));
  CHECK(error_of([&, v = values]() mutable { replace_by_pure_dict(v, {{"lost", ones({5})}}); })
            .starts_with("replace_by_pure_dict: key in pure_dict not available in state: lost"));
  auto third = merge<Dict>(def, state_from_pure_dict(to_pure_dict(values)));   // kinds come from the GraphDef
  CHECK(state(third) == values);
}

TEST_CASE("census 57: diff is what one State has and the other has not") {
  Rngs rngs(0);
  const auto stack = [&](int n) {
    auto model = make<Dict>();
    for (int i = 0; i < n; ++i) model->list.push_back(make<Affine>(2, 2, rngs));
    return state(model);
  };
  const State four = stack(4), five = stack(5);
  CHECK(diff(five, four).paths() == std::vector<std::string>{"list.4.bias", "list.4.kernel"});
  CHECK(diff(four, five).empty());
}

TEST_CASE("census 58: path_contains looks for a step, or for a part of one") {
  auto root = make<Dict>();
  for (const char* name : {"backbone1", "backbone2", "head"}) root->items[name] = make<Stats>();
  CHECK(state(root, path_contains("backbone", false)).size() == 4);
  CHECK(state(root, path_contains("backbone")).empty());
  CHECK(state(root, path_contains("head")).size() == 2);
  CHECK(state(root, path("items.head.mean") || path("items.head.scale")).size() == 2);
}

TEST_CASE("census 59: sown values and gradients of intermediates through three blocks") {
  auto model = three_triples();
  const Array x = scalar(1.0f);
  const auto step = jit([](Ref<Triples> m, State perturbations, Array v) {
    const auto loss = [](Ref<Triples> inner, State p, Array input) { return capture(inner, of<Intermediate>, p)(input); };
    auto [out, grads] = value_and_grad<1>(loss)(m, perturbations, v);
    return std::pair(grads, out.second);
  });
  const auto [y, perturbations] = capture(model, of<Perturbation>)(x);
  CHECK(y.item<float>() == 27);
  CHECK(perturbations.paths() == std::vector<std::string>{"blocks.0.grad_of_x", "blocks.1.grad_of_x", "blocks.2.grad_of_x"});
  for (int call = 0; call < 2; ++call) {
    const auto [grads, sown] = step(model, perturbations, x);
    const float want_grad[] = {27, 9, 3}, want_y[] = {3, 9, 27};
    for (int i = 0; i < 3; ++i) {
      CHECK(grads[fmt::format("blocks.{}.grad_of_x", i)].item<float>() == want_grad[i]);
      CHECK(sown[fmt::format("blocks.{}.y.0", i)].item<float>() == want_y[i]);
    }
  }
  CHECK(step.entries() == 1);
  CHECK(state(model).empty());   // left clean
}

TEST_CASE("census 60: sow over what is no Variable, or one of another kind") {
  auto m = make<Sower>();
  CHECK(error_of([&] { m->sow<Intermediate>("size", ones({1})); }) == "Sower: expected 'size' to be a Variable, got 3");
  CHECK(error_of([&] { m->sow<Intermediate>("weight", ones({1})); }) ==
        "Sower: expected 'weight' to be of type 'Intermediate', got 'Param'");
  m->sow<Intermediate>("last", ones({2}));   // an attribute of `fields` is set
  CHECK(m->last.shape() == Shape{2});
  CHECK(m->sown.empty());
  m->sow<Intermediate>("list", ones({1}));
  m->sow<Intermediate>("list", ones({1}) * 2.0);
  const auto add = [](const Array& a, const Array& b) { return a + b; };
  for (int i = 0; i < 3; ++i) m->sow<Cache>("total", scalar(2.0f), add, scalar(10.0f));
  CHECK(state(m, of<Intermediate>).paths() == std::vector<std::string>{"last", "list.0", "list.1"});
  CHECK(state(m)["total"].item<float>() == 16);
  CHECK(error_of([&] { m->sow<Param>("list", ones({1})); }) == "Sower: expected 'list' to be of type 'Param', got 'Intermediate'");
}

TEST_CASE("census 66: a list attribute is a std::vector, and split sees what it is now") {
  auto m = make<Stats>();
  auto& list = m->numbers;
  list = {1, 2, 3};
  list.push_back(4);
  list.insert(list.begin() + 1, 5);
  CHECK(list == std::vector<int64_t>{1, 5, 2, 3, 4});
  list.erase(list.begin() + 2);
  CHECK(list == std::vector<int64_t>{1, 5, 3, 4});
  list[1] = 6, list[2] = 7;
  const auto [def, values] = split(m);
  CHECK(merge<Stats>(def, values)->numbers == std::vector<int64_t>{1, 6, 7, 4});
}

TEST_CASE("census 70: lane i of split is fold_in of i, and a longer draw begins with the shorter one") {
  const Array key = random::key(3);
  const std::vector<uint32_t> lanes = words(random::split(key, 5));
  for (uint32_t i = 0; i < 5; ++i) {
    const std::vector<uint32_t> lane = words(random::fold_in(key, i));
    CHECK(lanes[2 * i] == lane[0]);
    CHECK(lanes[2 * i + 1] == lane[1]);
  }
  const std::vector<float> few = random::normal(key, {10}).to_vector<float>();
  std::vector<float> many = random::normal(key, {100'000}).to_vector<float>();   // large enough for several threads
  many.resize(10);
  CHECK(few == many);
}
