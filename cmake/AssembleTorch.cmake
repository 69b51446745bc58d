# Defines `assemble_torch`: LibTorch for the CPU, and for CUDA when ASSEMBLE_CUDA is on.
# The LibTorch of a PyPI wheel cannot be found with find_package(Torch) (its config asks for a CUDA toolkit even for
# CPU programs), so its libraries are named here one by one. Another LibTorch is taken from ASSEMBLE_TORCH_DIR or
# CMAKE_PREFIX_PATH: the folder that holds include/torch and lib/libtorch_cpu.so.
option(ASSEMBLE_CUDA "Link LibTorch's CUDA libraries" OFF)
set(ASSEMBLE_TORCH_DIR "" CACHE PATH "Folder of a LibTorch (default: the wheel in .venv)")

file(GLOB assemble_wheel_torch "${CMAKE_CURRENT_LIST_DIR}/../.venv/lib/python3*/site-packages/torch")
find_path(TORCH_INCLUDE_DIR torch/version.h
          HINTS ${ASSEMBLE_TORCH_DIR} ${assemble_wheel_torch} PATH_SUFFIXES include NO_CACHE)
find_path(TORCH_API_INCLUDE_DIR torch/torch.h
          HINTS ${ASSEMBLE_TORCH_DIR} ${assemble_wheel_torch} PATH_SUFFIXES include/torch/csrc/api/include NO_CACHE)
if(NOT TORCH_INCLUDE_DIR OR NOT TORCH_API_INCLUDE_DIR)
  message(FATAL_ERROR "LibTorch not found. Run `make bootstrap`, or name yours with -DASSEMBLE_TORCH_DIR=DIR "
                      "(the folder that holds include/torch and lib/libtorch_cpu.so).")
endif()
get_filename_component(ASSEMBLE_TORCH_ROOT "${TORCH_INCLUDE_DIR}/.." ABSOLUTE)

set(assemble_torch_libraries torch torch_cpu c10)
if(ASSEMBLE_CUDA)
  list(APPEND assemble_torch_libraries torch_cuda c10_cuda)
endif()
file(GLOB assemble_nvidia_dirs "${ASSEMBLE_TORCH_ROOT}/../nvidia/*/lib")

add_library(assemble_torch INTERFACE)
target_include_directories(assemble_torch SYSTEM INTERFACE "${TORCH_INCLUDE_DIR}" "${TORCH_API_INCLUDE_DIR}")
foreach(library ${assemble_torch_libraries})
  target_link_libraries(assemble_torch INTERFACE "${ASSEMBLE_TORCH_ROOT}/lib/lib${library}.so")
endforeach()
target_link_options(assemble_torch INTERFACE "LINKER:-rpath,${ASSEMBLE_TORCH_ROOT}/lib")
foreach(directory ${assemble_nvidia_dirs})
  target_link_options(assemble_torch INTERFACE "LINKER:-rpath-link,${directory}")
endforeach()
