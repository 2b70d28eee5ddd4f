// Timing for benchmark programs: things are timed in turn, round by round, so that a machine whose speed drifts slows all
// of them alike. Medians of many rounds, each shorter than a time slice, hold still even on a busy machine.
#pragma once

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

namespace nnx::bench {

inline double seconds_of(const std::function<void()>& run, int repeats) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < repeats; ++i) run();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / repeats;
}

inline double median(std::vector<double> values) {
  std::ranges::sort(values);
  return values[values.size() / 2];
}

// The seconds of each candidate in each round; `repeats` runs a round.
inline std::vector<std::vector<double>> time_in_turn(const std::vector<std::function<void()>>& candidates, int rounds,
                                                     int repeats) {
  for (const auto& run : candidates) seconds_of(run, repeats);  // warms up
  std::vector<std::vector<double>> seconds(candidates.size());
  for (int round = 0; round < rounds; ++round)
    for (size_t c = 0; c < candidates.size(); ++c) seconds[c].push_back(seconds_of(candidates[c], repeats));
  return seconds;
}

}  // namespace nnx::bench
