/* run_exact INPUTS OUTPUTS: runs the model that it is linked to, with every tensor and the arena in memory of its own of
 * exactly the size that the model tells, so that a sanitizer sees each access beyond. Before the run, all that the model
 * has to write is full of NaN. The files are those of run_model.h in tests/cross. Exits with the status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "onnxc_runtime.h"

const onnxc_model *MODEL_QUERY(uint32_t abi_version);

#ifndef HAS_HEAP
static onnxc_status onnxc_heap_create_nothing(onnxc_heap **heap) {
  *heap = NULL;
  return ONNXC_OK;
}
#define onnxc_heap_create onnxc_heap_create_nothing
#define onnxc_heap_destroy(heap) (void)(heap)
#endif

static void check(int good, const char *text) {
  if (good) return;
  fprintf(stderr, "%s\n", text);
  exit(100);
}

static void *allocate(size_t size) {
  void *memory = NULL;
  check(posix_memalign(&memory, ONNXC_ALIGNMENT, size) == 0, "no memory");
  memset(memory, 0xFF, size);
  return memory;
}

static int64_t read_word(FILE *file) {
  int64_t word;
  check(fread(&word, 8, 1, file) == 1, "the file of inputs is too short");
  return word;
}

static size_t bytes_of(const onnxc_tensor_info *info, const int64_t *shape) {
  size_t size = (info->dtype.bits + 7u) / 8u;
  for (int32_t axis = 0; axis < info->ndim; ++axis) size *= (size_t)shape[axis];
  return size;
}

int main(int argc, char **argv) {
  check(argc == 3, "usage: run_exact INPUTS OUTPUTS");
  const onnxc_model *model = MODEL_QUERY(ONNXC_ABI_VERSION);
  check(model != NULL, "the model does not know this version of the interface");
  FILE *file = fopen(argv[1], "rb");
  check(file != NULL && read_word(file) == model->num_inputs, "the model has other inputs");

  const void *inputs[64];
  void *outputs[64];
  static onnxc_value values[64];
  int64_t symbols[16] = {0}, shapes[256];
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    const onnxc_tensor_info *info = &model->inputs[i];
    check(read_word(file) == ONNXC_TENSOR, "an input that is no tensor");
    check(read_word(file) == info->dtype.code && read_word(file) == info->dtype.bits, "an input of another type");
    check(read_word(file) == info->ndim, "an input of another rank");
    for (int32_t axis = 0; axis < info->ndim; ++axis) {
      const int64_t size = read_word(file), dimension = info->shape[axis];
      if (dimension < 0) symbols[-1 - dimension] = size;
    }
    const size_t size = (size_t)read_word(file);
    void *data = allocate(size);
    char padding[8];
    check(size == 0 || fread(data, size, 1, file) == 1, "the file of inputs is too short");
    check((size + 7) / 8 * 8 == size || fread(padding, (size + 7) / 8 * 8 - size, 1, file) == 1, "no padding");
    inputs[i] = data;
  }
  fclose(file);

  const size_t arena_size = model->arena_size(symbols);
  check(arena_size != SIZE_MAX, "the model cannot run with these sizes");
  model->output_shapes(symbols, shapes);
  const int64_t *shape = shapes;
  for (int32_t i = 0; i < model->num_outputs; shape += model->outputs[i++].ndim) {
    const int is_value = model->outputs[i].form == ONNXC_VALUE;
    outputs[i] = is_value ? (void *)&values[i] : allocate(bytes_of(&model->outputs[i], shape));
  }
  onnxc_context context;
  memset(&context, 0, sizeof context);
  context.arena_size = arena_size;
  context.arena = allocate(arena_size);
  check(onnxc_heap_create(&context.heap) == ONNXC_OK, "no heap");
  onnxc_status status = model->run(inputs, outputs, symbols, &context);
  if (status == ONNXC_OK && model->needs_heap) status = model->run(inputs, outputs, symbols, &context); /* once more */
  if (status != ONNXC_OK) _exit(status); /* what the program has allocated is no leak of the model */

  file = fopen(argv[2], "wb");
  check(file != NULL, "cannot write");
  const int64_t count = model->num_outputs;
  fwrite(&count, 8, 1, file);
  shape = shapes;
  for (int32_t i = 0; i < model->num_outputs; shape += model->outputs[i++].ndim) {
    const onnxc_tensor_info *info = &model->outputs[i];
    const int is_value = info->form == ONNXC_VALUE;
    const int64_t *own = is_value ? values[i].shape : shape;
    const size_t size = bytes_of(info, own);
    const int64_t head[4] = {ONNXC_TENSOR, info->dtype.code, info->dtype.bits, info->ndim}, bytes = (int64_t)size;
    static const char zeros[8];
    fwrite(head, 8, 4, file);
    if (info->ndim > 0) fwrite(own, 8, (size_t)info->ndim, file);
    fwrite(&bytes, 8, 1, file);
    if (size > 0) fwrite(is_value ? values[i].data : outputs[i], 1, size, file);
    fwrite(zeros, 1, (size + 7) / 8 * 8 - size, file);
    if (!is_value) free(outputs[i]);
  }
  onnxc_heap_destroy(context.heap);
  free(context.arena);
  for (int32_t i = 0; i < model->num_inputs; ++i) free((void *)(uintptr_t)inputs[i]);
  check(fclose(file) == 0, "cannot write");
  return ONNXC_OK;
}
