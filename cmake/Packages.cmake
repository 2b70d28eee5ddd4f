# The libraries nnx stands on, all of them needed; scripts/setup installs them on Debian.
include(cmake/Libraries.cmake)
foreach(target Threads::Threads OpenMP::OpenMP_CXX DNNL::dnnl fmt::fmt spdlog::spdlog yaml-cpp::yaml-cpp
        nlohmann_json::nlohmann_json CLI11::CLI11 ZLIB::ZLIB)
  if(NOT TARGET ${target})
    message(FATAL_ERROR "There is no ${target}: scripts/setup installs what nnx needs")
  endif()
endforeach()
if(NNX_TESTS)
  find_package(doctest REQUIRED)
endif()
