// A Composite is a Module whose type was written in YAML: its attributes have run-time names, and what it does is a
// program (lang/expression.h). split, merge, display, checkpoints and surgery see it like any other Module.
//
//   modules:
//     MLP:
//       arguments: [din, dout]
//       attributes: {linear: {type: Linear, in_features: "${din}", out_features: "${dout}"}}
//       call: gelu(linear(x))
//
// Its attributes may be replaced, wrapped, added and removed while it lives: the program looks them up by name at each call.
#pragma once

#include "config/node.h"
#include "lang/attribute.h"
#include "lang/expression.h"
#include "nnx/run_time_names.h"

namespace nnx::lang {

struct Input {
  std::string name;
  bool required = true;
  CallValue initial = {};
};

// One type. It lives as long as the process: GraphDefs and compiled code point at it.
struct CompositeType {
  ModuleType module;          // the name that files have, and what merge calls
  std::vector<Input> inputs;  // of the call
  Program program;
  ConfigNode call;            // where the program is written
};

// An Error of a call at its place in the YAML file: of the innermost program that could not go on.
class PlacedError : public Error {
 public:
  PlacedError(ErrorKind kind, const Origin& origin, const std::string& path, const ErrorParts& parts);
  Origin origin;
  std::string path;
};

class Composite : public Layer, public RunTimeNames {
 public:
  using Attributes = std::vector<std::pair<std::string, Attribute>>;

  explicit Composite(const CompositeType& type) : type_(&type) {}
  Composite(const CompositeType& type, Attributes attributes) : attributes(std::move(attributes)), type_(&type) {}

  const ModuleType& type() const override { return type_->module; }
  void accept(FieldVisitor& visitor) override;
  void take_names(const GraphDef& def, const NodeDef& node) override;

  Array operator()(const Array& x) override;
  // Throws PlacedError for what goes wrong inside, and for calls that take more than 100 000 operations.
  CallValue call(const CallArguments& arguments, const CallKeywords& keywords = {}) override;

  Attribute* find(std::string_view name);  // or null
  const CompositeType& definition() const { return *type_; }

  Attributes attributes;  // in the order in which they are made

 private:
  const CompositeType* type_;
};

}  // namespace nnx::lang
