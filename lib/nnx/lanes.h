// Lanes are object graphs of one structure that differ in values and Numbers: models with their optimizers, say. A function
// on one of them becomes a function on all (lane_function.h), with their values stacked along a leading axis.
//
//   std::vector<Roots> objects;                     // of each lane the same kind of objects
//   for (auto& [model, optimizer] : trained) objects.push_back(roots_of(model, optimizer));
//   Lanes lanes(objects);
//   LaneFunction step = lane_function(lanes, train_step, std::tuple(model0, optimizer0, x, y), {true, true});
//   lanes.share(step.changed_cells());              // before the first block: what is the same in all is held once
//   LaneBlock block(lanes, 0, lanes.size());        // the values of all, stacked
//   ...run step on the block...
//   block.store(3);                                 // lane 3's values into its objects
//
// The objects outlive their Lanes and keep their structure meanwhile.
#pragma once

#include <optional>
#include <tuple>
#include <vector>

#include "nnx/signature.h"

namespace nnx {

template <class... Objects> Roots roots_of(const Objects&... objects) {
  return [values = std::tuple(objects...)](FieldVisitor& v) mutable { detail::visit_field(v, "", values); };
}

// Where the structure of two object graphs differs first, Numbers and values aside; nullopt when it does not.
std::optional<detail::Difference> structural_difference(const Roots& a, const Roots& b);

class Lanes {
 public:
  // Throws ErrorKind::structure naming the first lane that is built otherwise than lane 0, and where.
  explicit Lanes(const std::vector<Roots>& objects);

  size_t size() const { return lanes_.size(); }
  const detail::Leaves& leaves(size_t lane) const { return lanes_[lane]; }   // Variables, Numbers and Arrays in one order

  // Variables other than these ("changed", by number) whose values are the same in every lane are held once from now on.
  void share(const std::vector<bool>& changed);

  // Whether it has a leading axis over the lanes.
  bool stacks_cell(size_t i) const { return stacked_cells_[i]; }
  bool stacks_number(size_t i) const { return stacked_numbers_[i]; }

 private:
  std::vector<detail::Leaves> lanes_;
  std::vector<bool> stacked_cells_, stacked_numbers_;
};

// The values of some lanes, in Buffers of their own that plans may write.
class LaneBlock {
 public:
  LaneBlock(const Lanes& lanes, size_t first, size_t count);

  size_t first() const { return first_; }
  size_t size() const { return count_; }
  BufferRef* cell(size_t i) { return &cells_[i]; }
  BufferRef* number(size_t i) { return &numbers_[i]; }

  // Puts the values of lane `first() + i` into its objects, or takes them from there; what is shared is there already.
  void store(size_t i) const;
  void load(size_t i);

 private:
  const Lanes& lanes_;
  size_t first_, count_;
  std::vector<BufferRef> cells_, numbers_;
};

}  // namespace nnx
