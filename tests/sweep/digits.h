// The sweep that tests of sweeps run: a grid over the digits model of configs/mlp.yaml, with a validation set.
#pragma once

#include <string>
#include <vector>

#include "support/paths.h"
#include "sweep/spec.h"

namespace nnx::test {

inline SweepSpec digits_spec(const std::vector<std::string>& arguments) {
  SweepSpec spec;
  spec.name = "digits";
  spec.base = {source_dir() + "/configs/mlp.yaml"};
  spec.method = SweepMethod::grid;
  spec.threads = 1;
  add_arguments(spec, {"data.folder=" + source_dir(), "data.validation=0.1"});
  add_arguments(spec, arguments);
  return spec;
}

}  // namespace nnx::test
