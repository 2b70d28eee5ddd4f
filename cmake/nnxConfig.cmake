# find_package(nnx) gives nnx::nnx (the object layer), nnx::nn, nnx::optim, nnx::train and the other rooms, and
# nnx::command_line, the command line of nnx-train for programs with layers of their own.
include(${CMAKE_CURRENT_LIST_DIR}/Libraries.cmake)
include(${CMAKE_CURRENT_LIST_DIR}/nnxTargets.cmake)
