# Everything the library links: `assemble::base_dependencies` for the rooms without LibTorch, `assemble::torch` for the
# rest. Also used by the installed package. Debian's package names stand in scripts/bootstrap.sh.
find_package(Threads REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
# Archives and foreign annotations of data sets; by name where there is no package file.
pkg_check_modules(ARCHIVES REQUIRED IMPORTED_TARGET libarchive libzip zlib)
find_library(MATIO_LIBRARY matio REQUIRED)
find_library(PUGIXML_LIBRARY pugixml REQUIRED)
find_package(leveldb REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

add_library(assemble::base_dependencies INTERFACE IMPORTED)
target_include_directories(assemble::base_dependencies SYSTEM INTERFACE "${PROTOZERO_INCLUDE_DIR}")
target_link_libraries(assemble::base_dependencies
                      INTERFACE Threads::Threads JPEG::JPEG PNG::PNG PkgConfig::WEBP PkgConfig::ISAL leveldb::leveldb
                                PkgConfig::ARCHIVES "${MATIO_LIBRARY}" "${PUGIXML_LIBRARY}" nlohmann_json::nlohmann_json)

if(ASSEMBLE_TORCH)
  include("${CMAKE_CURRENT_LIST_DIR}/AssembleTorch.cmake")
endif()
