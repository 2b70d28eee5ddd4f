#include "nn/losses.h"

#include <fmt/format.h>

namespace nnx {
namespace {

// Mean over all axes but the batch.
Array mean_of_example(const Array& x) { return x.rank() > 1 ? mean(flatten(x, 1), {1}) : x; }

void expect_same(const char* loss, const Array& prediction, const Array& target) {
  if (prediction.shape() != target.shape() || !is_floating(target.dtype()))
    fail(ErrorKind::shape, {.where = loss,
                            .expected = fmt::format("numbers of the prediction's shape {} as targets", prediction.shape().to_string()),
                            .got = target.type().to_string()});
}

void expect_logits(const Array& logits, const Array& labels) {
  if (logits.rank() != 2 || labels.rank() != 1 || logits.dim(0) != labels.dim(0) || !is_integer(labels.dtype()))
    fail(ErrorKind::shape, {.where = "softmax_cross_entropy", .expected = "logits [batch, classes] and integer labels [batch]",
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

struct TermOptions {
  std::optional<int64_t> output;
  ConfigNode target;
  std::optional<double> weight;
  static void fields(auto& self, auto&& f) {
    f("output", self.output,
      Field{.help = "which output of a model that gives several, from 0; null: the only one, in a weighted_sum by order"}.at_least(0));
    f("target", self.target, Field{.help = "what it compares with, an expression of x and y; null: data.target"});
    f("weight", self.weight, Field{.help = "what it is multiplied by; null: 1"});
  }
};

struct SumOptions {
  std::vector<std::pair<std::string, ConfigNode>> terms;
  static void fields(auto& self, auto&& f) {
    f("terms", self.terms, component("loss", Field{.help = "names to losses, for the outputs of the model in order"}.must()));
  }
};

LossTerms weighted_sum(const SumOptions& options, Diagnostics& diagnostics) {
  if (options.terms.empty()) fail(ErrorKind::config, {.where = "terms", .expected = "at least one loss", .got = "none"});
  const auto built = losses().build_each(options.terms, diagnostics);
  LossTerms terms;
  for (size_t i = 0; i < built.size(); ++i) {
    const ConfigNode& node = options.terms[i].second;
    LossTerm term = built[i].second[0];
    if (!term.name.empty()) diagnostics.report(node, {.expected = "a loss of one output", .got = "a weighted_sum"});
    term.name = built[i].first;
    term.node = node;
    term.output = term.output.value_or(static_cast<int64_t>(i));
    term.weight = term.weight.value_or(1);
    terms.push_back(std::move(term));
  }
  diagnostics.throw_if_any();
  return terms;
}

}  // namespace

const Losses& losses() {
  static const Losses list = [] {
    Losses l("loss");
    const auto add = [&l](const Loss& loss, const char* help) {
      l.add<TermOptions>(loss.name, help, [loss](const TermOptions& o) {
        return LossTerms{{.loss = loss, .output = o.output, .target = o.target, .weight = o.weight}};
      });
    };
    add(mse, "mean squared error");
    add(cross_entropy, "cross entropy of logits with integer labels");
    add(binary, "binary cross entropy of logits with targets in [0, 1]");
    l.add<SumOptions>("weighted_sum", "several losses, each of one output of the model", weighted_sum);
    return l;
  }();
  return list;
}

}  // namespace nnx
