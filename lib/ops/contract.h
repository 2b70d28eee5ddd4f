// General contraction (XLA's dot_general), from which matmul and einsum come.
#pragma once

#include "graph/trace.h"

namespace nnx {

struct DotDims {
  std::vector<int> lhs_contract, rhs_contract;   // contracted pairs, equal sizes
  std::vector<int> lhs_batch = {}, rhs_batch = {};
};

// Result dimensions: batch, then what is left of lhs, then what is left of rhs. f32 or f64.
Array dot_general(const Array& lhs, const Array& rhs, const DotDims& dims);

// NumPy's matmul: vectors allowed, leading dimensions broadcast.
Array matmul(const Array& a, const Array& b);
// "ij,jk->ik", "bhqd,bhkd->bhqk", "ii->" is not supported; one or two operands, implicit output allowed.
Array einsum(std::string_view spec, const Arrays& operands);

}  // namespace nnx
