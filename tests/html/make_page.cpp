// Writes the page of a model with everything a page can show, for browser_test.py: sharing, a cycle, arrays of several
// ranks, values that are not finite, and names that look like markup.
#include <cmath>
#include <fstream>

#include "nnx/html.h"
#include "nnx/nnx.h"

using namespace nnx;

namespace {

struct Block : Module<Block, Layer> {
  Param kernel, bias;
  std::string note = "</script><img src=x onerror=alert(1)>";
  Block() = default;
  Block(int64_t in, int64_t out, Rngs& rngs) : kernel(random::normal(rngs.params(), {in, out})), bias(zeros({out})) {}
  Array operator()(const Array& x) override { return tanh(matmul(x, kernel) + bias); }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("note", self.note);
  }
};

struct Net : Module<Net, Layer> {
  Ref<Block> first, tied;
  std::map<std::string, Ref<Block>> named;
  Param facets;
  BatchStat broken;
  Ref<Net> self_reference;
  Array operator()(const Array& x) override { return tied(first(x)); }
  static void fields(auto& self, auto&& f) {
    f("first", self.first);
    f("tied", self.tied);
    f("named", self.named);
    f("facets", self.facets);
    f("broken", self.broken);
    f("self_reference", self.self_reference);
  }
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 64;
  Rngs rngs(0);
  const auto net = make<Net>();
  net->first = make<Block>(40, 40, rngs);
  net->tied = net->first;
  net->named["<b>bold</b>"] = make<Block>(3, 5, rngs);
  net->facets = Param(random::normal(rngs.params(), {2, 3, 8, 6}));
  std::vector<float> values(100, 0.25f);
  values[7] = std::nanf("");
  net->broken = BatchStat(array<float>(values, {10, 10}));
  net->self_reference = net;
  const auto forward = jit([](Ref<Net> model, Array x) { return model(x); });
  forward(net, ones({2, 40}));
  HtmlPage page("A model of <i>names</i> & \"quotes\"");
  page.add("Model", tree_of(*net));
  page.add("Layers", tabulate(net));
  page.add("Plan", tree_of(*forward.plan()));
  page.add("Graph", tree_of(trace({{DType::f32, {2, 3}}}, [](std::span<const Array> in) {
    return Arrays{tanh(in[0] * 2.0) + in[0]};
  }).graph));
  std::ofstream(argv[1]) << page.to_string();
  net->self_reference = {};
  return 0;
}
