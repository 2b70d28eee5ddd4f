// The Engine of a population: runs of one structure, whose values are stacked and whose steps are one compiled step over
// all of them (nnx/lane_function.h). Each has its own values, Numbers and order of rows.
//
// The runs are cut into blocks of a few lanes, small enough that what a step touches stays in a processor's cache; each
// thread takes some of the blocks and computes by itself. Runs of one seed stand together: they have the same rows and the same
// dropout masks, which their block reads and draws once. The sums of a run may be added in another order when its block is
// another one: so long as the runs are stacked alike, its bits are the same, whoever else takes part.
#pragma once

#include <map>
#include <memory>

#include "nnx/lane_function.h"
#include "train/engine.h"
#include "train/setup.h"

namespace nnx {

class PopulationEngine final : public Engine {
 public:
  // The Setups outlive it; they fit together (train/population.h). How they are stacked depends on what they hold now, so it is
  // made before a run goes on from a checkpoint.
  PopulationEngine(std::vector<Setup*> setups, int threads);

  void go_to(Cursor at) override;
  Cursor cursor() const override { return cursor_; }
  void join(size_t run) override;
  std::span<const StepOutcome> step() override;
  std::vector<Metrics> evaluate(HeldOut rows) override;
  void publish(size_t run) override;
  void keep(const std::vector<size_t>& runs) override;

 private:
  // What a plan is made for: how many runs, which values differ between them, and whether their rows do.
  struct Kind {
    size_t size;
    LaneLayout layout;
    bool own_rows;
    friend bool operator==(const Kind&, const Kind&) = default;
  };
  struct Block {
    LaneBlock values;
    size_t kind;   // of kinds_
  };
  // What one thread works with: a plan for each kind of block, and a batch of each run.
  struct Workspace {
    BufferRef x, y, weight;
    std::vector<LanePlan> plans;
  };
  // A compiled evaluation. One reader for all when they have the same rows.
  struct Measure {
    std::vector<BatchReader> readers;
    std::optional<LaneFunction> function;
    std::vector<Workspace> workspaces;
  };

  void cut(const std::vector<size_t>& runs);
  std::pair<Block&, size_t> member_of(size_t run);   // its block, and which of its members
  Measure& measure_of(HeldOut rows);
  static void read(std::vector<BatchReader>& readers, std::span<const size_t> which, Cursor at, Workspace& into);
  void step_block(Block& block, Workspace& workspace);
  void measure_block(Measure& measure, Block& block, Workspace& workspace, std::vector<MetricSums>& sums);
  void each_block(const std::function<void(Block& block, size_t thread)>& f);
  bool same_rows(std::span<const size_t> runs) const;
  void compile(const LaneFunction& function, const std::function<std::vector<bool>(const Kind&)>& arrays, std::vector<Workspace>& workspaces) const;

  std::vector<Setup*> setups_;          // this and what follows, by run
  std::vector<BatchReader> readers_;
  std::vector<bool> joined_;
  std::vector<StepOutcome> outcomes_;
  int threads_;
  Cursor cursor_;
  Lanes lanes_;                         // as many as runs
  LaneFunction train_;
  std::vector<Kind> kinds_;
  std::vector<Block> blocks_;
  std::vector<Workspace> workspaces_;   // by thread
  std::map<HeldOut, Measure> measures_;
};

}  // namespace nnx
