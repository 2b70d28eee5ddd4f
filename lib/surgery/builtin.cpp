// The explicit list of operations.
#include "surgery/operation.h"

namespace nnx {

const Operations& operations() {
  static const Operations list = [] {
    Operations all("operation");
    add_replace(all);
    add_wrap(all);
    add_sequence(all);
    add_freeze(all);
    add_tie(all);
    add_values(all);
    add_load(all);
    add_merge_lora(all);
    add_set(all);
    return all;
  }();
  return list;
}

}  // namespace nnx
