#include "kernels/matmul.h"

#include <omp.h>

#include <algorithm>
#include <array>
#include <list>
#include <mutex>
#include <unordered_map>

#include "base/error.h"
#include "base/hash.h"
#include "kernels/loop_program.h"
#include "kernels/onednn.h"

namespace nnx::kernels {
namespace {

// Below this many floating-point operations a library call costs more than it computes.
constexpr double call_flops = 65536;
// Up to here our own loops on one thread are faster all the same; where the library has no more than one thread either, up to
// there, unless the right operand has to be transposed.
constexpr double small_flops = 0.5e6, one_thread_flops = 4e6;
constexpr int64_t rows_worth_transposing = 16;  // of a product whose right operand has to be transposed for it

double own_flops(const MatmulSpec& s, int threads) {
  const bool transposes = s.rhs.col_stride != 1;
  if (s.operands != DType::f32 || (transposes && s.m < rows_worth_transposing)) return call_flops;
  return threads > 1 || transposes ? small_flops : one_thread_flops;
}

double flops_of(const MatmulSpec& s) {
  return 2.0 * static_cast<double>(s.batch) * static_cast<double>(s.m) * static_cast<double>(s.n) *
         static_cast<double>(s.k);
}

double bytes_of(const MatmulSpec& s) {
  const double b = static_cast<double>(s.batch), m = static_cast<double>(s.m), n = static_cast<double>(s.n),
               k = static_cast<double>(s.k);
  return static_cast<double>(size_of(s.operands)) * (b * m * k + b * k * n) +
         4 * (b * m * n * (s.residual ? 2 : 1) + (s.bias ? n : 0));
}

// Our own loops on one thread. The right operand needs contiguous rows: a transposed one is copied to scratch.
class SmallMatmul final : public Kernel {
 public:
  explicit SmallMatmul(const MatmulSpec& spec)
      : spec_(spec),
        multiply_(vector_table().small_matmul),
        add_(find_vector("add", DType::f32, DType::f32)),
        activate_(activation_fn(spec.activation)) {}

  void run(void* const* args) const override {
    const MatmulSpec& s = spec_;
    const auto* lhs = static_cast<const float*>(args[0]);
    const auto* rhs = static_cast<const float*>(args[1]);
    int next = 2;
    const auto* bias = s.bias ? static_cast<const float*>(args[next++]) : nullptr;
    const auto* residual = s.residual ? static_cast<const float*>(args[next++]) : nullptr;
    auto* out = static_cast<float*>(args[next++]);
    auto* scratch = copies_rhs() ? static_cast<float*>(args[next]) : nullptr;
    for (int64_t b = 0; b < s.batch; ++b) {
      const float* right = rhs + b * s.rhs.batch_stride;
      int64_t ldb = s.rhs.row_stride;
      if (scratch) {
        if (b == 0 || s.rhs.batch_stride != 0)
          copy_rhs(right, scratch);
        right = scratch;
        ldb = s.n;
      }
      float* result = out + b * s.out.batch_stride;
      multiply_(lhs + b * s.lhs.batch_stride, s.lhs.row_stride, s.lhs.col_stride, right, ldb, bias, result,
                s.out.row_stride, s.m, s.n, s.k);
      if (activate_ || residual) finish(result, residual ? residual + b * s.out.batch_stride : nullptr);
    }
  }

  std::string name() const override { return std::string("matmul own:") + vector_table().isa; }
  size_t scratch_bytes() const override { return copies_rhs() ? static_cast<size_t>(spec_.k * spec_.n) * 4 : 0; }
  double flops() const override { return flops_of(spec_); }
  double bytes() const override { return bytes_of(spec_); }

 private:
  static VectorFn activation_fn(Activation a) {
    switch (a) {
      case Activation::relu: return find_vector("relu", DType::f32, DType::f32);
      case Activation::tanh: return find_vector("tanh", DType::f32, DType::f32);
      case Activation::logistic: return find_vector("logistic", DType::f32, DType::f32);
      case Activation::gelu_tanh: return find_vector("gelu_tanh", DType::f32, DType::f32);
      case Activation::gelu_erf: return find_vector("gelu_erf", DType::f32, DType::f32);
      default: return nullptr;
    }
  }
  bool copies_rhs() const { return spec_.rhs.col_stride != 1; }

