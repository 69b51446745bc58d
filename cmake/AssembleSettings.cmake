# Compiler settings shared by everything built here; not part of the installed interface.
if(NOT CMAKE_BUILD_TYPE AND NOT CMAKE_CONFIGURATION_TYPES)
  set(CMAKE_BUILD_TYPE Release CACHE STRING "Build type" FORCE)
endif()
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(ASSEMBLE_CCACHE ccache)
if(ASSEMBLE_CCACHE)
  # Precompiled headers are cached only when ccache may ignore their time stamps.
  set(CMAKE_CXX_COMPILER_LAUNCHER
      ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      ${ASSEMBLE_CCACHE})
endif()

add_library(assemble_settings INTERFACE)
target_compile_definitions(assemble_settings INTERFACE ASSEMBLE_VERSION="${PROJECT_VERSION}")
target_compile_features(assemble_settings INTERFACE cxx_std_20)
target_compile_options(assemble_settings INTERFACE $<BUILD_INTERFACE:-Wall -Wextra -Wshadow -Wno-unused-parameter>)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(assemble_settings INTERFACE $<BUILD_INTERFACE:-fpch-preprocess>)
  if(CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
    # False alarms about std::string of its own library (GCC bug 105329).
    target_compile_options(assemble_settings INTERFACE
                           $<BUILD_INTERFACE:-Wno-restrict -Wno-array-bounds -Wno-stringop-overflow -Wno-stringop-overread>)
  endif()
endif()
if(ASSEMBLE_SANITIZERS)
  # GCC's own library looks uninitialised to it once the sanitizers' code is in it.
  target_compile_options(assemble_settings INTERFACE
                         $<BUILD_INTERFACE:$<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>>)
  list(JOIN ASSEMBLE_SANITIZERS "," sanitizers)
  add_compile_options(-fsanitize=${sanitizers} -fno-omit-frame-pointer -fno-sanitize-recover=undefined)
  add_link_options(-fsanitize=${sanitizers})
endif()
