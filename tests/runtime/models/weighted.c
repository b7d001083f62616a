/* y (4,) = x (4,) + w, with w outside of the library. */
#include "onnxc_runtime.h"

static const int64_t shape[] = {4};
static const onnxc_tensor_info inputs[] = {{"x", {kDLFloat, 32, 1}, 1, shape, ONNXC_TENSOR}};
static const onnxc_tensor_info outputs[] = {{"y", {kDLFloat, 32, 1}, 1, shape, ONNXC_TENSOR}};

static size_t arena_size(const int64_t *values) {
  (void)values;
  return 0;
}

static void output_shapes(const int64_t *values, int64_t *shapes) {
  (void)values;
  shapes[0] = 4;
}

static onnxc_status run(const void *const *in, void *const *out, const int64_t *values, const onnxc_context *context) {
  (void)values;
  const float *x = in[0], *w = (const float *)((const char *)context->weights + 64); /* after the hash */
  float *y = out[0];
  for (int i = 0; i < 4; ++i) y[i] = x[i] + w[i];
  return ONNXC_OK;
}

const onnxc_model weighted_model = {
    .abi_version = ONNXC_ABI_VERSION,
    .struct_size = sizeof(onnxc_model),
    .name = "weighted",
    .hash = "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
    .target = "test-target",
    .cpu_features = "",
    .num_inputs = 1,
    .num_outputs = 1,
    .inputs = inputs,
    .outputs = outputs,
    .weights_size = 64 + 4 * sizeof(float),
    .weights_external = 1,
    .arena_size = arena_size,
    .output_shapes = output_shapes,
    .run = run,
};

#ifndef FIXTURE_NO_QUERY
const onnxc_model *onnxc_query(uint32_t abi_version) {
  return abi_version == ONNXC_ABI_VERSION ? &weighted_model : NULL;
}
#endif
