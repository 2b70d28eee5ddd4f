#include "nnx/signature.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

namespace nnx::detail {

// Both walkers number Variables and Modules in visiting order; a mark on the object tells it was met before.
class SignatureRecorder final : public FieldVisitor {
 public:
  SignatureRecorder(Signature& signature, Leaves& leaves)
      : tokens_(signature.tokens_), paths_(signature.paths_), leaves_(leaves) {}
  using Form = Signature::Token::Form;

  void variable(FieldName name, Variable& v) override {
    if (!v) return add({.form = Form::none, .key = name.key()});
    Cell& cell = *v.cell();
    if (cell.visit_epoch == epoch_) {
      add({.form = Form::old_variable, .index = cell.visit_index, .key = name.key()});
      const auto at = std::ranges::find(leaves_.cells, &cell);
      leaves_.cell_aliases.emplace_back(paths_.back(), static_cast<size_t>(at - leaves_.cells.begin()));
      return;
    }
    cell.visit_epoch = epoch_;
    cell.visit_index = next_++;
    add({.form = Form::new_variable, .kind = cell.kind, .type = cell.value.type(), .key = name.key()});
    expect_alive(cell.value, v.kind().name, argument_text(paths_.back()));
    leaves_.cells.push_back(&cell);
    leaves_.cell_paths.push_back(paths_.back());
  }
  void module(FieldName name, RefSlot slot) override {
    ModuleBase* m = slot.module();
    if (!m) return add({.form = Form::none, .key = name.key()});
    if (m->visit_epoch == epoch_) {
      add({.form = Form::old_module, .index = m->visit_index, .key = name.key()});
      const auto at = std::ranges::find(leaves_.modules, m);
      leaves_.module_aliases.emplace_back(paths_.back(), static_cast<size_t>(at - leaves_.modules.begin()));
      return;
    }
    m->visit_epoch = epoch_;
    m->visit_index = next_++;
    add({.form = Form::new_module, .kind = &m->type(), .key = name.key()});
    leaves_.modules.push_back(m);
    leaves_.module_paths.push_back(paths_.back());
    push(name);
    m->accept(*this);
    prefix_ = std::move(open_.back()), open_.pop_back();
  }
  void array(FieldName name, Array& a) override {
    if (!a.defined()) return add({.form = Form::none, .key = name.key()});
    add({.form = Form::array, .type = a.type(), .key = name.key()});
    expect_alive(a, "Array", argument_text(paths_.back()));
    leaves_.arrays.push_back(&a);
    leaves_.array_paths.push_back(paths_.back());
  }
  void number(FieldName name, Number& n) override {
    add({.form = Form::number, .key = name.key()});
    leaves_.numbers.push_back(&n);
    leaves_.number_paths.push_back(paths_.back());
  }
  void attribute(FieldName name, StaticRef m) override { add({.form = Form::fixed, .value = m.get(), .key = name.key()}); }
  void begin(FieldName name, ContainerRef& c) override {
    add({.form = Form::begin, .index = static_cast<int>(c.size()), .key = name.key()});
    push(name);
  }
  void end() override {
    prefix_ = std::move(open_.back()), open_.pop_back();
    add({.form = Form::end});
  }

 private:
  void add(Signature::Token token) {
    paths_.push_back(below(token.key));
    tokens_.push_back(std::move(token));
  }
  // Roots have no name.
  Path below(const Key& key) const {
    Path path = prefix_;
    if (key != Key()) path.push_back(key);
    return path;
  }
  void push(FieldName name) {
    open_.push_back(prefix_);
    prefix_ = below(name.key());
  }

  std::vector<Signature::Token>& tokens_;
  std::vector<Path>& paths_;
  Leaves& leaves_;
  Path prefix_;
  std::vector<Path> open_;
  const uint64_t epoch_ = next_visit_epoch();
  int next_ = 0;
};

class SignatureMatcher final : public FieldVisitor {
 public:
  SignatureMatcher(const std::vector<Signature::Token>& tokens, Leaves& leaves) : tokens_(tokens), leaves_(leaves) {}
  using Form = Signature::Token::Form;
  bool matched() const { return same_ && at_ == tokens_.size(); }

