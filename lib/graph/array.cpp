#include "graph/array.h"

#include <fmt/format.h>

#include <cstring>

#include "base/error.h"
#include "graph/trace.h"

namespace nnx {

Array::Array(Type type, BufferRef buffer) : type_(std::move(type)), buffer_(std::move(buffer)) {
  check(buffer_ && buffer_->bytes() >= type_.bytes(), "an Array's Buffer is smaller than its type");
}

Array::Array(Type type, std::shared_ptr<Trace> trace, Value value)
    : type_(std::move(type)), trace_(std::move(trace)), value_(value) {}

const BufferRef& Array::buffer() const {
  if (buffer_) return buffer_;
  if (!trace_) fail(ErrorKind::structure, {.where = "array", .message = "the value of an undefined Array was asked for"});
  if (trace_->closed()) fail_without_value(*this, "array");
  fail(ErrorKind::structure,
       {.where = "array",
        .message = fmt::format("the value of a traced {} was asked for", type_.to_string()),
        .hint = "inside jit, grad, vmap and scan Arrays have no value yet: return it, or compute with ops"});
}

void Array::expect_dtype(DType dtype) const {
  if (type_.dtype != dtype)
    fail(ErrorKind::shape, {.where = "array", .expected = std::string(name_of(type_.dtype)) + " to be read as itself",
                            .got = std::string(name_of(dtype))});
}

template <class T>
std::span<const T> Array::data() const {
  expect_dtype(dtype_of<T>);
  return {buffer()->as<T>(), static_cast<size_t>(size())};
}

template <class T>
std::vector<T> Array::to_vector() const {
  const std::span<const T> values = data<T>();
  return {values.begin(), values.end()};
}

template <class T>
T Array::item() const {
  if (size() != 1) fail(ErrorKind::shape, {.where = "item", .expected = "one element", .got = type_.to_string()});
  return data<T>()[0];
}

template <class T>
Array array(std::span<const T> values, Shape shape) {
  if (static_cast<int64_t>(values.size()) != shape.size())
    fail(ErrorKind::shape, {.where = "array", .expected = fmt::format("{} values for shape {}", shape.size(), shape.to_string()),
                            .got = std::to_string(values.size())});
  const Type type{dtype_of<T>, shape};
  BufferRef buffer = Buffer::allocate(type.bytes());
  if (!values.empty()) std::memcpy(buffer->data(), values.data(), type.bytes());
  return Array(type, std::move(buffer));
}

template std::span<const float> Array::data() const;
template std::vector<float> Array::to_vector() const;
template float Array::item() const;
template Array array(std::span<const float>, Shape);
template std::span<const double> Array::data() const;
template std::vector<double> Array::to_vector() const;
template double Array::item() const;
template Array array(std::span<const double>, Shape);
template std::span<const int32_t> Array::data() const;
template std::vector<int32_t> Array::to_vector() const;
template int32_t Array::item() const;
template Array array(std::span<const int32_t>, Shape);
template std::span<const uint32_t> Array::data() const;
template std::vector<uint32_t> Array::to_vector() const;
template uint32_t Array::item() const;
template Array array(std::span<const uint32_t>, Shape);
template std::span<const bool> Array::data() const;
template std::vector<bool> Array::to_vector() const;
template bool Array::item() const;
template Array array(std::span<const bool>, Shape);
template std::span<const bf16> Array::data() const;
template std::vector<bf16> Array::to_vector() const;
template bf16 Array::item() const;
template Array array(std::span<const bf16>, Shape);

}  // namespace nnx
