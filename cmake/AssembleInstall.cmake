# Installs the command, the libraries with their headers, and packages: one that find_package(assemble) reads, and for the
# C API alone assemble.pc. In components, so that each can be packed: `runtime` and `torch` run, `dev` is to build with
# either half.
include(CMakePackageConfigHelpers)
set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/assemble")

install(TARGETS assemble_runtime EXPORT assembleTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
install(DIRECTORY "${PROJECT_SOURCE_DIR}/include/assemble" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}" COMPONENT dev
        FILES_MATCHING PATTERN "*.h")
install(EXPORT assembleTargets NAMESPACE assemble:: DESTINATION "${package_dir}" COMPONENT dev)
configure_package_config_file("${PROJECT_SOURCE_DIR}/cmake/assembleConfig.cmake.in"
                              "${PROJECT_BINARY_DIR}/assembleConfig.cmake" INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file("${PROJECT_BINARY_DIR}/assembleConfigVersion.cmake" COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/assembleConfig.cmake" "${PROJECT_BINARY_DIR}/assembleConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleDependencies.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleTorch.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/AssembleOpenvino.cmake"
        DESTINATION "${package_dir}" COMPONENT dev)
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" "${PROJECT_SOURCE_DIR}/NOTICE" DESTINATION "${CMAKE_INSTALL_DOCDIR}"
        COMPONENT runtime)

install(DIRECTORY "${PROJECT_SOURCE_DIR}/recipes" "${PROJECT_SOURCE_DIR}/ladders"
        DESTINATION "${CMAKE_INSTALL_DATADIR}/assemble" COMPONENT runtime
        FILES_MATCHING PATTERN "*.toml")

# Of OpenVINO what a CPU needs to run and to read ONNX comes along, so that the runtime half is whole without the build's
# folder. (INSTALL_RPATH_USE_LINK_PATH would leave out .venv, as every folder inside the project's.)
if(ASSEMBLE_OPENVINO)
  set(openvino_parts "")
  foreach(part libopenvino.so libopenvino_intel_cpu_plugin.so libopenvino_onnx_frontend.so libopenvino_ir_frontend.so
               libtbb.so libtbbmalloc.so libtbbbind_2_5.so libhwloc.so)
    file(GLOB found "${ASSEMBLE_OPENVINO_LIBRARY_DIR}/${part}*")
    list(APPEND openvino_parts ${found})
  endforeach()
  install(FILES ${openvino_parts} DESTINATION "${CMAKE_INSTALL_LIBDIR}/assemble" COMPONENT runtime)
endif()
set_target_properties(assemble_command PROPERTIES INSTALL_RPATH "$ORIGIN/../${CMAKE_INSTALL_LIBDIR}/assemble")
set_target_properties(assemble_c PROPERTIES INSTALL_RPATH "$ORIGIN/assemble")
install(TARGETS assemble_command RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}" COMPONENT runtime)
install(TARGETS assemble_c EXPORT assembleCTargets LIBRARY DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT runtime
                                                           NAMELINK_COMPONENT dev)
install(EXPORT assembleCTargets NAMESPACE assemble:: DESTINATION "${package_dir}" COMPONENT dev)
# Relative to the file, so that the installation can be moved.
file(RELATIVE_PATH assemble_pc_to_prefix "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/")
configure_file("${PROJECT_SOURCE_DIR}/cmake/assemble.pc.in" "${PROJECT_BINARY_DIR}/assemble.pc" @ONLY)
install(FILES "${PROJECT_BINARY_DIR}/assemble.pc" DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig" COMPONENT dev)

if(ASSEMBLE_TORCH)
  install(TARGETS assemble EXPORT assembleTorchTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}" COMPONENT dev)
  install(EXPORT assembleTorchTargets NAMESPACE assemble:: DESTINATION "${package_dir}" COMPONENT dev)
  set(assemble_torch_installed_rpath "$ORIGIN/../../${CMAKE_INSTALL_LIBDIR}/assemble")
  set_target_properties(assemble_torch_command PROPERTIES
                        INSTALL_RPATH "${assemble_torch_installed_rpath};${ASSEMBLE_TORCH_ROOT}/lib")
  install(TARGETS assemble_torch_command RUNTIME DESTINATION "${CMAKE_INSTALL_LIBEXECDIR}/assemble" COMPONENT torch)
endif()

# Manual pages and completion scripts, which the program writes when it is installed: it knows what its commands
# declare. Where both programs are built they are of all commands.
install(CODE "set(program \"$<TARGET_FILE:assemble_command>\")
              set(build \"${PROJECT_BINARY_DIR}\")
              set(man_dir \"${CMAKE_INSTALL_MANDIR}\")
              set(data_dir \"${CMAKE_INSTALL_DATADIR}\")
              include(\"${PROJECT_SOURCE_DIR}/cmake/install_help.cmake\")" COMPONENT runtime)
