// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C"
#endif
    /// Label of the most probable class; below 0 on an error.
    int64_t
    c11_best_label(const char* model_path, const void* encoded, size_t size);
