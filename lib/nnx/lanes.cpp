#include "nnx/lanes.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

namespace nnx {

using detail::Leaves;
using detail::Signature;

namespace {

bool same_value(const Array& a, const Array& b) {
  return a.buffer() == b.buffer() || std::memcmp(a.buffer()->data(), b.buffer()->data(), a.type().bytes()) == 0;
}

}  // namespace

std::optional<detail::Difference> structural_difference(const Roots& a, const Roots& b) {
  Leaves of_a, of_b;
  const Signature first = Signature::record(a, of_a);
  if (first.matches(b, of_b)) return std::nullopt;
  const auto differences = first.differences(Signature::record(b, of_b));
  if (differences.empty()) return detail::Difference{{}, "a type of Module", "another one of the same name"};
  return differences[0];
}

Lanes::Lanes(const std::vector<Roots>& objects) {
  check(!objects.empty(), "Lanes of nothing");
  lanes_.resize(objects.size());
  const Signature signature = Signature::record(objects[0], lanes_[0]);
  for (size_t lane = 1; lane < objects.size(); ++lane) {
    if (signature.matches(objects[lane], lanes_[lane])) continue;
    const auto difference = structural_difference(objects[0], objects[lane]);
    fail(ErrorKind::structure, {.where = fmt::format("lane {}", lane),
                                .message = "is not built like lane 0: " + (difference ? to_string(*difference) : "")});
  }
  stacked_cells_.assign(lanes_[0].cells.size(), true);
  for (size_t i = 0; i < lanes_[0].numbers.size(); ++i) {
    const double value = lanes_[0].numbers[i]->value();
    stacked_numbers_.push_back(std::ranges::any_of(lanes_, [&](const Leaves& l) { return l.numbers[i]->value() != value; }));
  }
}

void Lanes::share(const std::vector<bool>& changed) {
  for (size_t i = 0; i < stacked_cells_.size(); ++i) {
    const Array& first = lanes_[0].cells[i]->value;
    stacked_cells_[i] = changed[i] || !std::ranges::all_of(lanes_, [&](const Leaves& l) { return same_value(first, l.cells[i]->value); });
  }
}

LaneBlock::LaneBlock(const Lanes& lanes, size_t first, size_t count) : lanes_(lanes), first_(first), count_(count) {
  const Leaves& zero = lanes.leaves(0);
  for (size_t i = 0; i < zero.cells.size(); ++i) {
    if (!lanes.stacks_cell(i)) {
      cells_.push_back(zero.cells[i]->value.buffer());
      continue;
    }
    const size_t bytes = zero.cells[i]->value.type().bytes();
    cells_.push_back(Buffer::allocate(bytes * count));
  }
  for (size_t lane = 0; lane < count; ++lane) load(lane);
  for (size_t i = 0; i < zero.numbers.size(); ++i) {
    const size_t copies = lanes.stacks_number(i) ? count : 1;
    numbers_.push_back(Buffer::allocate(copies * sizeof(float)));
    for (size_t lane = 0; lane < copies; ++lane)
      numbers_[i]->as<float>()[lane] = static_cast<float>(lanes.leaves(first + lane).numbers[i]->value());
  }
}

void LaneBlock::load(size_t i) {
  const Leaves& leaves = lanes_.leaves(first_ + i);
  for (size_t c = 0; c < cells_.size(); ++c) {
    if (!lanes_.stacks_cell(c)) continue;
    const Array& value = leaves.cells[c]->value;
    const size_t bytes = value.type().bytes();
    std::memcpy(cells_[c]->as<char>() + i * bytes, value.buffer()->data(), bytes);
  }
}

void LaneBlock::store(size_t i) const {
  const Leaves& leaves = lanes_.leaves(first_ + i);
  for (size_t c = 0; c < cells_.size(); ++c) {
    if (!lanes_.stacks_cell(c)) continue;
    Array& value = leaves.cells[c]->value;
    const size_t bytes = value.type().bytes();
    BufferRef copy = Buffer::allocate(bytes);
    std::memcpy(copy->data(), cells_[c]->as<char>() + i * bytes, bytes);
    value = Array(value.type(), std::move(copy));
  }
}

}  // namespace nnx
