// Matmuls against loops in double, over shapes on both sides of the small kernel's limit, layouts and epilogues.
#include <doctest/doctest.h>

#include <array>
#include <string>

#include "kernels/loop_support.h"
#include "kernels/matmul.h"

namespace nnx::kernels {
namespace {

double activate(Activation a, double x) {
  switch (a) {
    case Activation::relu: return x > 0 ? x : 0;
    case Activation::tanh: return std::tanh(x);
    case Activation::logistic: return 1 / (1 + std::exp(-x));
    case Activation::gelu_tanh: return 0.5 * x * (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
    case Activation::gelu_erf: return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0)));
    default: return x;
  }
}

// The numbers as bf16; they become in `wide` what they are then.
void* narrowed(std::vector<float>& wide, std::vector<bf16>& narrow) {
  for (float& x : wide) x = narrow.emplace_back(x);
  return narrow.data();
}

void check_matmul(const MatmulSpec& s, int threads) {
  const auto elements = [&](const MatmulSpec::Operand& o, int64_t rows, int64_t cols) {
    return (s.batch - 1) * o.batch_stride + (rows - 1) * o.row_stride + (cols - 1) * o.col_stride + 1;
  };
  std::vector<float> lhs = random_floats(1, elements(s.lhs, s.m, s.k)),
                     rhs = random_floats(2, elements(s.rhs, s.k, s.n));
  std::vector<float> bias = random_floats(3, s.n), residual = random_floats(4, elements(s.out, s.m, s.n));
  std::vector<float> out(residual.size(), NAN);
  std::vector<bf16> narrow_lhs, narrow_rhs;
  std::vector<void*> args{lhs.data(), rhs.data()};
  if (s.operands == DType::bf16) args = {narrowed(lhs, narrow_lhs), narrowed(rhs, narrow_rhs)};
  if (s.bias) args.push_back(bias.data());
  if (s.residual) args.push_back(residual.data());
  args.push_back(out.data());
  const KernelPtr kernel = make_matmul(s, threads);
  INFO(kernel->name(), " ", s.batch, "x", s.m, "x", s.k, "x", s.n, " strides ", s.lhs.row_stride, ",", s.lhs.col_stride,
       " ", s.rhs.row_stride, ",", s.rhs.col_stride, " activation ", static_cast<int>(s.activation), " bias ", s.bias,
       " residual ", s.residual);
  CHECK(kernel->name().find("ref") == std::string::npos);
  run_kernel(*kernel, args);
  int wrong = 0;
  for (int64_t b = 0; b < s.batch; ++b) {
    for (int64_t i = 0; i < s.m; ++i) {
      for (int64_t j = 0; j < s.n; ++j) {
        double sum = s.bias ? static_cast<double>(bias[static_cast<size_t>(j)]) : 0, magnitude = 1;
        for (int64_t k = 0; k < s.k; ++k) {
          const double term =
              static_cast<double>(
                  lhs[static_cast<size_t>(b * s.lhs.batch_stride + i * s.lhs.row_stride + k * s.lhs.col_stride)]) *
              static_cast<double>(
                  rhs[static_cast<size_t>(b * s.rhs.batch_stride + k * s.rhs.row_stride + j * s.rhs.col_stride)]);
          sum += term;
          magnitude += std::fabs(term);
        }
        const auto at = static_cast<size_t>(b * s.out.batch_stride + i * s.out.row_stride + j);
        const double expected = activate(s.activation, sum) + (s.residual ? static_cast<double>(residual[at]) : 0);
        wrong += !(std::fabs(static_cast<double>(out[at]) - expected) <= 2e-6 * magnitude);
      }
    }
  }
  CHECK(wrong == 0);
}

MatmulSpec plain(int64_t batch, int64_t m, int64_t k, int64_t n, bool lhs_transposed, bool rhs_transposed) {
  MatmulSpec s;
  s.batch = batch, s.m = m, s.n = n, s.k = k;
  s.lhs = {m * k, lhs_transposed ? 1 : k, lhs_transposed ? m : 1};
  s.rhs = {k * n, rhs_transposed ? 1 : n, rhs_transposed ? k : 1};
  s.out = {m * n, n, 1};
  return s;
}

}  // namespace

