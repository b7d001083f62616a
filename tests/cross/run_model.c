#include "run_model.h"

#include <string.h>

static const int64_t *read_tensor(const int64_t *word, DLTensor *tensor) {
  memset(tensor, 0, sizeof(*tensor));
  tensor->dtype.code = (uint8_t)*word++;
  tensor->dtype.bits = (uint8_t)*word++;
  tensor->dtype.lanes = 1;
  tensor->device.device_type = kDLCPU;
  tensor->ndim = (int32_t)*word++;
  tensor->shape = (int64_t *)word;
  word += tensor->ndim;
  const int64_t size = *word++;
  tensor->data = (void *)word;
  return word + (size + 7) / 8;
}

static size_t bytes_of(const onnxc_tensor_info *info, const int64_t *shape) {
  size_t bits = info->dtype.bits;
  for (int32_t axis = 0; axis < info->ndim; ++axis) bits *= (size_t)shape[axis];
  return (bits + 7u) / 8u;
}

/* Room for all outputs in the form of a tensor file, with its descriptors pointing into it. */
static int64_t *prepare_outputs(const onnxc_model *model, const int64_t *shapes, DLTensor *tensors, size_t *size) {
  *size = 8;
  const int64_t *shape = shapes;
  for (int32_t i = 0; i < model->num_outputs; shape += model->outputs[i++].ndim) {
    *size += 8u * (4u + (size_t)model->outputs[i].ndim) + (bytes_of(&model->outputs[i], shape) + 7u) / 8u * 8u;
  }
  int64_t *file = allocate(*size), *word = file;
  memset(file, 0, *size);
  *word++ = model->num_outputs;
  shape = shapes;
  for (int32_t i = 0; i < model->num_outputs; shape += model->outputs[i++].ndim) {
    const onnxc_tensor_info *info = &model->outputs[i];
    int64_t *begin = word;
    *word++ = info->dtype.code;
    *word++ = info->dtype.bits;
    *word++ = info->ndim;
    for (int32_t axis = 0; axis < info->ndim; ++axis) *word++ = shape[axis];
    *word++ = (int64_t)bytes_of(info, shape);
    word = (int64_t *)read_tensor(begin, &tensors[i]);
  }
  return file;
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
  DLTensor *tensors = allocate((inputs + outputs) * sizeof(*tensors));
  const DLTensor **pointers = allocate((inputs + outputs) * sizeof(*pointers));
  for (size_t i = 0; i < inputs + outputs; ++i) pointers[i] = &tensors[i];
  for (size_t i = 0; i < inputs; ++i) word = read_tensor(word, &tensors[i]);

  size_t dimensions = 0;
  for (size_t i = 0; i < outputs; ++i) dimensions += (size_t)model->outputs[i].ndim;
  int64_t *symbols = allocate(((size_t)model->num_symbols + 1) * sizeof(*symbols));
  int64_t *shapes = allocate((dimensions + 1) * sizeof(*shapes));
  status = onnxc_bind(model, pointers, symbols);
  if (status != ONNXC_OK) return status;
  model->output_shapes(symbols, shapes);
  for (size_t i = 0; i < dimensions; ++i) {
    if (shapes[i] < 0) return ONNXC_ERROR_SHAPE;
  }
  const void *file = prepare_outputs(model, shapes, tensors + inputs, &size);

  onnxc_context context = {.weights = weights, .weights_size = weights_size, .parallel = parallel};
  context.arena_size = model->arena_size(symbols);
  context.arena = allocate(context.arena_size);
  status = onnxc_run(model, pointers, pointers + inputs, &context, symbols, shapes);
  if (status == ONNXC_OK) write_file(outputs_path, file, size);
  return status;
}
