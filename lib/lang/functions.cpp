#include "lang/functions.h"

#include <fmt/format.h>

#include <algorithm>

#include "lang/expression.h"
#include "lang/operators.h"
#include "ops/ops.h"

namespace nnx::lang {

// The arguments of one call by number, each as what the op takes.
class Given {
 public:
  Given(const Function& function, std::span<const CallValue> values) : function_(function), values_(values) {}

  bool has(size_t i) const { return !values_[i].empty(); }
  bool is_number(size_t i) const { return std::holds_alternative<int64_t>(values_[i].value) || std::holds_alternative<double>(values_[i].value); }
  Array array(size_t i) const { return as_array(i, values_[i]); }
  Array array_or_none(size_t i) const { return has(i) ? array(i) : Array(); }
  double number(size_t i) const {
    if (const auto* v = std::get_if<int64_t>(&values_[i].value)) return static_cast<double>(*v);
    if (const auto* v = std::get_if<double>(&values_[i].value)) return *v;
    refuse(i, "a number");
  }
  int64_t integer(size_t i) const { return integer_of(i, values_[i], "an integer"); }
  int axis(size_t i) const { return small(i, integer(i)); }
  bool flag(size_t i) const {
    if (const auto* v = std::get_if<bool>(&values_[i].value)) return *v;
    refuse(i, "true or false");
  }
  const std::string& text(size_t i) const {
    if (const auto* v = std::get_if<std::string>(&values_[i].value)) return *v;
    refuse(i, "a text in quotes");
  }
  DType dtype(size_t i) const {
    for (const DType d : all_dtypes)
      if (text(i) == name_of(d)) return d;
    refuse(i, "'f32', 'f64', 'i32', 'u32', 'bool' or 'bf16'");
  }
  // A tuple of integers, or one; none for no integers.
  std::vector<int64_t> integers(size_t i) const {
    std::vector<int64_t> all;
    if (const auto* list = std::get_if<CallValue::List>(&values_[i].value))
      for (const CallValue& v : *list) all.push_back(integer_of(i, v, "integers"));
    else if (has(i)) all.push_back(integer_of(i, values_[i], "an integer or a tuple of integers"));
    return all;
  }
  std::vector<int> axes(size_t i) const {
    std::vector<int> all;
    for (const int64_t axis : integers(i)) all.push_back(small(i, axis));
    return all;
  }
  Shape shape(size_t i) const {
    const std::vector<int64_t> sizes = integers(i);
    return Shape(std::span<const int64_t>(sizes));
  }
  int64_t length(size_t i) const {  // of a tuple, or of an Array's first axis
    if (const auto* list = std::get_if<CallValue::List>(&values_[i].value)) return static_cast<int64_t>(list->size());
    return array(i).dim(0);
  }
  Arrays arrays(size_t i) const {
    const auto* list = std::get_if<CallValue::List>(&values_[i].value);
    if (!list || list->empty()) refuse(i, "a tuple of Arrays");
    Arrays all;
    for (const CallValue& v : *list) all.push_back(as_array(i, v));
    return all;
  }

 private:
  [[noreturn]] void refuse(size_t i, std::string expected) const { refuse(i, values_[i], std::move(expected)); }
  [[noreturn]] void refuse(size_t i, const CallValue& got, std::string expected) const {
    fail(ErrorKind::structure, {.where = fmt::format("argument '{}' of {}", function_.parameters[i].name, function_.signature()),
                                .expected = std::move(expected), .got = got.kind()});
  }
  Array as_array(size_t i, const CallValue& v) const {
    if (const auto* a = std::get_if<Array>(&v.value)) return *a;
    if (const auto* n = std::get_if<int64_t>(&v.value)) return full({}, static_cast<double>(*n));
    if (const auto* n = std::get_if<double>(&v.value)) return full({}, *n);
    refuse(i, v, "an Array");
  }
  int64_t integer_of(size_t i, const CallValue& v, const char* expected) const {
    if (const auto* n = std::get_if<int64_t>(&v.value)) return *n;
    refuse(i, v, expected);
  }
  int small(size_t i, int64_t n) const {
    if (n < -64 || n > 64) refuse(i, CallValue(n), "an axis");
    return static_cast<int>(n);
  }

