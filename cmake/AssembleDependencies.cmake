# Everything the library links, as one interface target for the rooms without LibTorch and one for LibTorch.
find_package(Threads REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
find_package(leveldb REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)

add_library(assemble_base_dependencies INTERFACE)
target_link_libraries(assemble_base_dependencies INTERFACE Threads::Threads JPEG::JPEG PNG::PNG PkgConfig::WEBP
                                                           PkgConfig::ISAL leveldb::leveldb nlohmann_json::nlohmann_json)

if(ASSEMBLE_TORCH)
  find_package(CLI11 REQUIRED)
  include(AssembleTorch)
endif()
