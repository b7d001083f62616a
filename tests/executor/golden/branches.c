/* branches, compiled by onnxc for cortex-m4. */

#include <stdbool.h>
#include <string.h>

#include "branches.h"

extern const uint64_t branches_weights[];

static inline int64_t onnxc_floor_div(int64_t a, int64_t b) {
  return b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0)); /* what is divided by 0 is of no elements */
}
static inline void onnxc_copy(void *to, const void *from, int64_t size) {
  if (size > 0) memcpy(to, from, (size_t)size);
}

/* ---- kernels: see the end ---- */

static onnxc_status call_branches_fused_add(const float *in0, const float *in1, float *out0, int32_t dim_n0);
static onnxc_status call_branches_fused_negative(const float *in0, float *out0, int32_t dim_n0);
static onnxc_status call_branches_fused_exp(const float *in0, float *out0, int32_t dim_n0);
static onnxc_status call_branches_fused_multiply(const float *in0, const float *in1, float *out0, int32_t dim_n0);
static onnxc_status call_branches_fused_subtract_inplace0(float *in0, const float *in1, int32_t dim_n0);

/* ---- the model ---- */

/* Memory: I(k) is input k, O(k) output k, A(n) byte n of the arena, W(n) byte n of the weights. */
#define I(k) (inputs[k])
#define O(k) (outputs[k])
#define IP(k, n) ((const void *)((const uint8_t *)inputs[k] + (n)))
#define OP(k, n) ((void *)((uint8_t *)outputs[k] + (n)))
#define A(n) ((void *)(arena + (n)))
#define W(n) ((const void *)(weights + (n)))
#define RUN(call) do { onnxc_status status = (call); if (status != ONNXC_OK) return status; } while (0)

static onnxc_status run(const void *const *inputs, void *const *outputs, const int64_t *symbols,
                        const onnxc_context *context) {
  uint8_t *const arena = context->arena;
  const onnxc_parallel *const parallel = context->parallel;
  const uint8_t *const weights = (const uint8_t *)branches_weights;
  (void)weights;
  (void)inputs, (void)outputs, (void)symbols, (void)arena, (void)parallel;
  const int64_t dim_N = symbols[0];
  const int64_t slot0 = 0;
  const int64_t slot1 = slot0 + INT64_C(16) * onnxc_floor_div((INT64_C(3) * dim_N + INT64_C(3)), INT64_C(4));
  if (INT64_C(3) * dim_N > 0) RUN(call_branches_fused_add(I(0), W(0), O(2), (int32_t)(dim_N))); /* a */
  if (*(const bool *)I(1)) { /* y */
    if (INT64_C(3) * dim_N > 0) RUN(call_branches_fused_negative(O(2), A(slot0), (int32_t)(dim_N))); /* ty */
    onnxc_copy(O(0), A(slot0), INT64_C(12) * dim_N); /* result of the branch */
    onnxc_copy(O(1), I(0), INT64_C(12) * dim_N); /* result of the branch */
  } else {
    if (INT64_C(3) * dim_N > 0) RUN(call_branches_fused_exp(O(2), A(slot0), (int32_t)(dim_N))); /* ey */
    if (INT64_C(3) * dim_N > 0) RUN(call_branches_fused_multiply(A(slot0), W(0), A(slot1), (int32_t)(dim_N))); /* ez */
    onnxc_copy(O(0), A(slot0), INT64_C(12) * dim_N); /* result of the branch */
    onnxc_copy(O(1), A(slot1), INT64_C(12) * dim_N); /* result of the branch */
  }
  if (INT64_C(3) * dim_N > 0) RUN(call_branches_fused_subtract_inplace0(O(2), O(0), (int32_t)(dim_N))); /* last */
  return ONNXC_OK;
}

static size_t arena_size(const int64_t *symbols) {
  const int64_t dim_N = symbols[0];
  (void)symbols;
  if (12.0 * (double)dim_N > (double)INT32_MAX || INT64_C(12) * dim_N < 0) return SIZE_MAX;
  if ((double)dim_N > (double)INT32_MAX || dim_N < 0) return SIZE_MAX;
  const int64_t slot0 = 0;
  const int64_t slot1 = slot0 + INT64_C(16) * onnxc_floor_div((INT64_C(3) * dim_N + INT64_C(3)), INT64_C(4));
  const int64_t end = slot1 + INT64_C(16) * onnxc_floor_div((INT64_C(3) * dim_N + INT64_C(3)), INT64_C(4));
  return (size_t)end;
}

static void output_shapes(const int64_t *symbols, int64_t *shapes) {
  const int64_t dim_N = symbols[0];
  (void)symbols, (void)shapes;
  shapes[0] = dim_N;
  shapes[1] = 3;
  shapes[2] = dim_N;
  shapes[3] = 3;
  shapes[4] = dim_N;
  shapes[5] = 3;
}