  const Function& function_;
  std::span<const CallValue> values_;
};

namespace {

CallValue tuple_of(const Arrays& arrays) {
  CallValue::List list;
  for (const Array& a : arrays) list.emplace_back(a);
  return list;
}

// For the rows below.
using G = const Given&;
using V = CallValue;

struct Row {
  std::string_view name, parameters;
  CallValue (*body)(G);
};

constexpr Row elementwise_rows[] = {
    {"add", "a, b", [](G g) { return V(add(g.array(0), g.array(1))); }},
    {"sub", "a, b", [](G g) { return V(sub(g.array(0), g.array(1))); }},
    {"mul", "a, b", [](G g) { return V(mul(g.array(0), g.array(1))); }},
    {"div", "a, b", [](G g) { return V(div(g.array(0), g.array(1))); }},
    {"rem", "a, b", [](G g) { return V(rem(g.array(0), g.array(1))); }},
    {"pow", "a, b", [](G g) { return V(g.is_number(1) ? pow(g.array(0), g.number(1)) : pow(g.array(0), g.array(1))); }},
    {"maximum", "a, b", [](G g) { return V(g.is_number(1) ? maximum(g.array(0), g.number(1)) : maximum(g.array(0), g.array(1))); }},
    {"minimum", "a, b", [](G g) { return V(g.is_number(1) ? minimum(g.array(0), g.number(1)) : minimum(g.array(0), g.array(1))); }},
    {"negative", "x", [](G g) { return V(negative(g.array(0))); }},
    {"abs", "x", [](G g) { return V(abs(g.array(0))); }},
    {"sign", "x", [](G g) { return V(sign(g.array(0))); }},
    {"square", "x", [](G g) { return V(square(g.array(0))); }},
    {"reciprocal", "x", [](G g) { return V(reciprocal(g.array(0))); }},
    {"exp", "x", [](G g) { return V(exp(g.array(0))); }},
    {"expm1", "x", [](G g) { return V(expm1(g.array(0))); }},
    {"log", "x", [](G g) { return V(log(g.array(0))); }},
    {"log1p", "x", [](G g) { return V(log1p(g.array(0))); }},
    {"sqrt", "x", [](G g) { return V(sqrt(g.array(0))); }},
    {"rsqrt", "x", [](G g) { return V(rsqrt(g.array(0))); }},
    {"sin", "x", [](G g) { return V(sin(g.array(0))); }},
    {"cos", "x", [](G g) { return V(cos(g.array(0))); }},
    {"tanh", "x", [](G g) { return V(tanh(g.array(0))); }},
    {"erf", "x", [](G g) { return V(erf(g.array(0))); }},
    {"erf_inv", "x", [](G g) { return V(erf_inv(g.array(0))); }},
    {"floor", "x", [](G g) { return V(floor(g.array(0))); }},
    {"ceil", "x", [](G g) { return V(ceil(g.array(0))); }},
    {"round", "x", [](G g) { return V(round(g.array(0))); }},
    {"is_finite", "x", [](G g) { return V(is_finite(g.array(0))); }},
    {"logistic", "x", [](G g) { return V(logistic(g.array(0))); }},
    {"equal", "a, b", [](G g) { return V(equal(g.array(0), g.array(1))); }},
    {"not_equal", "a, b", [](G g) { return V(not_equal(g.array(0), g.array(1))); }},
    {"less", "a, b", [](G g) { return V(less(g.array(0), g.array(1))); }},
    {"less_equal", "a, b", [](G g) { return V(less_equal(g.array(0), g.array(1))); }},
    {"greater", "a, b", [](G g) { return V(greater(g.array(0), g.array(1))); }},
    {"greater_equal", "a, b", [](G g) { return V(greater_equal(g.array(0), g.array(1))); }},
    {"bitwise_and", "a, b", [](G g) { return V(bitwise_and(g.array(0), g.array(1))); }},
    {"bitwise_or", "a, b", [](G g) { return V(bitwise_or(g.array(0), g.array(1))); }},
    {"bitwise_xor", "a, b", [](G g) { return V(bitwise_xor(g.array(0), g.array(1))); }},
    {"bitwise_not", "x", [](G g) { return V(bitwise_not(g.array(0))); }},
    {"shift_left", "a, b", [](G g) { return V(shift_left(g.array(0), g.array(1))); }},
    {"shift_right_logical", "a, b", [](G g) { return V(shift_right_logical(g.array(0), g.array(1))); }},
    {"select", "condition, on_true, on_false", [](G g) { return V(select(g.array(0), g.array(1), g.array(2))); }},
    {"clip", "x, low, high",
     [](G g) { return V(g.is_number(1) && g.is_number(2) ? clip(g.array(0), g.number(1), g.number(2)) : clip(g.array(0), g.array(1), g.array(2))); }},
    {"cast", "x, dtype", [](G g) { return V(cast(g.array(0), g.dtype(1))); }},
    {"bitcast", "x, dtype", [](G g) { return V(bitcast(g.array(0), g.dtype(1))); }},
    {"stop_gradient", "x", [](G g) { return V(stop_gradient(g.array(0))); }},
};

constexpr Row reduce_rows[] = {
    {"sum", "x, axis=none, keepdims=false", [](G g) { return V(sum(g.array(0), g.axes(1), g.flag(2))); }},
    {"prod", "x, axis=none, keepdims=false", [](G g) { return V(prod(g.array(0), g.axes(1), g.flag(2))); }},
    {"max", "x, axis=none, keepdims=false", [](G g) { return V(max(g.array(0), g.axes(1), g.flag(2))); }},
    {"min", "x, axis=none, keepdims=false", [](G g) { return V(min(g.array(0), g.axes(1), g.flag(2))); }},
    {"mean", "x, axis=none, keepdims=false", [](G g) { return V(mean(g.array(0), g.axes(1), g.flag(2))); }},
    {"any", "x, axis=none, keepdims=false", [](G g) { return V(any(g.array(0), g.axes(1), g.flag(2))); }},
    {"all", "x, axis=none, keepdims=false", [](G g) { return V(all(g.array(0), g.axes(1), g.flag(2))); }},
    {"argmax", "x, axis, keepdims=false", [](G g) { return V(argmax(g.array(0), g.axis(1), g.flag(2))); }},
    {"argmin", "x, axis, keepdims=false", [](G g) { return V(argmin(g.array(0), g.axis(1), g.flag(2))); }},
    {"logsumexp", "x, axis=none, keepdims=false", [](G g) { return V(logsumexp(g.array(0), g.axes(1), g.flag(2))); }},
    {"cumsum", "x, axis, reverse=false", [](G g) { return V(cumsum(g.array(0), g.axis(1), g.flag(2))); }},
    {"sort", "x, axis=-1", [](G g) { return V(sort(g.array(0), g.axis(1))); }},
    {"argsort", "x, axis=-1", [](G g) { return V(argsort(g.array(0), g.axis(1))); }},
};

constexpr Row shape_rows[] = {
    {"full", "shape, value, dtype='f32'", [](G g) { return V(full(g.shape(0), g.number(1), g.dtype(2))); }},
    {"zeros", "shape, dtype='f32'", [](G g) { return V(zeros(g.shape(0), g.dtype(1))); }},
    {"ones", "shape, dtype='f32'", [](G g) { return V(ones(g.shape(0), g.dtype(1))); }},
    {"zeros_like", "x", [](G g) { return V(zeros_like(g.array(0))); }},
    {"ones_like", "x", [](G g) { return V(ones_like(g.array(0))); }},
    {"iota", "shape, axis, dtype='i32'", [](G g) { return V(iota(g.shape(0), g.axis(1), g.dtype(2))); }},
    {"arange", "n, dtype='i32'", [](G g) { return V(arange(g.integer(0), g.dtype(1))); }},
    {"broadcast_to", "x, shape", [](G g) { return V(broadcast_to(g.array(0), g.shape(1))); }},
    {"broadcast_in_dim", "x, shape, dims", [](G g) { return V(broadcast_in_dim(g.array(0), g.shape(1), g.axes(2))); }},
    {"reshape", "x, shape", [](G g) { return V(reshape_to(g.array(0), g.integers(1))); }},
    {"flatten", "x, start_axis=0", [](G g) { return V(flatten(g.array(0), g.axis(1))); }},
    {"expand_dims", "x, axis", [](G g) { return V(expand_dims(g.array(0), g.axis(1))); }},
    {"squeeze", "x, axis", [](G g) { return V(squeeze(g.array(0), g.axis(1))); }},
    {"transpose", "x, permutation=none", [](G g) { return V(g.has(1) ? transpose(g.array(0), g.axes(1)) : transpose(g.array(0))); }},
    {"swapaxes", "x, a, b", [](G g) { return V(swapaxes(g.array(0), g.axis(1), g.axis(2))); }},
    {"moveaxis", "x, from, to", [](G g) { return V(moveaxis(g.array(0), g.axis(1), g.axis(2))); }},
    {"slice", "x, start, limit, strides=none", [](G g) { return V(slice(g.array(0), g.integers(1), g.integers(2), g.integers(3))); }},
    {"slice_axis", "x, axis, start, limit, stride=1",
     [](G g) { return V(slice_axis(g.array(0), g.axis(1), g.integer(2), g.integer(3), g.integer(4))); }},
    {"index_axis", "x, axis, index", [](G g) { return V(index_axis(g.array(0), g.axis(1), g.integer(2))); }},
    {"pad", "x, value, low, high, interior=none",
     [](G g) { return V(pad(g.array(0), g.array(1), g.integers(2), g.integers(3), g.integers(4))); }},
    {"concatenate", "xs, axis", [](G g) { return V(concatenate(g.arrays(0), g.axis(1))); }},
    {"stack", "xs, axis=0", [](G g) { return V(stack(g.arrays(0), g.axis(1))); }},
    {"split", "x, sections, axis", [](G g) { return tuple_of(split(g.array(0), g.axis(1), g.axis(2))); }},
    {"reverse", "x, axes", [](G g) { return V(reverse(g.array(0), g.axes(1))); }},
    {"matmul", "a, b", [](G g) { return V(matmul(g.array(0), g.array(1))); }},
    {"dot_general", "a, b, a_contract, b_contract, a_batch=none, b_batch=none",
     [](G g) {
       return V(dot_general(g.array(0), g.array(1),
                            {.lhs_contract = g.axes(2), .rhs_contract = g.axes(3), .lhs_batch = g.axes(4), .rhs_batch = g.axes(5)}));
     }},
    {"einsum", "spec, operands", [](G g) { return V(einsum(g.text(0), g.arrays(1))); }},
    {"take", "x, indices, axis", [](G g) { return V(take(g.array(0), g.array(1), g.axis(2))); }},
    {"take_along_axis", "x, indices, axis", [](G g) { return V(take_along_axis(g.array(0), g.array(1), g.axis(2))); }},
    {"scatter_add", "x, indices, updates, axis", [](G g) { return V(scatter_add(g.array(0), g.array(1), g.array(2), g.axis(3))); }},
    {"one_hot", "indices, n, dtype='f32'", [](G g) { return V(one_hot(g.array(0), g.integer(1), g.dtype(2))); }},
};

constexpr Row neural_rows[] = {
    {"identity", "x", [](G g) { return V(g.array(0)); }},
    {"relu", "x", [](G g) { return V(relu(g.array(0))); }},
    {"relu6", "x", [](G g) { return V(relu6(g.array(0))); }},
    {"gelu", "x, approximate=true", [](G g) { return V(gelu(g.array(0), g.flag(1))); }},
    {"gelu_exact", "x", [](G g) { return V(gelu(g.array(0), false)); }},
    {"silu", "x", [](G g) { return V(silu(g.array(0))); }},
    {"swish", "x", [](G g) { return V(silu(g.array(0))); }},
    {"sigmoid", "x", [](G g) { return V(sigmoid(g.array(0))); }},
    {"log_sigmoid", "x", [](G g) { return V(log_sigmoid(g.array(0))); }},
    {"softplus", "x", [](G g) { return V(softplus(g.array(0))); }},
    {"elu", "x, alpha=1", [](G g) { return V(elu(g.array(0), g.number(1))); }},
    {"celu", "x, alpha=1", [](G g) { return V(celu(g.array(0), g.number(1))); }},
    {"selu", "x", [](G g) { return V(selu(g.array(0))); }},
    {"leaky_relu", "x, negative_slope=0.01", [](G g) { return V(leaky_relu(g.array(0), g.number(1))); }},
    {"hard_tanh", "x", [](G g) { return V(hard_tanh(g.array(0))); }},
    {"hard_sigmoid", "x", [](G g) { return V(hard_sigmoid(g.array(0))); }},
    {"hard_silu", "x", [](G g) { return V(hard_silu(g.array(0))); }},
    {"hard_swish", "x", [](G g) { return V(hard_silu(g.array(0))); }},
    {"soft_sign", "x", [](G g) { return V(soft_sign(g.array(0))); }},
    {"glu", "x, axis=-1", [](G g) { return V(glu(g.array(0), g.axis(1))); }},
    {"mish", "x", [](G g) { return V(mish(g.array(0))); }},
    {"squareplus", "x, b=4", [](G g) { return V(squareplus(g.array(0), g.number(1))); }},
    {"softmax", "x, axis=-1", [](G g) { return V(softmax(g.array(0), g.axis(1))); }},
    {"log_softmax", "x, axis=-1", [](G g) { return V(log_softmax(g.array(0), g.axis(1))); }},
    {"standardize", "x, axis=-1, epsilon=1e-5", [](G g) { return V(standardize(g.array(0), g.axis(1), g.number(2))); }},
    {"layer_norm", "x, scale=none, bias=none, epsilon=1e-6",
     [](G g) { return V(layer_norm(g.array(0), g.array_or_none(1), g.array_or_none(2), g.number(3))); }},
    {"batch_norm", "x, mean, var, scale=none, bias=none, epsilon=1e-5",
     [](G g) { return V(batch_norm(g.array(0), g.array(1), g.array(2), g.array_or_none(3), g.array_or_none(4), g.number(5))); }},
    {"moments", "x", [](G g) { return tuple_of(moments(g.array(0))); }},
    {"squared_error", "prediction, target", [](G g) { return V(squared_error(g.array(0), g.array(1))); }},
    {"softmax_cross_entropy", "logits, labels", [](G g) { return V(softmax_cross_entropy(g.array(0), g.array(1))); }},
    {"sigmoid_binary_cross_entropy", "logits, labels", [](G g) { return V(sigmoid_binary_cross_entropy(g.array(0), g.array(1))); }},
    {"len", "x", [](G g) { return V(g.length(0)); }},
};

// A default as it is written: a number, true, false, none, 'f32'.
CallValue literal(const Expression& e) {
  using Form = Expression::Form;
  switch (e.form) {
    case Form::integer: return e.integer;
    case Form::number: return e.number;
    case Form::truth: return e.integer == 1;
    case Form::text: return e.word;
    case Form::negative: return negated(literal(e.parts[0]));
    default: return {};
  }
}

Function function_of(const Row& row) {
  Function f{.name = row.name, .written = row.parameters, .parameters = {}, .body = row.body};
  const Expression written = parse_expression(fmt::format("f({})", row.parameters));
  const size_t required = written.parts.size() - 1 - written.keywords.size();
  for (size_t i = 0; i + 1 < written.parts.size(); ++i) {
    const Expression& part = written.parts[i + 1];
    if (i < required) f.parameters.push_back({part.word});
    else f.parameters.push_back({written.keywords[i - required].name, false, literal(part)});
  }
  return f;
}

}  // namespace

CallValue Function::apply(std::span<const CallValue> arguments) const { return body(Given(*this, arguments)); }

std::string Function::signature() const { return fmt::format("{}({})", name, written); }

const std::vector<Function>& functions() {
  static const std::vector<Function> list = [] {
    std::vector<Function> all;
    const auto add_rows = [&](std::span<const Row> rows) {
      for (const Row& row : rows) all.push_back(function_of(row));
    };
    add_rows(elementwise_rows);
    add_rows(reduce_rows);
    add_rows(shape_rows);
    add_rows(neural_rows);
    std::ranges::sort(all, {}, &Function::name);
    return all;
  }();
  return list;
}

const Function* find_function(std::string_view name) {
  const auto at = std::ranges::lower_bound(functions(), name, {}, &Function::name);
  return at != functions().end() && at->name == name ? &*at : nullptr;
}

}  // namespace nnx::lang