  void copy_rhs(const float* from, float* to) const {
    const auto& [batch_stride, row_stride, col_stride] = spec_.rhs;
    if (row_stride == 1) return vector_table().transpose(from, col_stride, to, spec_.n, spec_.n, spec_.k);
    for (int64_t i = 0; i < spec_.k; ++i) {
      for (int64_t j = 0; j < spec_.n; ++j) to[i * spec_.n + j] = from[i * row_stride + j * col_stride];
    }
  }

  void finish(float* result, const float* residual) const {
    const bool dense = spec_.out.row_stride == spec_.n;  // all rows as one
    const int64_t rows = dense ? 1 : spec_.m;
    for (int64_t i = 0; i < rows; ++i, result += spec_.out.row_stride) {
      VectorCall call;
      call.out = result;
      call.in[0] = result;
      call.step[0] = call.step[1] = 1;
      call.n = dense ? spec_.m * spec_.n : spec_.n;
      if (activate_) activate_(call);
      if (!residual) continue;
      call.in[1] = residual + i * spec_.out.row_stride;
      add_(call);
    }
  }

  MatmulSpec spec_;
  SmallMatmulFn multiply_;
  VectorFn add_;
  VectorFn activate_;
};

// A oneDNN primitive and its descriptor, shared by all kernels of one spec.
struct Primitive {
  dnnl::matmul::primitive_desc desc;
  dnnl::matmul primitive;
  std::string name;
};

std::array<int64_t, 16> key_of(const MatmulSpec& s, int threads) {
  return {s.batch,
          s.m,
          s.n,
          s.k,
          s.lhs.batch_stride,
          s.lhs.row_stride,
          s.lhs.col_stride,
          s.rhs.batch_stride,
          s.rhs.row_stride,
          s.rhs.col_stride,
          s.out.batch_stride,
          s.out.row_stride,
          s.out.col_stride,
          static_cast<int64_t>(s.operands) * 4 + s.bias * 2 + s.residual,
          static_cast<int64_t>(s.activation),
          threads};
}

// Creation fixes how the work is cut, so it happens under the number of threads it will run with.
class ThreadCount {
 public:
  explicit ThreadCount(int threads) : before_(omp_get_max_threads()) {
    if (threads != before_) omp_set_num_threads(threads);
  }
  ~ThreadCount() {
    if (omp_get_max_threads() != before_) omp_set_num_threads(before_);
  }
  ThreadCount(const ThreadCount&) = delete;
  ThreadCount& operator=(const ThreadCount&) = delete;

 private:
  int before_;
};

dnnl::matmul::primitive_desc describe(const MatmulSpec& spec) try {
  return onednn::matmul_desc(spec);
} catch (const dnnl::error& e) {
  fail(ErrorKind::internal,
       {.where = "matmul", .message = std::string("oneDNN does not take this layout: ") + e.what()});
}

std::shared_ptr<const Primitive> primitive_of(const MatmulSpec& spec, int threads) {
  static std::mutex mutex;
  static std::unordered_map<uint64_t, std::list<std::pair<std::array<int64_t, 16>, std::weak_ptr<const Primitive>>>>
      cache;
  const auto key = key_of(spec, threads);
  uint64_t hash = hash_seed;
  for (const int64_t word : key) hash = hash_combine(hash, static_cast<uint64_t>(word));
  const std::lock_guard lock(mutex);
  auto& bucket = cache[hash];
  for (auto& [known, weak] : bucket) {
    if (known != key) continue;
    if (auto found = weak.lock()) return found;
  }
  bucket.remove_if([](const auto& entry) { return entry.second.expired(); });
  const ThreadCount scope(threads);
  const dnnl::matmul::primitive_desc desc = describe(spec);
  auto made = std::make_shared<const Primitive>(
      Primitive{desc, dnnl::matmul(desc), std::string("matmul ") + desc.impl_info_str()});
  bucket.emplace_back(key, made);
  return made;
}

class DnnlMatmul final : public Kernel {
 public:
  DnnlMatmul(const MatmulSpec& spec, int threads)
      : spec_(spec),
        threads_(threads),
        primitive_(primitive_of(spec, threads)),
        scratch_bytes_(primitive_->desc.scratchpad_desc().get_size()) {
    bind(DNNL_ARG_SRC, primitive_->desc.src_desc());
    bind(DNNL_ARG_WEIGHTS, primitive_->desc.weights_desc());
    if (spec.bias) bind(DNNL_ARG_BIAS, primitive_->desc.bias_desc());
    const int post_op = spec.activation == Activation::none ? 0 : 1;
    if (spec.residual) bind(DNNL_ARG_ATTR_MULTIPLE_POST_OP(post_op) | DNNL_ARG_SRC_1, primitive_->desc.dst_desc());
    bind(DNNL_ARG_DST, primitive_->desc.dst_desc());
    if (scratch_bytes_ > 0) bind(DNNL_ARG_SCRATCHPAD, primitive_->desc.scratchpad_desc());
  }

