// An expression of a batch (lang/expression.h), in which x stands for its features and y for its labels or targets. It
// is part of the compiled step.
//
//   const auto half = BatchExpression::read(node, diagnostics);    // "x[:, :32]"
//   (*half)(x, y)
#pragma once

#include "config/diagnostics.h"
#include "lang/expression.h"
#include "nnx/nnx.h"

namespace nnx {

class BatchExpression {
 public:
  // Reports a node that is none, and gives nothing then.
  static std::optional<BatchExpression> read(const ConfigNode& node, Diagnostics& diagnostics);

  CallValue operator()(const Array& x, const Array& y) const;  // throws lang::PlacedError
  const ConfigNode& node() const { return node_; }

 private:
  BatchExpression(lang::Expression expression, const ConfigNode& node)
      : expression_(std::move(expression)), node_(node) {}
  lang::Expression expression_;
  ConfigNode node_;
};

}  // namespace nnx
