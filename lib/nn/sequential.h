// Sequential: layers applied one after the other, as a list (`layers.0.kernel`) or by name (`linear1.kernel`).
#pragma once

#include "nn/layer.h"

namespace nnx {

struct SequentialOptions {
  std::vector<std::pair<std::string, ConfigNode>> layers;
  static void fields(auto& self, auto&& f) {
    f("layers", self.layers, component("layer", Field{.help = "the layers by name, in order"}.must()));
  }
};

class Sequential : public Module<Sequential, Layer> {
 public:
  Sequential() = default;
  explicit Sequential(std::vector<Ref<Layer>> layers) : layers(std::move(layers)) {}
  // Named layers are attributes of their own: throws ErrorKind::structure for a name that cannot be one.
  explicit Sequential(const std::vector<std::pair<std::string, Ref<Layer>>>& named);
  Array operator()(const Array& x) override;
  // A tuple that a layer gives is the next one's arguments, a map its keywords; no layers give back what came.
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override;
  static void fields(auto& self, auto&& f) {
    f("names", self.names);   // first: what follows depends on it when an object is made from a GraphDef
    if (self.names.empty()) return f("layers", self.layers);
    const std::vector<std::string> names = self.name_list();
    self.layers.resize(names.size());
    for (size_t i = 0; i < names.size(); ++i) f(names[i], self.layers[i]);
  }

  std::vector<std::string> name_list() const;
  std::string names;                  // "linear1 gelu linear2", or empty for a list
  std::vector<Ref<Layer>> layers;
};

// What has nothing to learn: x with all axes but the first made one.
class Flatten : public Module<Flatten, Layer> {
 public:
  Array operator()(const Array& x) override { return flatten(x, 1); }
  static void fields(auto&, auto&&) {}
};

}  // namespace nnx
