// The leaderboard of a sweep: its points by their metric, best first, with everything that varied.
//
//   const Leaderboard board = leaderboard(sweep);
//   board.rows[0].mean;  to_text(board, 10);  to_csv(board);  to_json(board);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sweep/sweep_directory.h"

namespace nnx {

// One point with all of its repetitions.
struct LeaderboardRow {
  std::vector<int64_t> trials;
  std::string status;               // of its trials when they are alike, otherwise "mixed"
  std::string reason;               // of the first that failed
  std::optional<double> mean = {};  // of the trials that have a value
  double deviation = 0;             // of the sample; 0 for one
  int64_t scored = 0, epochs = 0;
  double seconds = 0;
  std::vector<Setting> point;
};

struct Leaderboard {
  std::string metric;
  bool maximize = false;
  std::filesystem::path sweep;
  std::vector<LeaderboardRow> rows = {};   // best first, those without a value last
  std::vector<std::pair<std::string, double>> importance = {};   // of each numeric parameter: Spearman's rank correlation
  std::optional<int64_t> best_trial = {};  // of the best row: the one with the best value
};

Leaderboard leaderboard(const SweepDirectory& sweep);

std::string to_text(const Leaderboard& board, size_t top);   // all rows when 0
std::string to_csv(const Leaderboard& board);
std::string to_json(const Leaderboard& board);
// What trains the best trial again, or "" when there is none.
std::string retrain_command(const Leaderboard& board);

}  // namespace nnx
