#include "lang/evaluate.h"

#include <fmt/format.h>

#include <algorithm>

#include "lang/functions.h"
#include "lang/operators.h"
#include "lang/indexing.h"
#include "ops/shape.h"

namespace nnx::lang {
namespace {

using Form = Expression::Form;
using Value = std::variant<CallValue, Attribute>;  // what is computed, and what an attribute holds

[[noreturn]] void refuse(size_t at, ErrorParts parts) { throw ProgramError(ErrorKind::structure, std::move(parts), at); }

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = nearest(word, known);
  return near.empty() ? "" : fmt::format("did you mean '{}'?", near);
}

// Operations left to the outermost call of this thread; Composites inside of it share them.
thread_local int operations_left = 0;
thread_local int open_calls = 0;

struct Budget {
  Budget() {
    if (open_calls++ == 0) operations_left = max_operations;
  }
  ~Budget() { --open_calls; }
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;
};

// Runs f; an Error that knows no place gets that of the expression.
template <class F>
auto placed(const Expression& e, F&& f) {
  try {
    return f();
  } catch (const ProgramError&) { throw; } catch (const PlacedError&) { throw; } catch (const Error& error) {
    if (error.kind() != ErrorKind::shape && error.kind() != ErrorKind::structure) throw;
    ErrorParts parts = error.parts();  // the place becomes that of the expression; what was there, an op or a layer, is said
    if (!parts.where.empty()) parts.message = parts.message.empty() ? parts.where : parts.where + ": " + parts.message;
    parts.where.clear();
    throw ProgramError(error.kind(), std::move(parts), e.at);
  }
}

class Evaluation {
 public:
  explicit Evaluation(Composite* self) : self_(self) {}

  void set(const std::string& name, Value value) { names_[name] = std::move(value); }

  CallValue run(const Program& program) {
    for (const Statement& s : program) {
      if (s.form == Statement::Form::give) return plain(value(s.value), s.value);
      execute(s);
    }
    return {};
  }
  CallValue result(const Expression& e) { return plain(value(e), e); }

 private:
  void execute(const Statement& s) {
    if (s.form == Statement::Form::assign) return assign(s, value(s.value));
    for (const Value& item : items(value(s.value), s.value)) {
      assign(s, item);
      for (const Statement& inner : s.body) execute(inner);
    }
  }

  // One name takes the value, several its parts.
  void assign(const Statement& s, const Value& v) {
    if (s.names.size() == 1) return set(s.names[0].name, v);
    const std::vector<Value> parts = items(v, s.value);
    if (parts.size() != s.names.size())
      refuse(s.value.at, {.expected = fmt::format("{} values, one for each name", s.names.size()), .got = std::to_string(parts.size())});
    for (size_t i = 0; i < parts.size(); ++i) set(s.names[i].name, parts[i]);
  }

  std::vector<Value> items(const Value& v, const Expression& e) const {
    std::vector<Value> all;
    if (const auto* attribute = std::get_if<Attribute>(&v)) {
      if (const auto* list = std::get_if<Attribute::List>(&attribute->value)) {
        all.assign(list->begin(), list->end());
        return all;
      }
      if (std::holds_alternative<Attribute::Map>(attribute->value))
        refuse(e.at, {.expected = "a list or a tuple", .got = attribute->kind(), .hint = "a map has no order; name its items"});
      if (!std::holds_alternative<std::vector<int64_t>>(attribute->value))
        refuse(e.at, {.expected = "a list or a tuple", .got = attribute->kind()});
    }
    const CallValue tuple = plain(v, e);
    const auto* list = std::get_if<CallValue::List>(&tuple.value);
    if (!list) refuse(e.at, {.expected = "a list or a tuple", .got = tuple.kind()});
    all.assign(list->begin(), list->end());
    return all;
  }

  // The value of an attribute; a Module has none.
  CallValue plain(const Value& v, const Expression& e) const {
    if (const auto* computed = std::get_if<CallValue>(&v)) return *computed;
    const Attribute& attribute = std::get<Attribute>(v);
    if (const Variable variable = attribute.variable()) return variable.get();
    if (const auto* list = std::get_if<Attribute::List>(&attribute.value)) {
      CallValue::List all;
      for (const Attribute& item : *list) all.push_back(plain(item, e));
      return all;
    }
    if (const auto* integers = std::get_if<std::vector<int64_t>>(&attribute.value)) {
      CallValue::List all(integers->begin(), integers->end());
      return all;
    }
    if (const auto* truth = std::get_if<bool>(&attribute.value)) return *truth;
    if (const auto* integer = std::get_if<int64_t>(&attribute.value)) return *integer;
    if (const auto* number = std::get_if<double>(&attribute.value)) return *number;
    if (const auto* text = std::get_if<std::string>(&attribute.value)) return *text;
    refuse(e.at, {.expected = "a value", .got = attribute.kind(), .hint = attribute.module() ? "call it, or name one of its Variables" : ""});
  }

