#include "data/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <map>
#include <set>

#include "base/error.h"
#include "data/csv_tokenizer.h"

namespace nnx {
namespace {

constexpr int64_t max_rows = std::numeric_limits<int32_t>::max();

// Values appended in blocks of 1 MiB, so that reading a file needs little more memory than its numbers.
template <class T> class Blocks {
 public:
  void push(T value) {
    if (blocks_.empty() || blocks_.back().size() == block) {
      blocks_.emplace_back();
      blocks_.back().reserve(block);
    }
    blocks_.back().push_back(value);
    ++size_;
  }

  // All values in one Buffer; each block is freed as soon as it is copied.
  BufferRef take() {
    BufferRef out = Buffer::allocate(size_ * sizeof(T));
    for (T* to = out->as<T>(); !blocks_.empty(); blocks_.pop_front()) {
      std::memcpy(to, blocks_.front().data(), blocks_.front().size() * sizeof(T));
      to += blocks_.front().size();
    }
    size_ = 0;
    return out;
  }

 private:
  static constexpr size_t block = (size_t{1} << 20) / sizeof(T);
  std::deque<std::vector<T>> blocks_;
  size_t size_ = 0;
};

bool parse_integer(std::string_view text, int64_t& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size();
}

// The nearest f32 of the double that the field is: what pandas and NumPy give.
float parse_number(const CsvTokenizer& row, size_t i, const std::string& column) {
  const auto refuse = [&](const char* expected) {
    fail(ErrorKind::data, {.where = row.where(i),
                           .message = "column " + nnx::in_quotes(column),
                           .expected = expected,
                           .got = row[i].empty() ? "an empty field" : nnx::in_quotes(row[i])});
  };
  std::string_view text = row[i];
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);  // from_chars knows no plus sign
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument || end != text.data() + text.size()) refuse("a number");
  if (error != std::errc() || !std::isfinite(value) || std::fabs(value) > double{std::numeric_limits<float>::max()})
    refuse("a finite number within the range of f32");
  return static_cast<float>(value);
}

// What each column of the file is for.
struct Columns {
  std::vector<std::string> names;
  std::vector<size_t> features, targets;
  size_t label = 0;
  bool has_label = false;
};

size_t find_column(const std::vector<std::string>& names, const std::string& name, const char* key,
                   const std::string& file) {
  const auto it = std::find(names.begin(), names.end(), name);
  if (it != names.end()) return static_cast<size_t>(it - names.begin());
  std::string hint = nearest(name, names);
  if (!hint.empty()) hint = fmt::format("did you mean {}?", nnx::in_quotes(hint));
  else if (names.size() <= 10) hint = fmt::format("its columns are {}", fmt::join(names, ", "));
  else hint = fmt::format("its {} columns are {}, {}, ..., {}", names.size(), names[0], names[1], names.back());
  fail(ErrorKind::config,
       {.where = file, .message = fmt::format("{}: there is no column {}", key, nnx::in_quotes(name)), .hint = hint});
}

Columns assign_columns(std::vector<std::string> names, const CsvOptions& options, const std::string& file) {
  Columns columns{.names = std::move(names), .features = {}, .targets = {}};
  std::set<size_t> used;
  const auto use = [&](const std::string& name, const char* key) {
    const size_t i = find_column(columns.names, name, key, file);
    if (!used.insert(i).second)
      fail(ErrorKind::config,
           {.where = file, .message = fmt::format("{}: column {} is used twice", key, nnx::in_quotes(name))});
    return i;
  };
  columns.has_label = !options.label.empty();
  if (columns.has_label) columns.label = use(options.label, "label");
  for (const std::string& name : options.targets) columns.targets.push_back(use(name, "targets"));
  for (const std::string& name : options.ignore) use(name, "ignore");
  for (size_t i = 0; i < columns.names.size(); ++i)
    if (!used.contains(i)) columns.features.push_back(i);
  if (columns.features.empty()) fail(ErrorKind::config, {.where = file, .message = "no column is left for features"});
  return columns;
}

