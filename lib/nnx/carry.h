// What scan and while_loop share: the value that one iteration hands to the next.
#pragma once

#include "nnx/traced_call.h"

namespace nnx::detail {

// A leaf of the arguments that changes from iteration to iteration, and the output that is its next value.
struct Carried {
  size_t leaf;      // of the arguments' values
  size_t output;    // of the traced outputs
};

// Throws ErrorKind::structure naming the path where the function did more than change values.
void expect_same_structure(const Arguments& arguments, const TracedCall& traced, std::string_view where);

// The Arrays of argument `argument` and their next values in the result below `prefix`. Throws ErrorKind::structure when
// the two differ in structure or in the objects they refer to.
std::vector<Carried> match_carry(const Arguments& arguments, const TracedCall& traced, size_t argument, const Path& prefix,
                                 std::string_view where);

// Throws ErrorKind::shape naming the first carried leaf whose type changes.
void expect_same_types(const Arguments& arguments, const TracedCall& traced, std::span<const Carried> carried,
                       std::string_view where);

}  // namespace nnx::detail
