// Ops along one axis that keep order: cumsum, sort, argmax, argmin. A line is one run along the axis.
#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <type_traits>

#include "kernels/factories.h"
#include "kernels/parallel.h"
#include "kernels/vector/table.h"
#include "ops/attrs.h"

namespace nnx::kernels {
namespace {

struct Lines {
  int64_t outer = 1, n = 1, inner = 1;  // element i of line l is at (l / inner * n + i) * inner + l % inner
  Lines(const Shape& shape, int axis) : n(shape[axis]) {
    for (int d = 0; d < axis; ++d) outer *= shape[d];
    for (int d = axis + 1; d < shape.rank(); ++d) inner *= shape[d];
  }
  int64_t count() const { return outer * inner; }
  int64_t start(int64_t line) const { return line / inner * n * inner + line % inner; }
};

// Calls f with a value of the element type; false for types without a kernel.
template <class F> bool with_number(DType dtype, F f) {
  switch (dtype) {
    case DType::f32: f(float{}); return true;
    case DType::i32: f(int32_t{}); return true;
    case DType::u32: f(uint32_t{}); return true;
    default: return false;
  }
}

class LineKernel : public Kernel {
 public:
  LineKernel(const OpCall& call, int axis)
      : lines_(call.in[0].shape, axis), dtype_(call.in[0].dtype), name_(call.op.name) {
    threads_ =
        static_cast<int>(std::clamp<int64_t>(lines_.count(), 1, useful_threads(call.threads, call.in[0].size())));
    for (const Type& t : call.in) bytes_ += static_cast<double>(t.bytes());
    for (const Type& t : call.out) bytes_ += static_cast<double>(t.bytes());
  }
  std::string name() const override { return name_; }
  double bytes() const override { return bytes_; }
  int threads() const override { return threads_; }

 protected:
  Lines lines_;
  DType dtype_;
  std::string name_;
  double bytes_ = 0;
  int threads_;
};

class CumsumKernel final : public LineKernel {
 public:
  CumsumKernel(const OpCall& call)
      : LineKernel(call, call.attrs.as<CumsumAttrs>().axis), reverse_(call.attrs.as<CumsumAttrs>().reverse) {}
  void run(void* const* args) const override {
    with_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      using Sum = std::conditional_t<std::is_same_v<T, float>, double, uint32_t>;
      for_pieces(threads_, lines_.count(), [&](int64_t begin, int64_t end, int) {
        for (int64_t line = begin; line < end; ++line) {
          const T* x = static_cast<const T*>(args[0]) + lines_.start(line);
          T* y = static_cast<T*>(args[1]) + lines_.start(line);
          Sum sum = 0;
          for (int64_t i = 0; i < lines_.n; ++i) {
            const int64_t at = (reverse_ ? lines_.n - 1 - i : i) * lines_.inner;
            sum += static_cast<Sum>(x[at]);
            y[at] = static_cast<T>(sum);
          }
        }
      });
    });
  }

 private:
  bool reverse_;
};

class ArgBestKernel final : public LineKernel {
 public:
  ArgBestKernel(const OpCall& call, bool largest)
      : LineKernel(call, call.attrs.as<AxisAttrs>().axis), largest_(largest) {
    const RowKernels& rows = vector_table().rows;
    if (dtype_ == DType::f32 && lines_.inner == 1 && lines_.n <= longest_short_row)
      short_ = largest ? rows.argmax : rows.argmin;
  }
  void run(void* const* args) const override {
    if (short_) {
      return for_pieces(threads_, lines_.count(), [&](int64_t begin, int64_t end, int) {
        short_(static_cast<const float*>(args[0]) + begin * lines_.n, static_cast<int32_t*>(args[1]) + begin,
               end - begin, lines_.n);
      });
    }
    with_number(dtype_, [&](auto zero) {
      using T = decltype(zero);
      for_pieces(threads_, lines_.count(), [&](int64_t begin, int64_t end, int) {
        for (int64_t line = begin; line < end; ++line) {
          static_cast<int32_t*>(args[1])[line] = best(static_cast<const T*>(args[0]) + lines_.start(line));
        }
      });
    });
  }

 private:
  template <class T> int32_t best(const T* x) const {  // the first of the best; the first NaN beats all
    int64_t at = 0;
    T value = x[0];
    for (int64_t i = 1; i < lines_.n && value == value; ++i) {
      const T candidate = x[i * lines_.inner];
      if ((largest_ ? candidate > value : candidate < value) || candidate != candidate) value = candidate, at = i;
    }
    return static_cast<int32_t>(at);
  }
  bool largest_;
  void (*short_)(const float*, int32_t*, int64_t, int64_t) = nullptr;
};

