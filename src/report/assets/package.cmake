# cmake -S examples -B build -DCMAKE_PREFIX_PATH=DIR && cmake --build build, where DIR is what assemble is installed in.
# The one in C also with pkg-config: cc -o classify examples/classify.c $(pkg-config --cflags --libs assemble)
cmake_minimum_required(VERSION 3.25)
project(examples LANGUAGES C CXX)

find_package(assemble REQUIRED COMPONENTS runtime)
add_executable(classify classify.c)
target_link_libraries(classify PRIVATE assemble::c)
add_executable(predict predict.cpp)
target_link_libraries(predict PRIVATE assemble::runtime)
