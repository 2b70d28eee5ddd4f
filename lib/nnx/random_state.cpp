#include "nnx/random_state.h"

#include <fmt/format.h>

#include <algorithm>

#include "ops/ops.h"

namespace nnx {
namespace {

const Shape* first_match(const std::vector<std::pair<Filter, Shape>>& rules, const LeafInfo& stream) {
  for (const auto& [filter, shape] : rules)
    if (filter.matches(stream)) return &shape;
  return nullptr;
}

Ref<ModuleBase> changed(const Path& path, RngStream& stream, const Ref<ModuleBase>& unchanged, const RngRules& rules) {
  const LeafInfo info{path, RngState::static_kind(), stream.tag, nullptr, &stream.type()};
  const Shape* split = first_match(rules.split, info);
  const Shape* broadcast = first_match(rules.broadcast, info);
  const bool fork = std::ranges::any_of(rules.fork, [&](const Filter& f) { return f.matches(info); });
  if ((split != nullptr) + (broadcast != nullptr) + fork > 1)
    fail(ErrorKind::structure, {.where = fmt::format("with_rngs: stream '{}' at '{}'", stream.tag, to_string(path)),
                                .message = "multiple rules match it", .hint = "split, broadcast or fork it, not several of these"});
  if (split) return stream.split(*split);
  if (broadcast) return stream.broadcast(*broadcast);
  return fork ? stream.fork() : unchanged;
}

}  // namespace

Ref<ModuleBase> with_rngs_of(ModuleBase& module, const RngRules& rules) {
  return recursive_map_of(
      [&](const Path& path, const Ref<ModuleBase>& m) -> Ref<ModuleBase> {
        auto* stream = dynamic_cast<RngStream*>(m.get());
        return stream ? changed(path, *stream, m, rules) : m;
      },
      module);
}

void reseed_of(ModuleBase& module, const RngSources& seeds, ReseedPolicy policy) {
  Rngs fresh(seeds);
  for (const Visited& v : iterate_of(module)) {
    auto* stream = dynamic_cast<RngStream*>(v.module.get());
    if (!stream || !fresh.contains(stream->tag)) continue;
    const Shape& shape = stream->count.shape();
    if (shape.rank() > 0 && policy == ReseedPolicy::scalars_only)
      fail(ErrorKind::structure, {.where = fmt::format("reseed: stream '{}' at '{}'", stream->tag, to_string(v.path)),
                                  .expected = "a single key", .got = stream->key.type().to_string(),
                                  .hint = "ReseedPolicy::match_shape splits the new key to that shape"});
    const Array next = fresh.next(stream->tag);
    stream->key.set(shape.rank() == 0 ? next : random::split(next, shape));
    stream->count.set(zeros(shape, DType::u32));
  }
}

}  // namespace nnx
