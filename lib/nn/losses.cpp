#include "nn/losses.h"

#include <fmt/format.h>

namespace nnx {
namespace {

// Mean over all axes but the batch.
Array mean_of_example(const Array& x) { return x.rank() > 1 ? mean(flatten(x, 1), {1}) : x; }

void expect_same(const char* loss, const Array& prediction, const Array& target) {
  if (prediction.shape() != target.shape())
    fail(ErrorKind::shape, {.where = loss, .expected = fmt::format("targets of the prediction's shape {}", prediction.shape().to_string()),
                            .got = target.type().to_string()});
}

void expect_logits(const Array& logits, const Array& labels) {
  if (logits.rank() != 2 || labels.rank() != 1 || logits.dim(0) != labels.dim(0))
    fail(ErrorKind::shape, {.where = "softmax_cross_entropy", .expected = "logits [batch, classes] and labels [batch]",
                            .got = logits.type().to_string() + " and " + labels.type().to_string()});
}

const Loss mse{.name = "mse", .per_example = [](const Array& prediction, const Array& target) {
                 expect_same("mse", prediction, target);
                 return mean_of_example(squared_error(prediction, target));
               }};

const Loss cross_entropy{.name = "softmax_cross_entropy",
                         .targets = TargetKind::labels,
                         .classification = true,
                         .per_example = [](const Array& logits, const Array& labels) {
                           expect_logits(logits, labels);
                           return softmax_cross_entropy(logits, labels);
                         },
                         .correct = [](const Array& logits, const Array& labels) { return equal(argmax(logits, -1), labels); }};

const Loss binary{.name = "sigmoid_binary_cross_entropy",
                  .classification = true,
                  .per_example = [](const Array& logits, const Array& target) {
                    expect_same("sigmoid_binary_cross_entropy", logits, target);
                    return mean_of_example(sigmoid_binary_cross_entropy(logits, target));
                  },
                  .correct = [](const Array& logits, const Array& target) {
                    const Array right = equal(greater(logits, 0), greater(target, 0.5));
                    return right.rank() > 1 ? all(flatten(right, 1), {1}) : right;
                  }};

}  // namespace

const Losses& losses() {
  static const Losses list = [] {
    Losses l("loss");
    l.add<NoOptions>("mse", "mean squared error", [](const NoOptions&) { return mse; });
    l.add<NoOptions>("softmax_cross_entropy", "cross entropy of logits with integer labels", [](const NoOptions&) { return cross_entropy; });
    l.add<NoOptions>("sigmoid_binary_cross_entropy", "binary cross entropy of logits with targets in [0, 1]", [](const NoOptions&) { return binary; });
    return l;
  }();
  return list;
}

}  // namespace nnx
