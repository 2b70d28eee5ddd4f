// Generic calls: any Module can be called with values whose types only run time knows, as the config language does.
//
//   CallValue y = module->call({x}, {{"deterministic", true}});
//   y.as<Array>()
//
// A Module whose operator() is not overloaded gets `call` from its signature: arguments by position, and by name where it
// lists them: `static constexpr std::array argument_names{"x", "mask"};`. std::optional parameters may be left out.
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <variant>
#include <vector>

#include "base/error.h"
#include "graph/array.h"

namespace nnx {

// Nothing, an Array, a static value, a tuple or a map of values.
struct CallValue {
  using List = std::vector<CallValue>;
  using Map = std::map<std::string, CallValue>;
  std::variant<std::monostate, Array, bool, int64_t, double, std::string, List, Map> value;

  CallValue() = default;
  CallValue(Array v) : value(std::move(v)) {}
  CallValue(bool v) : value(v) {}
  CallValue(int64_t v) : value(v) {}
  CallValue(int v) : value(int64_t{v}) {}
  CallValue(double v) : value(v) {}
  CallValue(const char* v) : value(std::string(v)) {}
  CallValue(std::string v) : value(std::move(v)) {}
  CallValue(List v) : value(std::move(v)) {}
  CallValue(Map v) : value(std::move(v)) {}

  bool empty() const { return std::holds_alternative<std::monostate>(value); }
  std::string kind() const;                       // "an Array f32[2,3]", "a tuple of 2": for messages
  template <class T> const T& as() const {        // throws ErrorKind::structure when it is something else
    if (const T* held = std::get_if<T>(&value)) return *held;
    fail(ErrorKind::structure, {.where = "call", .expected = expected_name(T{}), .got = kind()});
  }

 private:
  static std::string expected_name(const Array&) { return "an Array"; }
  static std::string expected_name(bool) { return "true or false"; }
  static std::string expected_name(int64_t) { return "an integer"; }
  static std::string expected_name(double) { return "a number"; }
  static std::string expected_name(const std::string&) { return "a string"; }
  static std::string expected_name(const List&) { return "a tuple"; }
  static std::string expected_name(const Map&) { return "a map"; }
};

using CallArguments = std::vector<CallValue>;
using CallKeywords = std::map<std::string, CallValue>;

namespace detail {

template <class T>
T from_call(const CallValue& v) {
  if constexpr (requires { typename T::value_type; requires std::same_as<T, std::optional<typename T::value_type>>; })
    return v.empty() ? T{} : T{from_call<typename T::value_type>(v)};
  else if constexpr (std::same_as<T, int>) return static_cast<int>(v.as<int64_t>());
  else return v.as<T>();
}

template <class T>
CallValue to_call(T&& result) {
  using R = std::remove_cvref_t<T>;
  if constexpr (requires { std::tuple_size<R>::value; }) {
    CallValue::List list;
    std::apply([&](auto&&... item) { (list.push_back(to_call(item)), ...); }, result);
    return list;
  } else {
    return CallValue(std::forward<T>(result));
  }
}

// Sorts positional and keyword arguments into `count` places; throws naming the module and the argument.
std::vector<CallValue> arrange_arguments(const std::string& module, size_t count, std::span<const std::string_view> names,
                                         const CallArguments& arguments, const CallKeywords& keywords);

template <class F> struct CallSignature;
template <class S, class R, class... P> struct CallSignature<R (S::*)(P...)> { using Result = R; using Parameters = std::tuple<std::remove_cvref_t<P>...>; };
template <class S, class R, class... P> struct CallSignature<R (S::*)(P...) const> : CallSignature<R (S::*)(P...)> {};

template <class Self>
CallValue call_typed(Self& self, const std::string& module, const CallArguments& arguments, const CallKeywords& keywords) {
  using Call = CallSignature<decltype(&Self::operator())>;
  using Parameters = typename Call::Parameters;
  std::vector<std::string_view> names;
  if constexpr (requires { Self::argument_names; }) names.assign(Self::argument_names.begin(), Self::argument_names.end());
  const std::vector<CallValue> given = arrange_arguments(module, std::tuple_size_v<Parameters>, names, arguments, keywords);
  return [&]<size_t... I>(std::index_sequence<I...>) -> CallValue {
    if constexpr (std::is_void_v<typename Call::Result>) {
      self(from_call<std::tuple_element_t<I, Parameters>>(given[I])...);
      return {};
    } else {
      return to_call(self(from_call<std::tuple_element_t<I, Parameters>>(given[I])...));
    }
  }(std::make_index_sequence<std::tuple_size_v<Parameters>>());
}

[[noreturn]] void fail_not_callable(const std::string& module);

}  // namespace detail
}  // namespace nnx
