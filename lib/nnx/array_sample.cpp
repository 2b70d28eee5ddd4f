#include "nnx/array_sample.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace nnx {
namespace {

int64_t product(const std::vector<int64_t>& v) {
  int64_t p = 1;
  for (const int64_t x : v) p *= x;
  return p;
}

// Takes larger steps along the axis with most cells until there are few enough.
void choose_steps(const Shape& dims, int64_t cells, ArraySample& out) {
  out.shape.assign(dims.begin(), dims.end());
  out.steps.assign(out.shape.size(), 1);
  while (product(out.shape) > cells) {
    const size_t axis = static_cast<size_t>(std::ranges::max_element(out.shape) - out.shape.begin());
    const int64_t dim = dims.begin()[axis], fewer = std::max<int64_t>(out.shape[axis] - 1, 1);
    out.steps[axis] = (dim + fewer - 1) / fewer;
    out.shape[axis] = (dim + out.steps[axis] - 1) / out.steps[axis];
  }
}

// Counts through the indices of a row-major array and says which cell each element belongs to.
class CellCounter {
 public:
  CellCounter(const Shape& dims, const ArraySample& grid) : dims_(dims.begin(), dims.end()), grid_(grid) {
    index_.resize(dims_.size());
  }
  size_t cell() const {
    int64_t at = 0;
    for (size_t i = 0; i < dims_.size(); ++i) at = at * grid_.shape[i] + index_[i] / grid_.steps[i];
    return static_cast<size_t>(at);
  }
  bool is_taken() const {
    for (size_t i = 0; i < dims_.size(); ++i)
      if (index_[i] % grid_.steps[i] != 0) return false;
    return true;
  }
  void next() {
    for (size_t i = dims_.size(); i-- > 0;) {
      if (++index_[i] < dims_[i]) return;
      index_[i] = 0;
    }
  }

 private:
  std::vector<int64_t> dims_, index_;
  const ArraySample& grid_;
};

}  // namespace

ArraySample sample(const Array& array, int64_t cells) {
  ArraySample out{.summary = summarize(array)};
  choose_steps(array.shape(), std::max<int64_t>(cells, 1), out);
  out.values.resize(static_cast<size_t>(product(out.shape)));
  const double width = out.summary.max - out.summary.min;
  const auto bins = static_cast<double>(out.histogram.size());
  CellCounter at(array.shape(), out);
  for_each_value(array, [&](double v) {
    double& cell = out.values[at.cell()];
    if (!std::isfinite(v)) {
      cell = std::numeric_limits<double>::quiet_NaN();
    } else {
      if (at.is_taken() && !std::isnan(cell)) cell = v;
      const double bin = width > 0 ? (v - out.summary.min) / width * bins : 0;
      ++out.histogram[static_cast<size_t>(std::min(bin, bins - 1))];
    }
    at.next();
  });
  return out;
}

}  // namespace nnx
