// The attributes of the ops that have any. Axes are normalised (non-negative) before they come here.
//
// Ops are identified by name. Primitives (an op not named in neural.h has a reference kernel and no expansion):
//   elementwise, no attributes: add sub mul div rem pow maximum minimum negative abs sign exp expm1 log log1p sqrt rsqrt
//     sin cos tanh erf erf_inv floor ceil round is_finite logistic equal not_equal less less_equal greater greater_equal
//     bitwise_and bitwise_or bitwise_xor bitwise_not shift_left shift_right_logical select stop_gradient
//     threefry2x32 (k0, k1, x0, x1 -> y0, y1)
//   elementwise with CastAttrs: cast bitcast
//   reduce with ReduceAttrs: reduce_sum reduce_prod reduce_max reduce_min reduce_and reduce_or
//   reduce with AxisAttrs: argmax argmin sort (n inputs, n outputs); with CumsumAttrs: cumsum
//   shape: fill (FillAttrs) iota (IotaAttrs) broadcast_in_dim reshape transpose slice pad concatenate reverse
//   contraction: dot_general, qr (x -> q, r; no attributes); index: gather scatter_add
// With an expansion: random_bits (RandomBitsAttrs) and the neural ops
//   relu; gelu (GeluAttrs); softmax log_softmax (AxisAttrs); layer_norm, layer_norm_grad (NormAttrs);
//   softmax_cross_entropy (logits, labels -> loss), softmax_cross_entropy_grad (logits, labels, ct -> dlogits)
// With body Graphs (loop.h): scan (ScanAttrs) while_loop (WhileAttrs) switch (SwitchAttrs) remat (CallAttrs), and with an
//   expansion call (CallAttrs) custom_vjp (CustomVjpAttrs). A body is not null, holds no guards and captures nothing.
#pragma once

#include <string>
#include <vector>

#include "graph/attrs.h"
#include "graph/type.h"

namespace nnx {

struct CastAttrs {
  DType dtype = DType::f32;
  static void fields(auto& self, auto&& f) { f("dtype", self.dtype); }
};

struct ReduceAttrs {
  std::vector<int> axes;   // ascending, removed from the result
  static void fields(auto& self, auto&& f) { f("axes", self.axes); }
};

struct AxisAttrs {
  int axis = 0;
  static void fields(auto& self, auto&& f) { f("axis", self.axis); }
};

struct CumsumAttrs {
  int axis = 0;
  bool reverse = false;
  static void fields(auto& self, auto&& f) { f("axis", self.axis); f("reverse", self.reverse); }
};

struct FillAttrs {
  Type type;
  double value = 0;
  static void fields(auto& self, auto&& f) { f("type", self.type); f("value", self.value); }
};

struct IotaAttrs {
  Type type;
  int axis = 0;
  static void fields(auto& self, auto&& f) { f("type", self.type); f("axis", self.axis); }
};

struct BroadcastAttrs {
  Shape shape;
  std::vector<int> dims;   // input dimension i becomes result dimension dims[i]; ascending
  static void fields(auto& self, auto&& f) { f("shape", self.shape); f("dims", self.dims); }
};

struct ReshapeAttrs {
  Shape shape;
  static void fields(auto& self, auto&& f) { f("shape", self.shape); }
};

struct TransposeAttrs {
  std::vector<int> permutation;   // result dimension i is input dimension permutation[i]
  static void fields(auto& self, auto&& f) { f("permutation", self.permutation); }
};

struct SliceAttrs {
  std::vector<int64_t> start, limit, strides;
  static void fields(auto& self, auto&& f) { f("start", self.start); f("limit", self.limit); f("strides", self.strides); }
};

struct PadAttrs {
  std::vector<int64_t> low, high, interior;
  static void fields(auto& self, auto&& f) { f("low", self.low); f("high", self.high); f("interior", self.interior); }
};

struct ReverseAttrs {
  std::vector<int> axes;
  static void fields(auto& self, auto&& f) { f("axes", self.axes); }
};

struct DotAttrs {
  std::vector<int> lhs_contract, rhs_contract, lhs_batch, rhs_batch;
  static void fields(auto& self, auto&& f) {
    f("lhs_contract", self.lhs_contract); f("rhs_contract", self.rhs_contract);
    f("lhs_batch", self.lhs_batch); f("rhs_batch", self.rhs_batch);
  }
};

// gather: x [B.., pre.., n, post..], indices [B.., I..] -> [B.., pre.., I.., post..], where the first `batch_dims`
// dimensions B are common and `axis` (>= batch_dims) is the one indexed. scatter_add: (x, indices, updates) -> x.
struct GatherAttrs {
  int axis = 0;
  int batch_dims = 0;
  static void fields(auto& self, auto&& f) { f("axis", self.axis); f("batch_dims", self.batch_dims); }
};

struct RandomBitsAttrs {
  Shape shape;   // key u32[K.., 2] -> u32[K.., shape..]
  static void fields(auto& self, auto&& f) { f("shape", self.shape); }
};

struct GeluAttrs {
  bool approximate = true;
  static void fields(auto& self, auto&& f) { f("approximate", self.approximate); }
};

// layer_norm: (x [..., C], scale? [C], bias? [C]) -> y over the last axis.
// layer_norm_grad: (x, scale?, ct) -> (dx, dscale?, dbias?).
struct NormAttrs {
  double epsilon = 1e-6;
  bool has_scale = true;
  bool has_bias = true;
  static void fields(auto& self, auto&& f) {
    f("epsilon", self.epsilon); f("has_scale", self.has_scale); f("has_bias", self.has_bias);
  }
};

// call, remat: the inputs of the body -> its outputs.
struct CallAttrs {
  GraphRef body;
  static void fields(auto& self, auto&& f) { f("body", self.body); }
};

// scan: (constants..., carries..., xs... [length, ...]) -> (carries..., ys... [length, ...]).
//   body: (constants..., carries..., a slice of each xs...) -> (carries..., a slice of each ys...)
struct ScanAttrs {
  GraphRef body;
  int64_t length = 0;
  int constants = 0, carries = 0;   // how many; the other inputs are xs
  bool reverse = false;             // from the last slice to the first
  static void fields(auto& self, auto&& f) {
    f("body", self.body); f("length", self.length); f("constants", self.constants); f("carries", self.carries);
    f("reverse", self.reverse);
  }
};

// while_loop: (condition constants..., body constants..., carries...) -> carries...
//   condition: (condition constants..., carries...) -> bool[];  body: (body constants..., carries...) -> carries...
struct WhileAttrs {
  GraphRef condition, body;
  int condition_constants = 0, body_constants = 0;
  static void fields(auto& self, auto&& f) {
    f("condition", self.condition); f("body", self.body); f("condition_constants", self.condition_constants);
    f("body_constants", self.body_constants);
  }
};

// switch: (index i32[], clamped into the range of the branches, operands...) -> the outputs of that branch.
struct SwitchAttrs {
  std::vector<GraphRef> branches;   // operands... -> outputs of the same types
  static void fields(auto& self, auto&& f) { f("branches", self.branches); }
};

// custom_vjp: inputs -> outputs, with a gradient of its own.
//   forward: inputs -> (outputs..., residuals...)
//   backward: (residuals..., cotangents of the floating outputs...) -> cotangents of the floating inputs
struct CustomVjpAttrs {
  GraphRef body, forward, backward;
  static void fields(auto& self, auto&& f) {
    f("body", self.body); f("forward", self.forward); f("backward", self.backward);
  }
};

}  // namespace nnx
