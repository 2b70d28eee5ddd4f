#include "nnx/call.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx {

std::string CallValue::kind() const {
  struct Namer {
    std::string operator()(std::monostate) const { return "nothing"; }
    std::string operator()(const Array& v) const { return "an Array " + v.type().to_string(); }
    std::string operator()(bool v) const { return v ? "true" : "false"; }
    std::string operator()(int64_t v) const { return std::to_string(v); }
    std::string operator()(double v) const { return fmt::format("{}", v); }
    std::string operator()(const std::string& v) const { return in_quotes(v); }
    std::string operator()(const List& v) const { return fmt::format("a tuple of {}", v.size()); }
    std::string operator()(const Map& v) const { return fmt::format("a map of {}", v.size()); }
  };
  return std::visit(Namer{}, value);
}

namespace detail {

std::vector<CallValue> arrange_arguments(const std::string& module, size_t count, std::span<const std::string_view> names,
                                         const CallArguments& arguments, const CallKeywords& keywords) {
  if (arguments.size() > count)
    fail(ErrorKind::structure, {.where = module, .expected = fmt::format("at most {} arguments", count), .got = std::to_string(arguments.size())});
  std::vector<CallValue> arranged = arguments;
  arranged.resize(count);
  for (const auto& [name, value] : keywords) {
    const auto at = std::ranges::find(names, name);
    const size_t place = static_cast<size_t>(at - names.begin());
    if (at == names.end() || place >= count) {
      const std::string near = nearest(name, {names.begin(), names.end()});
      fail(ErrorKind::structure, {.where = module, .message = fmt::format("there is no argument '{}'", name),
                                  .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
    }
    if (place < arguments.size())
      fail(ErrorKind::structure, {.where = module, .message = fmt::format("argument '{}' is given twice", name)});
    arranged[place] = value;
  }
  return arranged;
}

void fail_not_callable(const std::string& module) {
  fail(ErrorKind::structure, {.where = module, .message = "it has no single operator() and so cannot be called generically",
                              .hint = "override ModuleBase::call"});
}

}  // namespace detail
}  // namespace nnx
