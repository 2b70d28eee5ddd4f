// ConfigNode is one value of a configuration that knows where it was written and which key path leads to it.
//
// Invariants: a node never changes once made and copying one is cheap (it is a handle on shared data). Every node has
// an Origin and a KeyPath; every key of a map has an Origin of its own; keys of a map are distinct and keep their
// order.
//
//   ConfigNode root = load_file("mlp.yaml");
//   const ConfigNode* bn = root.find_path("model.bn");
//   bn->where();                                       // "mlp.yaml:9:5: model.bn"
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace nnx {

// Where a value or a key was written: a file with line and column (1-based, in characters), a command line argument, or
// "default" for what the program itself supplied.
struct Origin {
  std::shared_ptr<const std::string> source = {};  // the file name, or "argument 'a.b=1'"; null: a default
  int line = 0, column = 0;                        // 0: the source has no lines
  bool argument = false;                           // it came from the command line

  std::string text() const;  // "mlp.yaml:9:5"
};

// The keys and indices from the root to a node, printed as model.layers[2].type; a link to the parent and one step.
class KeyPath {
 public:
  KeyPath() = default;  // the root, printed as ""
  KeyPath key(std::string name) const;
  KeyPath index(size_t i) const;
  size_t depth() const;  // steps from the root
  std::string text() const;

 private:
  struct Step;
  std::shared_ptr<const Step> last_;
};

// Where byte `offset` of a scalar's text stands in its file; from there on, up to the next mark, a character is a column.
struct TextMark {
  size_t offset = 0;
  int line = 0, column = 0;
};

class ConfigNode {
 public:
  enum class Kind { null, scalar, sequence, map };
  struct Entry;

  ConfigNode();                                // null, a default, at the root
  explicit ConfigNode(std::string_view name);  // an unquoted scalar default, e.g. the bare name of a component
  static ConfigNode null(Origin origin, KeyPath path);
  static ConfigNode scalar(std::string text, bool quoted, Origin origin, KeyPath path,
                           std::vector<TextMark> marks = {});  // marks: none when the text stands as it is
  static ConfigNode sequence(std::vector<ConfigNode> items, Origin origin, KeyPath path);
  static ConfigNode map(std::vector<Entry> entries, Origin origin, KeyPath path);

  Kind kind() const;
  bool is_null() const { return kind() == Kind::null; }
  bool is_scalar() const { return kind() == Kind::scalar; }
  bool is_sequence() const { return kind() == Kind::sequence; }
  bool is_map() const { return kind() == Kind::map; }

  const std::string& text() const;               // of a scalar, as written and unescaped; else ""
  bool quoted() const;                           // the scalar stood in quotes or was a block: always a string
  const std::vector<ConfigNode>& items() const;  // of a sequence; else none
  const std::vector<Entry>& entries() const;     // of a map; else none

  // The value under `key`, or nullptr. The pointer lives as long as any copy of this node.
  const ConfigNode* find(std::string_view key) const;
  // Follows a dotted path from here ("bn.num_features", "layers.0.rate", "layers[0].rate"); nullptr when it leads
  // nowhere.
  const ConfigNode* find_path(std::string_view path) const;

  const Origin& origin() const;
  const KeyPath& path() const;
  Origin origin_at(size_t offset) const;  // of one byte of a scalar's text, through quotes, escapes and block lines
  std::string where() const;     // "mlp.yaml:9:5: model.bn"
  std::string describe() const;  // for "got ...": 'abc', the string 'abc', a list, a map, null

  ConfigNode moved_to(const KeyPath& path) const;  // the same value under another path, all of its children too

 private:
  struct Data;
  explicit ConfigNode(std::shared_ptr<const Data> data) : data_(std::move(data)) {}
  std::shared_ptr<const Data> data_;
};

// What an entry of an overlay does to the entry of the same key below it. A composed config has none but `merge`.
enum class Edit {
  merge,    // key: value        maps merge, everything else replaces
  append,   // key+: [items]     items at the end of the list
  replace,  // key: !replace {}  also a map replaces whole
  remove,   // key: !delete      the key falls away
};

struct ConfigNode::Entry {
  std::string key;
  Origin origin;  // of the key
  ConfigNode value;
  Edit edit = Edit::merge;
  bool leftover = false;  // written for a component whose `type` an overlay changed: ignored when the new one has no such key
};

}  // namespace nnx
