// Attrs are the static attributes of an op: any small struct with a `fields` list, from which equality, hash and
// printing follow. Values, never references; two Attrs of different structs are never equal.
//
//   struct ReduceAttrs { std::vector<int> axes;  static void fields(auto& self, auto&& f) { f("axes", self.axes); } };
//   Attrs a = ReduceAttrs{{0, 1}};   a.as<ReduceAttrs>().axes   a.to_string() -> "{axes=[0,1]}"
#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/fields.h"
#include "graph/type.h"

namespace nnx {

struct Graph;
using GraphRef = std::shared_ptr<const Graph>;   // a body Graph: compared and hashed by structure

namespace detail {
uint64_t attr_hash(double v);
uint64_t attr_hash(const std::string& v);
uint64_t attr_hash(const GraphRef& v);
inline uint64_t attr_hash(bool v) { return v; }
inline uint64_t attr_hash(int v) { return static_cast<uint64_t>(v); }
inline uint64_t attr_hash(int64_t v) { return static_cast<uint64_t>(v); }
inline uint64_t attr_hash(DType v) { return static_cast<uint64_t>(v); }
inline uint64_t attr_hash(const Shape& v) { return v.hash(); }
inline uint64_t attr_hash(const Type& v) { return v.hash(); }
template <class T> uint64_t attr_hash(const std::vector<T>& v) {
  uint64_t h = hash_combine(hash_seed, v.size());
  for (const T& x : v) h = hash_combine(h, attr_hash(x));
  return h;
}

bool attr_equal(const GraphRef& a, const GraphRef& b);
bool attr_equal(double a, double b);   // bit for bit: NaN equals itself, 0 and -0 differ
template <class T> bool attr_equal(const T& a, const T& b) { return a == b; }
template <class T> bool attr_equal(const std::vector<T>& a, const std::vector<T>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (!attr_equal(a[i], b[i])) return false;
  return true;
}

std::string attr_text(double v);
std::string attr_text(const std::string& v);
std::string attr_text(const GraphRef& v);
inline std::string attr_text(bool v) { return v ? "true" : "false"; }
inline std::string attr_text(int v) { return std::to_string(v); }
inline std::string attr_text(int64_t v) { return std::to_string(v); }
inline std::string attr_text(DType v) { return std::string(name_of(v)); }
inline std::string attr_text(const Shape& v) { return v.to_string(); }
inline std::string attr_text(const Type& v) { return v.to_string(); }
template <class T> std::string attr_text(const std::vector<T>& v) {
  std::string out = "[";
  for (size_t i = 0; i < v.size(); ++i) out += (i ? "," : "") + attr_text(v[i]);
  return out + "]";
}

struct AttrRules {
  bool (*equal)(const void*, const void*);
  uint64_t (*hash)(const void*);
  std::string (*text)(const void*);
};

// Collects pointers to the members of one struct, in order, so that two structs can be walked side by side.
struct MemberPointers {
  std::vector<const void*> pointers;
  void operator()(std::string_view, const auto& member, auto&&...) { pointers.push_back(&member); }
};

template <class T>
const AttrRules* attr_rules() {
  static constexpr AttrRules rules{
      .equal = [](const void* pa, const void* pb) {
        const T& a = *static_cast<const T*>(pa);
        MemberPointers b;
        T::fields(*static_cast<const T*>(pb), b);
        bool same = true;
        size_t i = 0;
        T::fields(a, [&](std::string_view, const auto& member, auto&&...) {
          using Member = std::remove_cvref_t<decltype(member)>;
          same = same && attr_equal(member, *static_cast<const Member*>(b.pointers[i++]));
        });
        return same;
      },
      .hash = [](const void* p) {
        uint64_t h = hash_seed;
        T::fields(*static_cast<const T*>(p),
                  [&](std::string_view, const auto& member, auto&&...) { h = hash_combine(h, attr_hash(member)); });
        return h;
      },
      .text = [](const void* p) {
        std::string out = "{";
        T::fields(*static_cast<const T*>(p), [&](std::string_view name, const auto& member, auto&&...) {
          out += (out.size() > 1 ? ", " : "") + std::string(name) + "=" + attr_text(member);
        });
        return out + "}";
      },
  };
  return &rules;
}
}  // namespace detail

class Attrs {
 public:
  Attrs() = default;   // no attributes
  template <HasFields T>
  Attrs(T value)
      : value_(std::make_shared<const T>(std::move(value))), rules_(detail::attr_rules<T>()) {
    hash_ = rules_->hash(value_.get());
  }

  bool empty() const { return rules_ == nullptr; }
  template <class T>
  const T& as() const {
    check(rules_ == detail::attr_rules<T>(), "an op was given the attributes of another op");
    return *static_cast<const T*>(value_.get());
  }
  uint64_t hash() const { return hash_; }
  std::string to_string() const { return rules_ ? rules_->text(value_.get()) : ""; }
  friend bool operator==(const Attrs& a, const Attrs& b) {
    return a.rules_ == b.rules_ && a.hash_ == b.hash_ &&
           (a.value_ == b.value_ || a.rules_->equal(a.value_.get(), b.value_.get()));
  }

 private:
  std::shared_ptr<const void> value_;
  const detail::AttrRules* rules_ = nullptr;
  uint64_t hash_ = 0;
};

}  // namespace nnx
