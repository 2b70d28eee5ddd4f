// Reference kernels of the ops with bodies: plain loops over evaluate(body).
#include <algorithm>
#include <cstring>

#include "ops/attrs.h"
#include "reference/loops.h"
#include "reference/reference.h"

namespace nnx::reference {
namespace {

Array copied(const Type& type, const void* data) {
  const BufferRef buffer = Buffer::allocate(type.bytes());
  std::memcpy(buffer->data(), data, type.bytes());
  return Array(type, buffer);
}

Arrays copied_inputs(const Call& call) {
  Arrays arrays;
  for (size_t i = 0; i < call.in.size(); ++i) arrays.push_back(copied(call.in_types[i], call.in[i]));
  return arrays;
}

void write(const Call& call, size_t first, std::span<const Array> values) {
  for (size_t i = 0; i < values.size(); ++i)
    std::memcpy(call.out[first + i], values[i].buffer()->data(), call.out_types[first + i].bytes());
}

void remat(const Call& call) { write(call, 0, evaluate(*call.attrs.as<CallAttrs>().body, copied_inputs(call))); }

void scan(const Call& call) {
  const auto& a = call.attrs.as<ScanAttrs>();
  const Graph& body = *a.body;
  const std::vector<Type> slices = body.input_types(), results = body.output_types();
  const auto constants = static_cast<size_t>(a.constants), carries = static_cast<size_t>(a.carries);
  Arrays in;   // constants and carries stay from slice to slice
  for (size_t i = 0; i < constants + carries; ++i) in.push_back(copied(call.in_types[i], call.in[i]));
  for (int64_t step = 0; step < a.length; ++step) {
    const auto at = static_cast<size_t>(a.reverse ? a.length - 1 - step : step);
    in.resize(constants + carries);
    for (size_t i = constants + carries; i < slices.size(); ++i)
      in.push_back(copied(slices[i], input<std::byte>(call, i) + at * slices[i].bytes()));
    const Arrays out = evaluate(body, in);
    std::copy_n(out.begin(), carries, in.begin() + a.constants);
    for (size_t o = carries; o < out.size(); ++o)
      std::memcpy(output<std::byte>(call, o) + at * results[o].bytes(), out[o].buffer()->data(), results[o].bytes());
  }
  write(call, 0, std::span(in).subspan(constants, carries));
}

void while_loop(const Call& call) {
  const auto& a = call.attrs.as<WhileAttrs>();
  const Arrays in = copied_inputs(call);
  const auto carries = in.begin() + a.condition_constants + a.body_constants;
  Arrays for_condition(in.begin(), in.begin() + a.condition_constants);
  Arrays for_body(in.begin() + a.condition_constants, carries);
  for_condition.insert(for_condition.end(), carries, in.end());
  for_body.insert(for_body.end(), carries, in.end());
  while (evaluate(*a.condition, for_condition)[0].item<bool>()) {
    const Arrays out = evaluate(*a.body, for_body);
    std::ranges::copy(out, for_condition.begin() + a.condition_constants);
    std::ranges::copy(out, for_body.begin() + a.body_constants);
  }
  write(call, 0, std::span(for_body).subspan(static_cast<size_t>(a.body_constants)));
}

void switch_case(const Call& call) {
  const auto& branches = call.attrs.as<SwitchAttrs>().branches;
  const int64_t index = *input<int32_t>(call, 0), last = std::ssize(branches) - 1;
  const Arrays in = copied_inputs(call);
  write(call, 0, evaluate(*branches[static_cast<size_t>(std::clamp<int64_t>(index, 0, last))], std::span(in).subspan(1)));
}

}  // namespace

std::span<const Entry> loop_kernels() {
  static constexpr Entry entries[] = {
      {"remat", remat}, {"scan", scan}, {"while_loop", while_loop}, {"switch", switch_case}};
  return entries;
}

}  // namespace nnx::reference
