// Explicit random state: named streams, each a key and a count. A draw is fold_in(key, count), and the count goes up.
//
//   Rngs rngs(0);                                    // one stream, "default"
//   Rngs rngs({{"params", 0}, {"dropout", 1}});      Rngs rngs(0, {{"params", 1}});      seeds, keys or other streams
//   Array key = rngs.params();                       // the stream "params", or the default stream
//   Array x = rngs.normal({3, 4});                   // samplers of the default stream; others: rngs.stream("noise")->normal
//
// Copies of an Rngs share its streams; fork, split and broadcast make new ones. The streams are Modules, so random state is
// part of the State of what holds it; reseeding what a model holds is in random_state.h.
#pragma once

#include <concepts>

#include "nnx/module.h"

namespace nnx {

class RngStream : public Module<RngStream> {
 public:
  RngStream() = default;
  RngStream(std::string tag, const Array& key);   // key: u32[..., 2]; the count has the shape before the 2
  Array operator()();                             // the next key; the count goes up by one
  // New streams from the next key, their counts at 0.
  Ref<RngStream> fork();
  Ref<RngStream> split(const Shape& shape);       // keys [shape..., 2], all different
  Ref<RngStream> broadcast(const Shape& shape);   // keys [shape..., 2], all the same

  // Samplers of nnx::random with the next key.
  Array bits(const Shape& shape);
  Array uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::f32);
  Array normal(const Shape& shape, DType dtype = DType::f32);
  Array truncated_normal(double lower, double upper, const Shape& shape, DType dtype = DType::f32);
  Array bernoulli(double p, const Shape& shape);
  Array randint(const Shape& shape, int64_t low, int64_t high);
  Array permutation(int64_t n);

  static void fields(auto& self, auto&& f) {
    f("tag", self.tag);
    f("key", self.key);
    f("count", self.count);
  }

  std::string tag;
  RngKey key;
  RngCount count;
};

// Where a stream's key comes from: a seed, a key, or another stream, whose key alone is taken.
struct RngSource {
  Array key;
  RngSource(std::integral auto seed) : RngSource(key_of(static_cast<uint64_t>(seed))) {}   // negative ones wrap, as in JAX
  RngSource(Array key_value) : key(std::move(key_value)) {}
  RngSource(const Ref<RngStream>& stream) : key(stream->key.get()) {}

 private:
  static Array key_of(uint64_t seed);
};
using RngSources = std::map<std::string, RngSource>;

class Rngs : public Module<Rngs> {
 public:
  Rngs() = default;
  explicit Rngs(const RngSource& all, const RngSources& streams = {});   // `all`: the stream "default"
  explicit Rngs(const RngSources& streams);
  template <std::integral I>   // a template, so that a list in braces means RngSources
  explicit Rngs(const std::map<std::string, I>& seeds) : Rngs(RngSources(seeds.begin(), seeds.end())) {}
  bool contains(const std::string& name) const { return streams.contains(name); }
  Ref<RngStream> stream(const std::string& name) const;                  // or "default"; throws when there is neither
  Array operator()() { return next("default"); }
  Array params() { return next("params"); }
  Array dropout() { return next("dropout"); }
  Array next(const std::string& name) { return (*stream(name))(); }
  // The same of every stream.
  Rngs fork() const;
  Rngs split(const Shape& shape) const;
  Rngs broadcast(const Shape& shape) const;

  Array bits(const Shape& shape) { return stream("default")->bits(shape); }
  Array uniform(const Shape& shape, double low = 0, double high = 1, DType dtype = DType::f32) {
    return stream("default")->uniform(shape, low, high, dtype);
  }
  Array normal(const Shape& shape, DType dtype = DType::f32) { return stream("default")->normal(shape, dtype); }
  Array truncated_normal(double lower, double upper, const Shape& shape, DType dtype = DType::f32) {
    return stream("default")->truncated_normal(lower, upper, shape, dtype);
  }
  Array bernoulli(double p, const Shape& shape) { return stream("default")->bernoulli(p, shape); }
  Array randint(const Shape& shape, int64_t low, int64_t high) { return stream("default")->randint(shape, low, high); }
  Array permutation(int64_t n) { return stream("default")->permutation(n); }

  static void fields(auto& self, auto&& f) { f("streams", self.streams); }

  std::map<std::string, Ref<RngStream>> streams;
};

}  // namespace nnx
