// Groups of parameters with transformations of their own: optax.multi_transform, held to optimizers made by hand.
#include <doctest/doctest.h>

#include "config/parse.h"
#include "helpers.h"
#include "optim/optim.h"

using namespace nnx;

namespace {

struct Pair : Module<Pair> {
  Param a{array<float>({1, 2, 3}, {3})}, b{array<float>({-1, 0.5f}, {2})};
  static void fields(auto& self, auto&& f) {
    f("a", self.a);
    f("b", self.b);
  }
};

// Gradients that change from step to step.
State gradients(const Ref<Pair>& model, int step) {
  return state(model).map([step](const Path&, const Array& p) { return p * (0.5 + 0.25 * step); });
}

Ref<Optimizer> built(const Ref<Pair>& model, const std::string& yaml) {
  Diagnostics diagnostics;
  return optimizers().build(parse_yaml(yaml, "o.yaml"), diagnostics, model, 100);
}

std::string groups_error(const std::string& yaml) {
  try {
    built(make<Pair>(), yaml);
  } catch (const Error& error) { return error.what(); }
  return "no error";
}

std::vector<float> values(const Param& p) { return p.get().to_vector<float>(); }

}  // namespace

TEST_CASE("groups give the numbers of separate optimizers, bit for bit") {
  const auto together = make<Pair>(), alone_a = make<Pair>(), alone_b = make<Pair>();
  const auto groups = built(together,
                            "{type: adamw, learning_rate: 0.1, weight_decay: 0.01, groups: {slow: {select: a, learning_rate: 0.01, "
                            "weight_decay: 0}, others: {select: '...'}}}");
  const auto first = make<Optimizer>(alone_a, optim::adamw(0.01, {.weight_decay = 0}), path("a"));
  const auto second = make<Optimizer>(alone_b, optim::adamw(0.1, {.weight_decay = 0.01}), path("b"));
  for (int step = 0; step < 5; ++step) {
    groups->update(gradients(together, step));
    first->update(gradients(alone_a, step));
    second->update(gradients(alone_b, step));
  }
  CHECK(values(together->a) == values(alone_a->a));
  CHECK(values(together->b) == values(alone_b->b));
  CHECK(state(groups, of<OptState>).contains("tx.slow.adam.mu.a"));
  CHECK(state(groups, of<OptState>).contains("tx.others.adam.mu.b"));
}

TEST_CASE("clipping is of all groups together") {
  const auto together = make<Pair>(), alone = make<Pair>();
  const auto groups = built(together,
                            "{type: sgd, learning_rate: 0.1, clip_by_global_norm: 0.5, groups: {one: {select: a}, two: {select: b}}}");
  const auto plain = make<Optimizer>(alone, optim::sgd(0.1, {.clip_by_global_norm = 0.5}));
  groups->update(gradients(together, 1));
  plain->update(gradients(alone, 1));
  CHECK(values(together->a) == values(alone->a));
  CHECK(values(together->b) == values(alone->b));
}

TEST_CASE("what is frozen has no gradient and no state, as a group or by itself") {
  const auto model = make<Pair>();
  const auto groups = built(model, "{type: adam, learning_rate: 0.1, groups: {still: {select: a, frozen: true}, others: {select: '...'}}}");
  const auto before = values(model->a);
  CHECK(groups->parameters().paths() == std::vector<std::string>{"b"});
  const auto loss = [](Ref<Pair> m) { return sum(square(m->a.get())) + sum(square(m->b.get())); };
  auto [value, grads] = value_and_grad(loss, groups->wrt())(model);
  CHECK(grads.paths() == std::vector<std::string>{"b"});
  groups->update(grads);
  CHECK(values(model->a) == before);
  for (const std::string& path : state(groups, of<OptState>).paths()) CHECK_FALSE(path.ends_with(".a"));

  const auto other = make<Pair>();
  freeze(other->b);
  CHECK(built(other, "{type: adam, learning_rate: 0.1}")->parameters().paths() == std::vector<std::string>{"a"});
  CHECK(built(make<Pair>(), "{type: adam, learning_rate: 0.1}")->wrt().to_string() == "Param");
}

TEST_CASE("the first group that matches wins; groups are exhaustive and not empty") {
  const auto model = make<Pair>();
  const auto groups = built(model, "{type: adam, learning_rate: 0.1, groups: {one: {select: Param, frozen: false}}}");
  CHECK(state(groups, of<OptState>).contains("tx.one.adam.mu.b"));
  CHECK(groups_error("{type: adam, learning_rate: 0.1, groups: {one: {select: a}}}") ==
        "o.yaml:1:1: adam: optimizer groups: Non-exhaustive filters, got a non-empty remainder: b (Param); a last group "
        "with select: ... takes all others");
  CHECK(groups_error("{type: adam, learning_rate: 0.1, groups: {one: {select: Param}, two: {select: a}}}") ==
        "o.yaml:1:1: adam: optimizer groups: no parameter is left for the group 'two' (a); the first group that matches wins; "
        "parameters: a, b");
  CHECK(groups_error("{type: adam, learning_rate: 0.1, groups: {one: {select: '...', weight_decay: 0.1}}}").find(
            "weight_decay: adam has none; adamw has") != std::string::npos);
  CHECK(groups_error("{type: adam, learning_rate: 0.1, groups: {'1st': {select: '...'}}}").find("names of letters, digits and _") !=
        std::string::npos);
}

TEST_CASE("a group's optimizer state survives split and merge") {
  const auto model = make<Pair>();
  auto groups = built(model, "{type: adam, learning_rate: 0.1, groups: {one: {select: a}, two: {select: [b, c]}}}");
  groups->update(gradients(model, 0));
  const auto copy = clone(groups);
  CHECK(graphdef(copy) == graphdef(groups));
  const State g = gradients(model, 1);
  copy->update(g);
  groups->update(g);
  CHECK(state(copy, of<OptState>)["tx.two.adam.mu.b"].to_vector<float>() == state(groups, of<OptState>)["tx.two.adam.mu.b"].to_vector<float>());
  CHECK(copy->learning_rate().item<float>() == 0.1f);
}
