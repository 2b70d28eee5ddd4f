#include "nnx/split_rngs.h"

#include <algorithm>

#include "nnx/signature.h"
#include "ops/ops.h"

namespace nnx {

namespace detail {

RngBackup split_rngs_of(const Roots& roots, const RngSplits& splits) {
  Leaves leaves;
  Signature::record(roots, leaves);
  RngBackup backup;
  for (size_t i = 0; i < leaves.modules.size(); ++i) {
    auto* stream = dynamic_cast<RngStream*>(leaves.modules[i]);
    if (!stream || !stream->key || !stream->count) continue;
    Path path = leaves.module_paths[i];
    path.push_back("key");
    if (!splits.only.matches({path, stream->key.kind(), stream->key.tag(), &stream->key.metadata(), &stream->type()})) continue;
    const Array key = stream->key.get();
    if (key.rank() != 1)
      fail(ErrorKind::structure, {.where = "split_rngs", .expected = "a stream with one key at '" + to_string(leaves.module_paths[i]) + "'",
                                  .got = key.type().to_string(), .hint = "it is split already"});
    const Array drawn = (*stream)();
    backup.streams.push_back({stream->key, stream->count, key, stream->count.get()});
    stream->key.set(random::split(drawn, splits.splits));
    stream->count.set(zeros(splits.splits, DType::u32));
  }
  return backup;
}

}  // namespace detail

void restore_rngs(const RngBackup& backup) {
  for (RngBackup::Stream stream : backup.streams) {
    stream.key.set(stream.key_value);
    stream.count.set(stream.count_value);
  }
}

}  // namespace nnx
