// The text of the Error that f() throws, or "" when it throws none.
#pragma once

#include <string>

#include "base/error.h"

namespace nnx::test {

template <class F> std::string error_of(F&& f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

}  // namespace nnx::test
