#include "sweep/emit.h"

#include <fmt/format.h>

namespace nnx {
namespace {

// As one word of a shell.
std::string shell_word(const std::string& text) {
  if (text.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-=+:,@%") == std::string::npos && !text.empty()) return text;
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

}  // namespace

std::string emit_sweep(const SweepDirectory& sweep, const std::string& engine, const std::string& program) {
  if (sweep.spec().method == SweepMethod::tpe)
    fail(ErrorKind::usage, {.where = "--emit", .message = "the trials of method tpe are chosen one after the other", .hint = "use method random or sobol"});
  if (sweep.spec().population)
    fail(ErrorKind::usage, {.where = "--emit", .message = "one process trains a population, and an engine would run each trial by itself", .hint = "leave population out"});
  const int64_t last = static_cast<int64_t>(sweep.trials().size()) - 1;
  const std::string run = fmt::format("{} sweep run-one {} --index", shell_word(program), shell_word(sweep.path().string()));
  if (engine == "parallel")
    return fmt::format("parallel --joblog {} --resume-failed -j {} {} ::: $(seq 0 {})\n", shell_word((sweep.path() / "joblog.tsv").string()),
                       jobs_of(sweep.spec()), run, last);
  if (engine == "slurm")
    return fmt::format("#!/bin/bash\n"
                       "#SBATCH --job-name={}\n"
                       "#SBATCH --array=0-{}\n"
                       "#SBATCH --cpus-per-task={}\n"
                       "#SBATCH --signal=TERM@120\n"
                       "#SBATCH --requeue\n"
                       "srun {} \"$SLURM_ARRAY_TASK_ID\"\n",
                       shell_word(sweep.spec().name), last, threads_of(sweep.spec()), run);
  fail(ErrorKind::usage, {.where = "--emit", .expected = "slurm or parallel", .got = in_quotes(engine)});
}

}  // namespace nnx
