# assemble_race_tests: what starts threads, under the thread sanitizer. These sources and their tests are compiled once
# more and come before the library's own objects; what they call, LibTorch among it, stays as it is, which costs two
# minutes to build instead of the library's time over again. The preset base-tsan sanitizes all of what it builds.
# scripts/races.sh runs it.
set(race_sources "")
foreach(room core data/load data/sources data/derived deploy/engines)
  file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${room}/*.cpp")
  list(APPEND race_sources ${found})
endforeach()
if(NOT ASSEMBLE_OPENVINO)
  list(FILTER race_sources EXCLUDE REGEX "/engines/openvino[a-z_]*\\.cpp$")
endif()

function(assemble_watch_races target)
  # To GCC, what is optional looks uninitialised once the sanitizer's code is in it.
  target_compile_options(${target} PRIVATE -fsanitize=thread -fno-omit-frame-pointer -g1 -O1 -ffp-contract=off
                                           $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  foreach(room core image data deploy train)
    target_include_directories(${target} PRIVATE "${PROJECT_SOURCE_DIR}/src/${room}")
  endforeach()
  target_include_directories(${target} SYSTEM PRIVATE "${TOMLPLUSPLUS_INCLUDE_DIR}" "${XXHASH_INCLUDE_DIR}")
  target_link_libraries(${target} PRIVATE assemble assemble_settings)
endfunction()

# As the rooms are built: those with LibTorch with a precompiled header, several sources of a folder at a time.
add_library(assemble_race_objects OBJECT EXCLUDE_FROM_ALL ${race_sources})
assemble_watch_races(assemble_race_objects)
assemble_compile_together(assemble_race_objects 6 ${race_sources})
file(GLOB train_sources CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/train/*.cpp")
add_library(assemble_race_train OBJECT EXCLUDE_FROM_ALL ${train_sources} train/trainer_test.cpp
            train/trainer_resume_test.cpp)
assemble_watch_races(assemble_race_train)
target_link_libraries(assemble_race_train PRIVATE assemble_test_support)
target_precompile_headers(assemble_race_train PRIVATE ${torch_headers})
assemble_compile_together(assemble_race_train 6 ${train_sources})

add_executable(assemble_race_tests EXCLUDE_FROM_ALL
               $<TARGET_OBJECTS:assemble_race_objects> $<TARGET_OBJECTS:assemble_race_train>
               core/thread_pool_test.cpp core/log_test.cpp data/loader_test.cpp data/corrupted_dataset_test.cpp
               data/zip_dataset_test.cpp deploy/engine_test.cpp deploy/in_flight_test.cpp eval/predict_test.cpp)
assemble_watch_races(assemble_race_tests)
target_precompile_headers(assemble_race_tests PRIVATE ${test_headers})
target_link_options(assemble_race_tests PRIVATE -fsanitize=thread)
target_link_libraries(assemble_race_tests PRIVATE assemble_test_support)
