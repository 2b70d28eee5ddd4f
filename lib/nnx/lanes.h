// Lanes are object graphs of one structure that differ in values and Numbers: models with their optimizers, say. A function
// on one of them becomes a function on all (lane_function.h), with their values stacked along a leading axis.
//
//   std::vector<Roots> objects;                     // of each lane the same kind of objects
//   for (auto& [model, optimizer] : trained) objects.push_back(roots_of(model, optimizer));
//   Lanes lanes(objects);
//   LaneFunction step = lane_function(lanes, train_step, std::tuple(model0, optimizer0, x, y));
//   LaneLayout layout = step.settle(lanes.layout(members), {true, true});
//   LaneBlock block(lanes, members, layout);        // their values, stacked
//   ...run step on the block...
//   block.store(3);                                 // the values of members[3] into its objects
//
// What is the same in all lanes of a block, and stays so, is held and computed once: runs of one seed draw one dropout mask.
// The objects outlive their Lanes and keep their structure meanwhile.
#pragma once

#include <optional>
#include <span>
#include <tuple>
#include <vector>

#include "nnx/signature.h"

namespace nnx {

template <class... Objects> Roots roots_of(const Objects&... objects) {
  return [values = std::tuple(objects...)](FieldVisitor& v) mutable { detail::visit_field(v, "", values); };
}

// Where the structure of two object graphs differs first, Numbers and values aside; nullopt when it does not.
std::optional<detail::Difference> structural_difference(const Roots& a, const Roots& b);

// Which values have a leading axis over the lanes of a block. The others are the same in all of them.
struct LaneLayout {
  std::vector<bool> cells, numbers;   // by their number in the Leaves
  friend bool operator==(const LaneLayout&, const LaneLayout&) = default;
};

class Lanes {
 public:
  // Throws ErrorKind::structure naming the first lane that is built otherwise than lane 0, and where.
  explicit Lanes(const std::vector<Roots>& objects);

  size_t size() const { return lanes_.size(); }
  const detail::Leaves& leaves(size_t lane) const { return lanes_[lane]; }   // Variables, Numbers and Arrays in one order

  // What differs between some of these lanes now.
  LaneLayout layout(std::span<const size_t> members) const;

 private:
  std::vector<detail::Leaves> lanes_;
};

// The values of some lanes, in Buffers of their own that plans may write.
class LaneBlock {
 public:
  // What the layout does not stack has the value of the first of them.
  LaneBlock(const Lanes& lanes, std::vector<size_t> members, LaneLayout layout);

  const std::vector<size_t>& members() const { return members_; }   // lanes
  size_t size() const { return members_.size(); }
  const LaneLayout& layout() const { return layout_; }
  BufferRef* cell(size_t i) { return &cells_[i]; }
  BufferRef* number(size_t i) { return &numbers_[i]; }

  // Puts the values of member `i` into its objects, or takes them from there. What is not stacked is taken for all members:
  // whoever loads one loads all that are to be used.
  void store(size_t i) const;
  void load(size_t i);

 private:
  const Lanes& lanes_;
  std::vector<size_t> members_;
  LaneLayout layout_;
  std::vector<BufferRef> cells_, numbers_;
};

}  // namespace nnx