TEST_CASE("matmul of every layout, small and large") {
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{1, 1, 1},
                                {5, 2, 16},
                                {3, 17, 63},
                                {1, 64, 65},
                                {64, 1, 33},
                                {17, 63, 1},
                                {65, 64, 63},
                                {128, 100, 10},
                                {100, 128, 96},
                                {1, 1000, 64}}) {
    for (const bool lt : {false, true}) {
      for (const bool rt : {false, true}) {
        for (const int threads : {1, 2}) {
          check_matmul(plain(1, m, k, n, lt, rt), threads);
          check_matmul(plain(3, m, k, n, lt, rt), threads);
        }
      }
    }
  }
}

TEST_CASE("matmul epilogues: bias, activation, residual") {
  for (const auto& [m, k, n] : {std::array<int64_t, 3>{5, 7, 19}, {65, 64, 63}}) {
    for (const int64_t batch : {1, 2}) {
      for (const Activation a : {Activation::none, Activation::relu, Activation::tanh, Activation::logistic,
                                 Activation::gelu_tanh, Activation::gelu_erf}) {
        for (const bool residual : {false, true}) {
          MatmulSpec s = plain(batch, m, k, n, false, false);
          s.bias = true;
          s.residual = residual;
          s.activation = a;
          check_matmul(s, 1);
          s.bias = false;
          check_matmul(s, 2);
        }
      }
    }
  }
}

TEST_CASE("matmul of parts of larger arrays, and of one right side for a whole batch") {
  for (const int64_t size : {6, 50}) {
    MatmulSpec s = plain(2, size, size, size, false, false);
    s.lhs.row_stride = 2 * size;  // heads side by side
    s.lhs.batch_stride = size;
    s.rhs.batch_stride = 0;
    s.out.row_stride = size + 3;
    s.out.batch_stride = size * (size + 3);
    check_matmul(s, 1);
  }
}

TEST_CASE("an operand that is the same for a whole batch") {
  for (const int64_t size : {6, 50, 100}) {
    for (const auto& [one_lhs, one_rhs] : {std::pair{true, false}, {false, true}, {true, true}}) {
      for (const bool transposed : {false, true}) {
        for (const int threads : {1, 2}) {
          MatmulSpec s = plain(3, size, size, size, transposed, !transposed);
          if (one_lhs) s.lhs.batch_stride = 0;
          if (one_rhs) s.rhs.batch_stride = 0;
          check_matmul(s, threads);
        }
      }
    }
  }
}

TEST_CASE("matmul of bf16 operands is that of the same numbers in f32") {
  for (const auto& [m, k, n] :
       {std::array<int64_t, 3>{1, 1, 1}, {5, 2, 16}, {33, 17, 63}, {64, 128, 48}, {130, 300, 10}}) {
    for (const bool left : {false, true}) {
      for (const bool right : {false, true}) {
        MatmulSpec s = plain(1, m, k, n, left, right);
        s.operands = DType::bf16;
        check_matmul(s, 1);
        s.bias = true;
        s.activation = Activation::relu;
        check_matmul(s, 2);
      }
    }
  }
  MatmulSpec s = plain(6, 40, 64, 40, false, true);
  s.operands = DType::bf16;
  s.residual = true;
  check_matmul(s, 2);
  s.rhs.batch_stride = 0;  // one right side for all
  check_matmul(s, 2);
}

TEST_CASE("bf16 runs in bf16 where the processor has it, and says so where it does not") {
  MatmulSpec s = plain(1, 128, 128, 128, false, false);
  s.operands = DType::bf16;
  const std::string name = make_matmul(s, 1)->name();
  CHECK(name.starts_with(has_bf16() ? "matmul " : "widen+matmul "));
  CHECK(name.ends_with(":avx512_core_bf16") == has_bf16());
  if (isa_name() != "avx512") CHECK(!has_bf16());
}

}  // namespace nnx::kernels
