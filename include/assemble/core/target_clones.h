// SPDX-License-Identifier: Apache-2.0
#pragma once

/// Before a function: the compiler makes a version of it for each of the targets named, such as "avx2" and "default",
/// and the program takes the best that the processor runs. One version elsewhere than on x86-64 with GCC, and under
/// sanitizers, which cannot run in the function that picks, as it comes before everything else in a program.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)
#define ASSEMBLE_TARGET_CLONES(...) __attribute__((target_clones(__VA_ARGS__)))
#else
#define ASSEMBLE_TARGET_CLONES(...)
#endif
