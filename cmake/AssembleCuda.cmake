# libassemble_cuda.so, which alone is linked with LibTorch's CUDA libraries: built where those and the headers of CUDA and
# NCCL are there. A graphics card or a driver need not be.
set(ASSEMBLE_CUDA AUTO CACHE STRING "Build the library for NVIDIA GPUs: ON, OFF, or AUTO (where its parts are there)")
set_property(CACHE ASSEMBLE_CUDA PROPERTY STRINGS AUTO ON OFF)

file(GLOB assemble_cuda_hints "${ASSEMBLE_TORCH_ROOT}/../nvidia/cu*" "${ASSEMBLE_TORCH_ROOT}/../nvidia/nccl"
                              "${ASSEMBLE_TORCH_ROOT}/../nvidia/cuda_runtime")
list(APPEND assemble_cuda_hints /usr/local/cuda)
find_path(CUDA_INCLUDE_DIR cuda_runtime_api.h HINTS ${assemble_cuda_hints} PATH_SUFFIXES include NO_CACHE)
find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${assemble_cuda_hints} PATH_SUFFIXES include NO_CACHE)
find_library(CUDART_LIBRARY NAMES cudart libcudart.so.13 libcudart.so.12 HINTS ${assemble_cuda_hints}
             PATH_SUFFIXES lib lib64 NO_CACHE)
set(assemble_cuda_missing "")
foreach(part torch_cuda c10_cuda)
  if(NOT EXISTS "${ASSEMBLE_TORCH_ROOT}/lib/lib${part}.so")
    list(APPEND assemble_cuda_missing "lib${part}.so")
  endif()
endforeach()
foreach(part CUDA_INCLUDE_DIR NCCL_INCLUDE_DIR CUDART_LIBRARY)
  if(NOT ${part})
    list(APPEND assemble_cuda_missing ${part})
  endif()
endforeach()

if(ASSEMBLE_CUDA STREQUAL "AUTO" AND assemble_cuda_missing)
  message(STATUS "Without NVIDIA GPUs: not found ${assemble_cuda_missing}")
elseif(ASSEMBLE_CUDA AND assemble_cuda_missing)
  message(FATAL_ERROR "ASSEMBLE_CUDA: not found ${assemble_cuda_missing}. It needs a LibTorch with CUDA, the headers and "
                      "library of CUDA's runtime (pip install nvidia-cuda-runtime) and nccl.h (nvidia-nccl-cu13).")
elseif(ASSEMBLE_CUDA)
  message(STATUS "For NVIDIA GPUs: ${CUDART_LIBRARY}")
  file(GLOB cuda_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/cuda/*.cpp")
  add_library(assemble_cuda MODULE ${cuda_sources})
  # Of our own rooms it needs one header, and nothing that is compiled: what calls it has that.
  target_link_libraries(assemble_cuda PRIVATE assemble_settings assemble::torch "${CUDART_LIBRARY}")
  target_include_directories(assemble_cuda PRIVATE "${PROJECT_BINARY_DIR}/rooms/nn")
  target_compile_definitions(assemble_cuda PRIVATE USE_C10D_NCCL)
  target_include_directories(assemble_cuda SYSTEM PRIVATE "${CUDA_INCLUDE_DIR}" "${NCCL_INCLUDE_DIR}")
  # What libtorch_cuda.so itself needs (cuDNN, cuBLAS, NCCL) is looked for where it runs, not where it is built.
  target_link_options(assemble_cuda PRIVATE "LINKER:--no-undefined,--allow-shlib-undefined"
                      "LINKER:--push-state,--no-as-needed,${ASSEMBLE_TORCH_ROOT}/lib/libtorch_cuda.so,--pop-state"
                      "LINKER:--push-state,--no-as-needed,${ASSEMBLE_TORCH_ROOT}/lib/libc10_cuda.so,--pop-state")
  set_target_properties(assemble_cuda PROPERTIES INSTALL_RPATH "${ASSEMBLE_TORCH_ROOT}/lib")
  install(TARGETS assemble_cuda LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}/assemble" COMPONENT cuda)
endif()
