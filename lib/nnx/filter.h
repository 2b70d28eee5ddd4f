// A Filter chooses Variables: by kind, path, tag or predicate, and combinations. The first filter that matches wins.
//
//   auto [graphdef, params, rest] = split(model, of<Param>, rest_filter);
//   path("head.**") || of<LoRAParam>        !tag("dropout")
//
// The same texts are used in YAML, and printed: `Param`, `path:head.**`, `re:.*bias`, `tag:dropout`, `any(Param, tag:x)`,
// `all(..)`, `not(..)`, `nothing`, `...`.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "nnx/path.h"
#include "nnx/variable.h"

namespace nnx {

// What a filter sees of a leaf.
struct LeafInfo {
  const Path& path;
  const VariableKind& kind;
  const std::string& tag;
};

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
Filter path(std::string glob);            // `*` is one step or part of one, `**` any number of steps
Filter re(std::string pattern);           // an ECMAScript regular expression that must match the whole path
Filter tag(std::string tag);              // RNG state of that stream
Filter where(std::string text, Filter::Predicate predicate);
Filter operator||(const Filter& a, const Filter& b);
Filter operator&&(const Filter& a, const Filter& b);
Filter operator!(const Filter& a);

// A filter from its text, for YAML and arguments; kinds by name. Throws ErrorKind::config listing the forms.
Filter parse_filter(std::string_view text);
// Kinds are known by name once used in a type or registered: for parse_filter and files.
void register_kind(const VariableKind& kind);
const VariableKind* find_kind(std::string_view name);   // null when unknown

}  // namespace nnx