// The column names; the tokenizer stands on the first row, which is consumed when it is the header.
std::vector<std::string> column_names(const CsvTokenizer& row, bool header) {
  std::vector<std::string> names;
  std::map<std::string, size_t> seen;
  for (size_t i = 0; i < row.size(); ++i) {
    names.push_back(header ? std::string(row[i]) : fmt::to_string(i));
    if (names.back().empty()) fail(ErrorKind::data, {.where = row.where(i), .message = "a column without a name"});
    double number = 0;
    const std::string& name = names.back();
    const bool numeric = std::from_chars(name.data(), name.data() + name.size(), number).ec == std::errc();
    if (const auto [at, fresh] = seen.emplace(name, i); !fresh)
      fail(ErrorKind::data,
           {.where = row.where(i),
            .message = fmt::format("column {} is named twice, first as number {}", nnx::in_quotes(name), at->second + 1),
            .hint = numeric ? "header: false, if the file has no header line" : ""});
  }
  return names;
}

// Turns the label column into class numbers.
class Labels {
 public:
  Labels(const CsvOptions& options, const DataSchema* like)
      : mode_(options.labels),
        vocabulary_(like ? like->class_names : options.class_names),
        classes_(like ? like->classes : static_cast<int64_t>(options.class_names.size())),
        fixed_(classes_ > 0) {
    for (size_t i = 0; i < vocabulary_.size(); ++i) index_.emplace(vocabulary_[i], static_cast<int32_t>(i));
  }

  int32_t read(const CsvTokenizer& row, size_t i) {
    const std::string_view text = row[i];
    int64_t value = 0;
    if (mode_ == LabelStyle::automatic) {  // the first row decides
      first_ = row.where(i);
      mode_ = !index_.contains(text) && parse_integer(text, value) ? LabelStyle::integer : LabelStyle::text;
    }
    return mode_ == LabelStyle::integer ? read_integer(row, i) : read_text(row, i);
  }

  // The classes in their final order; `labels` hold numbers in order of appearance and are renumbered.
  void finish(int32_t* labels, int64_t rows, DataSchema& schema) {
    if (mode_ == LabelStyle::text && !fixed_) {
      std::vector<int32_t> rank(index_.size());
      int32_t next = 0;
      for (const auto& [name, found] : index_) {  // the map is sorted
        rank[static_cast<size_t>(found)] = next++;
        vocabulary_.push_back(name);
      }
      for (int64_t r = 0; r < rows; ++r) labels[r] = rank[static_cast<size_t>(labels[r])];
      classes_ = next;
    }
    schema.classes = classes_;
    schema.class_names = std::move(vocabulary_);
  }

 private:
  int32_t read_integer(const CsvTokenizer& row, size_t i) {
    int64_t value = 0;
    if (!parse_integer(row[i], value))
      fail(ErrorKind::data,
           {.where = row.where(i),
            .expected = "an integer label",
            .got = nnx::in_quotes(row[i]),
            .hint = first_.empty() ? "" : first_ + " has an integer; labels: text, if labels are names"});
    const int64_t limit = fixed_ ? classes_ : max_classes;
    if (value < 0 || value >= limit)
      fail(ErrorKind::data, {.where = row.where(i),
                             .expected = fmt::format("a label from 0 to {}", limit - 1),
                             .got = fmt::to_string(value)});
    if (!fixed_) classes_ = std::max(classes_, value + 1);
    return static_cast<int32_t>(value);
  }

  int32_t read_text(const CsvTokenizer& row, size_t i) {
    const auto known = index_.find(row[i]);
    if (known != index_.end()) return known->second;
    if (fixed_)
      fail(ErrorKind::data, {.where = row.where(i),
                             .expected = fmt::format("one of the {} known classes", classes_),
                             .got = nnx::in_quotes(row[i])});
    if (row[i].empty()) fail(ErrorKind::data, {.where = row.where(i), .message = "an empty label"});
    if (static_cast<int64_t>(index_.size()) == max_classes)
      fail(ErrorKind::data, {.where = row.where(i), .message = fmt::format("more than {} classes", max_classes)});
    const auto fresh = static_cast<int32_t>(index_.size());
    index_.emplace(row[i], fresh);
    return fresh;
  }

