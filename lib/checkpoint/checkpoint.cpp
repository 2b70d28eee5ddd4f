#include "checkpoint/checkpoint.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "checkpoint/content.h"

namespace nnx {
namespace {

constexpr const char* folder = "checkpoints";
constexpr const char* best_name = "BEST";
constexpr const char* best_new_name = ".BEST.new";
constexpr std::string_view temporary = ".tmp.";
constexpr std::string_view trash = ".trash.";

bool is_run_id(std::string_view id) {
  const auto allowed = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return !id.empty() && id.size() <= 64 && std::ranges::all_of(id, allowed);
}

std::string step_name(int64_t step) { return fmt::format("step-{:08d}", step); }

std::optional<int64_t> step_of(std::string_view name) {
  if (!name.starts_with("step-") || name.size() > 23) return std::nullopt;
  int64_t step = 0;
  for (const char c : name.substr(5)) {
    if (c < '0' || c > '9') return std::nullopt;
    step = step * 10 + (c - '0');
  }
  return step_name(step) == name ? std::optional(step) : std::nullopt;
}

std::vector<int64_t> steps_in(const std::vector<std::string>& names) {
  std::vector<int64_t> steps;
  for (const std::string& name : names)
    if (const auto step = step_of(name)) steps.push_back(*step);
  std::ranges::sort(steps);
  return steps;
}

// Names of directories in work: `.tmp.step-00001200.<run id>.<number>`, so that nobody else's are ever removed.
std::string work_name(std::string_view prefix, int64_t step, const std::string& run_id, int number) {
  return fmt::format("{}{}.{}.{}-{}", prefix, step_name(step), run_id, ::getpid(), number);
}

bool is_leftover(std::string_view name, const std::string& run_id) {
  for (const std::string_view prefix : {temporary, trash}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view after = name.substr(prefix.size());
    const size_t dot = after.find('.');
    if (dot == std::string_view::npos || !step_of(after.substr(0, dot))) return false;
    const std::string_view owner = after.substr(dot + 1);
    if (!owner.starts_with(run_id + ".") || owner.size() == run_id.size() + 1) return false;
    return std::ranges::all_of(owner.substr(run_id.size() + 1),
                               [](char c) { return (c >= '0' && c <= '9') || c == '-'; });
  }
  return false;
}

// The manifest goes first, so that what is left of an interrupted removal is never whole; files that are not ours stay.
void remove_work(const Directory& parent, const std::string& name) {
  const auto directory = parent.find(name);
  if (!directory) return;
  directory->remove_file(manifest_name);
  for (const std::string& file : directory->list())
    if (is_checkpoint_file(file)) directory->remove_file(file);
  parent.remove_directory(name);
}

void sweep(const Directory& parent, const std::string& run_id) {
  for (const std::string& name : parent.list()) {
    if (!is_leftover(name, run_id)) continue;
    try {
      remove_work(parent, name);
    } catch (const Error& e) {
      if (e.kind() != ErrorKind::data) throw;  // a link or a file: not ours after all
    }
  }
  parent.remove_file(best_new_name);
}

// Renames to `to`, or with a number behind it when there is one already.
std::string set_aside_as(const Directory& parent, const std::string& name, const std::string& to) {
  std::string numbered = to;
  for (int i = 1; !parent.rename_new(name, numbered); ++i) numbered = fmt::format("{}.{}", to, i);
  return numbered;
}

std::string set_aside(const Directory& parent, const std::string& name, const std::string& prefix) {
  return set_aside_as(parent, name, prefix + name);
}

std::string move_to_trash(const Directory& parent, int64_t step, const std::string& run_id) {
  std::string to = work_name(trash, step, run_id, 0);
  for (int i = 1; !parent.rename_new(step_name(step), to); ++i) to = work_name(trash, step, run_id, i);
  return to;
}

std::string best_text(int64_t step) {
  const std::string name = step_name(step);
  return fmt::format("{} {:08x}\n", name, crc32_of(name));
}

std::optional<int64_t> read_best(const Directory& parent) {
  if (!parent.contains(best_name)) return std::nullopt;
  const FileBytes file = parent.read(best_name, std::nullopt, 64);
  const auto step = step_of(file.text().substr(0, file.text().find(' ')));
  if (!step || file.text() != best_text(*step))
    fail(ErrorKind::data,
         {.where = parent.path_of(best_name), .message = "is damaged: it does not name a step with its CRC-32"});
  return parent.contains(step_name(*step)) ? step : std::nullopt;
}

// ---- publishing

bool is_whole(const Directory& parent, int64_t step, const std::string& run_id) {
  try {
    read_content(parent.open(step_name(step)), {.run_id = run_id, .step = step});
    return true;
  } catch (const Error&) { return false; }
}

bool has_manifest(const Directory& parent, int64_t step, const std::string& text) {
  try {
    return parent.open(step_name(step)).read(manifest_name, text.size()).text() == text;
  } catch (const Error&) { return false; }
}

// Puts the finished directory `work` in place. An equal checkpoint that is there already stays, unless `replace`: its
// last attempt may not have reached the disk. Nothing is removed before the new one is durable.
void publish(const Directory& parent, const std::string& work, int64_t step, const std::string& run_id,
             const std::string& manifest, bool replace) {
  const std::string name = step_name(step);
  std::string old;
  bool whole = true;
  if (!parent.rename_new(work, name)) {
    whole = is_whole(parent, step, run_id);
    const bool equal = whole && !replace && has_manifest(parent, step, manifest);
    if (equal || parent.exchange(work, name)) {
      old = work;
    } else {
      old = move_to_trash(parent, step, run_id);
      parent.rename_over(work, name);
    }
  }
  parent.sync();  // the commit
  if (old.empty()) return;
  if (whole) remove_work(parent, old);
  else set_aside_as(parent, old, ".bad." + name);
}

// A finished directory that cannot be put in place stays for the next sweep: it may be the old content by then.
void save_once(const Directory& parent, const EncodedCheckpoint& content, int64_t step, const std::string& run_id,
               bool replace) {
  std::string work;
  std::optional<Directory> directory;
  for (int i = 0; !directory; ++i) {
    work = work_name(temporary, step, run_id, i);
    directory = parent.make(work);
  }
  std::string manifest;
  try {
    manifest = content.write(*directory);
  } catch (...) {
    try {
      remove_work(parent, work);  // gives the space back; the first error is the one to report
    } catch (const Error&) {}
    throw;
  }
  publish(parent, work, step, run_id, manifest, replace);
}

void retain(const Directory& parent, int64_t saved, const std::string& run_id, int keep) {
  const std::vector<int64_t> all = steps_in(parent.list());
  std::set<int64_t> kept{saved};
  if (const auto best = read_best(parent)) kept.insert(*best);
  const size_t newest = std::min(all.size(), static_cast<size_t>(std::max(keep, 2)));
  kept.insert(all.end() - static_cast<std::ptrdiff_t>(newest), all.end());
  if (kept.size() == all.size()) return;
  // The new one is looked at once more before anything older goes.
  const Directory fresh = parent.open(step_name(saved));
  check_sizes(fresh, read_manifest(fresh, {.run_id = run_id, .step = saved}));
  std::vector<std::string> victims;
  for (const int64_t step : all)
    if (!kept.contains(step)) victims.push_back(move_to_trash(parent, step, run_id));
  parent.sync();
  for (const std::string& victim : victims) remove_work(parent, victim);
}

}  // namespace

std::map<std::string, State> partition(const State& model_state, const NamedFilters& own) {
  NamedFilters all = own;
  const bool exhaustive = !own.empty() && own.back().second.is_rest();
  if (!exhaustive) all.insert(all.end(), {{"params", of<Param>}, {"batch_stats", of<BatchStat>}, {"rng", of<RngState>}, {"rest", rest}});
  std::vector<Filter> filters;
  for (const auto& [name, filter] : all) filters.push_back(filter);
  const std::vector<State> parts = model_state.split(filters);
  std::map<std::string, State> out;
  for (size_t i = 0; i < all.size(); ++i) {
    if (parts[i].empty()) continue;
    State& into = out[all[i].first];   // a name of one's own may be one of those by kind
    for (const auto& [path, leaf] : parts[i]) into.insert(path, leaf);
  }
  return out;
}

Checkpoint read_checkpoint(const std::filesystem::path& directory) { return read_content(Directory(directory), {}); }

CheckpointStore::CheckpointStore(std::filesystem::path run_directory, std::string run_id, Options options)
    : run_(std::move(run_directory)), run_id_(std::move(run_id)), options_(options) {
  if (!is_run_id(run_id_) && !(options_.read_only && run_id_.empty()))
    fail(ErrorKind::structure,
         {.where = "CheckpointStore", .expected = "a run id of letters, digits, - and _", .got = in_quotes(run_id_)});
}

std::filesystem::path CheckpointStore::directory_of(int64_t step) const { return run_ / folder / step_name(step); }

Directory CheckpointStore::writable() const {
  check(!options_.read_only, "a CheckpointStore that is read_only was written to");
  const Directory run = Directory::made(run_);
  if (run.make(folder)) run.sync();
  return run.open(folder);
}

std::optional<Directory> CheckpointStore::existing() const {
  std::error_code error;
  if (!std::filesystem::exists(run_, error) && !error) return std::nullopt;
  return Directory(run_).find(folder);
}

void CheckpointStore::save(const Checkpoint& checkpoint) {
  const EncodedCheckpoint content(checkpoint, run_id_);
  const Directory parent = writable();
  sweep(parent, run_id_);
  try {
    save_once(parent, content, checkpoint.step, run_id_, false);
  } catch (const SyncError&) {
    save_once(parent, content, checkpoint.step, run_id_, true);  // all bytes again, from memory, to new files
  }
  retain(parent, checkpoint.step, run_id_, options_.keep);
}

void CheckpointStore::mark_best(int64_t step) {
  const Directory parent = writable();
  if (!parent.contains(step_name(step)))
    fail(ErrorKind::missing,
         {.where = parent.path_of(step_name(step)), .message = "there is no checkpoint of this step to mark as best"});
  parent.remove_file(best_new_name);
  parent.write(best_new_name, best_text(step));
  parent.rename_over(best_new_name, best_name);
  parent.sync();
}

std::optional<Checkpoint> CheckpointStore::newest(std::vector<std::string>& notes) {
  const auto parent = existing();
  if (!parent) return std::nullopt;
  if (!options_.read_only) sweep(*parent, run_id_);
  const auto refuse = [&](const std::string& name, const Error& e) {
    std::string note = e.what();
    if (e.kind() == ErrorKind::data && !options_.read_only) {
      note += "; renamed to " + set_aside(*parent, name, ".bad.");
      parent->sync();
    }
    notes.push_back(std::move(note));
  };
  try {
    read_best(*parent);
  } catch (const Error& e) { refuse(best_name, e); }
  const std::vector<std::string> names = parent->list();
  std::vector<int64_t> all = steps_in(names);
  for (; !all.empty(); all.pop_back()) {
    try {
      return read_content(parent->open(step_name(all.back())), {.run_id = run_id_, .step = all.back()});
    } catch (const NewerFormat&) { throw; } catch (const Error& e) {
      refuse(step_name(all.back()), e);
    }
  }
  const bool existed = std::ranges::any_of(
      names, [](const std::string& name) { return name.starts_with("step-") || name.starts_with(".bad.step-"); });
  if (existed)
    fail(ErrorKind::data, {.where = parent->path().string(),
                           .message = "has checkpoints, but none of them is whole",
                           .hint = "remove this directory to start from the beginning"});
  return std::nullopt;
}

Checkpoint CheckpointStore::read(int64_t step) const {
  const auto parent = existing();
  if (!parent || !parent->contains(step_name(step)))
    fail(ErrorKind::missing, {.where = directory_of(step).string(), .message = "there is no checkpoint of this step"});
  return read_content(parent->open(step_name(step)), {.run_id = run_id_, .step = step});
}

std::vector<int64_t> CheckpointStore::steps() const {
  const auto parent = existing();
  return parent ? steps_in(parent->list()) : std::vector<int64_t>{};
}

std::optional<int64_t> CheckpointStore::best() const {
  const auto parent = existing();
  return parent ? read_best(*parent) : std::nullopt;
}

void CheckpointStore::set_aside_after(int64_t step) {
  const Directory parent = writable();
  for (const int64_t later : steps_in(parent.list()))
    if (later > step) set_aside(parent, step_name(later), ".old.");
  parent.sync();
}

}  // namespace nnx
