// A FieldVisitor that does nothing: the base of visitors that look at some kinds of attributes only.
#pragma once

#include "nnx/field_visitor.h"

namespace nnx {

class SelectiveVisitor : public FieldVisitor {
 public:
  void variable(FieldName, Variable&) override {}
  void module(FieldName, RefSlot) override {}
  void array(FieldName, Array&) override {}
  void number(FieldName, Number&) override {}
  void attribute(FieldName, StaticRef) override {}
  void begin(FieldName, ContainerRef&) override {}
  void end() override {}
};

}  // namespace nnx
