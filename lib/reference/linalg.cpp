// The reference kernel of qr: Householder reflections in double, as LAPACK orders them (geqrf, then orgqr).
#include <cmath>

#include "reference/loops.h"

namespace nnx::reference {
namespace {

// Row-major m x n. On return `a` holds R above and on its diagonal and the reflections I - tau v v^T below, v[j] = 1.
void reflect(std::vector<double>& a, std::vector<double>& tau, size_t m, size_t n) {
  for (size_t j = 0; j < n; ++j) {
    double below = 0;
    for (size_t i = j + 1; i < m; ++i) below += a[i * n + j] * a[i * n + j];
    const double alpha = a[j * n + j];
    tau[j] = 0;
    if (below == 0) continue;   // nothing to annihilate
    const double beta = -std::copysign(std::sqrt(alpha * alpha + below), alpha);
    tau[j] = (beta - alpha) / beta;
    for (size_t i = j + 1; i < m; ++i) a[i * n + j] /= alpha - beta;
    a[j * n + j] = beta;
    for (size_t k = j + 1; k < n; ++k) {
      double dot = a[j * n + k];
      for (size_t i = j + 1; i < m; ++i) dot += a[i * n + j] * a[i * n + k];
      a[j * n + k] -= tau[j] * dot;
      for (size_t i = j + 1; i < m; ++i) a[i * n + k] -= tau[j] * dot * a[i * n + j];
    }
  }
}

// The first n columns of the product of the reflections.
std::vector<double> product(const std::vector<double>& a, const std::vector<double>& tau, size_t m, size_t n) {
  std::vector<double> q(m * n, 0);
  for (size_t j = 0; j < n; ++j) q[j * n + j] = 1;
  for (size_t j = n; j-- > 0;)
    for (size_t k = j; k < n; ++k) {
      double dot = q[j * n + k];
      for (size_t i = j + 1; i < m; ++i) dot += a[i * n + j] * q[i * n + k];
      q[j * n + k] -= tau[j] * dot;
      for (size_t i = j + 1; i < m; ++i) q[i * n + k] -= tau[j] * dot * a[i * n + j];
    }
  return q;
}

template <class T> void qr_typed(const Call& call) {
  const Shape& shape = call.in_types[0].shape;
  const auto m = static_cast<size_t>(shape.at(-2)), n = static_cast<size_t>(shape.at(-1));
  if (shape.size() == 0) return;
  for (size_t matrix = 0; matrix < static_cast<size_t>(shape.size()) / (m * n); ++matrix) {
    const T* x = input<T>(call, 0) + matrix * m * n;
    std::vector<double> a(x, x + m * n), tau(n);
    reflect(a, tau, m, n);
    const std::vector<double> q = product(a, tau, m, n);
    T* const out_q = output<T>(call, 0) + matrix * m * n;
    T* const out_r = output<T>(call, 1) + matrix * n * n;
    for (size_t i = 0; i < m * n; ++i) out_q[i] = static_cast<T>(q[i]);
    for (size_t i = 0; i < n; ++i)
      for (size_t j = 0; j < n; ++j) out_r[i * n + j] = j < i ? T(0) : static_cast<T>(a[i * n + j]);
  }
}

void qr(const Call& call) {
  by_dtype<float, double>(call.in_types[0].dtype, [&](auto zero) { qr_typed<decltype(zero)>(call); });
}

}  // namespace

std::span<const Entry> linalg_kernels() {
  static constexpr Entry entries[] = {{"qr", qr}};
  return entries;
}

}  // namespace nnx::reference
