# Everything the library links: `assemble::base_dependencies` for the rooms without LibTorch, `assemble::torch` for the
# rest. Also used by the installed package. Debian's package names stand in scripts/bootstrap.sh.
find_package(Threads REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET libzip)
find_package(leveldb REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

add_library(assemble::base_dependencies INTERFACE IMPORTED)
target_include_directories(assemble::base_dependencies SYSTEM INTERFACE "${PROTOZERO_INCLUDE_DIR}")
target_link_libraries(assemble::base_dependencies
                      INTERFACE Threads::Threads JPEG::JPEG PNG::PNG PkgConfig::WEBP PkgConfig::ISAL PkgConfig::LIBZIP leveldb::leveldb
                                nlohmann_json::nlohmann_json)

if(ASSEMBLE_TORCH)
  include("${CMAKE_CURRENT_LIST_DIR}/AssembleTorch.cmake")
endif()
