# A room is one folder of lib/ and one static library. It may include only the rooms it names (and what they name):
# tests/house/layers_test.py checks every #include against this list.
add_library(nnx_flags INTERFACE)
target_compile_options(nnx_flags INTERFACE -Wall -Wextra -Wpedantic -Wshadow=local -Wconversion -Wno-sign-conversion
                                           -fno-math-errno -ffp-contract=off)
if(NNX_UNITY)
  target_compile_options(nnx_flags INTERFACE -Wno-subobject-linkage)   # it takes included sources for headers
endif()
if(NNX_WERROR)
  target_compile_options(nnx_flags INTERFACE -Werror)
endif()
if(NNX_SANITIZE)
  target_compile_options(nnx_flags INTERFACE -fsanitize=${NNX_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # g++ 12 takes the instrumented std::regex for uninitialised.
  target_compile_options(nnx_flags INTERFACE -Wno-maybe-uninitialized)
  target_link_options(nnx_flags INTERFACE -fsanitize=${NNX_SANITIZE})
endif()

# A library that is installed: nnx_<name> here, nnx::<name> for those who find the package.
function(nnx_library name)
  set_target_properties(nnx_${name} PROPERTIES EXPORT_NAME ${name})
  add_library(nnx::${name} ALIAS nnx_${name})
  set_property(GLOBAL APPEND PROPERTY NNX_LIBRARIES nnx_${name})
endfunction()

# nnx_room(<folder> [ROOMS <rooms below>...] [PUBLIC <libraries>...] [PRIVATE <libraries>...])
function(nnx_room name)
  cmake_parse_arguments(ARG "" "" "ROOMS;PUBLIC;PRIVATE" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/${name}/*.cpp)
  list(TRANSFORM ARG_ROOMS PREPEND nnx_)
  if(sources)
    add_library(nnx_${name} STATIC ${sources})
    target_include_directories(nnx_${name} PUBLIC $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>)
    target_link_libraries(nnx_${name} PUBLIC ${ARG_ROOMS} ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE} $<BUILD_INTERFACE:nnx_flags>)
    target_compile_features(nnx_${name} PUBLIC cxx_std_20)
  else()
    add_library(nnx_${name} INTERFACE)
    target_include_directories(nnx_${name} INTERFACE $<BUILD_INTERFACE:${CMAKE_CURRENT_SOURCE_DIR}>)
    target_link_libraries(nnx_${name} INTERFACE ${ARG_ROOMS} ${ARG_PUBLIC})
  endif()
  nnx_library(${name})
endfunction()
