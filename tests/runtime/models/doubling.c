/* y = 2 x on float32 (2, 3), and ways to get such a library wrong, chosen with -D. */
#include "onnxc_runtime.h"

#ifndef FIXTURE_ABI
#define FIXTURE_ABI ONNXC_ABI_VERSION
#endif
#ifndef FIXTURE_STRUCT_SIZE
#define FIXTURE_STRUCT_SIZE sizeof(onnxc_model)
#endif
#ifndef FIXTURE_FEATURES
#define FIXTURE_FEATURES ""
#endif
#ifndef FIXTURE_STATUS
#define FIXTURE_STATUS ONNXC_OK
#endif
#ifndef FIXTURE_FACTOR
#define FIXTURE_FACTOR 2
#endif
#ifndef FIXTURE_TYPE
#define FIXTURE_TYPE {kDLFloat, 32, 1}
#endif
#ifndef FIXTURE_DIMENSION
#define FIXTURE_DIMENSION 3
#endif
#ifndef FIXTURE_SYMBOLS
#define FIXTURE_SYMBOLS 0
#endif

static const int64_t shape[] = {2, FIXTURE_DIMENSION};
static const onnxc_tensor_info inputs[] = {{"x", FIXTURE_TYPE, 2, shape, ONNXC_TENSOR}};
static const onnxc_tensor_info outputs[] = {{"y", FIXTURE_TYPE, 2, shape, ONNXC_TENSOR}};
static const char *const symbols[] = {"unused"};

static size_t arena_size(const int64_t *values) {
  (void)values;
  return 0;
}

static void output_shapes(const int64_t *values, int64_t *shapes) {
  (void)values;
  shapes[0] = 2;
  shapes[1] = 3;
}

static onnxc_status run(const void *const *in, void *const *out, const int64_t *values, const onnxc_context *context) {
  (void)values;
  (void)context;
  const float *x = in[0];
  float *y = out[0];
  for (int i = 0; i < 6; ++i) y[i] = FIXTURE_FACTOR * x[i];
  return FIXTURE_STATUS;
}

const onnxc_model doubling_model = {
    .abi_version = FIXTURE_ABI,
    .struct_size = FIXTURE_STRUCT_SIZE,
    .name = "doubling",
    .hash = "4355a46b19d348dc2f57c046f8ef63d4538ebb936000f3c9ee954a27460dd865",
    .target = "test-target",
    .cpu_features = FIXTURE_FEATURES,
    .num_inputs = 1,
    .num_outputs = 1,
    .num_symbols = FIXTURE_SYMBOLS,
    .inputs = inputs,
    .outputs = outputs,
    .symbols = symbols,
    .arena_size = arena_size,
    .output_shapes = output_shapes,
    .run = run,
};

#ifndef FIXTURE_NO_QUERY
const onnxc_model *onnxc_query(uint32_t abi_version) { return abi_version == FIXTURE_ABI ? &doubling_model : NULL; }
#endif
