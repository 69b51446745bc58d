# Installs the command, the libraries with their headers, and packages: one that find_package(assemble) reads, and for the
# C API alone assemble.pc.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/assemble")

install(TARGETS assemble EXPORT assembleTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/assemble" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}"
        FILES_MATCHING PATTERN "*.h")
install(EXPORT assembleTargets NAMESPACE assemble:: DESTINATION "${package_dir}")
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/assembleConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/assembleConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/assembleConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/assembleConfig.cmake" "${PROJECT_BINARY_DIR}/assembleConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleDependencies.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleTorch.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleOpenvino.cmake"
        DESTINATION "${package_dir}")
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" DESTINATION "${CMAKE_INSTALL_DOCDIR}")

if(ASSEMBLE_TORCH)
  # What is installed finds the LibTorch it was linked with. (INSTALL_RPATH_USE_LINK_PATH would leave out .venv, as every
  # folder inside the project's.)
  set_target_properties(assemble_command assemble_c PROPERTIES
                        INSTALL_RPATH "${ASSEMBLE_TORCH_ROOT}/lib;${ASSEMBLE_OPENVINO_LIBRARY_DIR}")
  install(TARGETS assemble_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")

  install(TARGETS assemble_c EXPORT assembleCTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}")
  install(EXPORT assembleCTargets NAMESPACE assemble:: DESTINATION "${package_dir}")
  # Relative to the file, so that the installation can be moved.
  file(RELATIVE_PATH assemble_pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
  configure_file("${PROJECT_SOURCE_DIR}/cmake/assemble.pc.in" "${PROJECT_BINARY_DIR}/assemble.pc" @ONLY)
  install(FILES "${PROJECT_BINARY_DIR}/assemble.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")
endif()
