#include "optim/moments.h"

#include <fmt/format.h>

#include <algorithm>

namespace nnx::optim {
namespace {

std::vector<std::string> words(const std::string& text) {
  std::vector<std::string> out;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find(' ', start), text.size());
    out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

FieldName field_name(const Key& key) {
  return key.index >= 0 ? FieldName(key.index) : FieldName(std::string_view(key.name));
}

// A part of the parameters' tree: its shape follows from the paths alone.
struct Group final : ContainerRef {
  Group(bool list, size_t count) : list_(list), count_(count) {}
  bool is_list() const override { return list_; }
  size_t size() const override { return count_; }
  void reshape(const std::vector<Key>&) override {}

 private:
  bool list_;
  size_t count_;
};

}  // namespace

Moments::Moments(const State& params) {
  for (const auto& [path, leaf] : params) {
    const std::string text = to_string(path);
    if (text.find(' ') != std::string::npos)
      fail(ErrorKind::structure,
           {.where = "optimizer", .expected = "parameter paths without spaces", .got = in_quotes(text)});
    paths_ += (paths_.empty() ? "" : " ") + text;
  }
  lay_out();
  size_t i = 0;
  for (const auto& [path, leaf] : params)
    values_[i++] = OptState(zeros(leaf.value.shape(), leaf.value.dtype()), leaf.metadata);
}

void Moments::expect(const State& updates) const {
  const std::vector<std::string> expected = words(paths_), got = updates.paths();
  const auto [e, g] = std::ranges::mismatch(expected, got);
  if (e == expected.end() && g == got.end()) return;
  const std::string problem = e != expected.end() && std::ranges::find(got, *e) == got.end()
                                  ? fmt::format("no update for '{}'", *e)
                                  : fmt::format("an update for '{}', which it was not made for", *g);
  fail(ErrorKind::structure, {.where = "optimizer",
                              .message = "got " + problem,
                              .hint = "make a new Optimizer after changing the parameters of a model"});
}

void Moments::visit(FieldVisitor& visitor) {
  visitor.attribute("(parameters)", StaticRef{&paths_});  // no parameter can have this name
  if (laid_out_ != paths_) lay_out();
  for (const Visit& v : visits_) {
    switch (v.form) {
      case Visit::Form::value: visitor.variable(field_name(v.key), values_[v.count]); break;
      case Visit::Form::begin: {
        Group group(v.is_list, v.count);
        visitor.begin(field_name(v.key), group);
        break;
      }
      case Visit::Form::end: visitor.end(); break;
    }
  }
}

// Turns the list of paths into nested visits.
void Moments::lay_out() {
  std::vector<std::pair<Path, size_t>> leaves;
  for (const std::string& text : words(paths_)) leaves.emplace_back(parse_path(text), leaves.size());
  values_.assign(leaves.size(), OptState());
  visits_.clear();
  std::ranges::sort(leaves);
  std::vector<size_t> open;  // the begin visits that have no end yet
  Path prefix;
  for (const auto& [path, index] : leaves) {
    const auto [at, p] = std::mismatch(prefix.begin(), prefix.end(), path.begin(), path.end() - 1);
    for (const size_t common = static_cast<size_t>(at - prefix.begin()); prefix.size() > common; prefix.pop_back()) {
      visits_.push_back({.form = Visit::Form::end});
      open.pop_back();
    }
    while (prefix.size() < path.size()) {
      const Key& key = path[prefix.size()];
      if (!open.empty()) {
        ++visits_[open.back()].count;
        visits_[open.back()].is_list = key.index >= 0;
      }
      if (prefix.size() + 1 == path.size()) break;
      open.push_back(visits_.size());
      visits_.push_back({.form = Visit::Form::begin, .key = key});
      prefix.push_back(key);
    }
    visits_.push_back({.form = Visit::Form::value, .key = path.back(), .count = index});
  }
  for (size_t i = 0; i < open.size(); ++i) visits_.push_back({.form = Visit::Form::end});
  laid_out_ = paths_;
}

}  // namespace nnx::optim
