// The Engine of a population: runs of one structure, whose values are stacked and whose steps are one compiled step over
// all of them (nnx/lane_function.h). Each has its own values, Numbers and order of rows.
//
// The runs are cut into blocks of a few lanes, small enough that what a step touches stays in a processor's cache; each
// thread takes some of the blocks and computes by itself. The sums of a run may be added in another order when its block has
// another size: so long as the runs are stacked alike, its bits are the same, whoever else takes part.
#pragma once

#include <map>
#include <memory>

#include "nnx/lane_function.h"
#include "train/engine.h"
#include "train/setup.h"

namespace nnx {

class PopulationEngine final : public Engine {
 public:
  // The Setups outlive it; they fit together (train/population.h).
  PopulationEngine(std::vector<Setup*> setups, int threads);

  void go_to(Cursor at) override;
  Cursor cursor() const override { return cursor_; }
  void join(size_t run) override;
  std::span<const StepOutcome> step() override;
  std::vector<Metrics> evaluate(HeldOut rows) override;
  void publish(size_t run) override;
  void keep(const std::vector<size_t>& runs) override;

 private:
  // What one thread works with: a plan for each size of block, and a batch of each lane.
  struct Workspace {
    BufferRef x, y, weight;
    std::map<size_t, LanePlan> plans;
  };
  // Batches of rows: one reader a lane, or one for all when the rows are the same.
  struct Batches {
    std::vector<BatchReader> readers;
    bool shared() const { return readers.size() == 1; }
    void read(Cursor at, const LaneBlock& block, Workspace& into);
  };
  // A compiled evaluation.
  struct Measure {
    Batches batches;
    std::optional<LaneFunction> function;
    std::vector<Workspace> workspaces;
  };

  void stack();
  std::pair<LaneBlock&, size_t> lane_of(size_t run);   // its block, and which of its lanes
  Measure& measure_of(HeldOut rows);
  void step_block(LaneBlock& block, Workspace& workspace);
  void measure_block(Measure& measure, LaneBlock& block, Workspace& workspace, std::span<MetricSums> sums);
  void each_block(const std::function<void(LaneBlock& block, size_t thread)>& f);
  void compile(const LaneFunction& function, std::vector<Workspace>& workspaces) const;

  std::vector<Setup*> setups_;          // by lane
  std::vector<size_t> runs_;            // by lane: the number of its run
  std::vector<bool> joined_;            // by run
  int threads_;
  Cursor cursor_;
  std::optional<Lanes> lanes_;
  std::vector<LaneBlock> blocks_;
  Batches batches_;
  std::optional<LaneFunction> train_;
  std::vector<Workspace> workspaces_;   // by thread
  std::map<HeldOut, Measure> measures_;
  std::vector<StepOutcome> outcomes_;   // by run
};

}  // namespace nnx