  void run(void* const* args) const override {
    const ThreadCount scope(threads_);
    // Arguments in the order of binding are the order of args. The C interface takes them as they lie.
    for (size_t i = 0; i < memories_.size(); ++i) dnnl_memory_set_data_handle(memories_[i].get(), args[i]);
    const dnnl_status_t status = dnnl_primitive_execute(primitive_->primitive.get(), onednn::stream().get(),
                                                        static_cast<int>(args_.size()), args_.data());
    check(status == dnnl_success, "oneDNN could not run a matmul it had accepted");
  }

  std::string name() const override { return primitive_->name; }
  size_t scratch_bytes() const override { return scratch_bytes_; }
  double flops() const override { return flops_of(spec_); }
  double bytes() const override { return bytes_of(spec_); }
  int threads() const override { return threads_; }

 private:
  void bind(int arg, const dnnl::memory::desc& desc) {
    memories_.emplace_back(desc, onednn::engine(), nullptr);
    args_.push_back({arg, memories_.back().get()});
  }

  MatmulSpec spec_;
  int threads_;
  std::shared_ptr<const Primitive> primitive_;
  size_t scratch_bytes_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_exec_arg_t> args_;
};

// The products of a batch on one thread, one after the other: each is to the last bit what it is alone, whatever the size of
// the batch.
class MatmulOfEach final : public Kernel {
 public:
  explicit MatmulOfEach(const MatmulSpec& spec) : spec_(spec) {
    MatmulSpec one = spec;
    one.batch = 1;
    one.lhs.batch_stride = one.rhs.batch_stride = one.out.batch_stride = 0;
    one_ = make_matmul(one, 1);
  }

  void run(void* const* args) const override {
    std::array<void*, 6> inner{};
    const size_t count = 3 + spec_.bias + spec_.residual + (one_->scratch_bytes() > 0);
    for (int64_t b = 0; b < spec_.batch; ++b) {
      size_t i = 0;
      const auto next = [&](int64_t stride) {
        inner[i] = static_cast<float*>(args[i]) + b * stride;
        ++i;
      };
      next(spec_.lhs.batch_stride);
      next(spec_.rhs.batch_stride);
      if (spec_.bias) next(0);
      if (spec_.residual) next(spec_.out.batch_stride);
      next(spec_.out.batch_stride);
      if (i < count) next(0);
      one_->run(inner.data());
    }
  }

  std::string name() const override { return one_->name() + " each"; }
  size_t scratch_bytes() const override { return one_->scratch_bytes(); }
  double flops() const override { return flops_of(spec_); }
  double bytes() const override { return bytes_of(spec_); }

 private:
  MatmulSpec spec_;
  KernelPtr one_;
};

}  // namespace

KernelPtr make_matmul(const MatmulSpec& spec, int threads) {
  check(spec.out.col_stride == 1, "a matmul writes contiguous rows");
  // On one thread each product of a batch is computed as it would be alone; the library knows no batch of which neither
  // operand has several.
  const bool of_one = spec.lhs.batch_stride == 0 && spec.rhs.batch_stride == 0;
  const bool each = spec.operands == DType::f32 && spec.batch > 1 && (threads <= 1 || of_one);
  const double flops = flops_of(spec) / (each ? static_cast<double>(spec.batch) : 1);
  const bool small = flops < own_flops(spec, threads) || spec.k == 0 || spec.m == 0 || spec.n == 0 || spec.batch == 0;
  if (spec.operands == DType::bf16 && (small || !has_bf16())) return make_widened_matmul(spec, threads);
  if (small) return std::make_unique<SmallMatmul>(spec);
  if (each) return std::make_unique<MatmulOfEach>(spec);
  return std::make_unique<DnnlMatmul>(spec, std::max(1, threads));
}

}  // namespace nnx::kernels
