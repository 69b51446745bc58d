// SPDX-License-Identifier: Apache-2.0
// The header is C, and this is how a C program calls it. Compiled as strict C11; run by assemble_test.cpp.
#include "c11_check.h"

#include "assemble/capi/assemble.h"

int64_t c11_best_label(const char* model_path, const void* encoded, size_t size) {
  assemble_options options;
  if (assemble_options_init(&options, sizeof(options)) != ASSEMBLE_OK) return -2;
  options.threads = 1;
  assemble_model* model = NULL;
  if (assemble_model_open(model_path, &options, &model) != ASSEMBLE_OK) return -3;
  const assemble_image image = {.data = encoded, .size = size};
  assemble_class best;
  const assemble_status status = assemble_classify(model, &image, 1, &best, NULL);
  assemble_model_free(model);
  return status == ASSEMBLE_OK ? best.label : -4;
}
