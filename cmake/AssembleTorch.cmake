# Defines `assemble::torch`: LibTorch for the CPU, and for CUDA when ASSEMBLE_CUDA is on. Also used by the installed
# package, so that a consumer links the LibTorch that the library was built with unless it names another.
# The LibTorch of a PyPI wheel cannot be found with find_package(Torch) (its config asks for a CUDA toolkit even for
# CPU programs), so its libraries are named here one by one. Another LibTorch is taken from ASSEMBLE_TORCH_DIR or
# CMAKE_PREFIX_PATH: the folder that holds include/torch and lib/libtorch_cpu.so.
set(ASSEMBLE_TORCH_DIR "" CACHE PATH "Folder of a LibTorch (default: the wheel in .venv)")

file(GLOB assemble_wheel_torch "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch")
set(assemble_torch_hints ${assemble_wheel_torch} ${ASSEMBLE_BUILT_WITH_TORCH})
if(ASSEMBLE_TORCH_DIR)
  set(assemble_torch_hints "${ASSEMBLE_TORCH_DIR}")
  set(assemble_torch_only NO_DEFAULT_PATH)  # a folder named by the user is that folder or an error
endif()
find_path(TORCH_INCLUDE_DIR torch/library.h
          HINTS ${assemble_torch_hints} PATH_SUFFIXES include NO_CACHE ${assemble_torch_only})
find_path(TORCH_API_INCLUDE_DIR torch/torch.h
          HINTS ${assemble_torch_hints} PATH_SUFFIXES include/torch/csrc/api/include NO_CACHE ${assemble_torch_only})
if(NOT TORCH_INCLUDE_DIR OR NOT TORCH_API_INCLUDE_DIR)
  set(assemble_name_torch "name yours with -DASSEMBLE_TORCH_DIR=DIR (the folder that holds include/torch and "
                          "lib/libtorch_cpu.so).")
  if(assemble_torch_optional AND NOT ASSEMBLE_TORCH_DIR)  # the installed package, whose other half needs none
    message(NOTICE "assemble: without the target assemble::assemble, for LibTorch's headers are not in "
                   "'${assemble_torch_hints}'. To have it, " ${assemble_name_torch})
    set(ASSEMBLE_TORCH OFF)
    return()
  endif()
  message(FATAL_ERROR "LibTorch not found in '${assemble_torch_hints}'. Run `make bootstrap`, or " ${assemble_name_torch})
endif()
get_filename_component(ASSEMBLE_TORCH_ROOT "${TORCH_INCLUDE_DIR}/.." ABSOLUTE)

# The version's definitions moved from the API's header to headeronly/ in LibTorch 2.9.
set(assemble_version_header "${TORCH_INCLUDE_DIR}/torch/headeronly/version.h")
if(NOT EXISTS "${assemble_version_header}")
  set(assemble_version_header "${TORCH_API_INCLUDE_DIR}/torch/version.h")
endif()
file(STRINGS "${assemble_version_header}" assemble_version_lines REGEX "define TORCH_VERSION_(MAJOR|MINOR|PATCH) ")
string(REGEX MATCHALL "[0-9]+" ASSEMBLE_TORCH_VERSION "${assemble_version_lines}")
list(JOIN ASSEMBLE_TORCH_VERSION "." ASSEMBLE_TORCH_VERSION)
if(ASSEMBLE_TORCH_VERSION VERSION_LESS 2.4)
  message(FATAL_ERROR "LibTorch ${ASSEMBLE_TORCH_VERSION} in ${ASSEMBLE_TORCH_ROOT} is too old: 2.4 is the least, "
                      "2.11 the version this project is tested with.")
endif()
message(STATUS "LibTorch ${ASSEMBLE_TORCH_VERSION} from ${ASSEMBLE_TORCH_ROOT}")

# Not libtorch.so: it is an empty library that pulls in CUDA's, which are loaded when they are asked for (src/cuda).
set(assemble_torch_libraries torch_cpu c10)
foreach(library ${assemble_torch_libraries})
  if(NOT EXISTS "${ASSEMBLE_TORCH_ROOT}/lib/lib${library}.so")
    message(FATAL_ERROR "${ASSEMBLE_TORCH_ROOT}/lib holds no lib${library}.so: is it a LibTorch for "
                        "another system?")
  endif()
endforeach()

# Imported, so that the exported package names it and finds it again instead of carrying this machine's folders.
add_library(assemble::torch INTERFACE IMPORTED)
target_include_directories(assemble::torch SYSTEM INTERFACE "${TORCH_INCLUDE_DIR}" "${TORCH_API_INCLUDE_DIR}")
foreach(library ${assemble_torch_libraries})
  target_link_libraries(assemble::torch INTERFACE "${ASSEMBLE_TORCH_ROOT}/lib/lib${library}.so")
endforeach()
# libtorch_cpu.so of the wheel names CUDA's runtime, which lies beside it in the virtual environment.
file(GLOB assemble_nvidia_dirs "${ASSEMBLE_TORCH_ROOT}/../nvidia/*/lib")
foreach(directory ${assemble_nvidia_dirs})
  target_link_options(assemble::torch INTERFACE "LINKER:-rpath-link,${directory}")
endforeach()
