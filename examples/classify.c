// SPDX-License-Identifier: Apache-2.0
// classify MODEL IMAGE...: prints the five most probable classes of each image.
#include <assemble/capi/assemble.h>
#include <stdio.h>
#include <stdlib.h>

enum { kTop = 5 };

/// The bytes of a file, to be freed; NULL when it cannot be read.
static void* read_whole(const char* path, size_t* size) {
  FILE* file = fopen(path, "rb");
  if (file == NULL) return NULL;
  size_t capacity = 1 << 16, used = 0, got = 0;
  char* bytes = malloc(capacity);
  while (bytes != NULL && (got = fread(bytes + used, 1, capacity - used, file)) > 0) {
    used += got;
    if (used < capacity) continue;
    char* larger = realloc(bytes, capacity *= 2);
    if (larger == NULL) free(bytes);
    bytes = larger;
  }
  if (ferror(file)) {
    free(bytes);
    bytes = NULL;
  }
  fclose(file);
  *size = used;
  return bytes;
}

static assemble_status classify_file(assemble_model* model, const char* path) {
  assemble_image image = {0};
  void* bytes = read_whole(path, &image.size);
  if (bytes == NULL) {
    perror(path);
    return ASSEMBLE_BAD_INPUT;
  }
  image.data = bytes;
  assemble_class classes[kTop];
  size_t count = 0;
  const assemble_status status = assemble_classify(model, &image, kTop, classes, &count);
  free(bytes);
  if (status != ASSEMBLE_OK) fprintf(stderr, "%s: %s\n", path, assemble_last_error());
  for (size_t k = 0; k < count; ++k) printf("%s\t%.4f\t%s\n", path, classes[k].probability, classes[k].name);
  return status;
}

int main(int argc, char** argv) {
  if (argc < 3) {
    fprintf(stderr, "usage: %s MODEL IMAGE...\n", argv[0]);
    return ASSEMBLE_USAGE_ERROR;
  }
  assemble_model* model = NULL;
  assemble_status status = assemble_model_open(argv[1], NULL, &model);
  if (status != ASSEMBLE_OK) {
    fprintf(stderr, "%s\n", assemble_last_error());
    return status;
  }
  fprintf(stderr, "%s: %lld classes, %s\n", assemble_model_arch(model), (long long)assemble_model_class_count(model),
          assemble_model_description(model));
  for (int i = 2; i < argc; ++i) {
    const assemble_status one = classify_file(model, argv[i]);
    if (one != ASSEMBLE_OK) status = one;
  }
  assemble_model_free(model);
  return status;
}
