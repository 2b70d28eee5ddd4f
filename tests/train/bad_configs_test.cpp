// Bad configs, calls, overlays, arguments and selectors through the whole chain, up to the traced model.
#include <doctest/doctest.h>

#include "support/bad_files.h"
#include "support/paths.h"
#include "train/setup.h"

using namespace nnx;

TEST_CASE("bad configs are refused at the right place, with the right words and exit code") {
  test::check_bad_files(test::source_dir() + "/tests/train/bad_configs", 100, [](const test::BadFile& bad) {
    prepare({.files = {bad.file}, .overlays = bad.overlays, .arguments = bad.arguments});
  });
}
