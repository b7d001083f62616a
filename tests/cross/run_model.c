#include "run_model.h"

#include <string.h>

/* Only models that need them have these. */
#pragma weak onnxc_heap_create
#pragma weak onnxc_text_create

static int is_string(DLDataType type) { return type.code == kDLOpaqueHandle; }

static int64_t elements_of(int32_t ndim, const int64_t *shape) {
  int64_t count = 1;
  for (int32_t axis = 0; axis < ndim; ++axis) count *= shape[axis];
  return count;
}

static size_t bytes_of(DLDataType type, int32_t ndim, const int64_t *shape) {
  return ((size_t)elements_of(ndim, shape) * type.bits + 7u) / 8u;
}

/* How many dimensions output_shapes gives for an output: those of sequences and optional values stand in themselves. */
static size_t dimensions_of(const onnxc_tensor_info *info) {
  return info->form == ONNXC_TENSOR || info->form == ONNXC_VALUE ? (size_t)info->ndim : 0;
}

/* ------------------------------------------------------------------------------------------------ reading */

/* The elements at a place of a file, which holds the sizes of strings before their bytes. */
static const void *read_elements(DLDataType type, int64_t count, const int64_t *word) {
  if (!is_string(type)) return word;
  onnxc_string *strings = allocate(((size_t)count + 1) * sizeof(*strings));
  const char *bytes = (const char *)(word + count);
  for (int64_t i = 0; i < count; bytes += word[i++]) {
    strings[i].data = bytes;
    strings[i].size = word[i];
  }
  return strings;
}

static const int64_t *read_tensor(const int64_t *word, DLTensor *tensor) {
  memset(tensor, 0, sizeof(*tensor));
  tensor->dtype.code = (uint8_t)*word++;
  tensor->dtype.bits = (uint8_t)*word++;
  tensor->dtype.lanes = 1;
  tensor->device.device_type = kDLCPU;
  tensor->ndim = (int32_t)*word++;
  tensor->shape = (int64_t *)(uintptr_t)word;
  word += tensor->ndim;
  const int64_t size = *word++;
  const int64_t count = elements_of(tensor->ndim, tensor->shape);
  tensor->data = (void *)(uintptr_t)read_elements(tensor->dtype, count, word);
  return word + (size + 7) / 8;
}

/* What an input is that is no tensor: see onnxc_value. */
static const int64_t *read_value(const int64_t *word, onnxc_value *value) {
  memset(value, 0, sizeof(*value));
  value->form = (int32_t)*word++;
  if (value->form == ONNXC_SEQUENCE) {
    value->count = *word++;
    onnxc_value *items = allocate(((size_t)value->count + 1) * sizeof(*items));
    for (int64_t i = 0; i < value->count; ++i) word = read_value(word, &items[i]);
    value->items = items;
  } else if (value->form != ONNXC_NONE) {
    DLTensor tensor;
    word = read_tensor(word, &tensor);
    value->form = ONNXC_VALUE;
    value->ndim = tensor.ndim;
    value->data = tensor.data;
    for (int32_t axis = 0; axis < tensor.ndim; ++axis) value->shape[axis] = tensor.shape[axis];
  }
  return word;
}

/* ------------------------------------------------------------------------------------------------ writing */

/* A file that is being written; without memory it is only measured. */
typedef struct {
  int64_t *words;
  size_t used;
} writer;

static void put(writer *file, int64_t word) {
  if (file->words != NULL) file->words[file->used] = word;
  ++file->used;
}

static void put_bytes(writer *file, size_t at, const void *data, size_t size) {
  if (file->words != NULL && size > 0) memcpy((char *)file->words + at, data, size);
}

static void write_tensor(writer *file, DLDataType type, int32_t ndim, const int64_t *shape, const void *data) {
  put(file, ONNXC_TENSOR);
  put(file, type.code);
  put(file, type.bits);
  put(file, ndim);
  for (int32_t axis = 0; axis < ndim; ++axis) put(file, shape[axis]);
  const int64_t count = elements_of(ndim, shape);
  size_t size = bytes_of(type, ndim, shape);
  const onnxc_string *strings = is_string(type) ? data : NULL;
  if (strings != NULL || is_string(type)) {
    size = 8u * (size_t)count;
    for (int64_t i = 0; i < count; ++i) size += (size_t)strings[i].size;
  }
  put(file, (int64_t)size);
  size_t at = 8u * file->used;
  if (is_string(type)) {
    for (int64_t i = 0; i < count; ++i, at += 8u) put_bytes(file, at, &strings[i].size, 8);
    for (int64_t i = 0; i < count; at += (size_t)strings[i++].size) {
      put_bytes(file, at, strings[i].data, (size_t)strings[i].size);
    }
  } else {
    put_bytes(file, at, data, size);
  }
  file->used += (size + 7u) / 8u;
}

static void write_value(writer *file, DLDataType type, const onnxc_value *value) {
  if (value->form == ONNXC_VALUE) {
    write_tensor(file, type, value->ndim, value->shape, value->data);
    return;
  }
  put(file, value->form);
  if (value->form != ONNXC_SEQUENCE) return;
  put(file, value->count);
  for (int64_t i = 0; i < value->count; ++i) write_value(file, type, &value->items[i]);
}

