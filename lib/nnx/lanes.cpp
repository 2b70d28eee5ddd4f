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
}

LaneLayout Lanes::layout(std::span<const size_t> members) const {
  const Leaves& first = lanes_[members[0]];
  const auto differ = [&](const auto& same) {
    return std::ranges::any_of(members, [&](size_t lane) { return !same(lanes_[lane]); });
  };
  LaneLayout layout;
  for (size_t i = 0; i < first.cells.size(); ++i)
    layout.cells.push_back(differ([&](const Leaves& l) { return same_value(first.cells[i]->value, l.cells[i]->value); }));
  for (size_t i = 0; i < first.numbers.size(); ++i)
    layout.numbers.push_back(differ([&](const Leaves& l) { return first.numbers[i]->value() == l.numbers[i]->value(); }));
  return layout;
}

LaneBlock::LaneBlock(const Lanes& lanes, std::vector<size_t> members, LaneLayout layout)
    : lanes_(lanes), members_(std::move(members)), layout_(std::move(layout)) {
  cells_.resize(layout_.cells.size());
  for (size_t c = 0; c < cells_.size(); ++c)
    if (layout_.cells[c]) cells_[c] = Buffer::allocate(lanes.leaves(members_[0]).cells[c]->value.type().bytes() * size());
  for (size_t i = size(); i-- > 0;) load(i);
  for (size_t n = 0; n < layout_.numbers.size(); ++n) {
    const size_t copies = layout_.numbers[n] ? size() : 1;
    numbers_.push_back(Buffer::allocate(copies * sizeof(float)));
    for (size_t i = 0; i < copies; ++i)
      numbers_[n]->as<float>()[i] = static_cast<float>(lanes.leaves(members_[i]).numbers[n]->value());
  }
}

void LaneBlock::load(size_t i) {
  const Leaves& leaves = lanes_.leaves(members_[i]);
  for (size_t c = 0; c < cells_.size(); ++c) {
    const Array& value = leaves.cells[c]->value;
    const size_t bytes = value.type().bytes();
    if (layout_.cells[c]) std::memcpy(cells_[c]->as<char>() + i * bytes, value.buffer()->data(), bytes);
    else cells_[c] = value.buffer();   // a plan that writes it makes one of its own first
  }
}

void LaneBlock::store(size_t i) const {
  const Leaves& leaves = lanes_.leaves(members_[i]);
  for (size_t c = 0; c < cells_.size(); ++c) {
    Array& value = leaves.cells[c]->value;
    BufferRef own = cells_[c];
    if (layout_.cells[c]) {
      const size_t bytes = value.type().bytes();
      own = Buffer::allocate(bytes);
      std::memcpy(own->data(), cells_[c]->as<char>() + i * bytes, bytes);
    }
    value = Array(value.type(), std::move(own));
  }
}

}  // namespace nnx