  void variable(FieldName name, Variable& v) override {
    const auto* t = next(name);
    if (!t) return;
    if (!v) return expect(t->form == Form::none);
    Cell& cell = *v.cell();
    if (cell.visit_epoch == epoch_) return expect(t->form == Form::old_variable && t->index == cell.visit_index);
    cell.visit_epoch = epoch_;
    cell.visit_index = number_++;
    leaves_.cells.push_back(&cell);
    expect(t->form == Form::new_variable && t->kind == cell.kind && t->type == cell.value.type());
  }
  void module(FieldName name, RefSlot slot) override {
    const auto* t = next(name);
    if (!t) return;
    ModuleBase* m = slot.module();
    if (!m) return expect(t->form == Form::none);
    if (m->visit_epoch == epoch_) return expect(t->form == Form::old_module && t->index == m->visit_index);
    m->visit_epoch = epoch_;
    m->visit_index = number_++;
    leaves_.modules.push_back(m);
    expect(t->form == Form::new_module && t->kind == &m->type());
    if (same_) m->accept(*this);
  }
  void array(FieldName name, Array& a) override {
    const auto* t = next(name);
    if (!t) return;
    if (!a.defined()) return expect(t->form == Form::none);
    leaves_.arrays.push_back(&a);
    expect(t->form == Form::array && t->type == a.type());
  }
  void number(FieldName name, Number& n) override {
    const auto* t = next(name);
    if (!t) return;
    leaves_.numbers.push_back(&n);
    expect(t->form == Form::number);
  }
  void attribute(FieldName name, StaticRef m) override {
    const auto* t = next(name);
    if (t) expect(t->form == Form::fixed && m.equals(t->value));
  }
  void begin(FieldName name, ContainerRef& c) override {
    const auto* t = next(name);
    if (t) expect(t->form == Form::begin && t->index == static_cast<int>(c.size()));
  }
  void end() override {
    const auto* t = next("");
    if (t) expect(t->form == Form::end);
  }

 private:
  const Signature::Token* next(FieldName name) {
    if (!same_ || at_ == tokens_.size()) return same_ = false, nullptr;
    const Signature::Token* t = &tokens_[at_++];
    // A module type fixes its names; only map keys can differ, and comparing all is as cheap as knowing which.
    if (t->key.index != name.index || t->key.name != name.name) return same_ = false, nullptr;
    return t;
  }
  void expect(bool ok) { same_ = same_ && ok; }

  const std::vector<Signature::Token>& tokens_;
  Leaves& leaves_;
  const uint64_t epoch_ = next_visit_epoch();
  size_t at_ = 0;
  int number_ = 0;
  bool same_ = true;
};

std::string argument_text(const Path& path) {
  if (path.empty()) return "the arguments";
  const std::string argument = fmt::format("argument {}", path.front().to_string());
  return path.size() == 1 ? argument : fmt::format("'{}' of {}", to_string(Path(path.begin() + 1, path.end())), argument);
}

std::string to_string(const Difference& d) {
  const auto or_nothing = [](const std::string& text) { return text.empty() ? "nothing" : text; };
  return fmt::format("{}: {} -> {}", argument_text(d.path), or_nothing(d.before), or_nothing(d.after));
}

Signature Signature::record(const Roots& roots, Leaves& leaves) {
  leaves = Leaves();
  Signature signature;
  SignatureRecorder recorder(signature, leaves);
  roots(recorder);
  return signature;
}

bool Signature::matches(const Roots& roots, Leaves& leaves) const {
  leaves.clear();
  SignatureMatcher matcher(tokens_, leaves);
  roots(matcher);
  return matcher.matched();
}

std::vector<std::pair<Path, std::string>> Signature::described(bool types) const {
  using Form = Token::Form;
  std::vector<std::pair<Path, std::string>> out;
  std::vector<const Path*> numbered;   // the first paths of Variables and Modules, as old ones name them
  const auto typed = [&](std::string_view name, const Type& type) {
    return types ? fmt::format("{} {}", name, type.to_string()) : std::string(name);
  };
  for (size_t i = 0; i < tokens_.size(); ++i) {
    const Token& t = tokens_[i];
    std::string text;
    switch (t.form) {
      case Form::none: text = "none"; break;
      case Form::new_variable: text = typed(t.kind ? static_cast<const VariableKind*>(t.kind)->name : "Variable", t.type); break;
      case Form::new_module: text = static_cast<const ModuleType*>(t.kind)->name; break;
      case Form::old_variable:
      case Form::old_module: text = "the same object as " + to_string(*numbered[static_cast<size_t>(t.index)]); break;
      case Form::array: text = typed("Array", t.type); break;
      case Form::number: text = "Number"; break;
      case Form::fixed: text = nnx::to_string(t.value); break;
      case Form::begin: text = fmt::format("{} elements", t.index); break;
      case Form::end: continue;
    }
    if (t.form == Form::new_variable || t.form == Form::new_module) numbered.push_back(&paths_[i]);
    out.emplace_back(paths_[i], std::move(text));
  }
  return out;
}

std::vector<Difference> Signature::differences(const Signature& other, bool types) const {
  const auto before = described(types), after = other.described(types);
  const std::map<Path, std::string> old_texts(before.begin(), before.end()), new_texts(after.begin(), after.end());
  std::vector<Difference> out;
  const auto add = [&](Difference d) {
    const auto is_above = [&](const Difference& known) {
      return known.path.size() <= d.path.size() && std::equal(known.path.begin(), known.path.end(), d.path.begin());
    };
    if (std::ranges::none_of(out, is_above)) out.push_back(std::move(d));
  };
  for (const auto& [path, text] : before) {
    const auto now = new_texts.find(path);
    if (now == new_texts.end()) add({path, text, ""});
    else if (now->second != text) add({path, text, now->second});
  }
  for (const auto& [path, text] : after)
    if (!old_texts.contains(path)) add({path, "", text});
  return out;
}

}  // namespace nnx::detail