static void write_outputs(writer *file, const onnxc_model *model, void *const *outputs, const int64_t *shape) {
  put(file, model->num_outputs);
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    const onnxc_tensor_info *info = &model->outputs[i];
    if (info->form == ONNXC_TENSOR) {
      write_tensor(file, info->dtype, info->ndim, shape, outputs[i]);
    } else {
      onnxc_value value = *(const onnxc_value *)outputs[i];
      if (info->form == ONNXC_VALUE) {
        value.form = ONNXC_VALUE;
        value.ndim = info->ndim;
      }
      write_value(file, info->dtype, &value);
    }
    shape += dimensions_of(info);
  }
}

/* ------------------------------------------------------------------------------------------------ the run */

/* Values of the symbols from the shapes of tensors, where there are inputs that onnxc_bind does not take. */
static void bind(const onnxc_model *model, const DLTensor *tensors, int64_t *symbols) {
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    if (model->inputs[i].form != ONNXC_TENSOR) continue;
    for (int32_t axis = 0; axis < model->inputs[i].ndim; ++axis) {
      const int64_t expected = model->inputs[i].shape[axis];
      if (expected < 0) symbols[-1 - expected] = tensors[i].shape[axis];
    }
  }
}

onnxc_status run_model(const onnxc_model *model, const char *inputs_path, const char *outputs_path, const void *weights,
                       size_t weights_size, const onnxc_parallel *parallel) {
  if (model == NULL) fail("the library does not know this version of the interface\n");
  onnxc_status status = onnxc_check_machine(model);
  if (status != ONNXC_OK) return status;

  size_t size;
  const int64_t *word = read_file(inputs_path, &size);
  if (*word++ != model->num_inputs) return ONNXC_ERROR_ARGUMENT;
  const size_t inputs = (size_t)model->num_inputs, outputs = (size_t)model->num_outputs;
  DLTensor *tensors = allocate((inputs + outputs + 1) * sizeof(*tensors));
  onnxc_value *values = allocate((inputs + outputs + 1) * sizeof(*values));
  const DLTensor **pointers = allocate((inputs + outputs + 1) * sizeof(*pointers));
  const void **given = allocate((inputs + 1) * sizeof(*given));
  void **made = allocate((outputs + 1) * sizeof(*made));
  int plain = 1;
  for (size_t i = 0; i < inputs + outputs; ++i) pointers[i] = &tensors[i];
  for (size_t i = 0; i < inputs; ++i) {
    if (model->inputs[i].form != ONNXC_TENSOR) {
      plain = 0;
      word = read_value(word, &values[i]);
      given[i] = &values[i];
      continue;
    }
    if (*word++ != ONNXC_TENSOR) return ONNXC_ERROR_ARGUMENT;
    word = read_tensor(word, &tensors[i]);
    given[i] = tensors[i].data;
  }

  size_t dimensions = 0;
  for (size_t i = 0; i < outputs; ++i) dimensions += dimensions_of(&model->outputs[i]);
  int64_t *symbols = allocate(((size_t)model->num_symbols + 1) * sizeof(*symbols));
  int64_t *shapes = allocate((dimensions + 1) * sizeof(*shapes));
  if (plain) {
    status = onnxc_bind(model, pointers, symbols);
    if (status != ONNXC_OK) return status;
  } else {
    bind(model, tensors, symbols);
  }
  model->output_shapes(symbols, shapes);
  const int64_t *shape = shapes;
  for (size_t i = 0; i < outputs; ++i) {
    const onnxc_tensor_info *info = &model->outputs[i];
    if (info->form == ONNXC_TENSOR) {
      for (int32_t axis = 0; axis < info->ndim; ++axis) {
        if (shape[axis] < 0) return ONNXC_ERROR_SHAPE;
      }
      made[i] = allocate(bytes_of(info->dtype, info->ndim, shape));
      const DLTensor output = {
          .data = made[i], .device = {kDLCPU, 0}, .ndim = info->ndim, .dtype = info->dtype,
          .shape = (int64_t *)(uintptr_t)shape,
      };
      tensors[inputs + i] = output;
    } else {
      plain = 0;
      made[i] = &values[inputs + i];
    }
    shape += dimensions_of(info);
  }

  onnxc_context context = {.weights = weights, .weights_size = weights_size, .parallel = parallel};
  context.arena_size = model->arena_size(symbols);
  if (context.arena_size == SIZE_MAX) return ONNXC_ERROR_SHAPE;
  context.arena = allocate(context.arena_size);
  if (model->needs_heap) status = onnxc_heap_create(&context.heap);
  if (model->makes_text && status == ONNXC_OK) status = onnxc_text_create(&context.text);
  if (status != ONNXC_OK) return status;
  /* onnxc_run checks all that it is given, and takes tensors alone. */
  status = plain ? onnxc_run(model, pointers, pointers + inputs, &context, symbols, shapes)
                 : model->run(given, made, symbols, &context);
  if (status != ONNXC_OK) return status;

  writer file = {NULL, 0};
  write_outputs(&file, model, made, shapes);
  size = 8u * file.used;
  file.words = allocate(size);
  memset(file.words, 0, size);
  file.used = 0;
  write_outputs(&file, model, made, shapes);
  write_file(outputs_path, file.words, size);
  return ONNXC_OK;
}
