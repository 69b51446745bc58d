# Debian packages of the installed tree, by CPack: scripts/deb.sh. One a component: `assemble`, `assemble-dev` and
# `assemble-training`. Debian has neither OpenVINO nor this LibTorch, so that their libraries lie in /usr/lib/assemble.
set(CPACK_PACKAGE_NAME assemble)
set(CPACK_PACKAGE_VENDOR "The Assemble developers")
set(CPACK_PACKAGE_CONTACT "The Assemble developers <assemble@localhost>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "${PROJECT_DESCRIPTION}")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_COMPONENTS_ALL runtime dev)
set(CPACK_COMPONENTS_GROUPING ONE_PER_GROUP)
set(CPACK_COMPONENT_RUNTIME_GROUP runtime)
set(CPACK_COMPONENT_DEV_GROUP dev)

set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_COMPRESSION_TYPE zstd)  # soon done: scripts/package_deb.py packs them anew
set(CPACK_DEBIAN_PACKAGE_SECTION science)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_RUNTIME_PACKAGE_NAME assemble)
set(CPACK_DEBIAN_RUNTIME_DESCRIPTION
    "The command assemble and the library of its C API, with OpenVINO: it runs, measures, compares and ships networks.
 Training them needs assemble-training, compiling against the library assemble-dev.")
# Loaded with the first image or video of such a format.
set(CPACK_DEBIAN_RUNTIME_PACKAGE_RECOMMENDS "libgif7, libtiff6, libheif1")
set(CPACK_DEBIAN_RUNTIME_PACKAGE_SUGGESTS "assemble-training, libavformat59, libswscale6")
set(CPACK_DEBIAN_DEV_PACKAGE_NAME assemble-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_DESCRIPTION
    "Headers and libraries: for C by pkg-config or CMake, for C++ by CMake. What trains needs LibTorch's headers too, which
 are in no package of Debian.")
string(CONCAT CPACK_DEBIAN_DEV_PACKAGE_DEPENDS
       "assemble (= ${PROJECT_VERSION}), libjpeg-dev, libpng-dev, libwebp-dev, libisal-dev, libmd-dev, libhwy-dev, "
       "libleveldb-dev, libsnappy-dev, libarchive-dev, libzip-dev, zlib1g-dev, libpugixml-dev, libutf8proc-dev, "
       "libopencv-core-dev, libopencv-imgproc-dev, libprotozero-dev, nlohmann-json3-dev")
# What the bundled libraries need of each other is not looked for in Debian.
if(ASSEMBLE_OPENVINO)
  set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${ASSEMBLE_OPENVINO_LIBRARY_DIR}")
endif()

if(ASSEMBLE_TORCH)
  list(APPEND CPACK_COMPONENTS_ALL torch libtorch)
  set(CPACK_COMPONENT_TORCH_GROUP training)
  set(CPACK_COMPONENT_LIBTORCH_GROUP training)
  set(CPACK_DEBIAN_TRAINING_PACKAGE_NAME assemble-training)
  set(CPACK_DEBIAN_TRAINING_PACKAGE_DEPENDS "assemble (= ${PROJECT_VERSION})")
  set(CPACK_DEBIAN_TRAINING_DESCRIPTION
      "The commands of assemble that train and convert networks, with LibTorch for the processor, without NVIDIA GPUs.")
  list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS "${ASSEMBLE_TORCH_ROOT}/lib")
  # LibTorch is in no installation but these packages': others use the one that was built with.
  set(libtorch_parts "")
  foreach(part torch/lib/libtorch_cpu.so torch/lib/libc10.so torch/lib/libgomp*.so* torch/lib/libshm.so
               nvidia/*/lib/libcudart.so* nvidia/*/lib/libcupti.so*)
    file(GLOB found "${ASSEMBLE_TORCH_ROOT}/../${part}")
    list(APPEND libtorch_parts ${found})
  endforeach()
  file(GLOB nvidia_folders "${ASSEMBLE_TORCH_ROOT}/../nvidia/*/lib")
  list(APPEND CPACK_DEBIAN_PACKAGE_SHLIBDEPS_PRIVATE_DIRS ${nvidia_folders})
  install(FILES ${libtorch_parts} DESTINATION "${CMAKE_INSTALL_LIBDIR}/assemble" COMPONENT libtorch EXCLUDE_FROM_ALL)
  # Beside LibTorch the program has no use for the build's.
  install(CODE "file(RPATH_CHANGE
                     FILE \"\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_LIBEXECDIR}/assemble/assemble-torch\"
                     OLD_RPATH [[${assemble_torch_installed_rpath}:${ASSEMBLE_TORCH_ROOT}/lib]]
                     NEW_RPATH [[${assemble_torch_installed_rpath}]])" COMPONENT libtorch EXCLUDE_FROM_ALL)
endif()
include(CPack)
foreach(group runtime dev training)
  cpack_add_component_group(${group})
endforeach()
