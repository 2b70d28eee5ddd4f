// The kernels of single ops against reference/, through the same public ops that record them.
#include <doctest/doctest.h>

#include <string>

#include "graph/trace.h"
#include "kernels/loop_support.h"
#include "ops/all.h"
#include "ops/attrs.h"
#include "ops/ops.h"
#include "reference/reference.h"

namespace nnx::kernels {
namespace {

// Data of a type: floats in [-2, 2), small integers, bits.
BufferRef make_data(const Type& type, uint32_t seed, int64_t low = -6, int64_t high = 6) {
  const BufferRef b = Buffer::allocate(type.bytes() + 1);
  for (int64_t i = 0; i < type.size(); ++i) {
    const uint32_t bits = random_bits(random_key(seed), static_cast<uint64_t>(i));
    const int64_t whole = low + static_cast<int64_t>(bits % static_cast<uint64_t>(high - low));
    if (type.dtype == DType::f32) b->as<float>()[i] = static_cast<float>(bits / 4294967296.0 * 4 - 2);
    if (type.dtype == DType::f64) b->as<double>()[i] = bits / 4294967296.0 * 4 - 2;
    if (type.dtype == DType::i32) b->as<int32_t>()[i] = static_cast<int32_t>(whole);
    if (type.dtype == DType::u32) b->as<uint32_t>()[i] = static_cast<uint32_t>(whole < 0 ? -whole : whole);
    if (type.dtype == DType::boolean) b->as<uint8_t>()[i] = bits & 1;
  }
  return b;
}

// Runs op on random data, as a kernel with 1, 2 and 3 threads and by reference; floats agree to `tolerance` of the
// largest.
void check_op(std::string_view name, const Attrs& attrs, const std::vector<Type>& in, double tolerance = 0) {
  const OpDef* op = find_op(name);
  REQUIRE(op != nullptr);
  const std::vector<Type> out = op->infer(in, attrs);
  std::vector<BufferRef> inputs, expected;
  for (size_t i = 0; i < in.size(); ++i) inputs.push_back(make_data(in[i], static_cast<uint32_t>(i + 5)));
  std::vector<const void*> input_pointers;
  for (const BufferRef& b : inputs) input_pointers.push_back(b->data());
  if (reference::has_kernel(*op)) {
    std::vector<void*> pointers;
    for (const Type& t : out)
      expected.push_back(Buffer::allocate(t.bytes() + 1)), pointers.push_back(expected.back()->data());
    reference::run(*op, attrs, in, input_pointers, out, pointers);
  } else {
    Arrays arrays;  // the expansion, in double
    for (size_t i = 0; i < in.size(); ++i)
      arrays.push_back(in[i].dtype == f32 ? cast(Array(in[i], inputs[i]), f64) : Array(in[i], inputs[i]));
    for (const Array& a : op->expand(arrays, attrs)) expected.push_back(cast(a, f32).buffer());
  }
  for (const int threads : {1, 2, 3}) {
    const KernelPtr kernel = make_kernel(*op, attrs, in, out, threads);
    INFO(name, " ", in[0].to_string(), " ", attrs.to_string(), " threads ", threads);
    REQUIRE(kernel != nullptr);
    std::vector<BufferRef> results;
    std::vector<void*> args;
    for (const BufferRef& b : inputs) args.push_back(b->data());
    for (const Type& t : out) {
      results.push_back(Buffer::allocate(t.bytes() + 1));
      std::memset(results.back()->data(), 0xee, t.bytes());
      args.push_back(results.back()->data());
    }
    run_kernel(*kernel, args);
    for (size_t o = 0; o < out.size(); ++o) {
      if (out[o].dtype != DType::f32 || tolerance == 0) {
        CHECK(std::memcmp(results[o]->data(), expected[o]->data(), out[o].bytes()) == 0);
        continue;
      }
      double largest = 1e-3, worst = 0;
      for (int64_t i = 0; i < out[o].size(); ++i) {
        const double e = static_cast<double>(expected[o]->as<float>()[i]);
        largest = std::max(largest, std::fabs(e));
        const double difference = std::fabs(static_cast<double>(results[o]->as<float>()[i]) - e);
        worst = difference <= worst ? worst : difference;  // NaN stays
      }
      CHECK(worst <= tolerance * largest);
    }
  }
}

}  // namespace

TEST_CASE("dot_general of any dimensions") {
  check_op("dot_general", DotAttrs{{1}, {0}, {}, {}}, {{f32, {5, 7}}, {f32, {7, 9}}}, 1e-6);
  check_op("dot_general", DotAttrs{{0}, {0}, {}, {}}, {{f32, {65, 33}}, {f32, {65, 40}}}, 1e-6);
  check_op("dot_general", DotAttrs{{1}, {1}, {}, {}}, {{f32, {65, 33}}, {f32, {40, 33}}}, 1e-6);
  check_op("dot_general", DotAttrs{{0}, {0}, {}, {}}, {{f32, {17}}, {f32, {17}}}, 1e-6);
  check_op("dot_general", DotAttrs{{}, {}, {}, {}}, {{f32, {17}}, {f32, {19}}}, 1e-6);
  check_op("dot_general", DotAttrs{{1}, {0}, {}, {}}, {{f32, {64, 300}}, {f32, {300}}}, 1e-6);
  check_op("dot_general", DotAttrs{{0}, {0}, {}, {}}, {{f32, {300}}, {f32, {300, 64}}}, 1e-6);
  check_op("dot_general", DotAttrs{{2}, {1}, {0}, {0}}, {{f32, {3, 5, 7}}, {f32, {3, 7, 9}}}, 1e-6);
  check_op("dot_general", DotAttrs{{3}, {3}, {0, 2}, {0, 2}}, {{f32, {2, 40, 3, 33}}, {f32, {2, 41, 3, 33}}},
           1e-6);  // bqhd,bkhd->bhqk
  check_op("dot_general", DotAttrs{{3}, {1}, {0, 1}, {0, 2}}, {{f32, {2, 3, 40, 33}}, {f32, {2, 33, 3, 20}}},
           1e-6);  // bhqk,bkhd->bhqd
  check_op("dot_general", DotAttrs{{0, 2}, {1, 0}, {}, {}}, {{f32, {5, 6, 7}}, {f32, {7, 5, 8}}}, 1e-6);
  check_op("dot_general", DotAttrs{{0, 1}, {0, 1}, {}, {}}, {{f32, {16, 8, 30}}, {f32, {16, 8, 31}}}, 1e-6);
  check_op("dot_general", DotAttrs{{1}, {0}, {}, {}}, {{f32, {5, 1}}, {f32, {1, 9}}}, 1e-6);
  check_op("dot_general", DotAttrs{{1}, {0}, {}, {}}, {{f32, {5, 0}}, {f32, {0, 9}}}, 1e-6);
  check_op("dot_general", DotAttrs{{1}, {0}, {}, {}}, {{f32, {1, 200}}, {f32, {200, 300}}}, 1e-6);
}

TEST_CASE("movement") {
  for (const DType t : {f32, i32, u32, boolean, f64}) {
    check_op("reshape", ReshapeAttrs{{12, 5}}, {{t, {3, 4, 5}}});
    check_op("transpose", TransposeAttrs{{1, 0}}, {{t, {65, 130}}});
    check_op("transpose", TransposeAttrs{{2, 0, 1}}, {{t, {5, 64, 33}}});
    check_op("transpose", TransposeAttrs{{0, 2, 1, 3}}, {{t, {2, 17, 4, 33}}});
    check_op("transpose", TransposeAttrs{{3, 2, 1, 0}}, {{t, {2, 7, 4, 35}}});
    check_op("broadcast_in_dim", BroadcastAttrs{{3, 4, 5}, {1}}, {{t, {4}}});
    check_op("broadcast_in_dim", BroadcastAttrs{{3, 4, 5}, {0, 2}}, {{t, {3, 1}}});
    check_op("broadcast_in_dim", BroadcastAttrs{{300, 200}, {}}, {{t, {}}});
    check_op("slice", SliceAttrs{{1, 2}, {9, 30}, {1, 1}}, {{t, {10, 33}}});
    check_op("slice", SliceAttrs{{1, 0}, {9, 33}, {3, 2}}, {{t, {10, 33}}});
    check_op("slice", SliceAttrs{{4, 0}, {4, 33}, {1, 1}}, {{t, {10, 33}}});
    check_op("reverse", ReverseAttrs{{0, 2}}, {{t, {3, 4, 65}}});
    check_op("pad", PadAttrs{{1, 0, 2}, {0, 3, 1}, {0, 0, 0}}, {{t, {3, 4, 5}}, {t, {}}});
    check_op("pad", PadAttrs{{-1, 2}, {3, -2}, {1, 2}}, {{t, {6, 9}}, {t, {}}});
    check_op("pad", PadAttrs{{-3, 0}, {-3, 0}, {0, 0}}, {{t, {6, 9}}, {t, {}}});
    check_op("concatenate", AxisAttrs{1}, {{t, {3, 4, 5}}, {t, {3, 1, 5}}, {t, {3, 0, 5}}});
    check_op("concatenate", AxisAttrs{2}, {{t, {3, 4, 5}}, {t, {3, 4, 63}}});
    check_op("concatenate", AxisAttrs{0}, {{t, {300, 65}}, {t, {400, 65}}});
  }
}

TEST_CASE("gather and scatter_add") {
  for (const DType index : {i32, u32}) {
    check_op("gather", GatherAttrs{0, 0}, {{f32, {5, 3}}, {index, {7}}});
    check_op("gather", GatherAttrs{1, 0}, {{f32, {2, 4, 65}}, {index, {3, 2}}});
    check_op("gather", GatherAttrs{2, 1}, {{i32, {3, 2, 4, 5}}, {index, {3, 6}}});
    check_op("gather", GatherAttrs{1, 1}, {{boolean, {400, 5}}, {index, {400, 100}}});
    check_op("scatter_add", GatherAttrs{0, 0}, {{f32, {5, 3}}, {index, {7}}, {f32, {7, 3}}});
    check_op("scatter_add", GatherAttrs{1, 0}, {{i32, {2, 4, 65}}, {index, {300}}, {i32, {2, 300, 65}}});
    check_op("scatter_add", GatherAttrs{2, 1}, {{u32, {3, 2, 4, 5}}, {index, {3, 6}}, {u32, {3, 2, 6, 5}}});
    check_op("scatter_add", GatherAttrs{0, 0}, {{f32, {4}}, {index, {70000}}, {f32, {70000}}}, 1e-5);
  }
}

TEST_CASE("along one axis") {
  for (const DType t : {f32, i32, u32}) {
    for (const int axis : {0, 1, 2}) {
      check_op("argmax", AxisAttrs{axis}, {{t, {5, 70, 13}}});
      check_op("argmin", AxisAttrs{axis}, {{t, {5, 70, 13}}});
      check_op("cumsum", CumsumAttrs{axis, false}, {{t, {65, 70, 13}}});
      check_op("cumsum", CumsumAttrs{axis, true}, {{t, {5, 70, 13}}});
      check_op("sort", AxisAttrs{axis}, {{t, {5, 70, 13}}});
      check_op("sort", AxisAttrs{axis},
               {{t, {200, 130, 3}}, {boolean, {200, 130, 3}}, {DType::f64, {200, 130, 3}}, {i32, {200, 130, 3}}});
    }
  }
  check_op("sort", AxisAttrs{0}, {{f32, {100000}}, {i32, {100000}}});
}

TEST_CASE("sorting puts NaN last and keeps the order of equal keys; argmax finds the first NaN") {
  std::vector<float> x{3, NAN, -0.0f, 0.0f, -INFINITY, -0.0f, INFINITY, -NAN, 3};
  std::vector<int32_t> order{0, 1, 2, 3, 4, 5, 6, 7, 8}, sorted_order(9);
  std::vector<float> sorted(9);
  const std::vector<Type> types{{f32, {9}}, {i32, {9}}};
  run_kernel(*make_kernel(*find_op("sort"), AxisAttrs{0}, types, types, 1),
             {x.data(), order.data(), sorted.data(), sorted_order.data()});
  CHECK(sorted_order == std::vector<int32_t>{4, 2, 3, 5, 0, 8, 6, 1, 7});
  int32_t best = -1;
  const std::vector<Type> result{{i32, {}}};
  run_kernel(*make_kernel(*find_op("argmax"), AxisAttrs{0}, std::span(types).first(1), result, 1), {x.data(), &best});
  CHECK(best == 1);
}

TEST_CASE("rows: softmax, cross-entropy, layer_norm and their gradients") {
  reference::install_evaluator();
  std::vector<int64_t> lengths{63, 64, 65, 1000};
  for (int64_t c = 1; c <= 40; ++c) lengths.push_back(c);
  for (const int64_t c : lengths) {
    for (const Shape& rows : {Shape{}, Shape{3}, Shape{16}, Shape{65}, Shape{4, 130}}) {
      const Shape x = rows.inserted(rows.rank(), c);
      check_op("softmax", AxisAttrs{rows.rank()}, {{f32, x}}, 1e-6);
      check_op("log_softmax", AxisAttrs{rows.rank()}, {{f32, x}}, 1e-6);
      check_op("softmax_cross_entropy", {}, {{f32, x}, {i32, rows}}, 1e-6);
      check_op("softmax_cross_entropy", {}, {{f32, x}, {u32, rows}}, 1e-6);
      check_op("softmax_cross_entropy_grad", {}, {{f32, x}, {i32, rows}, {f32, rows}}, 1e-6);
      if (c < 3) continue;  // a variance of 0 up to rounding has no digits to compare
      const Type vector{f32, {c}};
      check_op("layer_norm", NormAttrs{1e-6, true, true}, {{f32, x}, vector, vector}, 1e-5);
      check_op("layer_norm", NormAttrs{1e-6, false, true}, {{f32, x}, vector}, 1e-5);
      check_op("layer_norm", NormAttrs{1e-6, false, false}, {{f32, x}}, 1e-5);
      check_op("layer_norm_grad", NormAttrs{1e-6, true, true}, {{f32, x}, vector, {f32, x}}, 1e-5);
      check_op("layer_norm_grad", NormAttrs{1e-6, false, true}, {{f32, x}, {f32, x}}, 1e-5);
    }
  }
  const Type x{f32, {4, 5}};
  CHECK(make_kernel(*find_op("softmax"), AxisAttrs{0}, std::span(&x, 1), std::span(&x, 1), 1) == nullptr);
}

}  // namespace nnx::kernels
