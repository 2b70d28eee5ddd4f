#include "nnx/field_visitor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "base/error.h"
#include "nnx/state.h"

namespace nnx {
namespace {

template <class T> struct Unwrapped { using type = T; };
template <class T> struct Unwrapped<std::optional<T>> { using type = T; };

template <class T>
StaticValue value_of(const T& member) {
  if constexpr (std::same_as<T, int>) return int64_t{member};
  else if constexpr (std::same_as<T, std::vector<int>>) return std::vector<int64_t>(member.begin(), member.end());
  else if constexpr (std::same_as<T, Shape>) return std::vector<int64_t>(member.begin(), member.end());
  else if constexpr (std::same_as<T, DType>) return std::string(name_of(member));
  else if constexpr (requires { member.has_value(); }) return member ? value_of(*member) : StaticValue{};
  else return member;
}

template <class T>
bool assign(T& member, const StaticValue& value) {
  if constexpr (requires { member.has_value(); }) {
    if (std::holds_alternative<std::monostate>(value)) return member.reset(), true;
    typename Unwrapped<T>::type inner{};
    if (!assign(inner, value)) return false;
    member = inner;
    return true;
  } else if constexpr (std::same_as<T, int>) {
    if (!std::holds_alternative<int64_t>(value)) return false;
    member = static_cast<int>(std::get<int64_t>(value));
    return true;
  } else if constexpr (std::same_as<T, std::vector<int>> || std::same_as<T, Shape>) {
    if (!std::holds_alternative<std::vector<int64_t>>(value)) return false;
    const auto& list = std::get<std::vector<int64_t>>(value);
    if constexpr (std::same_as<T, Shape>) member = Shape(list);
    else member.assign(list.begin(), list.end());
    return true;
  } else if constexpr (std::same_as<T, DType>) {
    if (!std::holds_alternative<std::string>(value)) return false;
    member = dtype_from_name(std::get<std::string>(value));
    return true;
  } else {
    if (!std::holds_alternative<T>(value)) return false;
    member = std::get<T>(value);
    return true;
  }
}

template <class T>
bool same(const T& member, const StaticValue& value) {
  if constexpr (requires { member.has_value(); })
    return member ? same(*member, value) : std::holds_alternative<std::monostate>(value);
  else if constexpr (std::same_as<T, int>)
    return std::holds_alternative<int64_t>(value) && std::get<int64_t>(value) == member;
  else if constexpr (std::same_as<T, std::vector<int>> || std::same_as<T, Shape>)
    return std::holds_alternative<std::vector<int64_t>>(value) &&
           std::equal(member.begin(), member.end(), std::get<std::vector<int64_t>>(value).begin(),
                      std::get<std::vector<int64_t>>(value).end());
  else if constexpr (std::same_as<T, DType>)
    return std::holds_alternative<std::string>(value) && std::get<std::string>(value) == name_of(member);
  else
    return std::holds_alternative<T>(value) && std::get<T>(value) == member;
}

}  // namespace

std::string to_string(const StaticValue& value) {
  struct Printer {
    std::string operator()(std::monostate) const { return "none"; }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return "'" + v + "'"; }
    std::string operator()(const std::vector<int64_t>& v) const { return fmt::format("[{}]", fmt::join(v, ", ")); }
  };
  return std::visit(Printer{}, value);
}

StaticValue StaticRef::get() const {
  return std::visit([](const auto* m) { return value_of(*m); }, member);
}

void StaticRef::set(const StaticValue& value) const {
  if (!std::visit([&](auto* m) { return assign(*m, value); }, member))
    fail(ErrorKind::structure, {.where = "static attribute", .expected = "a value of the type of " + nnx::to_string(get()),
                                .got = nnx::to_string(value)});
}

bool StaticRef::equals(const StaticValue& value) const {
  return std::visit([&](const auto* m) { return same(*m, value); }, member);
}

namespace detail {

namespace {
// A State among arguments or results: a map of its paths. Its paths are fixed: only the Arrays are dynamic.
struct StateRef final : ContainerRef {
  State& state;
  explicit StateRef(State& s) : state(s) {}
  bool is_list() const override { return false; }
  size_t size() const override { return state.size(); }
  void reshape(const std::vector<Key>& keys) override { if (keys.size() != state.size()) fail_fixed_size(); }
};
}  // namespace

void visit_state(FieldVisitor& visitor, FieldName name, State& state) {
  StateRef container(state);
  visitor.begin(name, container);
  for (auto& [path, leaf] : state) {
    const std::string text = to_string(path);
    visitor.array(std::string_view(text), leaf.value);
  }
  visitor.end();
}

}  // namespace detail
}  // namespace nnx
