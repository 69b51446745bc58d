# Everything the library links: `assemble::base_dependencies` for the rooms without LibTorch, `assemble::torch` for the
# rest. Also used by the installed package. Debian's package names stand in scripts/bootstrap.sh.
find_package(Threads REQUIRED)
find_package(JPEG REQUIRED)
find_package(PNG REQUIRED)
find_package(PkgConfig REQUIRED)
pkg_check_modules(WEBP REQUIRED IMPORTED_TARGET libwebp libwebpdemux)
pkg_check_modules(ISAL REQUIRED IMPORTED_TARGET libisal)
pkg_check_modules(MD REQUIRED IMPORTED_TARGET libmd)
pkg_check_modules(HWY REQUIRED IMPORTED_TARGET libhwy)
# Archives, names and foreign annotations of data sets; by name where there is no package file.
pkg_check_modules(ARCHIVES REQUIRED IMPORTED_TARGET libarchive libzip zlib)
find_library(PUGIXML_LIBRARY pugixml REQUIRED)
find_library(UTF8PROC_LIBRARY utf8proc REQUIRED)
find_package(leveldb REQUIRED)
find_package(nlohmann_json REQUIRED)
find_path(PROTOZERO_INCLUDE_DIR protozero/pbf_reader.hpp REQUIRED)
# Found by name: Debian ships OpenCV's package file in libopencv-dev alone, which needs 60 packages more.
find_path(OPENCV_INCLUDE_DIR opencv2/imgproc.hpp PATH_SUFFIXES opencv4 REQUIRED)
find_library(OPENCV_CORE_LIBRARY opencv_core REQUIRED)
find_library(OPENCV_IMGPROC_LIBRARY opencv_imgproc REQUIRED)

add_library(assemble::base_dependencies INTERFACE IMPORTED)
target_include_directories(assemble::base_dependencies SYSTEM INTERFACE "${PROTOZERO_INCLUDE_DIR}" "${OPENCV_INCLUDE_DIR}")
target_link_libraries(assemble::base_dependencies
                      INTERFACE Threads::Threads JPEG::JPEG PNG::PNG PkgConfig::WEBP PkgConfig::ISAL PkgConfig::MD PkgConfig::HWY
                                PkgConfig::ARCHIVES
                                leveldb::leveldb nlohmann_json::nlohmann_json "${PUGIXML_LIBRARY}"
                                "${UTF8PROC_LIBRARY}" "${OPENCV_IMGPROC_LIBRARY}" "${OPENCV_CORE_LIBRARY}")

if(ASSEMBLE_OPENVINO)
  include("${CMAKE_CURRENT_LIST_DIR}/AssembleOpenvino.cmake")
endif()
if(ASSEMBLE_TORCH)
  include("${CMAKE_CURRENT_LIST_DIR}/AssembleTorch.cmake")
endif()
