// Estimate says what a training run will hold in memory, from the parts that are there before it begins.
//
//   Setup setup = prepare(source);
//   const Estimate e = estimate(setup);        // e.total_bytes
//
// The step is compiled, and not run, so that its plan can be asked.
#pragma once

#include "train/setup.h"

namespace nnx {

struct Estimate {
  int64_t parameters = 0, state_elements = 0;  // of the model: Param, and everything else
  int64_t train_rows = 0, validation_rows = 0, test_rows = 0, steps = 0;
  size_t model_bytes = 0, optimizer_bytes = 0, data_bytes = 0, prefetch_bytes = 0, step_bytes = 0, total_bytes = 0;

  static void fields(auto& self, auto&& f) {
    f("parameters", self.parameters);
    f("state_elements", self.state_elements);
    f("train_rows", self.train_rows);
    f("validation_rows", self.validation_rows);
    f("test_rows", self.test_rows);
    f("steps", self.steps);
    f("model_bytes", self.model_bytes);
    f("optimizer_bytes", self.optimizer_bytes);
    f("data_bytes", self.data_bytes);
    f("prefetch_bytes", self.prefetch_bytes);
    f("step_bytes", self.step_bytes);
    f("total_bytes", self.total_bytes);
  }
};

Estimate estimate(Setup& setup);
std::string to_text(const Estimate& estimate);
std::string to_json(const Estimate& estimate);  // an object of the fields above

}  // namespace nnx
