// The notes that make() keeps of Variables created while constructors run.
#pragma once

#include <memory>

namespace nnx {
struct Cell;
}

namespace nnx::detail {
void note_new_cell(const std::shared_ptr<Cell>& cell);   // nothing outside make()
}
