#include "optim/partition.h"

#include <fmt/format.h>

namespace nnx::optim {
namespace {

NamedParts::List named(const Partition::Groups& groups) {
  NamedParts::List list;
  for (const Partition::Group& group : groups) list.emplace_back(group.name, group.tx);
  return list;
}

std::string text_of(const std::vector<Filter>& filters) {
  std::string text;
  for (const Filter& filter : filters) text += (text.empty() ? "" : "\n") + filter.to_string();
  return text;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  for (size_t start = 0; start < text.size();) {
    const size_t end = std::min(text.find('\n', start), text.size());
    lines.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return lines;
}

}  // namespace

Partition::Partition(const Groups& groups) : parts_("Partition", named(groups)) {
  for (const Group& group : groups) given_.push_back(group.filter);
  filters_ = text_of(given_);
}

std::vector<Filter> Partition::filters() const {
  if (!given_.empty() && text_of(given_) == filters_) return given_;
  std::vector<Filter> out;
  for (const std::string& line : lines_of(filters_)) out.push_back(parse_filter(line));
  return out;
}

void Partition::init(const State& params) {
  std::vector<State> split;
  try {
    split = params.split(filters());
  } catch (const Error& error) {
    fail(ErrorKind::structure, {.where = "optimizer groups", .message = error.parts().message,
                                .hint = "a last group with select: ... takes all others"});
  }
  for (size_t i = 0; i < split.size(); ++i) {
    if (split[i].empty())
      fail(ErrorKind::structure, {.where = "optimizer groups", .message = fmt::format("no parameter is left for the group '{}' ({})", parts_.names()[i], filters()[i].to_string()),
                                  .hint = fmt::format("the first group that matches wins; parameters: {}", fmt::join(params.paths(), ", "))});
    parts()[i]->init(split[i]);
  }
}

State Partition::update(const State& updates, const State& params) {
  const std::vector<State> split = params.split(filters());
  State out;
  for (size_t i = 0; i < split.size(); ++i) {
    State mine;
    for (const auto& [path, leaf] : split[i]) mine.insert(path, updates.at(path));
    for (auto& [path, leaf] : parts()[i]->update(mine, split[i])) out.insert(path, leaf);
  }
  return out;
}

}  // namespace nnx::optim
