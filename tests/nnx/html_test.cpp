// Pages: what is in them, how large they become, and samples of arrays. tests/html opens pages in a browser.
#include "nnx/html.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "nnx/array_sample.h"
#include "nnx/nnx.h"

using namespace nnx;

namespace {

struct Dense : Module<Dense, Layer> {
  Param kernel, bias;
  BatchStat mean, var;
  int64_t features = 0;
  Dense() = default;
  Dense(int64_t in, int64_t out, Rngs& rngs)
      : kernel(random::normal(rngs.params(), {in, out})), bias(zeros({out})), mean(zeros({out})), var(ones({out})),
        features(out) {}
  Array operator()(const Array& x) override { return matmul(x, kernel) + bias; }
  static void fields(auto& self, auto&& f) {
    f("kernel", self.kernel);
    f("bias", self.bias);
    f("mean", self.mean);
    f("var", self.var);
    f("features", self.features);
  }
};

struct Stack : Module<Stack> {
  std::vector<Ref<Dense>> layers;
  static void fields(auto& self, auto&& f) { f("layers", self.layers); }
};

struct Odd : Module<Odd> {
  std::map<std::string, Param> named;
  static void fields(auto& self, auto&& f) { f("named", self.named); }
};

size_t count(const std::string& text, std::string_view part) {
  size_t n = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

}  // namespace

TEST_CASE("a page of a hundred layers, their optimizer and their table is smaller than a megabyte") {
  Rngs rngs(0);
  const auto stack = make<Stack>(), moments = make<Stack>();
  for (int i = 0; i < 100; ++i) {
    stack->layers.push_back(make<Dense>(96, 96, rngs));
    moments->layers.push_back(stack->layers.back());
  }
  HtmlPage page("a hundred layers");
  page.add("Model", tree_of(*stack));
  page.add("Layers", tabulate(stack));
  page.add("Optimizer", tree_of(state(moments)));
  const std::string text = page.to_string();
  CHECK(text.size() < 1'000'000);
  CHECK(text.size() > 700'000);  // the pictures use what there is
  CHECK(count(text, "\"data\":") == 800);
  CHECK(display_html(stack).size() < 1'000'000);
}

TEST_CASE("a page is one file that asks for nothing") {
  Rngs rngs(0);
  const std::string text = display_html(make<Dense>(3, 4, rngs), "three");
  CHECK(text.starts_with("<!doctype html>"));
  CHECK(text.find("<title>three</title>") != std::string::npos);
  for (const char* outside : {"<link", "@import", "src=\"", "url(", "fetch("}) CHECK(count(text, outside) == 0);
  CHECK(count(text, "http") == count(text, "http-equiv") + count(text, "http://www.w3.org/2000/svg"));
}

TEST_CASE("names and titles are data, never markup") {
  const auto odd = make<Odd>();
  odd->named["</script><b>\xe2\x82\xac \xff"] = Param(zeros({2}));
  const std::string text = display_html(odd, "</title><i> \"&\" <!--title-->");
  CHECK(count(text, "</script>") == 1);
  CHECK(count(text, "<b>") == 0);
  CHECK(count(text, "<i>") == 0);
  CHECK(text.find("\\u003c/script>\\u003cb>") != std::string::npos);
  CHECK(text.find("&lt;/title&gt;&lt;i&gt; &quot;&amp;&quot; &lt;!--title--&gt;") != std::string::npos);
}

TEST_CASE("States, GraphDefs, Graphs and Plans have pages, too") {
  Rngs rngs(0);
  const auto dense = make<Dense>(3, 4, rngs);
  const auto [def, values] = split(dense);
  CHECK(display_html(values).find("\"name\":\"State\"") != std::string::npos);
  CHECK(count(display_html(def), "\"histogram\"") == 0);
  CHECK(count(display_html(def, values), "\"histogram\"") == 4);
  const auto forward = jit([](Ref<Dense> model, Array x) { return model(x); });
  forward(dense, ones({2, 3}));
  CHECK(display_html(*forward.plan()).find("\"name\":\"Plan\"") != std::string::npos);
  const Traced traced = trace({{DType::f32, {2}}}, [](std::span<const Array> in) { return Arrays{tanh(in[0])}; });
  CHECK(display_html(traced.graph).find("\"key\":\"%1\",\"name\":\"tanh\"") != std::string::npos);
}

TEST_CASE("a sample takes elements at even steps and counts all in the histogram") {
  const Array x = reshape(arange(60, DType::f32), {6, 10});
  const ArraySample all = sample(x, 60);
  CHECK(all.shape == std::vector<int64_t>{6, 10});
  CHECK(all.steps == std::vector<int64_t>{1, 1});
  CHECK(all.values[13] == 13);
  const ArraySample few = sample(x, 12);
  CHECK(few.shape == std::vector<int64_t>{3, 4});
  CHECK(few.steps == std::vector<int64_t>{2, 3});
  CHECK(few.values == std::vector<double>{0, 3, 6, 9, 20, 23, 26, 29, 40, 43, 46, 49});
  int64_t counted = 0;
  for (const int64_t n : few.histogram) counted += n;
  CHECK(counted == 60);
  CHECK(sample(scalar<float>(2.0f), 1).values == std::vector<double>{2});
  CHECK(sample(zeros({1000}), 1).values.size() == 1);
  CHECK(sample(zeros({0, 3}), 10).values.empty());
}

TEST_CASE("a sample overlooks no element that is not finite") {
  std::vector<float> values(100, 1.0f);
  values[99] = std::numeric_limits<float>::infinity();
  const ArraySample s = sample(array<float>(values, {100}), 10);
  CHECK(std::isnan(s.values[9]));
  CHECK(s.values[8] == 1);
  CHECK(s.summary.non_finite == 1);
}
