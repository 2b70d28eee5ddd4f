#include "ops/contract.h"

#include "ops/shape.h"
#include "ops/values.h"

namespace nnx::test {
namespace {

Array some(const Shape& shape, uint64_t seed) { return make_array({{DType::f64, shape}}, seed); }

double at(const Array& x, std::initializer_list<int64_t> index) {
  int64_t position = 0;
  int axis = 0;
  for (const int64_t i : index) position = position * x.dim(axis++) + i;
  return x.data<double>()[static_cast<size_t>(position)];
}

TEST_CASE_FIXTURE(WithReference, "dot_general: batch, then what is left of lhs, then of rhs") {
  const Array a = some({3, 2, 4, 5}, 1), b = some({5, 4, 6, 3}, 2);
  // contract 4 and 5 (named in the other order), batch 3
  const Array c = dot_general(a, b, {{3, 2}, {0, 1}, {0}, {3}});
  REQUIRE(c.shape() == Shape{3, 2, 6});
  for (int64_t i = 0; i < 3; ++i)
    for (int64_t m = 0; m < 2; ++m)
      for (int64_t n = 0; n < 6; ++n) {
        double sum = 0;
        for (int64_t k = 0; k < 4; ++k)
          for (int64_t l = 0; l < 5; ++l) sum += at(a, {i, m, k, l}) * at(b, {l, k, n, i});
        CHECK(at(c, {i, m, n}) == doctest::Approx(sum).epsilon(1e-12));
      }
  check_values(dot_general(f64({1, 2}), f64({3, 4}), {{}, {}}), {2, 2}, {3, 4, 6, 8});
  check_values(dot_general(zeros({2, 0}), zeros({0, 3}), {{1}, {0}}), {2, 3}, {0, 0, 0, 0, 0, 0});
  CHECK(dot_general(zeros({2, 3}), zeros({3, 1}), {{-1}, {-2}}).dtype() == DType::f32);
}

Array narrow(const Array& x) { return cast(x, DType::bf16); }
Array rounded(const Array& x) { return cast(narrow(x), DType::f32); }

TEST_CASE_FIXTURE(WithReference,
                  "a product of bf16 is the f32 product of the rounded numbers, and so are its gradients") {
  const Array a = make_array({{DType::f32, {5, 7}}}, 1), b = make_array({{DType::f32, {7, 3}}}, 2);
  const Array c = matmul(narrow(a), narrow(b));
  REQUIRE(c.type() == Type{DType::f32, {5, 3}});
  CHECK(difference(c, matmul(rounded(a), rounded(b)), 1e-7) == "");
  CHECK(difference(c, matmul(a, b), 1e-4) != "");

  // Rounded are the operands, the cotangents that are contracted, and what comes out for a bf16 operand.
  const Function square_sum = [](std::span<const Array> in) { return square(matmul(narrow(in[0]), narrow(in[1]))); };
  const Arrays got = gradients(square_sum, {a, b});
  const Array ct = rounded(2.0 * c);
  CHECK(difference(got[0], rounded(matmul(ct, transpose(rounded(b)))), 1e-7) == "");
  CHECK(difference(got[1], rounded(matmul(transpose(rounded(a)), ct)), 1e-7) == "");

  // A value that is read twice has the sum of both, in f32.
  const auto product = [&](const Array& x) { return matmul(narrow(x), narrow(b)); };
  const Array once = gradient(product, a);
  const Array twice = gradient([&](const Array& x) { return product(x) + product(x) * 2.0; }, a);
  CHECK(difference(twice, once * 3.0, 1e-2) == "");
  CHECK(error_of([&] { matmul(narrow(a), b); }) ==
        "dot_general: expected f32, f64 or bf16, the same for both, got bf16[5,7] and f32[7,3]");
  CHECK(error_of([&] { narrow(a) + narrow(a); }) == "add: expected f32, f64, i32 or u32, got bf16[5,7]");
}

TEST_CASE_FIXTURE(WithReference, "the cotangents of a matmul need no transpose") {
  const Function f = [](std::span<const Array> in) { return matmul(in[0], in[1]); };
  const Array x = some({4, 3}, 1), w = some({3, 2}, 2);
  const Graph g = vjp(graph_of(f, {x, w}), {0, 1}, {0});
  CHECK(count_ops(g, "dot_general") == 3);
  CHECK(count_ops(g, "transpose") == 0);
  const Array ct = some({4, 2}, 3);
  const Arrays grads = gradients(f, {x, w}, ct);
  CHECK(difference(grads[0], matmul(ct, transpose(w)), 1e-12) == "");
  CHECK(difference(grads[1], matmul(transpose(x), ct), 1e-12) == "");
  // nor do those of a contraction of leading dimensions, or of a batched one
  const Function leading = [](std::span<const Array> in) { return dot_general(in[0], in[1], {{0}, {0}}); };
  CHECK(count_ops(vjp(graph_of(leading, {some({3, 4}, 1), w}), {0, 1}, {0}), "transpose") == 0);
  CHECK(count_ops(vjp(graph_of(f, {some({5, 4, 3}, 1), some({5, 3, 2}, 2)}), {0, 1}, {0}), "transpose") == 0);
}

TEST_CASE_FIXTURE(WithReference, "batching a matmul") {
  const Function f = [](std::span<const Array> in) { return matmul(in[0], in[1]); };
  const Array x = some({4, 3}, 1), xs = some({5, 4, 3}, 2), w = some({3, 2}, 3), ws = some({5, 3, 2}, 4);
  const auto check = [&](const Array& a, const Array& b, std::vector<bool> which) {
    const Graph g = batched(f, {a, b}, which, 5);
    CHECK(count_ops(g, "dot_general") == 1);
    CHECK(count_ops(g, "transpose") == 0);
    const Array out = reference::evaluate(g, Arrays{a, b})[0];
    for (int64_t i = 0; i < 5; ++i) {
      const Array single = matmul(which[0] ? index_axis(a, 0, i) : a, which[1] ? index_axis(b, 0, i) : b);
      CHECK(difference(index_axis(out, 0, i), single, 1e-12) == "");
    }
    return g;
  };
  check(xs, ws, {true, true});
  CHECK(count_ops(check(xs, w, {true, false}), "broadcast_in_dim") == 0);   // just more rows
  check(x, ws, {false, true});
  check(index_axis(x, 0, 0), ws, {false, true});
}

TEST_CASE_FIXTURE(WithReference, "matmul follows NumPy") {
  const Array a = counting({2, 3}), b = counting({3, 2}), v = f64({1, 0, 2});
  check_values(matmul(a, b), {2, 2}, {10, 13, 28, 40});
  check_values(matmul(a, v), {2}, {4, 13});
  check_values(matmul(v, b), {2}, {8, 11});
  check_values(matmul(v, v), {}, {5});
  // leading dimensions of the first alone stay free: one plain contraction
  const Array x = counting({2, 2, 3});
  check_values(matmul(x, b), {2, 2, 2}, {10, 13, 28, 40, 46, 67, 64, 94});
  const Graph g = graph_of([](std::span<const Array> in) { return matmul(in[0], in[1]); }, {x, b});
  CHECK(g.nodes.size() == 3);
  // leading dimensions broadcast
  const Array p = some({2, 1, 2, 3}, 1), q = some({4, 3, 5}, 2);
  const Array pq = matmul(p, q);
  REQUIRE(pq.shape() == Shape{2, 4, 2, 5});
  for (int64_t i = 0; i < 2; ++i)
    for (int64_t j = 0; j < 4; ++j)
      CHECK(difference(index_axis(index_axis(pq, 0, i), 0, j),
                       matmul(index_axis(index_axis(p, 0, i), 0, 0), index_axis(q, 0, j)), 1e-12) == "");
  CHECK(matmul(a, some({4, 3, 5}, 1)).shape() == Shape{4, 2, 5});
  CHECK(matmul(v, some({4, 3, 5}, 1)).shape() == Shape{4, 5});
  CHECK(matmul(some({4, 2, 3}, 1), v).shape() == Shape{4, 2});
}

TEST_CASE_FIXTURE(WithReference, "einsum") {
  const Array a = counting({2, 3}), b = counting({3, 2});
  check_values(einsum("ij,jk->ik", {a, b}), {2, 2}, {10, 13, 28, 40});
  check_values(einsum("ij, jk -> ki", {a, b}), {2, 2}, {10, 28, 13, 40});
  check_values(einsum("ij,jk", {a, b}), {2, 2}, {10, 13, 28, 40});
  check_values(einsum("ij->ji", {a}), {3, 2}, {0, 3, 1, 4, 2, 5});
  check_values(einsum("ij->", {a}), {}, {15});
  check_values(einsum("ij->j", {a}), {3}, {3, 5, 7});
  check_values(einsum("ba", {a}), {3, 2}, {0, 3, 1, 4, 2, 5});
  check_values(einsum("ij,ij->", {a, a}), {}, {55});
  check_values(einsum("i,j->ij", {f64({1, 2}), f64({3, 4})}), {2, 2}, {3, 4, 6, 8});
  check_values(einsum("ij,k->i", {a, f64({1, 10})}), {2}, {33, 132});   // j and k are in one operand only
  const Array q = some({2, 3, 4, 5}, 1), k = some({2, 3, 6, 5}, 2);
  const Array scores = einsum("bhqd,bhkd->bhqk", {q, k});
  REQUIRE(scores.shape() == Shape{2, 3, 4, 6});
  for (int64_t b0 = 0; b0 < 2; ++b0)
    for (int64_t h = 0; h < 3; ++h) {
      const auto pick = [&](const Array& x) { return index_axis(index_axis(x, 0, b0), 0, h); };
      CHECK(difference(pick(scores), matmul(pick(q), transpose(pick(k))), 1e-12) == "");
    }
  // the operands change places where that saves a transpose
  const Function swapped = [](std::span<const Array> in) { return einsum("ij,jk->ki", {in[0], in[1]}); };
  CHECK(count_ops(graph_of(swapped, {a, b}), "transpose") == 0);
}

TEST_CASE_FIXTURE(WithReference, "errors of contractions") {
  const Array a = zeros({2, 3}), b = zeros({4, 5});
  CHECK_THROWS_WITH_AS(
      matmul(a, b),
      "matmul: expected the last dimension of the first to equal dimension 0 of the second, got f32[2,3] and f32[4,5]",
      Error);
  CHECK_THROWS_WITH_AS(matmul(a, zeros({})),
                       "matmul: expected arrays of at least one dimension, got f32[2,3] and f32[]", Error);
  CHECK_THROWS_WITH_AS(matmul(zeros({2, 2, 3}), zeros({4, 3, 5})),
                       "matmul: expected leading dimensions that broadcast, got f32[2,2,3] and f32[4,3,5]", Error);
  CHECK_THROWS_WITH_AS(matmul(a, zeros({3, 2}, DType::f64)),
                       "dot_general: expected f32, f64 or bf16, the same for both, got f32[2,3] and f64[3,2]", Error);
  CHECK_THROWS_WITH_AS(dot_general(a, b, {{1}, {0}, {}, {}}),
                       "dot_general: expected equal sizes in contracted dimensions [1] and [0] and batch dimensions [] "
                       "and [], got f32[2,3] and f32[4,5]",
                       Error);
  CHECK_THROWS_AS(dot_general(a, a, {{0, 0}, {0, 0}}), Error);
  CHECK_THROWS_WITH_AS(einsum("ij,jk->ik", {a, b}),
                       "einsum \"ij,jk->ik\": expected one size for 'j', got f32[2,3] and f32[4,5]", Error);
  CHECK_THROWS_WITH_AS(
      einsum("ii->", {a}),
      "einsum \"ii->\": expected each label once in an operand and in the result, got 'i' twice in 'ii'", Error);
  CHECK_THROWS_WITH_AS(einsum("ij->k", {a}), "einsum \"ij->k\": expected labels of an operand in the result, got 'k'",
                       Error);
  CHECK_THROWS_WITH_AS(einsum("ij,j->i", {a}), "einsum \"ij,j->i\": expected 2 operands, one or two, got 1", Error);
  CHECK_THROWS_WITH_AS(einsum("ijk->i", {a}),
                       "einsum \"ijk->i\": expected an array of 3 dimensions for 'ijk', got f32[2,3]", Error);
  CHECK_THROWS_WITH_AS(einsum("i...->i", {a}), "einsum \"i...->i\": expected letters as labels, got '.'", Error);
}

}  // namespace
}  // namespace nnx::test
