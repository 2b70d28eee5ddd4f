// Stands between the program and the kernel in this test program: counts the calls that change files, and makes one of
// them fail, or makes the process end there.
#pragma once

#include <string>
#include <vector>

namespace nnx::test::calls {

struct Fault {
  int at = 0;           // the number of the call, from 1; 0 for none
  int error = 0;        // errno; or 0 to end the process at once, as SIGKILL does
  bool sticky = false;  // all later calls fail as well
};

void watch(Fault fault);                // starts counting; fsync then returns at once: tests need no real disk
int stop();                             // how many calls there were
const std::vector<std::string>& log();  // "write", "fsync file", ... of this watch

}  // namespace nnx::test::calls
