#include "nnx/glob.h"

#include <doctest/doctest.h>

#include "base/error.h"
#include "nnx/filter.h"
#include "nnx/functional.h"
#include "nnx/nnx.h"

using namespace nnx;

namespace {

bool fits(const char* glob, const char* path) { return Glob(glob).matches(parse_path(path)); }

std::string glob_error(const char* glob) {
  try {
    Glob{glob};
  } catch (const Error& e) { return e.what(); }
  return "";
}

struct Inner : Module<Inner> {
  Param kernel{zeros({2})};
  static void fields(auto& self, auto&& f) { f("kernel", self.kernel); }
};
struct Derived : Module<Derived, Inner> {
  Param extra{zeros({3})};
  static void fields(auto& self, auto&& f) {
    Inner::fields(self, f);
    f("extra", self.extra);
  }
};
struct Pair : Module<Pair> {
  Ref<Inner> first = make<Inner>();
  Ref<Derived> second = make<Derived>();
  static void fields(auto& self, auto&& f) {
    f("first", self.first);
    f("second", self.second);
  }
};

std::vector<std::string> chosen(const Ref<Pair>& model, const char* text) {
  return state(model, parse_filter(text)).paths();
}

}  // namespace

TEST_CASE("globs: stars, alternatives, ranges and any number of steps") {
  CHECK(fits("a.b", "a.b"));
  CHECK_FALSE(fits("a.b", "a.b.c"));
  CHECK_FALSE(fits("a", "b"));
  CHECK(fits("a.*.c", "a.b.c"));
  CHECK_FALSE(fits("a.*.c", "a.b.b.c"));
  CHECK(fits("**.c", "c"));
  CHECK(fits("**.c", "a.b.c"));
  CHECK(fits("a.**", "a"));
  CHECK(fits("lin*1", "linear1"));
  CHECK(fits("{q,k}_proj", "k_proj"));
  CHECK_FALSE(fits("{q,k}_proj", "v_proj"));
  CHECK(fits("blocks.{0,3}.x", "blocks.3.x"));
  CHECK(fits("blocks.[2:6]", "blocks.5"));
  CHECK_FALSE(fits("blocks.[2:6]", "blocks.6"));
  CHECK(fits("block[2:].x", "block12.x"));
  CHECK_FALSE(fits("block[:2]", "block2"));
  CHECK_FALSE(fits("block[:2]", "block"));
}

TEST_CASE("globs that are not well formed say what is wrong") {
  CHECK(glob_error("") == "path: expected a path, got ''");
  CHECK(glob_error("a/b") == "path: expected steps joined by '.', got 'a/b'; such as blocks.*.kernel");
  CHECK(glob_error("a..b") == "path: expected a name between the dots, got 'a..b'");
  CHECK(glob_error("a{b") == "path: expected a '}' for each '{', got 'a{b'");
  CHECK(glob_error("a}b") == "path: expected a '{' for each '}', got 'a}b'");
  CHECK(glob_error("a[b]") == "path: expected brackets that hold a range such as [2:6], got 'a[b]'");
  CHECK(glob_error("a[2:6") == "path: expected brackets that hold a range such as [2:6], got 'a[2:6'");
}

TEST_CASE("no pattern takes the stack or for ever") {
  CHECK_FALSE(fits((std::string(900, '*') + "x").c_str(), "linear1"));
  std::string steps;
  for (int i = 0; i < 300; ++i) steps += "**.";
  CHECK_FALSE(fits((steps + "x").c_str(), "a.b.c.d.e.f"));
  CHECK(glob_error(std::string(2000, 'a').c_str()).starts_with("path: expected a path of at most 1000 characters"));
  std::string pattern, deep = "Param", wide = "any(a";
  for (int i = 0; i < 40; ++i) pattern += "(.*)*";
  for (int i = 0; i < 100; ++i) deep = "not(" + deep + ")";
  for (int i = 0; i < 20'000; ++i) wide += ", kernel";
  CHECK(chosen(make<Pair>(), ("re:" + pattern + "b").c_str()).empty());
  CHECK(chosen(make<Pair>(), (wide + ")").c_str()).size() == 2);
  const auto refused = [](const std::string& text) {
    try {
      parse_filter(text);
    } catch (const Error& e) { return std::string(e.what()); }
    return std::string();
  };
  CHECK(refused(deep) == "filter: any, all and not are nested more than 64 deep");
  CHECK(refused("re:" + std::string(600, '(')) == "filter: expected a regular expression of at most 500 characters, got 600");
  CHECK(refused("re:(").starts_with("filter: expected a regular expression, got '('; "));
}

TEST_CASE("filters by shape and number of elements") {
  const auto model = make<Pair>();
  using Paths = std::vector<std::string>;
  CHECK(chosen(model, "shape:[2]") == Paths{"first.kernel", "second.kernel"});
  CHECK(chosen(model, "shape:3") == Paths{"second.extra"});
  CHECK(chosen(model, "shape:[*, *]").empty());
  CHECK(chosen(model, "params:>2") == Paths{"second.extra"});
  CHECK(chosen(model, "all(params:<=3, params:>=3)") == Paths{"second.extra"});
  CHECK(chosen(model, "params:2").size() == 2);
  for (const char* text : {"shape:[a]", "shape:[-1]", "params:>", "params:many", "params:>inf"}) CHECK_THROWS_AS(parse_filter(text), Error);
  CHECK_THROWS_AS(chosen(model, "has:kernel"), Error);
}

TEST_CASE("filters by the type of the Module that holds a Variable") {
  const auto model = make<Pair>();
  graphdef(model);
  using Paths = std::vector<std::string>;
  CHECK(chosen(model, "type:Inner") == Paths{"first.kernel", "second.extra", "second.kernel"});
  CHECK(chosen(model, "type:=Inner") == Paths{"first.kernel"});
  CHECK(chosen(model, "all(Derived, kernel)") == Paths{"second.kernel"});
  CHECK(chosen(model, "second") == Paths{"second.extra", "second.kernel"});
  CHECK(chosen(model, "all(Param, not(second.{extra,other}))") == Paths{"first.kernel", "second.kernel"});
}

TEST_CASE("what is frozen stays so through split, merge and clone") {
  const auto model = make<Pair>();
  freeze(model->first->kernel);
  CHECK(chosen(model, "frozen") == std::vector<std::string>{"first.kernel"});
  const auto copy = clone(model);
  CHECK(chosen(copy, "not(frozen)").size() == 2);
  freeze(copy->first->kernel, false);
  CHECK(chosen(copy, "frozen").empty());
  CHECK(chosen(model, "frozen").size() == 1);
}