  CallValue computed(const Expression& e) { return plain(value(e), e); }

  Value value(const Expression& e) {
    if (--operations_left < 0) refuse(e.at, {.message = fmt::format("the call takes more than {} operations", max_operations)});
    switch (e.form) {
      case Form::integer: return CallValue(e.integer);
      case Form::number: return CallValue(e.number);
      case Form::text: return CallValue(e.word);
      case Form::truth: return CallValue(e.integer == 1);
      case Form::none: return CallValue();
      case Form::name: return named(e);
      case Form::attribute: return attribute(e);
      case Form::call: return called(e);
      case Form::index: return indexed(e);
      case Form::tuple: return tuple(e);
      case Form::negative: {
        const CallValue x = computed(e.parts[0]);
        return placed(e, [&] { return negated(x); });
      }
      case Form::binary: {
        const CallValue a = computed(e.parts[0]), b = computed(e.parts[1]);
        return placed(e, [&] { return apply_operator(e.word, a, b); });
      }
      case Form::slice:
      case Form::ellipsis: break;
    }
    refuse(e.at, {.message = "this stands only inside of [ ]"});
  }

  Value tuple(const Expression& e) {
    CallValue::List all;
    for (const Expression& part : e.parts) all.push_back(computed(part));
    return CallValue(std::move(all));
  }

  Value named(const Expression& e) {
    if (const auto found = names_.find(e.word); found != names_.end()) return found->second;
    if (Attribute* attribute = self_ ? self_->find(e.word) : nullptr) return *attribute;
    std::vector<std::string> known;
    for (const auto& [name, v] : names_) known.push_back(name);
    if (self_)
      for (const auto& [name, v] : self_->attributes) known.push_back(name);
    const bool function = find_function(e.word) != nullptr;
    refuse(e.at, {.message = function ? fmt::format("{} is a function", in_quotes(e.word)) : fmt::format("nothing is called {}", in_quotes(e.word)),
                  .hint = function ? "call it" : did_you_mean(e.word, known)});
  }

  Value attribute(const Expression& e) {
    const Value owner = value(e.parts[0]);
    if (const auto* held = std::get_if<Attribute>(&owner)) {
      if (const Ref<ModuleBase> module = held->module()) return attribute_of_module(*module, e);
      if (const auto* map = std::get_if<Attribute::Map>(&held->value)) {
        const auto found = map->find(e.word);
        if (found != map->end()) return found->second;
        std::vector<std::string> keys;
        for (const auto& [key, item] : *map) keys.push_back(key);
        refuse(e.at, {.message = fmt::format("there is no {} in this map", in_quotes(e.word)), .hint = did_you_mean(e.word, keys)});
      }
    }
    const CallValue whole = plain(owner, e.parts[0]);
    return placed(e, [&] { return attribute_of_array(whole, e.word); });
  }

  static Value attribute_of_module(ModuleBase& module, const Expression& e) {
    if (std::optional<Found> found = find_attribute(module, e.word)) {
      if (const auto* array = std::get_if<Array>(&*found)) return CallValue(*array);
      return std::get<Attribute>(std::move(*found));
    }
    refuse(e.at, {.message = fmt::format("{} has no attribute {}", behind(module).type().name, in_quotes(e.word)),
                  .hint = did_you_mean(e.word, attribute_names(module))});
  }

  static CallValue attribute_of_array(const CallValue& whole, const std::string& name) {
    if (const auto* x = std::get_if<Array>(&whole.value)) {
      if (name == "shape") return CallValue::List(x->shape().begin(), x->shape().end());
      if (name == "ndim") return int64_t{x->rank()};
      if (name == "size") return x->size();
      if (name == "dtype") return std::string(name_of(x->dtype()));
      if (name == "T") return transpose(*x);
      fail(ErrorKind::structure, {.message = fmt::format("an Array has no attribute {}", in_quotes(name)), .hint = "it has shape, ndim, size, dtype and T"});
    }
    fail(ErrorKind::structure, {.message = fmt::format("{} has no attribute {}", whole.kind(), in_quotes(name))});
  }

  Value called(const Expression& e) {
    const Expression& callee = e.parts[0];
    const bool by_name = callee.form == Form::name && !names_.contains(callee.word) && !(self_ && self_->find(callee.word));
    const Function* function = by_name ? find_function(callee.word) : nullptr;
    Value target = function ? Value() : value(callee);
    CallArguments arguments;
    CallKeywords keywords;
    const size_t positional = e.parts.size() - 1 - e.keywords.size();
    for (size_t i = 0; i + 1 < e.parts.size(); ++i) {  // one after the other: an argument may draw keys
      CallValue argument = computed(e.parts[i + 1]);
      if (i < positional) arguments.push_back(std::move(argument));
      else keywords[e.keywords[i - positional].name] = std::move(argument);
    }
    if (function) return placed(e, [&] { return call_function(*function, std::move(arguments), keywords); });
    const auto* held = std::get_if<Attribute>(&target);
    const Ref<ModuleBase> module = held ? held->module() : Ref<ModuleBase>();
    if (!module)
      refuse(e.at, {.expected = "a layer or a function", .got = held ? held->kind() : std::get<CallValue>(target).kind()});
    return placed(e, [&] { return module->call(arguments, keywords); });
  }

