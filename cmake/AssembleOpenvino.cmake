# Defines `assemble::openvino`: the OpenVINO of the PyPI wheel in .venv, or one named with ASSEMBLE_OPENVINO_DIR (the folder
# that holds include/openvino and libs/ or lib/). Also used by the installed package, which takes the libraries that were
# installed with it, without headers: none of ours includes them. Not the wheel's own CMake package: that one looks for
# oneTBB's development files too.
set(ASSEMBLE_OPENVINO_DIR "" CACHE PATH "Folder of an OpenVINO (default: the wheel in .venv)")

file(GLOB assemble_wheel_openvino "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/openvino")
set(assemble_openvino_hints ${assemble_wheel_openvino} ${ASSEMBLE_BUILT_WITH_OPENVINO})
if(ASSEMBLE_OPENVINO_DIR)
  set(assemble_openvino_hints "${ASSEMBLE_OPENVINO_DIR}")
endif()
file(GLOB assemble_openvino_library "${CMAKE_CURRENT_LIST_DIR}/../../assemble/libopenvino.so*")
if(assemble_openvino_library AND NOT ASSEMBLE_OPENVINO_DIR)
  list(GET assemble_openvino_library -1 assemble_openvino_library)  # the newest
  add_library(assemble::openvino INTERFACE IMPORTED)
  target_link_libraries(assemble::openvino INTERFACE "${assemble_openvino_library}")
  return()
endif()

find_path(OPENVINO_INCLUDE_DIR openvino/openvino.hpp HINTS ${assemble_openvino_hints} PATH_SUFFIXES include NO_CACHE)
if(NOT OPENVINO_INCLUDE_DIR)
  message(FATAL_ERROR "OpenVINO not found in '${assemble_openvino_hints}'. Run `make bootstrap`, name yours with "
                      "-DASSEMBLE_OPENVINO_DIR=DIR, or build without it: -DASSEMBLE_OPENVINO=OFF.")
endif()
get_filename_component(ASSEMBLE_OPENVINO_ROOT "${OPENVINO_INCLUDE_DIR}/.." ABSOLUTE)
file(GLOB assemble_openvino_library "${ASSEMBLE_OPENVINO_ROOT}/lib*/libopenvino.so*")
list(GET assemble_openvino_library 0 assemble_openvino_library)
message(STATUS "OpenVINO from ${ASSEMBLE_OPENVINO_ROOT}")

add_library(assemble::openvino INTERFACE IMPORTED)
target_include_directories(assemble::openvino SYSTEM INTERFACE "${OPENVINO_INCLUDE_DIR}")
target_link_libraries(assemble::openvino INTERFACE "${assemble_openvino_library}")
target_compile_definitions(assemble::openvino INTERFACE ASSEMBLE_OPENVINO)
get_filename_component(ASSEMBLE_OPENVINO_LIBRARY_DIR "${assemble_openvino_library}" DIRECTORY)
