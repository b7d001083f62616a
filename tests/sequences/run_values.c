/* run_values INPUTS OUTPUTS: runs the model that it is linked to, twice with one heap, on tensors, sequences and optional
 * values, each in memory of its own of the exact size. Files are words of 64 bits: for each value its form, of a sequence
 * how many tensors follow, and of each tensor the rank, the dimensions, the bytes and then these, filled up to a word.
 * Exits with the status.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "onnxc_runtime.h"

const onnxc_model *MODEL_QUERY(uint32_t abi_version);

#ifndef HAS_HEAP
#define onnxc_heap_create(heap) (*(heap) = NULL, ONNXC_OK)
#define onnxc_heap_destroy(heap) (void)(heap)
#endif

static void check(int good, const char *text) {
  if (good) return;
  fprintf(stderr, "%s\n", text);
  exit(100);
}

static void *allocate(size_t size) {
  void *memory = NULL;
  check(posix_memalign(&memory, ONNXC_ALIGNMENT, size + (size == 0)) == 0, "no memory");
  memset(memory, 0xFF, size);
  return memory;
}

static int64_t read_word(FILE *file) {
  int64_t word;
  check(fread(&word, 8, 1, file) == 1, "the file of inputs is too short");
  return word;
}

static void write_word(FILE *file, int64_t word) { check(fwrite(&word, 8, 1, file) == 1, "cannot write"); }

static void read_tensor(FILE *file, onnxc_value *value) {
  memset(value, 0, sizeof(*value));
  value->form = ONNXC_VALUE;
  value->ndim = (int32_t)read_word(file);
  for (int32_t axis = 0; axis < value->ndim; ++axis) value->shape[axis] = read_word(file);
  const size_t size = (size_t)read_word(file);
  char padding[8];
  void *data = allocate(size);
  check(size == 0 || fread(data, size, 1, file) == 1, "the file of inputs is too short");
  check(size % 8 == 0 || fread(padding, 8 - size % 8, 1, file) == 1, "no padding");
  value->data = data;
}

static void write_tensor(FILE *file, int32_t ndim, const int64_t *shape, size_t size, const void *data) {
  static const char zeros[8];
  write_word(file, ndim);
  for (int32_t axis = 0; axis < ndim; ++axis) {
    size *= (size_t)shape[axis];
    write_word(file, shape[axis]);
  }
  write_word(file, (int64_t)size);
  check(size == 0 || fwrite(data, size, 1, file) == 1, "cannot write");
  check(size % 8 == 0 || fwrite(zeros, 8 - size % 8, 1, file) == 1, "cannot write");
}

static size_t element_size(const onnxc_tensor_info *info) { return (info->dtype.bits + 7u) / 8u; }

int main(int argc, char **argv) {
  check(argc == 3, "usage: run_values INPUTS OUTPUTS");
  const onnxc_model *model = MODEL_QUERY(ONNXC_ABI_VERSION);
  check(model != NULL, "the model does not know this version of the interface");
  FILE *file = fopen(argv[1], "rb");
  check(file != NULL && read_word(file) == model->num_inputs, "the model has other inputs");
  const void *inputs[16];
  void *outputs[16];
  static onnxc_value given[16], values[16];
  int64_t symbols[16] = {0}, shapes[64];
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    const onnxc_tensor_info *info = &model->inputs[i];
    onnxc_value *const value = &given[i];
    const int32_t form = (int32_t)read_word(file);
    if (form == ONNXC_SEQUENCE) {
      value->count = read_word(file);
      onnxc_value *const items = allocate((size_t)value->count * sizeof(*items));
      for (int64_t k = 0; k < value->count; ++k) read_tensor(file, &items[k]);
      value->items = items;
    } else if (form == ONNXC_VALUE) {
      read_tensor(file, value);
    }
    value->form = form;
    if (info->form == ONNXC_TENSOR) {
      for (int32_t axis = 0; axis < info->ndim; ++axis) {
        if (info->shape[axis] < 0) symbols[-1 - info->shape[axis]] = value->shape[axis];
      }
    }
    inputs[i] = info->form == ONNXC_TENSOR ? value->data : value;
  }
  fclose(file);

  onnxc_context context;
  memset(&context, 0, sizeof context);
  context.arena_size = model->arena_size(symbols);
  check(context.arena_size != SIZE_MAX, "the model cannot run with these sizes");
  context.arena = allocate(context.arena_size);
  model->output_shapes(symbols, shapes);
  const int64_t *shape = shapes;
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    const onnxc_tensor_info *info = &model->outputs[i];
    size_t size = element_size(info);
    for (int32_t axis = 0; info->form == ONNXC_TENSOR && axis < info->ndim; ++axis) size *= (size_t)shape[axis];
    outputs[i] = info->form == ONNXC_TENSOR ? allocate(size) : (void *)&values[i];
    if (info->form <= ONNXC_VALUE) shape += info->ndim;
  }
  check(onnxc_heap_create(&context.heap) == ONNXC_OK, "no heap");
  onnxc_status status = model->run(inputs, outputs, symbols, &context);
  if (status == ONNXC_OK) status = model->run(inputs, outputs, symbols, &context);

  file = fopen(argv[2], "wb");
  check(file != NULL, "cannot write");
  shape = shapes;
  for (int32_t i = 0; status == ONNXC_OK && i < model->num_outputs; ++i) {
    const onnxc_tensor_info *info = &model->outputs[i];
    const onnxc_value *const value = &values[i];
    const int32_t form = info->form <= ONNXC_VALUE ? ONNXC_VALUE : value->form;
    write_word(file, form);
    if (info->form == ONNXC_TENSOR) {
      write_tensor(file, info->ndim, shape, element_size(info), outputs[i]);
    } else if (form == ONNXC_VALUE) {
      write_tensor(file, value->ndim, value->shape, element_size(info), value->data);
    } else if (form == ONNXC_SEQUENCE) {
      write_word(file, value->count);
      for (int64_t k = 0; k < value->count; ++k) {
        const onnxc_value *const item = &value->items[k];
        write_tensor(file, item->ndim, item->shape, element_size(info), item->data);
      }
    }
    if (info->form <= ONNXC_VALUE) shape += info->ndim;
  }
  check(fclose(file) == 0, "cannot write");
  /* All of it, so that a leak checker sees what the runtime has lost. */
  onnxc_heap_destroy(context.heap);
  free(context.arena);
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    if (model->outputs[i].form == ONNXC_TENSOR) free(outputs[i]);
  }
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    for (int64_t k = 0; k < given[i].count; ++k) free((void *)(uintptr_t)given[i].items[k].data);
    free((void *)(uintptr_t)given[i].items);
    free((void *)(uintptr_t)given[i].data);
  }
  return status;
}
