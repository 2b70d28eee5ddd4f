// A Checkpoint is everything a run needs to go on, and a CheckpointStore keeps a run's Checkpoints on disk so that a
// crash or power loss at any moment leaves the newest finished one whole.
//
//   RunLock lock(run);                                        // run_lock.h: one process a run directory
//   CheckpointStore store(run, run_id);
//   if (auto found = store.newest(notes)) { ... go on from found->step ... }
//   store.save({.step = 1200, .graphdef = graphdef(model), .partitions = partition(state(model)), .progress = ...});
//
//   <run>/checkpoints/step-00001200/  MANIFEST.json graphdef.json <partition>.safetensors (one each, never empty)
//
// - A file is `<partition>.safetensors` with the leaves' paths as keys; their kinds, tags and metadata are in its
//   `__metadata__`. MANIFEST.json names every file with its size and CRC-32, and ends with a CRC-32 of itself.
// - Same content, same bytes: no file holds a time, a host or a random name. Only MANIFEST.json holds the run id.
// - Nothing is believed before its CRC is right; links and special files are refused; names come from a fixed pattern.
// - One thread of one process saves (the holder of the RunLock); others may read with Options::read_only.
// Errors: data (65) for a checkpoint that is not what it should be, io (74), cannot_create (73); each names the file.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "nnx/graphdef.h"
#include "nnx/state.h"

namespace nnx {

class Directory;  // posix_file.h

struct Checkpoint {
  int64_t step = 0;
  GraphDef graphdef = {};  // of the model
  // "params", "batch_stats", "rng", "opt_state", "rest", and names of one's own; empty ones are dropped.
  std::map<std::string, State> partitions = {};
  std::string progress = {};     // JSON text of the trainer: cursor, partial sums, best, early stopping
  std::string environment = {};  // JSON text: binary, oneDNN, ISA, threads, data and config identity
};

// The State of a model by kinds: Param to "params", BatchStat to "batch_stats", RngState to "rng", the others to
// "rest". Before that, `own` takes what its filters match, the first of them. Partitions without leaves are left out;
// "opt_state" is for the caller to add: state(optimizer, of<OptState>).
using NamedFilters = std::vector<std::pair<std::string, Filter>>;
std::map<std::string, State> partition(const State& model_state, const NamedFilters& own = {});

// Reads one checkpoint directory, of whatever run, verifying every byte. Throws ErrorKind::data naming the file.
Checkpoint read_checkpoint(const std::filesystem::path& directory);

class CheckpointStore {
 public:
  struct Options {
    int keep = 3;            // how many of the newest stay, at least 2; the best stays as well
    bool read_only = false;  // touches nothing on disk: for eval and inspect while another process trains
  };

  // Touches nothing yet. `run_id` has letters, digits, `-` and `_`, up to 64; a read_only store may leave it empty and
  // then accepts checkpoints of any run. Same run, same id: another id's checkpoints are refused.
  CheckpointStore(std::filesystem::path run_directory, std::string run_id, Options options);
  CheckpointStore(std::filesystem::path run_directory, std::string run_id)
      : CheckpointStore(std::move(run_directory), std::move(run_id), Options{}) {}

  // Returns when the checkpoint is durable, then deletes what Options::keep allows. An equal checkpoint of that step
  // stays; a different one is replaced. Throws ErrorKind::numeric naming the tensor for a non-finite Param
  // (nothing is written), cannot_create or io for what the disk refuses; older checkpoints are then untouched.
  void save(const Checkpoint& checkpoint);

  // The best is never deleted until another one is marked. Throws ErrorKind::missing when the step is not there.
  void mark_best(int64_t step);

  // The newest whole checkpoint; nullopt when there is none at all. Each one that is refused adds a note naming file
  // and reason, and its directory is renamed `.bad.step-*`; one that cannot be read now (no permission) is only noted.
  // Leftovers of killed saves of this run are removed. Throws ErrorKind::data when some exist but none is whole, and
  // for a newest one written in a newer format, which is left alone.
  std::optional<Checkpoint> newest(std::vector<std::string>& notes);

  Checkpoint read(int64_t step) const;  // verifies every byte; throws ErrorKind::missing when it is not there
  std::vector<int64_t> steps() const;   // ascending; by name only, not verified
  std::optional<int64_t> best() const;  // as marked, when it is still there; throws data when the mark is damaged
  void set_aside_after(int64_t step);   // going back to `step`: newer ones are renamed `.old.step-*`
  std::filesystem::path directory_of(int64_t step) const;

 private:
  Directory writable() const;                 // `checkpoints`, made when needed
  std::optional<Directory> existing() const;  // nullopt when there is none yet

  std::filesystem::path run_;
  std::string run_id_;
  Options options_;
};

}  // namespace nnx