static const int64_t inputs_shape_0[] = {ONNXC_SYMBOL(0), 3};
static const onnxc_tensor_info inputs_info[] = {
  {"x", {kDLFloat, 32, 1}, 2, inputs_shape_0, ONNXC_TENSOR},
  {"c", {kDLBool, 8, 1}, 0, NULL, ONNXC_TENSOR},
};
static const int64_t outputs_shape_0[] = {ONNXC_SYMBOL(0), 3};
static const int64_t outputs_shape_1[] = {ONNXC_SYMBOL(0), 3};
static const int64_t outputs_shape_2[] = {ONNXC_SYMBOL(0), 3};
static const onnxc_tensor_info outputs_info[] = {
  {"y", {kDLFloat, 32, 1}, 2, outputs_shape_0, ONNXC_TENSOR},
  {"z", {kDLFloat, 32, 1}, 2, outputs_shape_1, ONNXC_TENSOR},
  {"last", {kDLFloat, 32, 1}, 2, outputs_shape_2, ONNXC_TENSOR},
};
static const char *const symbol_names[] = {"N"};

static const onnxc_model model = {
  .abi_version = ONNXC_ABI_VERSION,
  .struct_size = sizeof(onnxc_model),
  .name = "branches",
  .hash = "0000000000000000000000000000000000000000000000000000000000000000",
  .target = "cortex-m4",
  .cpu_features = "",
  .num_inputs = 2,
  .num_outputs = 3,
  .num_symbols = 1,
  .inputs = inputs_info,
  .outputs = outputs_info,
  .symbols = symbol_names,
  .weights_size = 16,
  .weights_external = 0,
  .arena_size = arena_size,
  .output_shapes = output_shapes,
  .run = run,
  .needs_heap = 0,
};

const onnxc_model *branches_query(uint32_t abi_version) {
  return abi_version == ONNXC_ABI_VERSION ? &model : NULL;
}

size_t branches_arena_size(const branches_symbols *symbols) {
  const int64_t values[] = {symbols->N};
  return arena_size(values);
}

onnxc_status branches_run(const branches_inputs *inputs, const branches_outputs *outputs,
                          const branches_symbols *symbols, void *arena, const onnxc_parallel *parallel) {
  const onnxc_context context = {.arena = arena, .weights = NULL, .parallel = parallel};
  const int64_t values[] = {symbols->N};
  if (inputs == NULL || outputs == NULL) return ONNXC_ERROR_ARGUMENT;
  if (arena == NULL) return ONNXC_ERROR_ARENA;
  const void *const in[] = {inputs->x, inputs->c};
  void *const out[] = {outputs->y, outputs->z, outputs->last};
  return run(in, out, values, &context);
}

/* ---- calls of kernels ---- */

int32_t branches_fused_add(const float *restrict in0_ptr, const float *restrict in1_ptr, float *restrict add_ptr, int32_t n0);
static onnxc_status call_branches_fused_add(const float *in0, const float *in1, float *out0, int32_t dim_n0) {
  onnxc_status status = ONNXC_OK;
  status = branches_fused_add(in0, in1, out0, dim_n0);
  if (status != ONNXC_OK) return status;
  return status;
}

int32_t branches_fused_negative(const float *restrict in0_ptr, float *restrict negative_ptr, int32_t n0);
static onnxc_status call_branches_fused_negative(const float *in0, float *out0, int32_t dim_n0) {
  onnxc_status status = ONNXC_OK;
  status = branches_fused_negative(in0, out0, dim_n0);
  if (status != ONNXC_OK) return status;
  return status;
}

int32_t branches_fused_exp(const float *restrict in0_ptr, float *restrict exp_ptr, int32_t n0);
static onnxc_status call_branches_fused_exp(const float *in0, float *out0, int32_t dim_n0) {
  onnxc_status status = ONNXC_OK;
  status = branches_fused_exp(in0, out0, dim_n0);
  if (status != ONNXC_OK) return status;
  return status;
}

int32_t branches_fused_multiply(const float *restrict in0_ptr, const float *restrict in1_ptr, float *restrict multiply_ptr, int32_t n0);
static onnxc_status call_branches_fused_multiply(const float *in0, const float *in1, float *out0, int32_t dim_n0) {
  onnxc_status status = ONNXC_OK;
  status = branches_fused_multiply(in0, in1, out0, dim_n0);
  if (status != ONNXC_OK) return status;
  return status;
}

int32_t branches_fused_subtract_inplace0(float *restrict in0_ptr, const float *restrict in1_ptr, int32_t n0);
static onnxc_status call_branches_fused_subtract_inplace0(float *in0, const float *in1, int32_t dim_n0) {
  onnxc_status status = ONNXC_OK;
  status = branches_fused_subtract_inplace0(in0, in1, dim_n0);
  if (status != ONNXC_OK) return status;
  return status;
}
