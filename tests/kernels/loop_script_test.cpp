// Scripts of small loops against a walk over the same program: equal to the last bit, wherever the arguments lie.
#include "kernels/loop_script.h"

#include <doctest/doctest.h>

#include <numeric>

#include "kernels/loop_support.h"

namespace nnx::kernels {
namespace {

// Memory for every argument of a loop, inputs filled with floats (or small integers, or bools).
struct Arguments {
  std::vector<std::vector<std::byte>> memory;
  std::vector<void*> pointers;

  Arguments(const FusedLoop& loop, const LoopProgram& program, uint32_t seed) {
    const auto bytes = [&](const std::vector<int64_t>& strides) {
      int64_t last = 0;
      for (size_t d = 0; d < strides.size(); ++d) last += (loop.dims[static_cast<int>(d)] - 1) * strides[d];
      return static_cast<size_t>(4 * (last + 1));
    };
    for (size_t i = 0; i < loop.inputs.size(); ++i) {
      memory.emplace_back(std::max<size_t>(bytes(loop.inputs[i].strides), 8));
      fill(memory.back(), loop.inputs[i].dtype, seed + static_cast<uint32_t>(i));
    }
    for (const LoopOutput& o : loop.outputs) memory.emplace_back(bytes(o.strides), std::byte{0x5a});
    memory.emplace_back(program.shared_bytes + program.thread_bytes + 64, std::byte{0xff});
    for (auto& m : memory) pointers.push_back(m.data());
    auto& scratch = pointers.back();
    size_t room = memory.back().size();
    std::align(64, room - 64, scratch, room);
  }

  static void fill(std::vector<std::byte>& to, DType dtype, uint32_t seed) {
    const std::vector<float> values = random_floats(seed, std::ssize(to) / 4);
    for (size_t i = 0; i < values.size(); ++i) {
      const auto whole = static_cast<int32_t>(values[i] * 100);
      if (dtype == DType::boolean) to[i] = std::byte{values[i] > 0};
      else if (dtype == DType::f32) std::memcpy(&to[4 * i], &values[i], 4);
      else std::memcpy(&to[4 * i], &whole, 4);
    }
  }
  std::vector<std::vector<std::byte>> outputs(const FusedLoop& loop) const {
    return {memory.begin() + std::ssize(loop.inputs), memory.end() - 1};
  }
};

void check_script(const FusedLoop& loop) {
  INFO(loop.dims.to_string());
  const LoopProgram program = make_loop_program(loop, 1);
  const auto script = LoopScript::make(program);
  REQUIRE(script);
  for (const uint32_t seed : {1u, 20u, 300u}) {  // other memory every time
    Arguments walked(loop, program, seed), scripted(loop, program, seed);
    run_loop(program, walked.pointers.data());
    REQUIRE(script->run(scripted.pointers.data()));
    CHECK(walked.outputs(loop) == scripted.outputs(loop));
  }
}

bool has_script(const FusedLoop& loop, int threads = 1) {
  return LoopScript::make(make_loop_program(loop, threads)) != nullptr;
}

}  // namespace

TEST_CASE("a script broadcasts, reduces and stores as a walk does") {
  for (const int64_t rows : {1, 2, 5, 33}) {
    for (const int64_t cols : {1, 2, 10, 16, 33}) {
      check_script({.dims = {rows, cols},
                    .inputs = {{f32, {cols, 1}}, {f32, {0, 1}}, {f32, {1, 0}}, {f32, {0, 0}}, {f32, {1, rows}}},
                    .code = {{"fill", {}, f32, 0.25},
                             {"mul", {0, 5}},
                             {"add", {6, 1}},
                             {"exp", {3}},
                             {"mul", {7, 8}},
                             {"sub", {9, 2}},
                             {"greater", {10, 4}, boolean},
                             {"select", {11, 10, 0}}},
                    .outputs = {{12, {cols, 1}},
                                {10, {cols, 1}},
                                {8, {cols, 1}},
                                {0, {cols, 1}},
                                {5, {cols, 1}},
                                {12, {0, 0}, Reduce::sum},
                                {12, {0, 1}, Reduce::sum},
                                {12, {1, 0}, Reduce::sum},
                                {0, {0, 1}, Reduce::max},
                                {10, {1, 0}, Reduce::min},
                                {11, {0, 0}, Reduce::logical_or},
                                {11, {1, 0}, Reduce::logical_and},
                                {11, {0, 1}, Reduce::logical_or}}});
    }
  }
}

TEST_CASE("a script reads operands of other types and of odd strides") {
  check_script({.dims = {3, 4, 5},
                .inputs = {{f32, {5, 15, 1}}, {boolean, {0, 5, 1}}, {DType::i32, {20, 0, 1}}, {f32, {1, 3, 12}}},
                .code = {{"cast", {2}, f32}, {"select", {1, 0, 4}}, {"add", {5, 3}}},
                .outputs = {{6, {20, 5, 1}}, {1, {20, 5, 1}}, {6, {0, 0, 0}, Reduce::sum}}});
  check_script({.dims = {40},
                .inputs = {{DType::u32, {0}}, {f32, {3}}},
                .code = {{"random_bits", {0}, DType::u32, 0, 7, {1}}, {"iota", {}, f32, 0, 2, {1}}, {"add", {1, 3}}},
                .outputs = {{2, {1}}, {4, {1}}}});
}

TEST_CASE("a script that would overwrite what it still reads does not run") {
  for (const int64_t n : {1, 17}) {
    const FusedLoop loop{.dims = {n},
                         .inputs = {{f32, {1}}, {f32, {1}}},
                         .code = {{"negative", {0}}, {"tanh", {1}}, {"add", {0, 3}}},
                         .outputs = {{2, {1}}, {4, {1}}}};
    const LoopProgram program = make_loop_program(loop, 1);
    const auto script = LoopScript::make(program);
    REQUIRE(script);
    Arguments a(loop, program, 1);
    const std::vector<std::byte> before = a.memory[0];
    void* const own = a.pointers[2];
    a.pointers[2] = a.pointers[0];  // -x over x, before x + tanh(y)
    CHECK_FALSE(script->run(a.pointers.data()));
    CHECK(a.memory[0] == before);
    a.pointers[2] = own;
    a.pointers[3] = a.pointers[0];  // the last to be written may lie anywhere
    CHECK(script->run(a.pointers.data()));
  }
}

TEST_CASE("what needs a walk has no script") {
  const auto copy = [](Shape dims, std::vector<int64_t> from, std::vector<int64_t> to, Reduce reduce = Reduce::none) {
    return FusedLoop{
        .dims = dims, .inputs = {{f32, std::move(from)}}, .code = {}, .outputs = {{0, std::move(to), reduce}}};
  };
  CHECK(has_script(copy({100}, {1}, {1})));
  CHECK_FALSE(has_script(copy({100000}, {1}, {1})));
  CHECK_FALSE(has_script(copy({0}, {1}, {1})));
  CHECK_FALSE(has_script(copy({640}, {1}, {1}), 2));
  CHECK_FALSE(has_script(copy({3, 100}, {1, 3}, {100, 1})));  // rows long enough to be walked one by one
  CHECK_FALSE(has_script(copy({4, 5}, {1, 4}, {8, 1})));      // gaps between the rows written
  CHECK_FALSE(has_script(copy({3, 4, 5}, {20, 5, 1}, {5, 0, 1}, Reduce::sum)));  // over the middle
}

}  // namespace nnx::kernels
