# assemble_race_tests: what starts threads, under the thread sanitizer. These sources and their tests are compiled once
# more and come before the library's own objects; what they call, LibTorch among it, stays as it is, which costs two
# minutes to build instead of the library's time over again. The preset base-tsan sanitizes all of what it builds.
# Run it with TSAN_OPTIONS=suppressions=tests/tsan.supp.
set(race_sources "")
foreach(room core data/load data/sources data/derived deploy/engines train)
  file(GLOB found CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/src/${room}/*.cpp")
  list(APPEND race_sources ${found})
endforeach()
if(NOT ASSEMBLE_OPENVINO)
  list(FILTER race_sources EXCLUDE REGEX "/engines/openvino[a-z_]*\\.cpp$")
endif()

add_executable(assemble_race_tests EXCLUDE_FROM_ALL
               ${race_sources} core/thread_pool_test.cpp core/log_test.cpp data/loader_test.cpp
               data/corrupted_dataset_test.cpp data/zip_dataset_test.cpp deploy/engine_test.cpp
               deploy/in_flight_test.cpp eval/predict_test.cpp train/trainer_test.cpp train/trainer_resume_test.cpp)
target_compile_options(assemble_race_tests PRIVATE -fsanitize=thread -fno-omit-frame-pointer -g1 -O1
                                                   -ffp-contract=off)
target_link_options(assemble_race_tests PRIVATE -fsanitize=thread)
foreach(room core image data deploy train)
  target_include_directories(assemble_race_tests PRIVATE "${PROJECT_SOURCE_DIR}/src/${room}")
endforeach()
target_include_directories(assemble_race_tests SYSTEM PRIVATE "${TOMLPLUSPLUS_INCLUDE_DIR}" "${XXHASH_INCLUDE_DIR}")
target_link_libraries(assemble_race_tests PRIVATE assemble assemble_settings assemble_test_support)
