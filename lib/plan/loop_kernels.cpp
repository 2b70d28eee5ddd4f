#include "plan/loop_kernels.h"

#include <fmt/format.h>

#include <cstring>

namespace nnx::plan {
namespace {

size_t aligned(size_t bytes) { return (bytes + 63) / 64 * 64; }

void move_bytes(void* to, const void* from, size_t bytes) {
  if (to != from && bytes > 0) std::memcpy(to, from, bytes);
}

}  // namespace

Carries::Carries(const Program& body, size_t constants, size_t count, size_t arena_bytes)
    : scratch_bytes_(aligned(arena_bytes)) {
  for (size_t c = 0; c < count; ++c) {
    const size_t bytes = body.output_bytes[c];
    carries_.push_back({constants + c, body.input_types.size() + c, bytes, body.in_place(c), scratch_bytes_});
    if (body.in_place(c)) moving_bytes_ += bytes;
    else scratch_bytes_ += aligned(bytes);
  }
}

void Carries::start(void* const* initial, void* const* outputs, std::byte* scratch, int64_t iterations,
                    void** slots) const {
  for (size_t c = 0; c < carries_.size(); ++c) {
    const Carry& carry = carries_[c];
    if (carry.in_place) {
      move_bytes(outputs[c], initial[c], carry.bytes);
      slots[carry.in] = slots[carry.out] = outputs[c];
      continue;
    }
    // The first iteration reads the initial value where it lies. The last one writes the output, if the number of
    // iterations is known and the initial value does not lie there itself.
    const bool even = iterations > 0 && iterations % 2 == 0;
    slots[carry.in] = initial[c];
    slots[carry.out] = even || initial[c] == outputs[c] ? scratch + carry.spare : outputs[c];
  }
}

void Carries::advance(void* const* outputs, std::byte* scratch, void** slots) const {
  for (size_t c = 0; c < carries_.size(); ++c) {
    const Carry& carry = carries_[c];
    if (carry.in_place) continue;
    slots[carry.in] = slots[carry.out];
    slots[carry.out] = slots[carry.in] == outputs[c] ? scratch + carry.spare : outputs[c];
  }
}

void Carries::finish(void* const* outputs, void* const* slots) const {
  for (size_t c = 0; c < carries_.size(); ++c) move_bytes(outputs[c], slots[carries_[c].in], carries_[c].bytes);
}

ScanKernel::ScanKernel(const ScanAttrs& attrs, std::shared_ptr<Program> body)
    : body_(std::move(body)),
      length_(attrs.length),
      reverse_(attrs.reverse),
      inputs_(body_->input_types.size()),
      constants_(static_cast<size_t>(attrs.constants)),
      carries_(*body_, constants_, static_cast<size_t>(attrs.carries), body_->report.arena_bytes),
      slots_(inputs_ + body_->output_types.size()) {
  // The arguments of the step and the slots of the body are in the same order.
  const auto carries = static_cast<size_t>(attrs.carries);
  for (size_t i = constants_ + carries; i < inputs_; ++i)
    slices_.push_back({i, i, static_cast<int64_t>(body_->input_bytes[i])});
  for (size_t o = carries; o < body_->output_types.size(); ++o)
    slices_.push_back({inputs_ + o, inputs_ + o, static_cast<int64_t>(body_->output_bytes[o])});
}

void ScanKernel::run(void* const* args) const {
  void* const* outputs = args + inputs_;
  auto* scratch = scratch_bytes() > 0 ? static_cast<std::byte*>(args[slots_.size()]) : nullptr;
  for (size_t i = 0; i < constants_; ++i) slots_[i] = args[i];
  carries_.start(args + constants_, outputs, scratch, length_, slots_.data());
  for (int64_t i = 0; i < length_; ++i) {
    const int64_t at = reverse_ ? length_ - 1 - i : i;
    for (const Slice& s : slices_) slots_[s.slot] = static_cast<std::byte*>(args[s.argument]) + at * s.bytes;
    body_->run(slots_.data(), scratch);
    carries_.advance(outputs, scratch, slots_.data());
  }
  carries_.finish(outputs, slots_.data());
}

std::string ScanKernel::name() const { return fmt::format("scan x{}{}", length_, reverse_ ? " reversed" : ""); }

double ScanKernel::bytes() const {
  return static_cast<double>(length_) * body_->report.bytes + 2.0 * static_cast<double>(carries_.moving_bytes());
}

WhileKernel::WhileKernel(const WhileAttrs& attrs, std::shared_ptr<Program> condition, std::shared_ptr<Program> body)
    : condition_(std::move(condition)),
      body_(std::move(body)),
      condition_constants_(static_cast<size_t>(attrs.condition_constants)),
      body_constants_(static_cast<size_t>(attrs.body_constants)),
      count_(body_->output_types.size()),
      carries_(*body_, body_constants_, count_, std::max(condition_->report.arena_bytes, body_->report.arena_bytes)),
      condition_slots_(condition_constants_ + count_ + 1),
      slots_(body_constants_ + 2 * count_) {}

void WhileKernel::run(void* const* args) const {
  void* const* initial = args + condition_constants_ + body_constants_;
  void* const* outputs = initial + count_;
  auto* scratch = static_cast<std::byte*>(outputs[count_]);
  auto* flag = reinterpret_cast<const bool*>(scratch + carries_.scratch_bytes());
  for (size_t i = 0; i < condition_constants_; ++i) condition_slots_[i] = args[i];
  for (size_t i = 0; i < body_constants_; ++i) slots_[i] = args[condition_constants_ + i];
  condition_slots_.back() = scratch + carries_.scratch_bytes();
  carries_.start(initial, outputs, scratch, 0, slots_.data());
  for (;;) {
    for (size_t c = 0; c < count_; ++c) condition_slots_[condition_constants_ + c] = slots_[body_constants_ + c];
    condition_->run(condition_slots_.data(), scratch);
    if (!*flag) break;
    body_->run(slots_.data(), scratch);
    carries_.advance(outputs, scratch, slots_.data());
  }
  carries_.finish(outputs, slots_.data());
}

}  // namespace nnx::plan
