// An Array is an immutable value: concrete (it holds a Buffer) or traced (it names a Value of a Graph being recorded).
// Ops take and return Arrays and do not care which; an op called outside any trace runs at once.
//
//   Array x = array<float>({1, 2, 3, 4}, {2, 2});
//   Array y = matmul(x, x);          // runs
//   y.to_vector<float>();            // {7, 10, 15, 22}
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "array/buffer.h"
#include "graph/type.h"

namespace nnx {

class Trace;

// A result of a node of a Graph: node index and which of its outputs.
struct Value {
  uint32_t node = 0;
  uint32_t out = 0;
  friend bool operator==(const Value&, const Value&) = default;
  friend auto operator<=>(const Value&, const Value&) = default;
};

class Array {
 public:
  Array() = default;                                            // undefined: "no value", e.g. a zero cotangent
  Array(Type type, BufferRef buffer);                           // concrete; the Buffer must hold type.bytes()
  Array(Type type, std::shared_ptr<Trace> trace, Value value);  // traced; made by Trace only

  bool defined() const { return buffer_ || trace_; }
  bool concrete() const { return buffer_ != nullptr; }
  const Type& type() const { return type_; }
  DType dtype() const { return type_.dtype; }
  const Shape& shape() const { return type_.shape; }
  int rank() const { return type_.shape.rank(); }
  int64_t dim(int axis) const { return type_.shape.at(axis); }  // negative axes count from the end
  int64_t size() const { return type_.shape.size(); }

  // Of a concrete Array; a traced one has no value yet, which is an error that says so.
  const BufferRef& buffer() const;
  template <class T> std::span<const T> data() const;           // T must be the dtype's C++ type
  template <class T> std::vector<T> to_vector() const;
  template <class T> T item() const;                            // of one element

  BufferRef* holder() { return &buffer_; }                      // for plans, which may update in place through it

  const std::shared_ptr<Trace>& trace() const { return trace_; }
  Value value() const { return value_; }

 private:
  void expect_dtype(DType dtype) const;
  Type type_;
  BufferRef buffer_;
  std::shared_ptr<Trace> trace_;
  Value value_;
};

// A concrete Array from values in row-major order; throws ErrorKind::shape when the count does not fit the shape.
template <class T> Array array(std::span<const T> values, Shape shape);
template <class T> Array array(std::initializer_list<T> values, Shape shape) {
  return array<T>(std::span<const T>(values.begin(), values.size()), shape);
}
template <class T> Array array(const std::vector<T>& values, Shape shape) requires(!std::same_as<T, bool>) {
  return array<T>(std::span<const T>(values), shape);
}
template <class T> Array scalar(T value) { return array<T>(std::span<const T>(&value, 1), Shape{}); }

}  // namespace nnx
