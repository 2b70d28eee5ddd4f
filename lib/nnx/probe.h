// What goes in and out of each Module of a model in one call, and how many operations it takes forward.
//
//   const auto calls = record_calls(*model, {zeros({64, 784})});
//   calls.at("linear1").inputs, .outputs, .flops
//
// The call runs on a copy, whose Modules have a probe put in front of them: the model keeps its values and counts. A
// Module that is held as a type of its own (Ref<Linear> rather than Ref<Layer>), or called otherwise than through it,
// has no record; FLOPs are those of Modules without Modules inside, as their own compiled plan counts them, and sums of
// these.
#pragma once

#include <map>

#include "nnx/module.h"

namespace nnx {

struct CallRecord {
  std::vector<Type> inputs, outputs;  // of the first call
  int calls = 0;
  double flops = 0;  // of all calls
};

// By path, the root's is ".". Throws what the call throws.
std::map<std::string, CallRecord> record_calls(ModuleBase& module, const CallArguments& inputs);

}  // namespace nnx
