// A Filter chooses Variables: by kind, path, tag or predicate, and combinations. The first filter that matches wins.
//
//   auto [graphdef, params, rest] = split(model, of<Param>, rest_filter);
//   path("head.**") || of<LoRAParam>        !tag("dropout")
//
// The same texts are used in YAML, and printed: `Param`, `path:head.**`, `re:.*bias`, `tag:dropout`, `type:Linear` (held by
// a Linear, or what derives from it; `type:=Linear` by exactly one), `shape:[*, 10]`, `params:>1e6` (elements), `frozen`,
// `any(Param, tag:x)`, `all(..)`, `not(..)`, `nothing`, `...`. A path alone, `blocks.0` or `head`, is what lies there and below; a single name may lie anywhere.
// Surgery chooses Modules with the same filters (surgery/selector.h); there also `has:bias`, a shape is one of the Module's own
// Variables, and `params:` counts the parameters there and below.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nnx/path.h"
#include "nnx/variable.h"

namespace nnx {

class ModuleBase;
struct ModuleType;

// What a filter sees of a leaf. A bare Array has the kind "Array"; a leaf of a file has no holder.
struct LeafInfo {
  const Path& path;
  const VariableKind& kind;
  const std::string& tag;
  const Metadata* metadata = nullptr;
  const ModuleType* holder = nullptr;   // the type of the Module that it is an attribute of
  const Array* value = nullptr;   // where a State or object is filtered; may be traced
  ModuleBase* module = nullptr;   // where Modules are chosen: the Module itself
};

// The kind of a Module where filters choose Modules: it has a path, and its type as `holder`.
const VariableKind& module_kind();

class Filter {
 public:
  using Predicate = std::function<bool(const LeafInfo&)>;
  Filter(std::string text, Predicate predicate);
  bool matches(const LeafInfo& leaf) const { return (*predicate_)(leaf); }
  bool is_rest() const { return rest_; }
  const std::string& to_string() const { return text_; }

  static Filter kind(const VariableKind& kind);
  static Filter everything();

 private:
  std::string text_;
  std::shared_ptr<const Predicate> predicate_;
  bool rest_ = false;
};

template <class Kind> inline const Filter of = Filter::kind(Kind::static_kind());   // the kind and its descendants
inline const Filter rest = Filter::everything();                                    // `...`: only as the last filters
Filter nothing();
Filter path(std::string glob);            // the whole path, see glob.h
Filter below(std::string glob);           // the same for what lies there or below; a single name may lie anywhere
Filter path_contains(std::string_view step, bool exact = true);   // some step is this, or (not exact) has it in its name
Filter re(std::string pattern);           // an ECMAScript regular expression that must match the whole path
Filter tag(std::string tag);              // RNG state of that stream
Filter held_by(std::string type);         // by a Module of that type or one derived from it; "=Linear": exactly that
Filter has(std::string attribute);        // Modules whose attribute of that name is a Variable, a Module or a list, not empty
Filter shaped(std::string sizes);         // "[*, 10]": Variables of such a shape, or Modules that hold one
Filter sized(std::string bound);          // ">1e6", "<=10", "64": by elements; of Modules by those of kind Param, also below
Filter frozen();                          // whose metadata says so: see freeze
Filter where(std::string text, Filter::Predicate predicate);
Filter operator||(const Filter& a, const Filter& b);
Filter operator&&(const Filter& a, const Filter& b);
Filter operator!(const Filter& a);

// A filter from its text, for YAML and arguments; kinds by name. Throws ErrorKind::config listing the forms.
Filter parse_filter(std::string_view text);

// A frozen Variable is not trained: optimizers leave it out, so that it has no gradient and no state there.
inline constexpr const char* frozen_key = "frozen";
void freeze(const Variable& variable, bool frozen = true);
bool is_frozen(const Metadata& metadata);

// Kinds are known by name once used in a type or registered: for parse_filter and files.
void register_kind(const VariableKind& kind);
const VariableKind* find_kind(std::string_view name);   // null when unknown

}  // namespace nnx
