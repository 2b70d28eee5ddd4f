// Explicit random state: named streams, each a key and a count. A draw is fold_in(key, count), and the count goes up.
//
//   Rngs rngs(0);                     // one default stream
//   Rngs rngs({{"params", 0}, {"dropout", 1}});
//   Array key = rngs.params();        // the stream "params", or the default stream
//
// Copies of an Rngs share its streams. The streams are Modules, so random state is part of the State of what holds it.
#pragma once

#include "nnx/module.h"

namespace nnx {

class RngStream : public Module<RngStream> {
 public:
  RngStream() = default;
  RngStream(std::string tag, const Array& key);   // key: u32[2]
  Array operator()();                             // the next key; the count goes up by one
  Ref<RngStream> fork();                          // a new stream from the next key, its count at 0
  static void fields(auto& self, auto&& f) {
    f("tag", self.tag);
    f("key", self.key);
    f("count", self.count);
  }

  std::string tag;
  RngKey key;
  RngCount count;
};

class Rngs : public Module<Rngs> {
 public:
  Rngs() = default;
  explicit Rngs(uint64_t seed);                                      // the stream "default"
  explicit Rngs(const std::map<std::string, uint64_t>& seeds);
  Ref<RngStream> stream(const std::string& name) const;              // or "default"; throws when there is neither
  Array operator()() { return next("default"); }
  Array params() { return next("params"); }
  Array dropout() { return next("dropout"); }
  Array next(const std::string& name) { return (*stream(name))(); }
  static void fields(auto& self, auto&& f) { f("streams", self.streams); }

  std::map<std::string, Ref<RngStream>> streams;
};

}  // namespace nnx
