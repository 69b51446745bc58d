# A room is a folder of src/ with its headers in include/assemble/. Each is a target, assemble_ROOM, whose sources find the
# headers of the rooms that it names alone: include/assemble/ROOM is linked into a folder of its own, which is all that the
# room's users see. So nothing includes from a later room.
#
# assemble_room(NAME [ROOMS room...] [LIBRARIES library...] [UNITY sources])
# UNITY: how many sources of a folder are compiled at a time.
function(assemble_room name)
  cmake_parse_arguments(room "" "UNITY" "ROOMS;LIBRARIES" ${ARGN})
  set(headers "${PROJECT_BINARY_DIR}/rooms/${name}")
  file(MAKE_DIRECTORY "${headers}/assemble")
  if(EXISTS "${PROJECT_SOURCE_DIR}/include/assemble/${name}")
    file(CREATE_LINK "${PROJECT_SOURCE_DIR}/include/assemble/${name}" "${headers}/assemble/${name}" SYMBOLIC)
  endif()
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${name}/*.cpp")
  add_library(assemble_${name} OBJECT ${sources})
  target_include_directories(assemble_${name} PUBLIC "${headers}" PRIVATE "${PROJECT_SOURCE_DIR}/src/${name}")
  target_link_libraries(assemble_${name} PUBLIC assemble_settings ${room_LIBRARIES})
  if(room_UNITY)
    assemble_compile_together(assemble_${name} ${room_UNITY} ${sources})
  endif()
  foreach(earlier ${room_ROOMS})
    target_link_libraries(assemble_${name} PUBLIC assemble_${earlier})
  endforeach()
endfunction()

# Compiles COUNT sources at a time. They are of one folder, so that tests/race_tests.cmake can compile a folder once more:
# an object with sources of two would then define what of the one half is there already. Highway compiles its sources
# once a processor, each alone.
function(assemble_compile_together target count)
  foreach(source ${ARGN})
    file(STRINGS "${source}" alone REGEX "HWY_TARGET_INCLUDE")
    if(NOT alone)
      get_filename_component(folder "${source}" DIRECTORY)
      string(MAKE_C_IDENTIFIER "${folder}" id)
      if(NOT DEFINED sources_of_${id})
        set(sources_of_${id} 0)
      endif()
      math(EXPR part "${sources_of_${id}} / ${count}")
      math(EXPR sources_of_${id} "${sources_of_${id}} + 1")
      set_source_files_properties("${source}" PROPERTIES UNITY_GROUP "${id}_${part}")
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES UNITY_BUILD ${ASSEMBLE_UNITY} UNITY_BUILD_MODE GROUP)
  # It takes what a unity includes for headers.
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-subobject-linkage>)
endfunction()

# Libraries that are shipped: the objects of some rooms, with the headers in include/.
# assemble_library(NAME ROOMS room... [LIBRARIES library...])
function(assemble_library name)
  cmake_parse_arguments(library "" "" "ROOMS;LIBRARIES" ${ARGN})
  set(objects "")
  foreach(room ${library_ROOMS})
    list(APPEND objects $<TARGET_OBJECTS:assemble_${room}>)
  endforeach()
  add_library(${name} STATIC ${objects})
  target_link_libraries(${name} PRIVATE $<BUILD_INTERFACE:assemble_settings> PUBLIC ${library_LIBRARIES})
  target_include_directories(${name} PUBLIC $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
                                            $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${name} PUBLIC cxx_std_20)
endfunction()
