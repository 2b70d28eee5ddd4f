# cmake --install: nnx-train, the libraries and their headers (#include "nnx/nnx.h", as in the tree), and what
# find_package(nnx) reads.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/nnx)

get_property(libraries GLOBAL PROPERTY NNX_LIBRARIES)
install(TARGETS ${libraries} EXPORT nnxTargets INCLUDES DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nnx)
install(TARGETS nnx-train)
install(DIRECTORY lib/ DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nnx FILES_MATCHING PATTERN "*.h")
install(FILES apps/nnx-train/command_line.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/nnx/nnx-train)
install(EXPORT nnxTargets NAMESPACE nnx:: DESTINATION ${package_dir})
write_basic_package_version_file(${CMAKE_BINARY_DIR}/nnxConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES cmake/nnxConfig.cmake cmake/Libraries.cmake cmake/FindDNNL.cmake ${CMAKE_BINARY_DIR}/nnxConfigVersion.cmake
        DESTINATION ${package_dir})
