/* A model of dynamic shape, which uses its arena and parallel loops:
 *   sum (N, 4)       = left + the sums of the rows of right, left being (N, 4), right (N, M)
 *   tail (N, M - 2)  = right without its first two columns
 *   count ()         = N * M
 * It refuses N * M > 1000000. */
#include "onnxc_runtime.h"

enum { N, M };
static const int64_t left_shape[] = {ONNXC_SYMBOL(N), 4}, right_shape[] = {ONNXC_SYMBOL(N), ONNXC_SYMBOL(M)};
static const int64_t tail_shape[] = {ONNXC_SYMBOL(N), ONNXC_EXPRESSION};
static const onnxc_tensor_info inputs[] = {
    {"left.1", {kDLFloat, 32, 1}, 2, left_shape, ONNXC_TENSOR},
    {"right", {kDLFloat, 32, 1}, 2, right_shape, ONNXC_TENSOR},
};
static const onnxc_tensor_info outputs[] = {
    {"sum", {kDLFloat, 32, 1}, 2, left_shape, ONNXC_TENSOR},
    {"tail", {kDLFloat, 32, 1}, 2, tail_shape, ONNXC_TENSOR},
    {"count", {kDLInt, 64, 1}, 0, NULL, ONNXC_TENSOR},
};
static const char *const symbols[] = {"N", "M"};

static size_t arena_size(const int64_t *values) {
  return values[N] * values[M] > 1000000 ? SIZE_MAX : (size_t)values[N] * sizeof(float);
}

static void output_shapes(const int64_t *values, int64_t *shapes) {
  shapes[0] = values[N];
  shapes[1] = 4;
  shapes[2] = values[N];
  shapes[3] = values[M] - 2;
}

typedef struct {
  const float *left, *right;
  float *sums, *sum, *tail;
  int64_t columns;
} loop;

static onnxc_status sum_rows(void *arguments, int32_t begin, int32_t end) {
  const loop *l = arguments;
  for (int32_t i = begin; i < end; ++i) {
    l->sums[i] = 0;
    for (int64_t j = 0; j < l->columns; ++j) l->sums[i] += l->right[i * l->columns + j];
  }
  return ONNXC_OK;
}

static onnxc_status fill_outputs(void *arguments, int32_t begin, int32_t end) {
  const loop *l = arguments;
  for (int32_t i = begin; i < end; ++i) {
    for (int j = 0; j < 4; ++j) l->sum[i * 4 + j] = l->left[i * 4 + j] + l->sums[i];
    for (int64_t j = 2; j < l->columns; ++j) l->tail[i * (l->columns - 2) + j - 2] = l->right[i * l->columns + j];
  }
  return ONNXC_OK;
}

static onnxc_status run(const void *const *in, void *const *out, const int64_t *values, const onnxc_context *context) {
  loop l = {in[0], in[1], context->arena, out[0], out[1], values[M]};
  const int32_t count = (int32_t)values[N];
  onnxc_status status = onnxc_parallel_for(context->parallel, sum_rows, &l, count);
  if (status != ONNXC_OK) return status;
  status = onnxc_parallel_for(context->parallel, fill_outputs, &l, count);
  if (status != ONNXC_OK) return status;
  *(int64_t *)out[2] = values[N] * values[M];
  return ONNXC_OK;
}

const onnxc_model rows_model = {
    .abi_version = ONNXC_ABI_VERSION,
    .struct_size = sizeof(onnxc_model),
    .name = "rows",
    .hash = "7de1555df0c2700329e815b93b32c571c3ea54dc967b89e81ab73b9972b72d1d",
    .target = "test-target",
    .cpu_features = "",
    .num_inputs = 2,
    .num_outputs = 3,
    .num_symbols = 2,
    .inputs = inputs,
    .outputs = outputs,
    .symbols = symbols,
    .arena_size = arena_size,
    .output_shapes = output_shapes,
    .run = run,
};

#ifndef FIXTURE_NO_QUERY
const onnxc_model *onnxc_query(uint32_t abi_version) { return abi_version == ONNXC_ABI_VERSION ? &rows_model : NULL; }
#endif
