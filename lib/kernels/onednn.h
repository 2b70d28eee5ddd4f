// The only place that knows which oneDNN it is: 2.6 (Debian 12) and 3.x spell descriptors and attributes differently.
// Included by .cpp files of this room alone.
#pragma once

#include <dnnl.hpp>

#include "kernels/matmul.h"

namespace nnx::kernels::onednn {

const dnnl::engine& engine();
dnnl::stream& stream();  // one a thread

// The matmul of a spec with user scratchpad. Create it under the thread count it will run with.
dnnl::matmul::primitive_desc matmul_desc(const MatmulSpec& spec);

}  // namespace nnx::kernels::onednn
