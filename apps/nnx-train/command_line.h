// The command line of nnx-train as a function: a program that adds layers of its own to the list first is a trainer that
// knows them, with every subcommand, check and error message of nnx-train.
//
//   #include "nnx-train/command_line.h"
//
//   int main(int argc, char** argv) {
//     nnx::extend_layers().add<GateOptions>("Gate", "x times a learned gate", make_gate);
//     return nnx::run_command_line(argc, argv, "my-train");
//   }
#pragma once

#include <string>

namespace nnx {

// Does what the arguments ask for and gives the exit code; errors are printed, one a line, as `name: error: ...`.
int run_command_line(int argc, char** argv, const std::string& name = "nnx-train");

}  // namespace nnx
