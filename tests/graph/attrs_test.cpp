#include "graph/attrs.h"

#include <doctest/doctest.h>

#include <limits>

#include "graph/toy_ops.h"

namespace nnx::test {
namespace {

// One member of every type that Attrs know.
struct Everything {
  bool flag = false;
  int axis = 1;
  int64_t size = 2;
  double rate = 0.5;
  std::string name = "n";
  DType dtype = DType::f32;
  Shape shape = {3, 4};
  Type type = {DType::i32, {5}};
  std::vector<int> axes = {0, 1};
  std::vector<int64_t> sizes = {};
  GraphRef body = {};
  static void fields(auto& self, auto&& f) {
    f("flag", self.flag);
    f("axis", self.axis);
    f("size", self.size);
    f("rate", self.rate);
    f("name", self.name);
    f("dtype", self.dtype);
    f("shape", self.shape);
    f("type", self.type);
    f("axes", self.axes);
    f("sizes", self.sizes);
    f("body", self.body);
  }
};

struct OtherScale {
  double factor = 1;
  static void fields(auto& self, auto&& f) { f("factor", self.factor); }
};

GraphRef body_of(double factor) {
  return std::make_shared<const Graph>(
      trace({f32x2}, [&](std::span<const Array> in) { return Arrays{scale(in[0], factor)}; }).graph);
}

}  // namespace

TEST_CASE("attrs compare, hash and print by their fields") {
  const Attrs plain = Everything{};
  CHECK(plain == Attrs(Everything{}));
  CHECK(plain.hash() == Attrs(Everything{}).hash());
  CHECK(plain.to_string() ==
        "{flag=false, axis=1, size=2, rate=0.5, name=n, dtype=f32, shape=[3,4], type=i32[5], "
        "axes=[0,1], sizes=[], body=null}");
  const std::vector<Everything> others{
      {.flag = true}, {.axis = 2},           {.size = 3},         {.rate = 0.25},
      {.name = "m"},  {.dtype = DType::f64}, {.shape = {3}},      {.type = {DType::u32, {5}}},
      {.axes = {0}},  {.sizes = {1}},        {.body = body_of(1)}};
  const Everything base;
  for (const Everything& other : others) {
    const Attrs changed = other;
    CHECK(!(plain == changed));
    CHECK(!detail::attr_rules<Everything>()->equal(&base, &other));  // also where hashes collide
    CHECK(plain.hash() != changed.hash());
    CHECK(plain.to_string() != changed.to_string());
  }
}

TEST_CASE("attrs of different structs differ, even with equal fields") {
  CHECK(!(Attrs(ScaleAttrs{2}) == Attrs(OtherScale{2})));
  CHECK(Attrs() == Attrs());
  CHECK(Attrs().empty());
  CHECK(Attrs().to_string() == "");
  CHECK(!(Attrs() == Attrs(ScaleAttrs{})));
  CHECK(Attrs(ScaleAttrs{3}).as<ScaleAttrs>().factor == 3);
  CHECK_THROWS_AS(Attrs(ScaleAttrs{3}).as<OtherScale>(), Error);
}

TEST_CASE("doubles count bit for bit, body graphs by structure") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(Attrs(ScaleAttrs{nan}) == Attrs(ScaleAttrs{nan}));
  CHECK(!(Attrs(ScaleAttrs{0.0}) == Attrs(ScaleAttrs{-0.0})));
  CHECK(Attrs(ScaleAttrs{0.1}).to_string() == "{factor=0.1}");
  CHECK(Attrs(Everything{.body = body_of(2)}) == Attrs(Everything{.body = body_of(2)}));
  CHECK(Attrs(Everything{.body = body_of(2)}).hash() == Attrs(Everything{.body = body_of(2)}).hash());
  CHECK(!(Attrs(Everything{.body = body_of(2)}) == Attrs(Everything{.body = body_of(3)})));
}

}  // namespace nnx::test
