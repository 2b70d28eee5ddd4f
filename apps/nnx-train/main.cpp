// nnx-train: trains neural networks from YAML. Arguments in, exit code out; the work is done by lib/.
#include "command_line.h"

int main(int argc, char** argv) { return nnx::run_command_line(argc, argv); }
