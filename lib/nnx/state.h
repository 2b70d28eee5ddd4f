// A State is the dynamic half of an object graph: paths to values. It is a value: copying shares Buffers but changing a
// State, or a model, never changes the other until update().
//
//   state.at("linear1.kernel").value      for (const auto& [path, leaf] : state) ...      // in flatten order
//   state.below("linear1")["kernel"]      state.filter(of<Param>)      diff(a, b)      a == b      state.map(f)
#pragma once

#include <map>

#include "nnx/filter.h"

namespace nnx {

struct StateLeaf {
  Array value;
  const VariableKind* kind = nullptr;
  Metadata metadata = {};
  std::string tag = {};
  const ModuleType* holder = nullptr;   // of the Module it came from; null for a leaf of a file
  // All but the holder, bit for bit: a NaN equals itself. Traced values are equal when they are one.
  friend bool operator==(const StateLeaf& a, const StateLeaf& b);
};

class State {
 public:
  using Map = std::map<Path, StateLeaf>;

  bool empty() const { return leaves_.empty(); }
  size_t size() const { return leaves_.size(); }
  Map::const_iterator begin() const { return leaves_.begin(); }
  Map::const_iterator end() const { return leaves_.end(); }
  Map::iterator begin() { return leaves_.begin(); }
  Map::iterator end() { return leaves_.end(); }

  bool contains(const Path& path) const { return leaves_.contains(path); }
  bool contains(std::string_view path) const { return contains(parse_path(path)); }
  const StateLeaf& at(const Path& path) const;              // throws ErrorKind::structure naming the nearest path
  const StateLeaf& at(std::string_view path) const { return at(parse_path(path)); }
  const Array& operator[](std::string_view path) const { return at(path).value; }
  void insert(Path path, StateLeaf leaf);                   // replaces
  void set(std::string_view path, Array value);             // of an existing leaf
  void erase(const Path& path) { leaves_.erase(path); }

  std::vector<State> split(std::span<const Filter> filters) const;   // exhaustive, as nnx::split
  State filter(const Filter& filter) const;
  State below(std::string_view prefix) const;               // what lies below a path, with the rest of its paths
  static State merge(std::span<const State> states);        // throws when a path appears twice
  State map(const std::function<Array(const Path&, const Array&)>& f) const;
  size_t bytes() const;
  int64_t elements() const;
  std::vector<std::string> paths() const;
  friend bool operator==(const State&, const State&) = default;

 private:
  Map leaves_;
};

// The leaves of `a` whose paths `b` has not.
State diff(const State& a, const State& b);

}  // namespace nnx
