// Einstein summation by sums, one dot_general and a transpose.
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "base/error.h"
#include "ops/contract.h"
#include "ops/reduce.h"
#include "ops/shape.h"

namespace nnx {
namespace {

bool has(std::string_view labels, char c) { return labels.find(c) != std::string_view::npos; }

struct Spec {
  std::vector<std::string> inputs;
  std::string output;
};

[[noreturn]] void fail_spec(std::string_view spec, std::string expected, std::string got) {
  fail(ErrorKind::shape,
       {.where = fmt::format("einsum \"{}\"", spec), .expected = std::move(expected), .got = std::move(got)});
}

void check_labels(std::string_view spec, const std::string& labels) {
  for (size_t i = 0; i < labels.size(); ++i) {
    const char c = labels[i];
    if (!(c >= 'a' && c <= 'z') && !(c >= 'A' && c <= 'Z'))
      fail_spec(spec, "letters as labels", in_quotes(std::string(1, c)));
    if (has(std::string_view(labels).substr(0, i), c))
      fail_spec(spec, "each label once in an operand and in the result", fmt::format("'{}' twice in '{}'", c, labels));
  }
}

Spec parse(std::string_view text) {
  std::string compact;
  std::ranges::copy_if(text, std::back_inserter(compact), [](char c) { return c != ' '; });
  const size_t arrow = compact.find("->");
  const std::string left = compact.substr(0, arrow);
  Spec spec;
  for (size_t start = 0; start <= left.size();) {
    const size_t comma = std::min(left.find(',', start), left.size());
    spec.inputs.push_back(left.substr(start, comma - start));
    start = comma + 1;
  }
  for (const std::string& labels : spec.inputs) check_labels(text, labels);
  if (arrow != std::string::npos) {
    spec.output = compact.substr(arrow + 2);
  } else {
    // Implicit result: what occurs once, in alphabetical order.
    std::map<char, int> counts;
    for (const std::string& labels : spec.inputs)
      for (const char c : labels) ++counts[c];
    for (const auto& [c, n] : counts)
      if (n == 1) spec.output += c;
  }
  check_labels(text, spec.output);
  for (const char c : spec.output)
    if (std::ranges::none_of(spec.inputs, [&](const std::string& labels) { return has(labels, c); }))
      fail_spec(text, "labels of an operand in the result", fmt::format("'{}'", c));
  return spec;
}

struct Operand {
  Array array;
  std::string labels;
};

// The operand summed over the labels that nothing else has.
Operand without_lonely(const Operand& x, std::string_view kept_labels) {
  Axes summed;
  std::string kept;
  for (size_t i = 0; i < x.labels.size(); ++i) {
    if (has(kept_labels, x.labels[i])) kept += x.labels[i];
    else summed.push_back(static_cast<int>(i));
  }
  return {summed.empty() ? x.array : sum(x.array, summed), kept};
}

// The labels of contract(a, b): batch, then what is left of a, then what is left of b.
std::string result_labels(const Operand& a, const Operand& b, std::string_view output) {
  std::string batch, free;
  for (const char c : a.labels) {
    if (!has(b.labels, c)) free += c;
    else if (has(output, c)) batch += c;
  }
  for (const char c : b.labels)
    if (!has(a.labels, c)) free += c;
  return batch + free;
}

Array contract(std::string_view spec, const Operand& a, const Operand& b, std::string_view output) {
  DotDims dims;
  for (size_t i = 0; i < a.labels.size(); ++i) {
    const char c = a.labels[i];
    const size_t j = b.labels.find(c);
    if (j == std::string::npos) continue;
    const int axis_a = static_cast<int>(i), axis_b = static_cast<int>(j);
    if (a.array.dim(axis_a) != b.array.dim(axis_b))
      fail_spec(spec, fmt::format("one size for '{}'", c),
                fmt::format("{} and {}", a.array.type().to_string(), b.array.type().to_string()));
    (has(output, c) ? dims.lhs_batch : dims.lhs_contract).push_back(axis_a);
    (has(output, c) ? dims.rhs_batch : dims.rhs_contract).push_back(axis_b);
  }
  return dot_general(a.array, b.array, dims);
}

}  // namespace

Array einsum(std::string_view text, const Arrays& operands) {
  const Spec spec = parse(text);
  if (operands.size() != spec.inputs.size() || operands.empty() || operands.size() > 2)
    fail_spec(text, fmt::format("{} operands, one or two", spec.inputs.size()), std::to_string(operands.size()));
  std::vector<Operand> xs;
  for (size_t i = 0; i < operands.size(); ++i) {
    if (std::ssize(spec.inputs[i]) != operands[i].rank())
      fail_spec(text, fmt::format("an array of {} dimensions for '{}'", spec.inputs[i].size(), spec.inputs[i]),
                operands[i].type().to_string());
    const std::string others = operands.size() == 2 ? spec.inputs[1 - i] : "";
    xs.push_back(without_lonely({operands[i], spec.inputs[i]}, others + spec.output));
  }
  Operand result = xs[0];
  if (xs.size() == 2) {
    // Either order of the operands is right; one of them may need no transpose.
    if (result_labels(xs[1], xs[0], spec.output) == spec.output) std::swap(xs[0], xs[1]);
    result = {contract(text, xs[0], xs[1], spec.output), result_labels(xs[0], xs[1], spec.output)};
  }
  std::vector<int> permutation;
  for (const char c : spec.output) permutation.push_back(static_cast<int>(result.labels.find(c)));
  return transpose(result.array, permutation);
}

}  // namespace nnx