  LabelStyle mode_;
  std::vector<std::string> vocabulary_;
  int64_t classes_;
  bool fixed_;         // the classes were given, not found
  std::string first_;  // where the row that decided stands
  std::map<std::string, int32_t, std::less<>> index_;
};

char delimiter_of(const CsvOptions& options) {
  const std::string& text = options.delimiter;
  const char c = text == "\\t" ? '\t' : text.size() == 1 ? text[0] : '\0';
  if (c == '\0' || c == '"' || c == '\n' || c == '\r' || static_cast<unsigned char>(c) >= 0x80)
    fail(ErrorKind::config, {.where = "csv: delimiter",
                             .expected = "one ASCII character, not a quote or a newline",
                             .got = nnx::in_quotes(text)});
  return c;
}

void check_options(const CsvOptions& options) {
  if (options.path.empty()) fail(ErrorKind::config, {.where = "csv: path", .message = "must be given"});
  if (options.label.empty() == options.targets.empty())
    fail(ErrorKind::config, {.where = "csv",
                             .expected = "either label (classification) or targets (regression)",
                             .got = options.label.empty() ? "neither" : "both"});
  std::set<std::string> names;
  for (const std::string& name : options.class_names)
    if (!names.insert(name).second)
      fail(ErrorKind::config, {.where = "csv: class_names", .message = nnx::in_quotes(name) + " is listed twice"});
}

// A later file must have the columns that the model was trained on.
void check_like(const DataSchema& schema, const DataSchema& like, bool labels, const std::string& file) {
  if (labels != like.has_labels() || schema.target_names != like.target_names)
    fail(ErrorKind::data, {.where = file, .message = "its targets are not those of the training data"});
  for (size_t i = 0; i < std::max(schema.feature_names.size(), like.feature_names.size()); ++i) {
    const auto name = [i](const DataSchema& s) {
      return i < s.feature_names.size() ? "column " + nnx::in_quotes(s.feature_names[i]) : "no column";
    };
    if (name(schema) == name(like)) continue;
    fail(ErrorKind::data, {.where = file,
                           .message = fmt::format("feature {} differs from the training data", i + 1),
                           .expected = name(like),
                           .got = name(schema)});
  }
}

}  // namespace

Dataset read_csv(const CsvOptions& options, const std::filesystem::path& base, const DataSchema* like) {
  check_options(options);
  ByteSource source(base / options.path);
  const std::string& file = source.name();
  CsvTokenizer row(source, delimiter_of(options));
  if (!row.next()) fail(ErrorKind::data, {.where = file, .message = "there is no row"});
  const Columns columns = assign_columns(column_names(row, options.header), options, file);

  Dataset data;
  for (const size_t i : columns.features) data.schema.feature_names.push_back(columns.names[i]);
  data.schema.target_names = options.targets;
  if (like) check_like(data.schema, *like, columns.has_label, file);
  const std::vector<int64_t>& wanted = options.shape.empty() && like ? like->feature_shape : options.shape;
  data.schema.feature_shape = row_shape(wanted, {static_cast<int64_t>(columns.features.size())}, file);

  Labels labels(options, like);
  Blocks<float> features, numbers;
  Blocks<int32_t> classes;
  for (bool more = !options.header || row.next(); more; more = row.next()) {
    if (row.size() != columns.names.size())
      fail(ErrorKind::data, {.where = row.where(columns.names.size()),
                             .expected = fmt::format("{} fields", columns.names.size()),
                             .got = fmt::to_string(row.size())});
    if (data.rows++ == max_rows) fail(ErrorKind::data, {.where = row.where(0), .message = "more than 2^31 - 1 rows"});
    for (const size_t i : columns.features) features.push(parse_number(row, i, columns.names[i]));
    for (const size_t i : columns.targets) numbers.push(parse_number(row, i, columns.names[i]));
    if (columns.has_label) classes.push(labels.read(row, columns.label));
  }
  if (data.rows == 0) fail(ErrorKind::data, {.where = file, .message = "there is a header but no row"});
  data.features = features.take();
  data.targets = columns.has_label ? classes.take() : numbers.take();
  if (columns.has_label) labels.finish(data.targets->as<int32_t>(), data.rows, data.schema);
  data.sources.push_back(source.identity());
  return data;
}

}  // namespace nnx
