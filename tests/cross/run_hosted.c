/* run_hosted INPUTS OUTPUTS THREADS [WEIGHTS]: runs the model that it is linked to. Exits with the status. */
#include <stdio.h>
#include <stdlib.h>

#include "run_model.h"

void *allocate(size_t size) {
  const size_t rounded = (size / ONNXC_ALIGNMENT + 1) * ONNXC_ALIGNMENT;
  void *memory = rounded > size ? aligned_alloc(ONNXC_ALIGNMENT, rounded) : NULL;
  if (memory == NULL) fail("no memory\n");
  return memory;
}

void *read_file(const char *path, size_t *size) {
  FILE *file = fopen(path, "rb");
  if (file == NULL || fseek(file, 0, SEEK_END) != 0) fail("cannot read a file\n");
  *size = (size_t)ftell(file);
  rewind(file);
  void *data = allocate(*size);
  if (fread(data, 1, *size, file) != *size) fail("cannot read a file\n");
  fclose(file);
  return data;
}

void write_file(const char *path, const void *data, size_t size) {
  FILE *file = fopen(path, "wb");
  if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) fail("cannot write a file\n");
}

void fail(const char *text) {
  fputs(text, stderr);
  exit(100);
}

int main(int argc, char **argv) {
  if (argc < 4 || argc > 5) fail("usage: run_hosted INPUTS OUTPUTS THREADS [WEIGHTS]\n");
  onnxc_parallel *pool = NULL;
  const int threads = atoi(argv[3]);
  if (threads > 1 && onnxc_pool_create(threads, &pool) != ONNXC_OK) fail("no threads\n");
  size_t size = 0;
  const void *weights = argc == 5 ? read_file(argv[4], &size) : NULL;
  const onnxc_status status = run_model(MODEL_QUERY(ONNXC_ABI_VERSION), argv[1], argv[2], weights, size, pool);
  if (status != ONNXC_OK) fprintf(stderr, "%s\n", onnxc_status_text(status));
  onnxc_pool_destroy(pool);
  return status;
}
