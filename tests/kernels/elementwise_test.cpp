// Every elementwise op of every type against reference/, on random and on special values.
#include <doctest/doctest.h>

#include <limits>
#include <string>

#include "kernels/loop_support.h"
#include "ops/all.h"
#include "ops/attrs.h"
#include "reference/reference.h"

namespace nnx::kernels {
namespace {

constexpr int64_t n = 1000;

BufferRef special_values(DType dtype, uint32_t seed) {
  const BufferRef b = Buffer::allocate(static_cast<size_t>(n) * 8);
  const float floats[] = {0.0f,           -0.0f,         INFINITY, -INFINITY, NAN,   1.0f, -1.0f,
                          0.5f,           2.5f,          -2.5f,    3e9f,      -3e9f, 5e9f, 2147483648.0f,
                          -2147483648.0f, 4294967040.0f, 1e-40f,   3.4e38f,   -0.3f, 7.0f};
  const uint32_t words[] = {0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe, 100};
  for (int64_t i = 0; i < n; ++i) {
    const uint32_t bits = random_bits(random_key(seed), static_cast<uint64_t>(i));
    if (dtype == DType::f32)
      b->as<float>()[i] =
          bits % 3 == 0 ? floats[bits / 3 % std::size(floats)] : static_cast<float>(bits / 4294967296.0 * 8 - 4);
    else if (dtype == DType::boolean) b->as<uint8_t>()[i] = bits & 1;
    else if (dtype == DType::bf16) b->as<uint16_t>()[i] = static_cast<uint16_t>(bits >> 16);
    else b->as<uint32_t>()[i] = bits % 3 == 0 ? words[bits / 3 % std::size(words)] : bits % 5 == 0 ? bits : bits % 50;
  }
  return b;
}

// Elements that differ: bit for bit, or by more than `limit` ulp where both are finite floats.
int64_t differences(DType dtype, const Buffer& got, const Buffer& expected, double limit) {
  int64_t count = 0;
  for (int64_t i = 0; i < n; ++i) {
    if (dtype == DType::f32)
      count += !(ulps(got.as<float>()[i], static_cast<double>(expected.as<float>()[i])) <= limit);
    else if (dtype == DType::boolean) count += got.as<uint8_t>()[i] != expected.as<uint8_t>()[i];
    else if (dtype == DType::bf16) count += got.as<uint16_t>()[i] != expected.as<uint16_t>()[i];
    else count += got.as<uint32_t>()[i] != expected.as<uint32_t>()[i];
  }
  return count;
}

void check_elementwise(const OpDef& op, const Attrs& attrs, const std::vector<DType>& args, DType result,
                       double limit) {
  std::vector<Type> in;
  std::vector<BufferRef> data;
  std::vector<const void*> pointers;
  FusedLoop loop{
      .dims = {n}, .inputs = {}, .code = {{op.name, {}, result}}, .outputs = {{static_cast<int>(args.size()), {1}}}};
  for (size_t i = 0; i < args.size(); ++i) {
    in.push_back({args[i], {n}});
    data.push_back(special_values(args[i], static_cast<uint32_t>(i + 1)));
    pointers.push_back(data.back()->data());
    loop.inputs.push_back({args[i], {1}});
    loop.code[0].args.push_back(static_cast<int>(i));
  }
  const std::vector<Type> out{{result, {n}}};
  REQUIRE(op.infer(in, attrs) == out);
  const BufferRef expected = Buffer::allocate(out[0].bytes()), got = Buffer::allocate(out[0].bytes());
  void* expected_pointer = expected->data();
  reference::run(op, attrs, in, pointers, out, {&expected_pointer, 1});
  std::vector<void*> kernel_args;
  for (const BufferRef& b : data) kernel_args.push_back(b->data());
  kernel_args.push_back(got->data());
  run_kernel(*make_fused_loop(loop, 1), kernel_args);
  INFO(std::string(op.name), " ", std::string(name_of(args.back())), " -> ", std::string(name_of(result)));
  CHECK(differences(result, *got, *expected, limit) == 0);
}

}  // namespace

TEST_CASE("every elementwise op agrees with the reference") {
  const DType f = DType::f32, i = DType::i32, u = DType::u32, b = DType::boolean;
  const auto check = [](const char* name, size_t arity, std::initializer_list<DType> types, double limit = 0) {
    for (const DType t : types) check_elementwise(*find_op(name), {}, std::vector<DType>(arity, t), t, limit);
  };
  for (const char* name : {"add", "sub", "mul", "rem", "maximum", "minimum"}) check(name, 2, {f, i, u});
  for (const char* name : {"negative", "abs", "sign"}) check(name, 1, {f, i, u});
  check("div", 2, {f});
  check("pow", 2, {f}, 4);
  for (const char* name : {"exp", "expm1", "log", "log1p", "rsqrt", "sin", "cos", "tanh", "erf"})
    check(name, 1, {f}, 3);
  check("logistic", 1, {f}, 4);
  check("erf_inv", 1, {f}, 4);
  for (const char* name : {"sqrt", "floor", "ceil", "round", "stop_gradient"}) check(name, 1, {f});
  for (const char* name : {"bitwise_and", "bitwise_or", "bitwise_xor"}) check(name, 2, {i, u, b});
  check("bitwise_not", 1, {i, u, b});
  check("shift_left", 2, {i, u});
  check("shift_right_logical", 2, {u});
  check("stop_gradient", 1, {i, u, b, DType::bf16});
  check_elementwise(*find_op("is_finite"), {}, {f}, b, 0);
  for (const char* name : {"equal", "not_equal", "less", "less_equal", "greater", "greater_equal"}) {
    for (const DType t : {f, i, u}) check_elementwise(*find_op(name), {}, {t, t}, b, 0);
  }
  for (const char* name : {"equal", "not_equal"}) check_elementwise(*find_op(name), {}, {b, b}, b, 0);
  for (const DType t : {f, i, u, b}) {
    check_elementwise(*find_op("select"), {}, {b, t, t}, t, 0);
    for (const DType to : {f, i, u, b}) check_elementwise(*find_op("cast"), CastAttrs{to}, {t}, to, 0);
  }
  check_elementwise(*find_op("cast"), CastAttrs{DType::bf16}, {f}, DType::bf16, 0);
  check_elementwise(*find_op("cast"), CastAttrs{f}, {DType::bf16}, f, 0);
  for (const DType t : {f, i, u}) {
    for (const DType to : {f, i, u}) check_elementwise(*find_op("bitcast"), CastAttrs{to}, {t}, to, 0);
  }
}

TEST_CASE("every elementwise op there is has vector code for f32, or for the integers it takes") {
  for (const OpDef* op : all_ops()) {
    if (op->family != Family::elementwise || op->name == "threefry2x32") continue;
    bool any = false;
    for (const DType from : {DType::f32, DType::u32, DType::boolean}) {
      for (const DType to : {DType::f32, DType::u32, DType::boolean})
        any = any || can_fuse(op->name, std::vector{from}, to);
    }
    INFO(std::string(op->name));
    CHECK(any);
  }
}

}  // namespace nnx::kernels
