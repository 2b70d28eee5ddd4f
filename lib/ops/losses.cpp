// Losses, one value an example.
#include "ops/attrs.h"
#include "ops/checks.h"
#include "ops/elementwise.h"
#include "ops/families.h"
#include "ops/index.h"
#include "ops/neural.h"
#include "ops/neural_rules.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

// logits [..., K] and labels [...]; gives the type of the loss.
Type infer_loss(std::string_view op, std::span<const Type> in) {
  expect_floating(op, in.first(1));
  const Shape& logits = in[0].shape;
  if (logits.rank() < 1 || !is_integer(in[1].dtype) || in[1].shape != logits.without(logits.rank() - 1))
    fail_types(op, "logits [..., K] and integer labels [...]", in);
  return {in[0].dtype, in[1].shape};
}

const OpDef& cross_entropy_grad_record();

constexpr OpDef softmax_cross_entropy_op{
    .name = "softmax_cross_entropy",
    .family = Family::neural,
    .infer = [](std::span<const Type> in, const Attrs&) {
      expect_inputs("softmax_cross_entropy", in, 2);
      return std::vector{infer_loss("softmax_cross_entropy", in)};
    },
    .vjp = [](const VjpArgs& args) {
      return Arrays{emit1(cross_entropy_grad_record(), {}, {args.in[0], args.in[1], args.ct[0]}), {}};
    },
    .batch = batch_as_elementwise,   // examples are rows, and a batch of them is more rows
    // A label outside [0, K) has no logit: its loss is the logsumexp, as the gradient below has it.
    .expand = [](std::span<const Array> in, const Attrs&) {
      const Array& logits = in[0];
      const Array is_label = one_hot(in[1], logits.dim(-1), DType::boolean);
      const Array label_logit = sum(select(is_label, logits, zeros({}, logits.dtype())), {-1});
      return Arrays{logsumexp(logits, {-1}) - label_logit};
    },
};

constexpr OpDef softmax_cross_entropy_grad_op{
    .name = "softmax_cross_entropy_grad",
    .family = Family::neural,
    .infer = [](std::span<const Type> in, const Attrs&) {
      expect_inputs("softmax_cross_entropy_grad", in, 3);
      if (infer_loss("softmax_cross_entropy_grad", in) != in[2])
        fail_types("softmax_cross_entropy_grad", "a cotangent of the loss's type", in);
      return std::vector{in[0]};
    },
    .batch = batch_as_elementwise,
    .expand = [](std::span<const Array> in, const Attrs&) {
      const Array& logits = in[0];
      const Array label = one_hot(in[1], logits.dim(-1), logits.dtype());
      return Arrays{(softmax(logits) - label) * expand_dims(in[2], -1)};
    },
};

const OpDef& cross_entropy_grad_record() { return softmax_cross_entropy_grad_op; }

}  // namespace

std::span<const OpDef* const> loss_ops() {
  static constexpr const OpDef* ops[] = {&softmax_cross_entropy_op, &softmax_cross_entropy_grad_op};
  return ops;
}

Array squared_error(const Array& prediction, const Array& target) { return square(prediction - target); }

Array softmax_cross_entropy(const Array& logits, const Array& labels) {
  return emit1(softmax_cross_entropy_op, {}, {logits, labels});
}

Array sigmoid_binary_cross_entropy(const Array& logits, const Array& labels) {
  return negative(labels * log_sigmoid(logits)) - (1.0 - labels) * log_sigmoid(negative(logits));
}

}  // namespace nnx
