// Moments hold one OptState for each parameter, at the parameter's own path: `mu.linear1.kernel` beside
// `linear1.kernel`.
//
//   mu = make<Moments>(params);            // zeros of the types of `params`
//   mu->expect(updates);                   // the same paths, or an error
//   (*mu)[i].set(...)                      // of the i-th leaf of `params` and `updates`
#pragma once

#include "nnx/nnx.h"

namespace nnx::optim {

class Moments : public Module<Moments> {
 public:
  static constexpr std::string_view type_name = "optim.Moments";
  Moments() = default;
  explicit Moments(const State& params);
  OptState& operator[](size_t i) { return values_[i]; }
  // Throws ErrorKind::structure naming the first path that `updates` has too many or too few.
  void expect(const State& updates) const;
  // The attributes are the parameters' own, nested; what they are is a static attribute, from which merge makes them.
  static void fields(auto& self, auto&& f) { self.visit(f.visitor); }

 private:
  // One call of a FieldVisitor. Kept, because compiled functions visit their arguments at every call.
  struct Visit {
    enum class Form { begin, end, value } form;
    Key key = {};
    size_t count = 0;  // of a container: its elements; of a value: its index
    bool is_list = false;
  };
  void visit(FieldVisitor& visitor);
  void lay_out();

  std::string paths_;     // in the order of the parameters, separated by spaces
  std::string laid_out_;  // the paths_ that the rest belongs to
  std::vector<OptState> values_;
  std::vector<Visit> visits_;
};

}  // namespace nnx::optim
