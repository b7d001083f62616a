/* Runs for callers whose tensors are objects of another language: see onnxc_call. */
#include "onnxc_runtime.h"

onnxc_status onnxc_run_call(const onnxc_call *call) {
  const onnxc_model *const model = call->model;
  const uintptr_t *object = call->objects;
  /* The counts are the compiler's constants, never a caller's number; one more, since an array has no length 0. */
  const void *inputs[model->num_inputs + 1];
  void *outputs[model->num_outputs + 1];
  for (int32_t i = 0; i < model->num_inputs; ++i) inputs[i] = *(void *const *)(*object++ + call->offset);
  for (int32_t i = 0; i < model->num_outputs; ++i) outputs[i] = *(void *const *)(*object++ + call->offset);
  return model->run(inputs, outputs, call->symbols, call->context);
}