  static CallValue call_function(const Function& function, CallArguments arguments, const CallKeywords& keywords) {
    std::vector<std::string_view> names;
    for (const FunctionParameter& p : function.parameters) names.push_back(p.name);
    const size_t given = arguments.size();
    arguments = nnx::detail::arrange_arguments(function.signature(), names.size(), names, arguments, keywords);
    for (size_t i = given; i < names.size(); ++i) {
      if (!arguments[i].empty() || keywords.contains(function.parameters[i].name)) continue;
      if (function.parameters[i].required)
        fail(ErrorKind::structure, {.where = function.signature(), .message = fmt::format("argument '{}' is missing", names[i])});
      arguments[i] = function.parameters[i].initial;
    }
    return function.apply(arguments);
  }

  Value indexed(const Expression& e) {
    const Value whole = value(e.parts[0]);
    if (const auto* held = std::get_if<Attribute>(&whole)) {
      if (const auto* list = std::get_if<Attribute::List>(&held->value)) return (*list)[position(e, list->size())];
      if (const auto* map = std::get_if<Attribute::Map>(&held->value)) {
        const CallValue key = e.parts.size() == 2 ? computed(e.parts[1]) : CallValue();
        const auto* text = std::get_if<std::string>(&key.value);
        const auto found = text ? map->find(*text) : map->end();
        if (found == map->end()) refuse(e.parts[1].at, {.expected = "a key of this map", .got = key.kind()});
        return found->second;
      }
    }
    const CallValue all = plain(whole, e.parts[0]);
    if (const auto* list = std::get_if<CallValue::List>(&all.value)) {
      if (e.parts.size() == 2 && e.parts[1].form == Form::slice) {
        const Index index = index_of(e.parts[1]);
        return placed(e, [&] { return CallValue(sliced(*list, index)); });
      }
      return (*list)[position(e, list->size())];
    }
    const auto* array = std::get_if<Array>(&all.value);
    if (!array) refuse(e.at, {.expected = "an Array, a tuple, a list or a map", .got = all.kind()});
    std::vector<Index> indices;
    for (size_t i = 1; i < e.parts.size(); ++i) indices.push_back(index_of(e.parts[i]));
    return placed(e, [&] { return CallValue(index_array(*array, indices)); });
  }

  size_t position(const Expression& e, size_t size) {
    const CallValue at = e.parts.size() == 2 ? computed(e.parts[1]) : CallValue();
    const auto* i = std::get_if<int64_t>(&at.value);
    const int64_t count = static_cast<int64_t>(size);
    if (!i || *i < -count || *i >= count)
      refuse(e.parts[1].at, {.expected = fmt::format("one index of a list of {}", size), .got = at.kind()});
    return static_cast<size_t>(*i < 0 ? *i + count : *i);
  }

  Index index_of(const Expression& e) {
    if (e.form == Form::ellipsis) return {.form = Index::Form::ellipsis};
    if (e.form == Form::none) return {.form = Index::Form::new_axis};
    if (e.form == Form::slice) return {.form = Index::Form::slice, .start = bound(e.parts[0]), .stop = bound(e.parts[1]), .step = bound(e.parts[2])};
    const CallValue at = computed(e);
    if (const auto* i = std::get_if<int64_t>(&at.value)) return {.form = Index::Form::integer, .start = *i};
    if (const auto* a = std::get_if<Array>(&at.value)) return {.form = Index::Form::array, .array = *a};
    refuse(e.at, {.expected = "an integer, a slice or an Array as an index", .got = at.kind()});
  }
  std::optional<int64_t> bound(const Expression& e) {
    if (e.form == Form::none) return std::nullopt;
    const CallValue at = computed(e);
    if (const auto* i = std::get_if<int64_t>(&at.value)) return *i;
    refuse(e.at, {.expected = "an integer", .got = at.kind()});
  }

  Composite* self_;
  std::map<std::string, Value> names_;
};

}  // namespace

CallValue evaluate(Composite& self, CallArguments inputs) {
  const Budget budget;
  Evaluation evaluation(&self);
  for (size_t i = 0; i < inputs.size(); ++i) evaluation.set(self.definition().inputs[i].name, std::move(inputs[i]));
  return evaluation.run(self.definition().program);
}

CallValue evaluate(const Expression& expression, const std::map<std::string, CallValue>& names) {
  const Budget budget;
  Evaluation evaluation(nullptr);
  for (const auto& [name, value] : names) evaluation.set(name, value);
  return evaluation.result(expression);
}

}  // namespace nnx::lang
