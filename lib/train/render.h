// Render writes down what a config comes to: the config that trains the same run byte for byte.
//
//   const Setup setup = prepare(source);
//   to_yaml(setup, {.origin = true});        //   batch_size: 64   # configs/mlp.yaml:8:15
//
// Comments never change what the text reads back to.
#pragma once

#include <string>

#include "train/setup.h"

namespace nnx {

struct RenderOptions {
  bool origin = false;    // behind each value: the file:line:column, the argument, or `default`
  bool comments = false;  // above each key: what it means
};

std::string to_yaml(const Setup& setup, const RenderOptions& options = {});

// {"config": {...}, "leaves": [{"path", "value", "origin", "help"}]}
std::string render_json(const Setup& setup);

}  // namespace nnx
