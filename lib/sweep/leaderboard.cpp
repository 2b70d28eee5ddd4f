#include "sweep/leaderboard.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <cmath>
#include <numeric>

#include "config/scalar.h"
#include "nnx/tabulate.h"

namespace nnx {
namespace {

using Json = nlohmann::ordered_json;

LeaderboardRow row_of(const SweepDirectory& sweep, size_t first, size_t count) {
  LeaderboardRow row{.trials = {}, .status = {}, .reason = {}, .point = sweep.trials()[first].point};
  std::vector<double> values;
  for (size_t i = first; i < first + count; ++i) {
    const TrialResult result = sweep.result(sweep.trials()[i].number);
    row.trials.push_back(sweep.trials()[i].number);
    row.status = row.status.empty() || row.status == result.status ? result.status : "mixed";
    if (result.failed() && row.reason.empty()) row.reason = result.reason;
    if (result.scored()) values.push_back(*result.value);
    row.epochs = std::max(row.epochs, result.epochs);
    row.seconds += result.seconds;
  }
  row.scored = static_cast<int64_t>(values.size());
  if (values.empty()) return row;
  const double mean = std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
  double squares = 0;
  for (const double v : values) squares += (v - mean) * (v - mean);
  row.mean = mean;
  row.deviation = values.size() > 1 ? std::sqrt(squares / static_cast<double>(values.size() - 1)) : 0;
  return row;
}

// Ranks from 1; ties share their mean rank.
std::vector<double> ranks(const std::vector<double>& values) {
  std::vector<size_t> order(values.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::ranges::stable_sort(order, {}, [&](size_t i) { return values[i]; });
  std::vector<double> rank(values.size());
  for (size_t i = 0; i < order.size();) {
    size_t end = i;
    while (end < order.size() && values[order[end]] == values[order[i]]) ++end;
    for (size_t k = i; k < end; ++k) rank[order[k]] = static_cast<double>(i + end + 1) / 2;
    i = end;
  }
  return rank;
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const double n = static_cast<double>(a.size());
  const double ma = std::accumulate(a.begin(), a.end(), 0.0) / n, mb = std::accumulate(b.begin(), b.end(), 0.0) / n;
  double ab = 0, aa = 0, bb = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    ab += (a[i] - ma) * (b[i] - mb);
    aa += (a[i] - ma) * (a[i] - ma);
    bb += (b[i] - mb) * (b[i] - mb);
  }
  return aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 0;
}

void add_importance(Leaderboard& board, const SweepSpec& spec) {
  for (const auto& [key, parameter] : spec.parameters) {
    std::vector<double> settings, values;
    for (const LeaderboardRow& row : board.rows)
      for (const Setting& s : row.point) {
        double number = 0;
        if (s.key != key || !row.mean || parse_number(s.value, number) != NumberStatus::good) continue;
        settings.push_back(number);
        values.push_back(*row.mean);
      }
    if (settings.size() >= 3) board.importance.emplace_back(key, correlation(ranks(settings), ranks(values)));
  }
}

std::string value_text(const LeaderboardRow& row) {
  if (!row.mean) return "";
  return row.trials.size() > 1 ? fmt::format("{:.5g} ± {:.2g} (n={})", *row.mean, row.deviation, row.scored) : fmt::format("{:.5g}", *row.mean);
}

std::string trials_text(const LeaderboardRow& row) {
  return row.trials.size() == 1 ? trial_name(row.trials[0]) : fmt::format("{}-{}", trial_name(row.trials.front()), trial_name(row.trials.back()));
}

std::string quoted(const std::string& text) {
  if (text.find_first_of(",\"\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
  return out + "\"";
}

std::vector<std::string> keys_of(const Leaderboard& board) {
  std::vector<std::string> keys;
  for (const LeaderboardRow& row : board.rows)
    for (const Setting& s : row.point)
      if (std::ranges::find(keys, s.key) == keys.end()) keys.push_back(s.key);
  return keys;
}

std::string setting_of(const LeaderboardRow& row, const std::string& key) {
  for (const Setting& s : row.point)
    if (s.key == key) return s.value;
  return "";
}

}  // namespace

Leaderboard leaderboard(const SweepDirectory& sweep) {
  Leaderboard board{.metric = sweep.spec().metric.name, .maximize = sweep.spec().metric.maximize(), .sweep = sweep.path()};
  const auto repeats = static_cast<size_t>(count_repeats(sweep.spec()));
  for (size_t first = 0; first < sweep.trials().size(); first += repeats) board.rows.push_back(row_of(sweep, first, repeats));
  const auto better = [&](const LeaderboardRow& a, const LeaderboardRow& b) {
    if (!a.mean || !b.mean) return a.mean.has_value() && !b.mean;
    return board.maximize ? *a.mean > *b.mean : *a.mean < *b.mean;
  };
  std::ranges::stable_sort(board.rows, better);
  add_importance(board, sweep.spec());
  if (board.rows.empty() || !board.rows[0].mean) return board;
  std::optional<double> best;
  for (const int64_t number : board.rows[0].trials) {
    const TrialResult result = sweep.result(number);
    if (!result.scored() || (best && (board.maximize ? *result.value <= *best : *result.value >= *best))) continue;
    best = result.value;
    board.best_trial = number;
  }
  return board;
}

std::string retrain_command(const Leaderboard& board) {
  if (!board.best_trial) return "";
  const std::string run = (board.sweep / "trials" / trial_name(*board.best_trial)).string();
  return fmt::format("nnx-train --config {}.yaml output_dir={}-again", run, run);
}

std::string to_text(const Leaderboard& board, size_t top) {
  const std::vector<std::string> keys = keys_of(board);
  std::vector<std::vector<std::string>> table{{"trial", "status", board.metric}};
  for (const std::string& key : keys) table[0].push_back(key);
  for (const char* name : {"epochs", "seconds"}) table[0].emplace_back(name);
  const size_t count = top == 0 ? board.rows.size() : std::min(top, board.rows.size());
  for (size_t i = 0; i < count; ++i) {
    const LeaderboardRow& row = board.rows[i];
    std::vector<std::string> line{trials_text(row), row.reason.empty() ? row.status : row.status + ": " + in_quotes(row.reason, 40), value_text(row)};
    for (const std::string& key : keys) line.push_back(setting_of(row, key));
    line.push_back(std::to_string(row.epochs));
    line.push_back(fmt::format("{:.1f}", row.seconds));
    table.push_back(std::move(line));
  }
  std::string text = align_columns(table, 2);
  if (count < board.rows.size()) text += fmt::format("and {} more\n", board.rows.size() - count);
  for (const auto& [key, rho] : board.importance)
    text += fmt::format("{}: rank correlation with {} {:+.2f}\n", key, board.metric, rho);
  if (board.best_trial) text += fmt::format("best: {}\ntrain it again: {}\n", (board.sweep / "trials" / trial_name(*board.best_trial)).string(), retrain_command(board));
  return text;
}

std::string to_csv(const Leaderboard& board) {
  const std::vector<std::string> keys = keys_of(board);
  std::string text = "rank,trial,status," + quoted(board.metric) + ",deviation,scored";
  for (const std::string& key : keys) text += "," + quoted(key);
  text += ",epochs,seconds,reason\n";
  for (size_t i = 0; i < board.rows.size(); ++i) {
    const LeaderboardRow& row = board.rows[i];
    text += fmt::format("{},{},{},{},{},{}", i + 1, trials_text(row), row.status, row.mean ? format_number(*row.mean) : "",
                        format_number(row.deviation), row.scored);
    for (const std::string& key : keys) text += "," + quoted(setting_of(row, key));
    text += fmt::format(",{},{:.3f},{}\n", row.epochs, row.seconds, quoted(row.reason));
  }
  return text;
}

std::string to_json(const Leaderboard& board) {
  Json rows = Json::array();
  for (const LeaderboardRow& row : board.rows) {
    Json point = Json::object();
    for (const Setting& s : row.point) point[s.key] = s.value;
    rows.push_back({{"trials", row.trials}, {"status", row.status}, {"reason", row.reason}, {"value", row.mean ? Json(*row.mean) : Json()},
                    {"deviation", row.deviation}, {"scored", row.scored}, {"epochs", row.epochs}, {"seconds", row.seconds}, {"point", point}});
  }
  Json importance = Json::object();
  for (const auto& [key, rho] : board.importance) importance[key] = rho;
  const Json best = board.best_trial ? Json{{"trial", *board.best_trial},
                                            {"run", (board.sweep / "trials" / trial_name(*board.best_trial)).string()},
                                            {"command", retrain_command(board)}}
                                     : Json();
  return Json{{"metric", board.metric}, {"goal", board.maximize ? "maximize" : "minimize"}, {"rows", rows},
              {"rank_correlation", importance}, {"best", best}}.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace nnx
