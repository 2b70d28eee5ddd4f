#include "kernels/onednn.h"

#include <string>

namespace nnx::kernels {
namespace onednn {
namespace {

using dnnl::memory;

constexpr auto f32 = memory::data_type::f32;

// Rank 2 without a batch: plain kernels are chosen more readily than for rank 3.
memory::desc operand(const MatmulSpec& spec, const MatmulSpec::Operand& o, int64_t rows, int64_t cols,
                     memory::data_type type) {
  if (spec.batch == 1) return {{rows, cols}, type, {o.row_stride, o.col_stride}};
  return {{o.batch_stride == 0 ? 1 : spec.batch, rows, cols},
          type,
          {o.batch_stride == 0 ? rows * cols : o.batch_stride, o.row_stride, o.col_stride}};
}

memory::desc bias_of(const MatmulSpec& spec) {
  if (!spec.bias) return {};
  if (spec.batch == 1) return {{1, spec.n}, f32, memory::dims{spec.n, 1}};
  return {{1, 1, spec.n}, f32, memory::dims{spec.n, spec.n, 1}};
}

void append_eltwise(dnnl::post_ops& ops, dnnl::algorithm algorithm) {
#if DNNL_VERSION_MAJOR >= 3
  ops.append_eltwise(algorithm, 0.0f, 0.0f);
#else
  ops.append_eltwise(1.0f, algorithm, 0.0f, 0.0f);
#endif
}

void append_activation(dnnl::post_ops& ops, Activation activation) {
  switch (activation) {
    case Activation::none: return;
    case Activation::relu: return append_eltwise(ops, dnnl::algorithm::eltwise_relu);
    case Activation::tanh: return append_eltwise(ops, dnnl::algorithm::eltwise_tanh);
    case Activation::logistic: return append_eltwise(ops, dnnl::algorithm::eltwise_logistic);
    case Activation::gelu_tanh: return append_eltwise(ops, dnnl::algorithm::eltwise_gelu_tanh);
    case Activation::gelu_erf: return append_eltwise(ops, dnnl::algorithm::eltwise_gelu_erf);
  }
}

}  // namespace

const dnnl::engine& engine() {
  static const dnnl::engine cpu = [] {
    dnnl_set_jit_dump(0);
    return dnnl::engine(dnnl::engine::kind::cpu, 0);
  }();
  return cpu;
}

dnnl::stream& stream() {
  thread_local dnnl::stream s(engine());
  return s;
}

dnnl::matmul::primitive_desc matmul_desc(const MatmulSpec& spec) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  attr.set_fpmath_mode(dnnl::fpmath_mode::strict);
  const memory::data_type type = spec.operands == DType::bf16 ? memory::data_type::bf16 : f32;
  const memory::desc lhs = operand(spec, spec.lhs, spec.m, spec.k, type);
  const memory::desc rhs = operand(spec, spec.rhs, spec.k, spec.n, type);
  const memory::desc out = operand(spec, spec.out, spec.m, spec.n, f32);
  dnnl::post_ops ops;
  append_activation(ops, spec.activation);
  if (spec.residual) ops.append_binary(dnnl::algorithm::binary_add, out);
  attr.set_post_ops(ops);
#if DNNL_VERSION_MAJOR >= 3
  return spec.bias ? dnnl::matmul::primitive_desc(engine(), lhs, rhs, bias_of(spec), out, attr)
                   : dnnl::matmul::primitive_desc(engine(), lhs, rhs, out, attr);
#else
  const dnnl::matmul::desc desc =
      spec.bias ? dnnl::matmul::desc(lhs, rhs, bias_of(spec), out) : dnnl::matmul::desc(lhs, rhs, out);
  return {desc, attr, engine()};
#endif
}

}  // namespace onednn

bool has_bf16() {
  static const bool has = [] {
    const auto wanted = static_cast<unsigned>(dnnl::cpu_isa::avx512_core_bf16);
    const bool lowered = isa_name() != "avx512";
    return !lowered && (static_cast<unsigned>(dnnl::get_effective_cpu_isa()) & wanted) == wanted;
  }();
  return has;
}

std::string library_name() {
  const auto* v = dnnl::version();
  const char* isa = "plain";
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: isa = "sse41"; break;
    case dnnl::cpu_isa::avx: isa = "avx"; break;
    case dnnl::cpu_isa::avx2: isa = "avx2"; break;
    case dnnl::cpu_isa::avx2_vnni: isa = "avx2_vnni"; break;
    case dnnl::cpu_isa::avx512_core: isa = "avx512_core"; break;
    case dnnl::cpu_isa::avx512_core_vnni: isa = "avx512_core_vnni"; break;
    case dnnl::cpu_isa::avx512_core_bf16: isa = "avx512_core_bf16"; break;
    case dnnl::cpu_isa::avx512_core_amx: isa = "avx512_core_amx"; break;
    default: break;
  }
  return "oneDNN " + std::to_string(v->major) + "." + std::to_string(v->minor) + "." + std::to_string(v->patch) + " " +
         isa;
}

}  // namespace nnx::kernels
