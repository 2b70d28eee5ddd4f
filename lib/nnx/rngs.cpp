#include "nnx/rngs.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/ops.h"

namespace nnx {
namespace {

Shape without_last(const Shape& shape) { return Shape(std::vector<int64_t>(shape.begin(), shape.end() - 1)); }

}  // namespace

RngStream::RngStream(std::string name, const Array& key_value) : tag(std::move(name)) {
  const Shape& shape = key_value.shape();
  if (key_value.dtype() != DType::u32 || shape.rank() == 0 || shape.back() != 2)
    fail(ErrorKind::shape, {.where = fmt::format("RngStream '{}'", tag), .expected = "a key u32[..., 2]", .got = key_value.type().to_string()});
  key = RngKey(key_value);
  // A single key needs no op, and so no evaluator: programs that only store models make streams too.
  count = RngCount(shape.rank() == 1 ? scalar<uint32_t>(0) : zeros(without_last(shape), DType::u32));
  key.cell()->tag = tag;
  count.cell()->tag = tag;
}

Array RngStream::operator()() {
  const Array now = count.get();
  const Array next = random::fold_in(key.get(), now);
  count.set(now + 1);
  return next;
}

Ref<RngStream> RngStream::fork() {
  const Array forked = (*this)();
  return make<RngStream>(tag, forked);
}

Ref<RngStream> RngStream::split(const Shape& shape) {
  const Array next = (*this)();
  return make<RngStream>(tag, random::split(next, shape));
}

Ref<RngStream> RngStream::broadcast(const Shape& shape) {
  const Array next = (*this)();
  std::vector<int64_t> sizes(shape.begin(), shape.end());
  sizes.push_back(2);
  return make<RngStream>(tag, broadcast_to(next, Shape(sizes)));
}

Array RngStream::bits(const Shape& shape) { return random::bits((*this)(), shape); }
Array RngStream::uniform(const Shape& shape, double low, double high, DType dtype) {
  return random::uniform((*this)(), shape, low, high, dtype);
}
Array RngStream::normal(const Shape& shape, DType dtype) { return random::normal((*this)(), shape, dtype); }
Array RngStream::truncated_normal(double lower, double upper, const Shape& shape, DType dtype) {
  return random::truncated_normal((*this)(), lower, upper, shape, dtype);
}
Array RngStream::bernoulli(double p, const Shape& shape) { return random::bernoulli((*this)(), p, shape); }
Array RngStream::randint(const Shape& shape, int64_t low, int64_t high) { return random::randint((*this)(), shape, low, high); }
Array RngStream::permutation(int64_t n) { return random::permutation((*this)(), n); }

Array RngSource::key_of(uint64_t seed) { return random::key(seed); }

Rngs::Rngs(const RngSource& all, const RngSources& named) : Rngs(named) {
  if (contains("default"))
    fail(ErrorKind::structure, {.where = "Rngs", .message = "the stream 'default' is given twice"});
  streams["default"] = make<RngStream>("default", all.key);
}

Rngs::Rngs(const RngSources& named) {
  for (const auto& [name, source] : named) streams[name] = make<RngStream>(name, source.key);
}

Ref<RngStream> Rngs::stream(const std::string& name) const {
  const auto named = streams.find(name);
  if (named != streams.end()) return named->second;
  const auto fallback = streams.find("default");
  if (fallback != streams.end()) return fallback->second;
  std::vector<std::string> names;
  for (const auto& [known, stream] : streams) names.push_back(known);
  fail(ErrorKind::structure, {.where = "Rngs", .message = fmt::format("No RngStream named '{}' found in Rngs", name),
                              .hint = names.empty() ? "make it with a seed" : fmt::format("it has {}, and no default", fmt::join(names, ", "))});
}

Rngs Rngs::fork() const {
  Rngs out;
  for (const auto& [name, stream] : streams) out.streams[name] = stream->fork();
  return out;
}

Rngs Rngs::split(const Shape& shape) const {
  Rngs out;
  for (const auto& [name, stream] : streams) out.streams[name] = stream->split(shape);
  return out;
}

Rngs Rngs::broadcast(const Shape& shape) const {
  Rngs out;
  for (const auto& [name, stream] : streams) out.streams[name] = stream->broadcast(shape);
  return out;
}

}  // namespace nnx
