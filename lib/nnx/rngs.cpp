#include "nnx/rngs.h"

#include <fmt/format.h>

#include "ops/ops.h"

namespace nnx {

RngStream::RngStream(std::string name, const Array& key_value)
    : tag(std::move(name)), key(key_value), count(scalar<uint32_t>(0)) {
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

Rngs::Rngs(uint64_t seed) : Rngs(std::map<std::string, uint64_t>{{"default", seed}}) {}

Rngs::Rngs(const std::map<std::string, uint64_t>& seeds) {
  for (const auto& [name, seed] : seeds) streams[name] = make<RngStream>(name, random::key(seed));
}

Ref<RngStream> Rngs::stream(const std::string& name) const {
  const auto named = streams.find(name);
  if (named != streams.end()) return named->second;
  const auto fallback = streams.find("default");
  if (fallback != streams.end()) return fallback->second;
  fail(ErrorKind::structure, {.where = "Rngs", .message = fmt::format("No RngStream named '{}' found in Rngs", name),
                              .hint = "make it with that stream, or with a seed for all"});
}

}  // namespace nnx
