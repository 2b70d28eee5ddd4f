// Filters by what is there: an attribute of a Module, a shape, a number of elements.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>

#include "base/error.h"
#include "base/trimmed.h"
#include "nnx/filter.h"
#include "nnx/selective_visitor.h"
#include "nnx/walk.h"

namespace nnx {
namespace {

// The attributes of one Module, without those of the Modules in it.
class Contents final : public SelectiveVisitor {
 public:
  explicit Contents(ModuleBase& module) { module.accept(*this); }
  std::vector<std::string> names;   // of what is not empty
  std::vector<Type> variables;      // also those in lists and maps

  void variable(FieldName name, Variable& v) override {
    if (!v) return;
    add(name);
    variables.push_back(v.type());
  }
  void module(FieldName name, RefSlot slot) override {
    if (slot.module()) add(name);
  }
  void begin(FieldName name, ContainerRef&) override {
    add(name);
    ++depth_;
  }
  void end() override { --depth_; }

 private:
  void add(FieldName name) {
    if (depth_ == 0) names.emplace_back(name.name);
  }
  int depth_ = 0;
};

template <class T> std::optional<T> parsed(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

// "[*, 10]", or the same without brackets: a size for each axis, none for `*`.
std::vector<std::optional<int64_t>> parse_sizes(std::string_view text) {
  std::string_view rest = trimmed(text);
  if (rest.starts_with('[') && rest.ends_with(']')) rest = trimmed(rest.substr(1, rest.size() - 2));
  std::vector<std::optional<int64_t>> sizes;
  while (!rest.empty()) {
    const size_t comma = rest.find(',');
    const std::string_view size = trimmed(rest.substr(0, comma));
    sizes.push_back(parsed<int64_t>(size));
    if (size != "*" && (!sizes.back() || *sizes.back() < 0))
      fail(ErrorKind::config, {.where = "filter", .expected = "a size or * for each axis, such as shape:[*, 10]", .got = in_quotes(text)});
    rest = comma == rest.npos ? "" : rest.substr(comma + 1);
  }
  return sizes;
}

// ">1e6": what is compared with, and how.
struct Bound {
  std::string_view comparison;   // a literal
  double limit;
  bool holds(double n) const {
    if (comparison == ">") return n > limit;
    if (comparison == ">=") return n >= limit;
    if (comparison == "<") return n < limit;
    if (comparison == "<=") return n <= limit;
    return n == limit;
  }
};

Bound parse_bound(std::string_view text) {
  const std::string_view all = trimmed(text);
  for (const std::string_view comparison : {">=", "<=", ">", "<", "=", ""}) {
    if (!all.starts_with(comparison)) continue;
    const auto limit = parsed<double>(trimmed(all.substr(comparison.size())));
    if (limit && std::isfinite(*limit)) return {comparison, *limit};
    break;
  }
  fail(ErrorKind::config, {.where = "filter", .expected = "a number of elements, or a bound such as params:>1e6", .got = in_quotes(text)});
}

// Parameters of a Module and all below, each once.
int64_t parameters_of(ModuleBase& module) {
  int64_t n = 0;
  for (const Variable& v : flatten(module).variables)
    if (v && v.kind().is_a(Param::static_kind())) n += v.type().size();
  return n;
}

}  // namespace

Filter has(std::string attribute) {
  std::string text = "has:" + attribute;
  return Filter(text, [attribute = std::move(attribute), text](const LeafInfo& leaf) {
    if (&leaf.kind != &module_kind())
      fail(ErrorKind::structure, {.message = fmt::format("{} chooses layers, and these are Variables", in_quotes(text)), .hint = "name their type or path"});
    return leaf.module && std::ranges::count(Contents(*leaf.module).names, attribute) > 0;
  });
}

Filter shaped(std::string sizes) {
  return Filter("shape:" + sizes, [wanted = parse_sizes(sizes)](const LeafInfo& leaf) {
    const auto fits = [&](const Type& type) {
      return std::ranges::equal(type.shape.dims(), wanted, [](int64_t have, const auto& want) { return !want || *want == have; });
    };
    if (leaf.module) return std::ranges::any_of(Contents(*leaf.module).variables, fits);
    return leaf.value && fits(leaf.value->type());
  });
}

Filter sized(std::string bound) {
  return Filter("params:" + bound, [wanted = parse_bound(bound)](const LeafInfo& leaf) {
    if (leaf.module) return wanted.holds(static_cast<double>(parameters_of(*leaf.module)));
    return leaf.value && wanted.holds(static_cast<double>(leaf.value->type().size()));
  });
}

}  // namespace nnx
