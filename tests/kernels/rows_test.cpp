// Kernels over short rows, which are worked on many at a time: each row by itself against the formula in double.
// Ordinary values of all lengths are in ops_test.cpp.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "kernels/kernel.h"
#include "kernels/loop_support.h"
#include "ops/all.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

// `count` rows of c logits, a label and a cotangent each.
struct Rows {
  int64_t count, c;
  std::vector<float> x;
  std::vector<int32_t> labels;
  std::vector<float> ct;

  Rows from(int64_t row, int64_t n) const {
    const auto part = [&](const auto& v, int64_t width) {
      return std::vector(v.begin() + row * width, v.begin() + (row + n) * width);
    };
    return {n, c, part(x, c), part(labels, 1), part(ct, 1)};
  }
};

Rows random_rows(int64_t count, int64_t c) {
  Rows rows{count, c, random_floats(1, count * c, -6, 6), {}, random_floats(2, count, -1, 1)};
  for (int64_t i = 0; i < count; ++i) rows.labels.push_back(static_cast<int32_t>(i * 7 % (c + 2) - 1));  // -1 to c
  return rows;
}

constexpr std::string_view ops[] = {"softmax", "log_softmax", "softmax_cross_entropy", "softmax_cross_entropy_grad"};

std::vector<float> run(std::string_view op, Rows rows) {
  const Type x{f32, {rows.count, rows.c}}, label{i32, {rows.count}}, one{f32, {rows.count}};
  std::vector<Type> in{x};
  std::vector<void*> args{rows.x.data()};
  if (op.starts_with("softmax_cross_entropy")) in.push_back(label), args.push_back(rows.labels.data());
  if (op == "softmax_cross_entropy_grad") in.push_back(one), args.push_back(rows.ct.data());
  const std::vector<Type> out{op == "softmax_cross_entropy" ? one : x};
  std::vector<float> result(static_cast<size_t>(out[0].size()), 77.0f);
  args.push_back(result.data());
  const Attrs attrs = in.size() == 1 ? Attrs(AxisAttrs{1}) : Attrs();
  run_kernel(*make_kernel(*find_op(op), attrs, in, out, 1), args);
  return result;
}

// What `op` gives for one row.
std::vector<double> expected_row(std::string_view op, const float* x, int64_t c, int32_t label, double ct) {
  double largest = -INFINITY, sum = 0;
  for (int64_t j = 0; j < c; ++j)
    largest = std::isnan(x[j]) ? NAN : x[j] > largest ? static_cast<double>(x[j]) : largest;
  for (int64_t j = 0; j < c; ++j) sum += std::exp(static_cast<double>(x[j]) - largest);
  const auto shifted = [&](int64_t j) { return static_cast<double>(x[j]) - largest; };
  const bool has_label = label >= 0 && label < c;
  if (op == "softmax_cross_entropy") return {std::log(sum) - (has_label ? shifted(label) : -largest)};
  std::vector<double> y;
  for (int64_t j = 0; j < c; ++j) {
    const double p = std::exp(shifted(j)) / sum;
    if (op == "softmax") y.push_back(p);
    if (op == "log_softmax") y.push_back(shifted(j) - std::log(sum));
    if (op == "softmax_cross_entropy_grad") y.push_back((p - (j == label ? 1.0 : 0.0)) * ct);
  }
  return y;
}

// NaN for NaN, infinity for infinity, and else to some units in the last place of the larger of `got` and 1.
bool agrees(float got, double expected) {
  const float nearest = static_cast<float>(expected);
  if (std::isnan(nearest) || std::isinf(nearest)) return std::isnan(nearest) ? std::isnan(got) : got == nearest;
  return std::fabs(static_cast<double>(got) - expected) <= 1e-6 * std::max(1.0, std::fabs(expected));
}

}  // namespace

