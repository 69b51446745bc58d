# Image formats whose libraries need not be there. Of each its headers alone are used: it is loaded with the first image
# of the format, since libheif alone brings ten more.
#
# assemble_optional_format(NAME HEADER LIBRARY SOURCE)
function(assemble_optional_format name header library source)
  find_path(ASSEMBLE_${name}_INCLUDE_DIR "${header}")
  find_library(ASSEMBLE_${name}_LIBRARY "${library}")
  mark_as_advanced(ASSEMBLE_${name}_INCLUDE_DIR ASSEMBLE_${name}_LIBRARY)
  # The name by which programs load it, and Debian's package after it: libtiff.so.6 of libtiff6.
  get_filename_component(file "${ASSEMBLE_${name}_LIBRARY}" REALPATH)
  string(REGEX MATCH "lib[a-z]+[.]so[.][0-9]+" loaded "${file}")
  if(NOT ASSEMBLE_FORMATS OR NOT ASSEMBLE_${name}_INCLUDE_DIR OR NOT loaded)
    set_source_files_properties("${PROJECT_SOURCE_DIR}/${source}" PROPERTIES HEADER_FILE_ONLY ON)
    message(STATUS "Images: no ${name} (lib${library} is not used)")
    return()
  endif()
  string(REPLACE ".so." "" package "${loaded}")
  target_include_directories(assemble_image SYSTEM PRIVATE "${ASSEMBLE_${name}_INCLUDE_DIR}")
  target_compile_definitions(assemble_image PRIVATE ASSEMBLE_${name}="${loaded}" ASSEMBLE_${name}_PACKAGE="${package}")
endfunction()

assemble_optional_format(GIF gif_lib.h gif src/image/codec/gif_reader.cpp)
assemble_optional_format(HEIF libheif/heif.h heif src/image/codec/heif_reader.cpp)
# Limits to what a file may make it allocate came with 4.5.
pkg_check_modules(LIBTIFF QUIET libtiff-4>=4.5)
if(LIBTIFF_FOUND)
  assemble_optional_format(TIFF tiffio.h tiff src/image/codec/tiff_reader.cpp)
else()
  set_source_files_properties(src/image/codec/tiff_reader.cpp PROPERTIES HEADER_FILE_ONLY ON)
  message(STATUS "Images: no TIFF (libtiff 4.5 is not there)")
endif()
