/* A model by hand, of the form that the compiler gives them: y = f(x) * w, x of shape (N, 3), in parallel over N. */
#include <math.h>

#include "onnxc_runtime.h"

#ifndef F
#define F(x) expf(x)
#endif
#ifndef CPU_FEATURES
#define CPU_FEATURES ""
#endif

extern const uint64_t trivial_weights[];

typedef struct {
  const float *x;
  float *y;
} rows;

static onnxc_status run_rows(void *arguments, int32_t begin, int32_t end) {
  const rows *r = arguments;
  const float *w = (const void *)trivial_weights;
  for (int32_t i = 3 * begin; i < 3 * end; ++i) r->y[i] = F(r->x[i]) * w[i % 3];
  return ONNXC_OK;
}

static onnxc_status run(const void *const *inputs, void *const *outputs, const int64_t *symbols,
                        const onnxc_context *context) {
  rows arguments = {inputs[0], outputs[0]};
  return onnxc_parallel_for(context->parallel, run_rows, &arguments, (int32_t)symbols[0]);
}

static size_t arena_size(const int64_t *symbols) {
  (void)symbols;
  return 0;
}

static void output_shapes(const int64_t *symbols, int64_t *shapes) {
  shapes[0] = symbols[0];
  shapes[1] = 3;
}

static const int64_t shape[2] = {ONNXC_SYMBOL(0), 3};
static const onnxc_tensor_info input = {"x", {kDLFloat, 32, 1}, 2, shape, ONNXC_TENSOR};
static const onnxc_tensor_info output = {"y", {kDLFloat, 32, 1}, 2, shape, ONNXC_TENSOR};
static const char *const symbol_names[1] = {"N"};
static const onnxc_model model = {
    .abi_version = ONNXC_ABI_VERSION,
    .struct_size = sizeof(onnxc_model),
    .name = "trivial",
    .hash = "0000000000000000000000000000000000000000000000000000000000000000",
    .target = "",
    .cpu_features = CPU_FEATURES,
    .num_inputs = 1,
    .num_outputs = 1,
    .num_symbols = 1,
    .inputs = &input,
    .outputs = &output,
    .symbols = symbol_names,
    .weights_size = 12,
    .arena_size = arena_size,
    .output_shapes = output_shapes,
    .run = run,
};

const onnxc_model *trivial_query(uint32_t abi_version);
const onnxc_model *trivial_query(uint32_t abi_version) { return abi_version == ONNXC_ABI_VERSION ? &model : NULL; }

#ifdef SHARED
const onnxc_model *onnxc_query(uint32_t abi_version) { return trivial_query(abi_version); }
#endif
