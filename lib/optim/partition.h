// Partition gives each group of parameters a transformation of its own, as optax.multi_transform does with labels.
//
//   auto tx = make<optim::Partition>(optim::Partition::Groups{{"head", below("head"), optim::adam(1e-2)},
//                                                             {"others", rest, optim::adam(1e-3)}});
//
// The first filter that matches wins, every parameter must belong to a group and every group must have one. State lies
// under the names of the groups: `head.adam.mu.head.kernel`. What is not to be trained at all is for the Optimizer's
// `wrt` to leave out.
#pragma once

#include "optim/named_parts.h"
#include "optim/stored_filter.h"

namespace nnx::optim {

class Partition : public Module<Partition, Transformation> {
 public:
  static constexpr std::string_view type_name = "optim.Partition";
  struct Group {
    std::string name;
    Filter filter;
    Ref<Transformation> tx;
  };
  using Groups = std::vector<Group>;
  Partition() = default;
  // Throws ErrorKind::structure for a name that is empty, taken, or not made of letters, digits and `_`.
  explicit Partition(const Groups& groups);
  // Throws ErrorKind::structure for parameters without a group and groups without a parameter, naming them.
  void init(const State& params) override;
  State update(const State& updates, const State& params) override;
  static void fields(auto& self, auto&& f) {
    f("filters", self.filters_);
    self.parts_.visit(f);
  }
  const std::vector<Ref<Transformation>>& parts() const { return parts_.parts(); }

 private:
  std::vector<Filter> filters() const;
  std::string filters_;   // their texts, one a line
  std::vector<Filter> given_;   // as made, when filters_ still says the same: a predicate has no text to read back
  NamedParts parts_;
};

}  // namespace nnx::optim
