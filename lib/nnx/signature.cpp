#include "nnx/signature.h"

namespace nnx::detail {

// Both walkers number Variables and Modules in visiting order; a mark on the object tells it was met before.
class SignatureRecorder final : public FieldVisitor {
 public:
  SignatureRecorder(std::vector<Signature::Token>& tokens, Leaves& leaves) : tokens_(tokens), leaves_(leaves) {}
  using Form = Signature::Token::Form;

  void variable(FieldName name, Variable& v) override {
    if (!v) return add({.form = Form::none, .key = name.key()});
    Cell& cell = *v.cell();
    if (cell.visit_epoch == epoch_) return add({.form = Form::old_variable, .index = cell.visit_index, .key = name.key()});
    cell.visit_epoch = epoch_;
    cell.visit_index = next_++;
    leaves_.cells.push_back(&cell);
    add({.form = Form::new_variable, .kind = cell.kind, .type = cell.value.type(), .key = name.key()});
  }
  void module(FieldName name, RefSlot slot) override {
    ModuleBase* m = slot.module();
    if (!m) return add({.form = Form::none, .key = name.key()});
    if (m->visit_epoch == epoch_) return add({.form = Form::old_module, .index = m->visit_index, .key = name.key()});
    m->visit_epoch = epoch_;
    m->visit_index = next_++;
    leaves_.modules.push_back(m);
    add({.form = Form::new_module, .kind = &m->type(), .key = name.key()});
    m->accept(*this);
  }
  void array(FieldName name, Array& a) override {
    leaves_.arrays.push_back(&a);
    add({.form = Form::array, .type = a.type(), .key = name.key()});
  }
  void number(FieldName name, Number& n) override {
    leaves_.numbers.push_back(&n);
    add({.form = Form::number, .key = name.key()});
  }
  void attribute(FieldName name, StaticRef m) override { add({.form = Form::fixed, .value = m.get(), .key = name.key()}); }
  void begin(FieldName name, ContainerRef& c) override { add({.form = Form::begin, .index = static_cast<int>(c.size()), .key = name.key()}); }
  void end() override { add({.form = Form::end}); }

 private:
  void add(Signature::Token token) { tokens_.push_back(std::move(token)); }
  std::vector<Signature::Token>& tokens_;
  Leaves& leaves_;
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

Signature Signature::record(const Roots& roots, Leaves& leaves) {
  leaves.clear();
  Signature signature;
  SignatureRecorder recorder(signature.tokens_, leaves);
  roots(recorder);
  return signature;
}

bool Signature::matches(const Roots& roots, Leaves& leaves) const {
  leaves.clear();
  SignatureMatcher matcher(tokens_, leaves);
  roots(matcher);
  return matcher.matched();
}

}  // namespace nnx::detail
