// RunEnvironment is what the numbers of a run depend on beside its config, and what its data means: kept in every
// checkpoint, so that a resumed run can tell what has changed and an evaluation prepares rows in the same way.
#pragma once

#include <string>
#include <vector>

#include "train/setup.h"

namespace nnx {

inline constexpr const char* version = "0.1.0";

// The run that a model came from. An adapter-only checkpoint leaves out what is frozen, and is worth nothing elsewhere.
struct BaseIdentity {
  std::string run = {}, hash = {};   // "runs/base@1200", see base_hash
  bool adapter_only = false;
  static void fields(auto& self, auto&& f) {
    f("run", self.run);
    f("hash", self.hash);
    f("adapter_only", self.adapter_only);
  }
};

struct RunEnvironment {
  std::string nnx = {}, library = {}, isa = {}, precision = {};
  int64_t threads = 1;
  std::vector<SourceIdentity> train = {}, validation = {}, test = {};
  DataSchema schema = {};
  Normalization normalization = {};
  BaseIdentity base = {};

  static void fields(auto& self, auto&& f) {
    f("nnx", self.nnx);
    f("library", self.library);
    f("isa", self.isa);
    f("precision", self.precision);
    f("threads", self.threads);
    f("train", self.train);
    f("validation", self.validation);
    f("test", self.test);
    f("schema", self.schema);
    f("normalization", self.normalization);
    f("base", self.base);
  }
};

RunEnvironment environment_of(const Setup& setup);
std::string to_json(const RunEnvironment& environment);
// Throws ErrorKind::data naming `where` for a text that is not what to_json wrote.
RunEnvironment parse_environment(const std::string& text, const std::string& where);

// Throws ErrorKind::data when the training or validation files are not those that the run began with. What else
// differs, and makes the numbers differ in their last digits, comes back as one note each.
std::vector<std::string> compare(const RunEnvironment& before, const RunEnvironment& now);

}  // namespace nnx
