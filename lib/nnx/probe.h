// What goes in and out of each Module of a model in one call, and how many operations it takes forward.
//
//   const auto calls = record_calls(*model, {zeros({64, 784})});
//   calls.at("linear1").inputs, .outputs, .flops
//
// The call runs on a copy: the model keeps its values and counts. Recorded are calls through a Ref, `linear1(x)`, of
// whatever type, and, of a Ref<Layer>, those through the object as well. A Module that is called in no such way has no
// record. FLOPs are those of Modules without Modules inside, as their own compiled plan counts them, and sums of these; a
// Module that runs a loop is counted whole, by its plan.
#pragma once

#include <exception>
#include <map>
#include <optional>

#include "nnx/module.h"

namespace nnx {

struct CallRecord {
  std::vector<Type> inputs, outputs;  // of the first call
  int calls = 0;
  double flops = 0;  // of all calls
};

// By path, the root's is ".". Throws what the call throws.
std::map<std::string, CallRecord> record_calls(ModuleBase& module, const CallArguments& inputs,
                                               const CallKeywords& keywords = {});

// What stands in front of a Module while it is watched: who asks for attributes means those of the Module behind.
class StandIn {
 public:
  virtual ~StandIn() = default;
  virtual ModuleBase& behind() = 0;
};

// The innermost Module behind a Ref<Layer> or Ref<> whose call threw an Error.
struct FailedCall {
  std::string path;
  std::vector<Type> inputs;
  std::exception_ptr error;
};

// One call on a watched copy. When it throws, `failed` says where.
CallValue watched_call(ModuleBase& module, const CallArguments& inputs, const CallKeywords& keywords,
                       std::optional<FailedCall>& failed);

}  // namespace nnx