TEST_CASE("rows with NaN, infinities and extreme values leave their neighbours alone") {
  for (int64_t c = 1; c <= 40; ++c) {
    Rows rows = random_rows(43, c);
    for (int64_t i = 0; i < rows.count; ++i) {
      float* x = rows.x.data() + i * c;
      float& one = x[i * 5 % c];
      if (i % 8 == 1) one = NAN;
      if (i % 8 == 2) one = INFINITY;
      if (i % 8 == 3) one = -INFINITY;
      if (i % 8 == 4) std::fill_n(x, c, i % 16 == 4 ? -INFINITY : 3e38f);
      if (i % 8 == 5) one = -3e38f;
      if (i % 8 == 6) one = 200.0f;
    }
    for (const std::string_view op : ops) {
      const std::vector<float> got = run(op, rows);
      const int64_t width = op == "softmax_cross_entropy" ? 1 : c;
      for (int64_t i = 0; i < rows.count; ++i) {
        const auto k = static_cast<size_t>(i);
        const std::vector<double> expected =
            expected_row(op, rows.x.data() + i * c, c, rows.labels[k], static_cast<double>(rows.ct[k]));
        for (int64_t j = 0; j < width; ++j) {
          const float value = got[static_cast<size_t>(i * width + j)];
          INFO(op, " c ", c, " row ", i, " element ", j, " got ", value, " expected ",
               expected[static_cast<size_t>(j)]);
          CHECK(agrees(value, expected[static_cast<size_t>(j)]));
        }
      }
    }
  }
}

TEST_CASE("a row's results depend neither on its place nor on the number of rows") {
  for (int64_t c = 1; c <= 40; ++c) {
    const Rows rows = random_rows(37, c);
    for (const std::string_view op : ops) {
      const std::vector<float> together = run(op, rows);
      const auto width = together.size() / static_cast<size_t>(rows.count);
      for (int64_t i = 0; i < rows.count; ++i) {
        const std::vector<float> from_here = run(op, rows.from(i, std::min<int64_t>(rows.count - i, 1 + i % 20)));
        INFO(op, " c ", c, " row ", i);
        CHECK(std::memcmp(from_here.data(), together.data() + static_cast<size_t>(i) * width,
                          from_here.size() * sizeof(float)) == 0);
      }
    }
  }
}

TEST_CASE("argmax and argmin of rows find the first of the best, or the first NaN") {
  for (int64_t c = 1; c <= 40; ++c) {
    constexpr int64_t count = 43;
    std::vector<float> x = random_floats(1, count * c, -3, 3);
    for (size_t i = 0; i < x.size(); ++i) {
      x[i] = std::round(x[i]);  // many equal ones, and zeros of both signs
      const uint32_t bits = random_bits(random_key(2), i) % 40;
      if (bits == 0) x[i] = NAN;
      if (bits == 1) x[i] = INFINITY;
      if (bits == 2) x[i] = -INFINITY;
    }
    for (const bool largest : {true, false}) {
      const Type in{f32, {count, c}}, out{i32, {count}};
      std::vector<int32_t> got(count);
      run_kernel(*make_kernel(*find_op(largest ? "argmax" : "argmin"), AxisAttrs{1}, {&in, 1}, {&out, 1}, 1),
                 {x.data(), got.data()});
      for (int64_t i = 0; i < count; ++i) {
        const float* row = x.data() + i * c;
        const float* expected = std::find_if(row, row + c, [](float v) { return std::isnan(v); });
        if (expected == row + c) expected = largest ? std::max_element(row, row + c) : std::min_element(row, row + c);
        INFO("c ", c, " row ", i, " largest ", largest);
        CHECK(got[static_cast<size_t>(i)] == expected - row);
      }
    }
  }
}

TEST_CASE("the loss of a confident prediction keeps its digits") {
  for (const int64_t c : {2, 10, 32}) {
    Rows rows = random_rows(20, c);
    for (int64_t i = 0; i < rows.count; ++i) {
      const auto k = static_cast<size_t>(i);
      rows.labels[k] = static_cast<int32_t>(i % c);
      rows.x[static_cast<size_t>(i * c + i % c)] = static_cast<float>(10 + i % 10);
    }
    const std::vector<float> got = run("softmax_cross_entropy", rows);
    for (size_t i = 0; i < got.size(); ++i) {
      const double expected =
          expected_row("softmax_cross_entropy", rows.x.data() + static_cast<int64_t>(i) * c, c, rows.labels[i], 1.0)[0];
      CHECK(std::fabs(static_cast<double>(got[i]) - expected) <= 1e-5 * expected);
    }
  }
}

}  // namespace nnx::kernels
