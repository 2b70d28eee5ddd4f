// The vector code compiled for avx2; lib/CMakeLists.txt sets the flags.
#include "kernels/vector/chain.h"
#include "kernels/vector/elementwise.h"
#include "kernels/vector/moments.h"
#include "kernels/vector/rows.h"
#include "kernels/vector/small_matmul.h"
#include "kernels/vector/table.h"

namespace nnx::kernels {

const VectorTable& vector_table_avx2() {
  static constexpr VectorTable table{
      .isa = "avx2",
      .entries = vector_entries,
      .count = sizeof(vector_entries) / sizeof(vector_entries[0]),
      .rows = {softmax_rows, log_softmax_rows, cross_entropy_rows, cross_entropy_grad_rows, arg_best_rows<true>,
               arg_best_rows<false>, layer_norm_rows, layer_norm_grad_rows},
      .small_matmul = small_matmul,
      .transpose = transpose,
      .chains = run_chains,
      .moments = run_moments,
  };
  return table;
}

}  // namespace nnx::kernels
