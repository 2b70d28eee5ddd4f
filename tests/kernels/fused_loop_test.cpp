// Fused loops against an interpreter that walks the space one element at a time in double.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <string>

#include "base/error.h"
#include "kernels/loop_support.h"

namespace nnx::kernels {
namespace {

// The value of one f32 instruction; enough ops to tell registers apart.
double evaluate(std::string_view op, const std::vector<double>& a) {
  if (op == "add") return a[0] + a[1];
  if (op == "sub") return a[0] - a[1];
  if (op == "mul") return a[0] * a[1];
  if (op == "div") return a[0] / a[1];
  if (op == "relu") return std::max(a[0], 0.0);
  if (op == "tanh") return std::tanh(a[0]);
  if (op == "exp") return std::exp(a[0]);
  if (op == "sqrt") return std::sqrt(a[0]);
  if (op == "negative") return -a[0];
  if (op == "greater") return a[0] > a[1];
  if (op == "select") return a[0] != 0 ? a[1] : a[2];
  fail(ErrorKind::internal, {.message = "the test's interpreter lacks " + std::string(op)});
}

double combine(Reduce r, double a, double b) {
  switch (r) {
    case Reduce::prod: return a * b;
    case Reduce::max: return std::max(a, b);
    case Reduce::min: return std::min(a, b);
    default: return a + b;
  }
}

struct Output {
  std::vector<double> value, magnitude;  // magnitude: the sum of absolute values, for the tolerance of a sum
};

int64_t extent(const Shape& dims, const std::vector<int64_t>& strides) {
  int64_t last = 0;
  for (size_t d = 0; d < strides.size(); ++d) last += (dims[static_cast<int>(d)] - 1) * strides[d];
  return last + 1;
}

std::vector<Output> interpret(const FusedLoop& loop, const std::vector<std::vector<float>>& inputs) {
  std::vector<Output> outputs;
  for (const LoopOutput& o : loop.outputs) {
    const auto n = static_cast<size_t>(extent(loop.dims, o.strides));
    const double start = o.reduce == Reduce::prod  ? 1
                         : o.reduce == Reduce::max ? -1e300
                         : o.reduce == Reduce::min ? 1e300
                                                   : 0;
    outputs.push_back({std::vector<double>(n, start), std::vector<double>(n, 0)});
  }
  const auto rank = static_cast<size_t>(loop.dims.rank());
  std::vector<int64_t> at(rank, 0);
  const auto offset = [&](const std::vector<int64_t>& strides) {
    int64_t o = 0;
    for (size_t d = 0; d < rank; ++d) o += at[d] * strides[d];
    return static_cast<size_t>(o);
  };
  for (int64_t i = 0; i < loop.dims.size(); ++i) {
    int64_t rest = i;
    for (size_t d = rank; d-- > 0;)
      at[d] = rest % loop.dims[static_cast<int>(d)], rest /= loop.dims[static_cast<int>(d)];
    std::vector<double> registers;
    for (size_t k = 0; k < inputs.size(); ++k)
      registers.push_back(static_cast<double>(inputs[k][offset(loop.inputs[k].strides)]));
    for (const LoopInstruction& code : loop.code) {
      std::vector<double> a;
      for (const int r : code.args) a.push_back(registers[static_cast<size_t>(r)]);
      double v = code.op == "fill" ? code.value : 0;
      if (code.op == "iota")
        v = static_cast<double>(code.index_offset + static_cast<int64_t>(offset(code.index_strides)));
      else if (code.op != "fill") v = evaluate(code.op, a);
      registers.push_back(code.dtype == DType::f32 ? static_cast<double>(static_cast<float>(v)) : v);
    }
    for (size_t o = 0; o < outputs.size(); ++o) {
      const double v = registers[static_cast<size_t>(loop.outputs[o].reg)];
      const size_t cell = offset(loop.outputs[o].strides);
      double& total = outputs[o].value[cell];
      total = loop.outputs[o].reduce == Reduce::none ? v : combine(loop.outputs[o].reduce, total, v);
      outputs[o].magnitude[cell] += std::fabs(v);
    }
  }
  return outputs;
}

std::vector<std::vector<float>> run(const FusedLoop& loop, std::vector<std::vector<float>>& inputs, int threads) {
  std::vector<std::vector<float>> outputs;
  for (const LoopOutput& o : loop.outputs)
    outputs.emplace_back(static_cast<size_t>(extent(loop.dims, o.strides)), -777.0f);
  std::vector<void*> args;
  for (auto& in : inputs) args.push_back(in.data());
  for (auto& out : outputs) args.push_back(out.data());
  const KernelPtr kernel = make_fused_loop(loop, threads);
  run_kernel(*kernel, args);
  const auto first = outputs;
  for (auto& out : outputs) std::fill(out.begin(), out.end(), 555.0f);
  run_kernel(*kernel, args);
  int64_t changed = 0;  // the same again, but for holes of the layout
  for (size_t o = 0; o < outputs.size(); ++o) {
    for (size_t i = 0; i < outputs[o].size(); ++i) {
      changed += first[o][i] != -777.0f && std::memcmp(&first[o][i], &outputs[o][i], 4) != 0;
    }
  }
  CHECK(changed == 0);
  return outputs;
}

void check_loop(const FusedLoop& loop, float low = -1, float high = 1) {
  std::vector<std::vector<float>> inputs;
  for (size_t k = 0; k < loop.inputs.size(); ++k) {
    inputs.push_back(random_floats(static_cast<uint32_t>(k + 1), extent(loop.dims, loop.inputs[k].strides), low, high));
  }
  const std::vector<Output> expected = interpret(loop, inputs);
  for (const int threads : {1, 2, 3}) {
    const auto got = run(loop, inputs, threads);
    int wrong = 0;
    for (size_t o = 0; o < got.size(); ++o) {
      for (size_t i = 0; i < got[o].size(); ++i) {
        if (expected[o].magnitude[i] == 0 && expected[o].value[i] == 0 && got[o][i] == 555.0f)
          continue;  // a hole of the layout
        const double tolerance = 2e-6 * (loop.outputs[o].reduce == Reduce::sum ? expected[o].magnitude[i]
                                                                               : std::fabs(expected[o].value[i])) +
                                 1e-12;
        wrong += !(std::fabs(static_cast<double>(got[o][i]) - expected[o].value[i]) <= tolerance);
      }
    }
    INFO(loop.dims.to_string(), " ", make_fused_loop(loop, threads)->name(), " threads ", threads);
    CHECK(wrong == 0);
  }
}

const LoopInput row_major_1d{DType::f32, {1}};

}  // namespace

TEST_CASE("sizes around the vector and tile lengths") {
  for (const int64_t n : {1, 2, 3, 15, 16, 17, 31, 63, 64, 65, 255, 256, 257, 1000, 1023, 1024, 1025, 5000}) {
    check_loop({.dims = {n},
                .inputs = {row_major_1d, row_major_1d},
                .code = {{"add", {0, 1}}, {"tanh", {2}}, {"mul", {3, 0}}},
                .outputs = {{4, {1}}, {3, {1}}}});
    check_loop({.dims = {n},
                .inputs = {row_major_1d},
                .code = {{"exp", {0}}},
                .outputs = {{1, {0}, Reduce::sum}, {1, {1}}, {0, {0}, Reduce::max}, {0, {0}, Reduce::min}}});
  }
}

TEST_CASE("broadcasts of rows, columns and scalars, and what is computed from them alone") {
  for (const int64_t rows : {1, 2, 3, 17, 128}) {
    for (const int64_t cols : {2, 3, 10, 63, 64, 65, 512, 1100}) {
      check_loop({.dims = {rows, cols},
                  .inputs = {{DType::f32, {cols, 1}}, {DType::f32, {0, 1}}, {DType::f32, {1, 0}}, {DType::f32, {0, 0}}},
                  .code = {{"add", {0, 1}},
                           {"exp", {2}},
                           {"mul", {4, 5}},
                           {"sqrt", {3}},
                           {"add", {6, 7}},
                           {"add", {1, 3}},
                           {"mul", {8, 9}}},
                  .outputs = {{10, {cols, 1}}, {5, {cols, 1}}, {7, {cols, 1}}, {9, {cols, 1}}}},
                 0.1f, 1);
    }
  }
}

TEST_CASE("reductions over each axis, several in one pass") {
  for (const int64_t rows : {1, 3, 64, 130, 300}) {
    for (const int64_t cols : {1, 3, 10, 63, 64, 65, 512, 2500}) {
      FusedLoop loop{.dims = {rows, cols},
                     .inputs = {{DType::f32, {cols, 1}}, {DType::f32, {cols, 1}}},
                     .code = {{"fill", {}, DType::f32, 0}, {"greater", {0, 2}, DType::boolean}, {"select", {3, 1, 2}}},
                     .outputs = {{4, {cols, 1}}, {4, {0, 1}, Reduce::sum}}};
      check_loop(loop);
      loop.outputs.push_back({4, {1, 0}, Reduce::sum});
      loop.outputs.push_back({1, {0, 0}, Reduce::sum});
      check_loop(loop);
      check_loop({.dims = {rows, cols},
                  .inputs = {{DType::f32, {cols, 1}}},
                  .code = {},
                  .outputs = {{0, {1, 0}, Reduce::max}}});
      check_loop({.dims = {rows, cols},
                  .inputs = {{DType::f32, {cols, 1}}},
                  .code = {},
                  .outputs = {{0, {0, 1}, Reduce::min}, {0, {1, 0}, Reduce::sum}}});
    }
  }
}

TEST_CASE("reductions over mixed axes, transposed and padded layouts") {
  const int64_t a = 3, b = 5, c = 7, d = 66;
  for (int mask = 1; mask < 16; ++mask) {
    std::vector<int64_t> strides(4, 0);
    int64_t dense = 1;
    const int64_t sizes[] = {a, b, c, d};
    for (int k = 3; k >= 0; --k) {
      if ((mask >> k & 1) != 0) continue;
      strides[static_cast<size_t>(k)] = dense;
      dense *= sizes[k];
    }
    for (const bool short_last : {false, true}) {
      const Shape dims = short_last ? Shape{a, b, d, c} : Shape{a, b, c, d};
      if (short_last) std::swap(strides[2], strides[3]);  // layout as before, walked in another order
      const std::vector<int64_t> in =
          short_last ? std::vector<int64_t>{b * c * d, c * d, 1, d} : std::vector<int64_t>{b * c * d, c * d, d, 1};
      check_loop({.dims = dims,
                  .inputs = {{DType::f32, in}},
                  .code = {{"mul", {0, 0}}},
                  .outputs = {{1, strides, Reduce::sum}, {1, in}}});
      check_loop({.dims = dims, .inputs = {{DType::f32, in}}, .code = {}, .outputs = {{0, strides, Reduce::max}}});
    }
  }
  // a transposed input, and an output with gaps between its rows
  check_loop({.dims = {33, 70},
              .inputs = {{DType::f32, {1, 33}}, {DType::f32, {70, 1}}},
              .code = {{"add", {0, 1}}},
              .outputs = {{2, {80, 1}}, {2, {1, 33}}}});
  // a reduced output whose cells are not dense
  check_loop({.dims = {6, 5, 70},
              .inputs = {{DType::f32, {350, 70, 1}}},
              .code = {},
              .outputs = {{0, {10, 2, 0}, Reduce::sum}}});
}

TEST_CASE("sums over a middle axis: whole rows of any length, few and many") {
  for (const int64_t rows : {1, 5, 64, 65, 300})
    for (const int64_t cols : {3, 10, 16, 33})
      check_loop({.dims = {9, rows, cols},
                  .inputs = {{DType::f32, {rows * cols, cols, 1}}, {DType::f32, {cols, 0, 1}}},
                  .code = {{"mul", {0, 1}}},
                  .outputs = {{2, {cols, 0, 1}, Reduce::sum}, {2, {0, 0, 1}, Reduce::sum}, {0, {1, 0, 0}, Reduce::sum}}});
}

TEST_CASE("an index counts elements wherever they are") {
  for (const int64_t cols : {5, 64, 200}) {
    check_loop({.dims = {9, cols},
                .inputs = {{DType::f32, {cols, 1}}},
                .code = {{"iota", {}, DType::f32, 0, 3, {1, 9}},
                         {"iota", {}, DType::f32, 0, 0, {cols, 1}},
                         {"iota", {}, DType::f32, 0, 1, {2, 0}},
                         {"add", {1, 2}},
                         {"sub", {4, 3}},
                         {"add", {5, 0}}},
                .outputs = {{6, {cols, 1}}}});
  }
}

TEST_CASE("random bits are those of the key and the element's index") {
  uint32_t key[2] = {0x12345678u, 0x9abcdef0u};
  for (const int64_t offset : {int64_t{0}, int64_t{7}, int64_t{0xfffffff0}}) {
    for (const int64_t cols : {3, 16, 70}) {
      FusedLoop loop{.dims = {11, cols},
                     .inputs = {{DType::u32, {0, 0}}},
                     .code = {{"random_bits", {0}, DType::u32, 0, offset, {cols, 1}}},
                     .outputs = {{1, {cols, 1}}}};
      FusedLoop transposed{.dims = {11, cols},
                           .inputs = {{DType::u32, {0, 0}}},
                           .code = {{"random_bits", {0}, DType::u32, 0, offset, {1, 11}}},
                           .outputs = {{1, {1, 11}}}};
      std::vector<uint32_t> x(static_cast<size_t>(11 * cols)), y(x.size());
      run_kernel(*make_fused_loop(loop, 2), {key, x.data()});
      run_kernel(*make_fused_loop(transposed, 1), {key, y.data()});
      int wrong = 0;
      for (size_t i = 0; i < x.size(); ++i)
        wrong += x[i] != random_bits({key[0], key[1]}, static_cast<uint64_t>(offset) + i) || y[i] != x[i];
      CHECK(wrong == 0);
    }
  }
  for (const bool second : {false, true}) {
    std::vector<uint32_t> x0(35), x1(35), y(35);
    for (uint32_t i = 0; i < 35; ++i) x0[i] = i * 77, x1[i] = ~i;
    FusedLoop loop{.dims = {35},
                   .inputs = {{DType::u32, {0}}, {DType::u32, {0}}, {DType::u32, {1}}, {DType::u32, {1}}},
                   .code = {{second ? "threefry2x32.1" : "threefry2x32.0", {0, 1, 2, 3}, DType::u32}},
                   .outputs = {{4, {1}}}};
    run_kernel(*make_fused_loop(loop, 1), {&key[0], &key[1], x0.data(), x1.data(), y.data()});
    for (size_t i = 0; i < 35; ++i) {
      const RandomKey words = threefry2x32({key[0], key[1]}, x0[i], x1[i]);
      CHECK(y[i] == (second ? words.lo : words.hi));
    }
  }
}

TEST_CASE("updates in place") {
  // m = b m + (1 - b) g, p = p - lr m, with m and p overwritten; p is read after m was written
  for (const int64_t n : {1, 17, 64, 1000, 40000}) {
    FusedLoop loop{.dims = {n},
                   .inputs = {row_major_1d, row_major_1d, row_major_1d, {DType::f32, {0}}, {DType::f32, {0}}},
                   .code = {{"mul", {1, 3}},
                            {"fill", {}, DType::f32, 1},
                            {"sub", {6, 3}},
                            {"mul", {7, 2}},
                            {"add", {5, 8}},
                            {"mul", {9, 4}},
                            {"sub", {0, 10}}},
                   .outputs = {{11, {1}}, {9, {1}}}};
    for (const int threads : {1, 2}) {
      std::vector<float> p = random_floats(1, n), m = random_floats(2, n), g = random_floats(3, n), p2(p.size()),
                         m2(p.size());
      float b = 0.9f, lr = 0.1f;
      const KernelPtr kernel = make_fused_loop(loop, threads);
      run_kernel(*kernel, {p.data(), m.data(), g.data(), &b, &lr, p2.data(), m2.data()});
      run_kernel(*kernel, {p.data(), m.data(), g.data(), &b, &lr, p.data(), m.data()});
      CHECK(p == p2);
      CHECK(m == m2);
    }
    // exchanged: the first output overwrites an input that the second still needs
    FusedLoop exchange{.dims = {n},
                       .inputs = {row_major_1d, row_major_1d},
                       .code = {{"negative", {0}}, {"negative", {1}}, {"add", {0, 1}}},
                       .outputs = {{3, {1}}, {4, {1}}}};
    std::vector<float> a = random_floats(4, n), c = random_floats(5, n);
    const std::vector<float> a0 = a, c0 = c;
    run_kernel(*make_fused_loop(exchange, 1), {a.data(), c.data(), a.data(), c.data()});
    int wrong = 0;
    for (size_t i = 0; i < a.size(); ++i) wrong += a[i] != -c0[i] || c[i] != a0[i] + c0[i];
    CHECK(wrong == 0);
  }
}

TEST_CASE("sums of many equal numbers do not drift") {
  const int64_t n = 1 << 22;
  std::vector<float> x(static_cast<size_t>(n), 0.1f);
  const double exact = static_cast<double>(0.1f) * static_cast<double>(n);
  for (const int threads : {1, 2}) {
    float all = 0;
    run_kernel(*make_fused_loop({.dims = {n}, .inputs = {row_major_1d}, .code = {}, .outputs = {{0, {0}, Reduce::sum}}},
                                threads),
               {x.data(), &all});
    CHECK(std::fabs(static_cast<double>(all) / exact - 1) < 1e-6);
    std::vector<float> columns(64);
    run_kernel(*make_fused_loop({.dims = {n / 64, 64},
                                 .inputs = {{DType::f32, {64, 1}}},
                                 .code = {},
                                 .outputs = {{0, {0, 1}, Reduce::sum}}},
                                threads),
               {x.data(), columns.data()});
    for (const float c : columns) CHECK(std::fabs(static_cast<double>(c) * 64 / exact - 1) < 1e-6);
  }
}

TEST_CASE("what has vector code and what has not") {
  const DType f = DType::f32, d = DType::f64, b = DType::boolean, u = DType::u32, i = DType::i32;
  CHECK(can_fuse("add", std::vector{f, f}, f));
  CHECK(can_fuse("greater", std::vector{i, i}, b));
  CHECK(can_fuse("select", std::vector{b, f, f}, f));
  CHECK(can_fuse("cast", std::vector{b}, f));
  CHECK(can_fuse("random_bits", std::vector{u}, u));
  CHECK(can_fuse("iota", {}, i));
  CHECK_FALSE(can_fuse("add", std::vector{d, d}, d));
  CHECK_FALSE(can_fuse("cast", std::vector{f}, d));
  CHECK_FALSE(can_fuse("tile_sum", std::vector{f}, f));
  CHECK_FALSE(can_fuse("div", std::vector{i, i}, i));
  CHECK_THROWS_AS(
      make_fused_loop(
          {.dims = {4}, .inputs = {{DType::f64, {1}}}, .code = {{"exp", {0}, DType::f64}}, .outputs = {{1, {1}}}}, 1),
      Error);
}

}  // namespace nnx::kernels
