// Bad sweep files and short forms: read, checked and planned, up to the configs of the trials.
#include <doctest/doctest.h>

#include "support/bad_files.h"
#include "sweep/sweep_directory.h"
#include "train/help.h"

using namespace nnx;

TEST_CASE("bad sweeps are refused at the right place, with the right words and exit code") {
  const test::TemporaryFolder folder;
  test::check_bad_files(test::source_dir() + "/tests/sweep/bad_specs", 30, [&](const test::BadFile& bad) {
    SweepSpec spec = read_sweep(bad.file);
    add_arguments(spec, bad.arguments);
    SweepDirectory::plan(spec, folder / "sweep");
  });
}
