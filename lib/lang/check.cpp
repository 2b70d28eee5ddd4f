#include "lang/check.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "lang/functions.h"

namespace nnx::lang {
namespace {

using Form = Expression::Form;

class Checker {
 public:
  Checker(const Names& names, const Report& report) : report_(report) {
    for (const auto* list : {&names.inputs, &names.arguments, &names.attributes}) known_.insert(list->begin(), list->end());
  }

  void check(const Program& program) {
    for (const Statement& s : program) {
      visit(s.value);
      for (const NameAt& name : s.names) {
        if (!is_name(name.name)) report_(name.at, {.expected = "a name", .got = in_quotes(name.name)});
        known_.insert(name.name);
      }
      check(s.body);
    }
  }

 private:
  void visit(const Expression& e) {
    if (e.form == Form::name) return visit_name(e);
    if (e.form == Form::call && e.parts[0].form == Form::name && !known_.contains(e.parts[0].word)) {
      visit_function(e);
      for (size_t i = 1; i < e.parts.size(); ++i) visit(e.parts[i]);
      return;
    }
    for (const Expression& part : e.parts) visit(part);
  }

  void visit_name(const Expression& e) {
    if (known_.contains(e.word)) return;
    if (find_function(e.word)) return report_(e.at, {.message = fmt::format("{} is a function", in_quotes(e.word)), .hint = "call it"});
    unknown(e, {known_.begin(), known_.end()}, "nothing");
  }

  void visit_function(const Expression& e) {
    const std::string& name = e.parts[0].word;
    const Function* function = find_function(name);
    if (!function) {
      std::vector<std::string> candidates(known_.begin(), known_.end());
      for (const Function& f : functions()) candidates.emplace_back(f.name);
      return unknown(e.parts[0], candidates, "no attribute and no function");
    }
    const size_t positional = e.parts.size() - 1 - e.keywords.size();
    if (positional > function->parameters.size())
      return report_(e.at, {.message = function->signature(), .expected = fmt::format("at most {} arguments", function->parameters.size()), .got = std::to_string(positional)});
    std::set<std::string> given;
    for (size_t i = 0; i < positional; ++i) given.insert(function->parameters[i].name);
    for (const NameAt& k : e.keywords) {
      const bool exists = std::ranges::any_of(function->parameters, [&](const FunctionParameter& p) { return p.name == k.name; });
      if (!exists) return report_(k.at, {.message = fmt::format("{} has no argument {}", function->signature(), in_quotes(k.name))});
      if (!given.insert(k.name).second) return report_(k.at, {.message = fmt::format("argument {} is given twice", in_quotes(k.name))});
    }
    for (const FunctionParameter& p : function->parameters)
      if (p.required && !given.contains(p.name))
        return report_(e.at, {.message = fmt::format("{}: argument '{}' is missing", function->signature(), p.name)});
  }

  void unknown(const Expression& e, const std::vector<std::string>& candidates, std::string_view what) {
    const std::string near = nearest(e.word, candidates);
    report_(e.at, {.message = fmt::format("{} is called {}", what, in_quotes(e.word)),
                   .hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near)});
  }

  std::set<std::string> known_;
  const Report& report_;
};

bool mentions(const Expression& e, std::string_view name) {
  return (e.form == Form::name && e.word == name) || std::ranges::any_of(e.parts, [&](const Expression& p) { return mentions(p, name); });
}

}  // namespace

void check_program(const Program& program, const Names& names, const Report& report) { Checker(names, report).check(program); }

bool mentions(const Program& program, std::string_view name) {
  return std::ranges::any_of(program, [&](const Statement& s) { return mentions(s.value, name) || mentions(s.body, name); });
}

}  // namespace nnx::lang