// A bit pattern that sorts as the value does: NaN last, both zeros equal.
uint32_t sort_key(uint32_t bits, DType dtype) {
  if (dtype == DType::u32) return bits;
  if (dtype == DType::i32) return bits ^ 0x80000000u;
  const float value = std::bit_cast<float>(bits);
  if (value != value) return 0xffffffffu;
  if (value == 0) return 0x80000000u;
  return (bits >> 31) != 0 ? ~bits : bits | 0x80000000u;
}

// Stable: least significant byte first.
class SortKernel final : public LineKernel {
 public:
  SortKernel(const OpCall& call) : LineKernel(call, call.attrs.as<AxisAttrs>().axis), arrays_(call.in.size()) {
    for (const Type& t : call.in) sizes_.push_back(size_of(t.dtype));
  }
  size_t scratch_bytes() const override { return thread_bytes() * static_cast<size_t>(threads_); }

  void run(void* const* args) const override {
    auto* scratch = static_cast<std::byte*>(args[2 * arrays_]);
    for_pieces(threads_, lines_.count(), [&](int64_t begin, int64_t end, int thread) {
      auto* pairs = reinterpret_cast<Pair*>(scratch + thread_bytes() * static_cast<size_t>(thread));
      for (int64_t line = begin; line < end; ++line) sort_line(args, lines_.start(line), pairs);
    });
  }

 private:
  struct Pair {
    uint32_t key, index;
  };
  size_t thread_bytes() const { return (static_cast<size_t>(lines_.n) * 2 * sizeof(Pair) + 63) / 64 * 64; }

  void sort_line(void* const* args, int64_t start, Pair* pairs) const {
    const auto n = static_cast<size_t>(lines_.n);
    const auto* keys = static_cast<const uint32_t*>(args[0]) + start;
    for (size_t i = 0; i < n; ++i)
      pairs[i] = {sort_key(keys[i * static_cast<size_t>(lines_.inner)], dtype_), static_cast<uint32_t>(i)};
    const Pair* sorted = n < 64 ? insertion_sort(pairs, n) : radix_sort(pairs, pairs + n, n);
    for (size_t a = 0; a < arrays_; ++a) {
      if (sizes_[a] == 1) permute<uint8_t>(args[a], args[arrays_ + a], start, sorted);
      else if (sizes_[a] == 4) permute<uint32_t>(args[a], args[arrays_ + a], start, sorted);
      else permute<uint64_t>(args[a], args[arrays_ + a], start, sorted);
    }
  }

  static const Pair* insertion_sort(Pair* pairs, size_t n) {
    for (size_t i = 1; i < n; ++i) {
      const Pair p = pairs[i];
      size_t j = i;
      for (; j > 0 && pairs[j - 1].key > p.key; --j) pairs[j] = pairs[j - 1];
      pairs[j] = p;
    }
    return pairs;
  }

  static const Pair* radix_sort(Pair* from, Pair* to, size_t n) {
    for (int shift = 0; shift < 32; shift += 8) {
      size_t starts[257] = {};
      for (size_t i = 0; i < n; ++i) ++starts[(from[i].key >> shift & 255) + 1];
      if (std::find(starts, starts + 257, n) != starts + 257) continue;  // one value only
      for (int b = 0; b < 256; ++b) starts[b + 1] += starts[b];
      for (size_t i = 0; i < n; ++i) to[starts[from[i].key >> shift & 255]++] = from[i];
      std::swap(from, to);
    }
    return from;
  }

  template <class T> void permute(const void* from, void* to, int64_t start, const Pair* order) const {
    const T* x = static_cast<const T*>(from) + start;
    T* y = static_cast<T*>(to) + start;
    for (int64_t i = 0; i < lines_.n; ++i) y[i * lines_.inner] = x[order[i].index * lines_.inner];
  }

  size_t arrays_;
  std::vector<size_t> sizes_;
};

}  // namespace

KernelPtr make_scan_kernel(const OpCall& call) {
  const std::string_view op = call.op.name;
  if (op != "cumsum" && op != "sort" && op != "argmax" && op != "argmin") return nullptr;
  if (!with_number(call.in[0].dtype, [](auto) {})) return nullptr;
  if (op == "cumsum") return std::make_unique<CumsumKernel>(call);
  if (op == "argmax" || op == "argmin") return std::make_unique<ArgBestKernel>(call, op == "argmax");
  if (call.in[0].shape[call.attrs.as<AxisAttrs>().axis] > std::numeric_limits<int32_t>::max()) return nullptr;
  return std::make_unique<SortKernel>(call);
}

}  // namespace nnx::kernels
