/* Gives each input back: one of every element type, all of shape (3,). */
#include <string.h>

#include "onnxc_runtime.h"

#define TYPES(T)                                                                                                  \
  T("int8", kDLInt, 8) T("int16", kDLInt, 16) T("int32", kDLInt, 32) T("int64", kDLInt, 64)                      \
  T("uint8", kDLUInt, 8) T("uint16", kDLUInt, 16) T("uint32", kDLUInt, 32) T("uint64", kDLUInt, 64)              \
  T("float16", kDLFloat, 16) T("float32", kDLFloat, 32) T("float64", kDLFloat, 64)                               \
  T("complex64", kDLComplex, 64) T("complex128", kDLComplex, 128) T("bool", kDLBool, 8)                          \
  T("bfloat16", kDLBfloat, 16) T("float8_e4m3fn", kDLFloat8_e4m3fn, 8) T("float8_e4m3fnuz", kDLFloat8_e4m3fnuz, 8) \
  T("float8_e5m2", kDLFloat8_e5m2, 8) T("float8_e5m2fnuz", kDLFloat8_e5m2fnuz, 8)                                 \
  T("float8_e8m0fnu", kDLFloat8_e8m0fnu, 8) T("float4_e2m1fn", kDLFloat4_e2m1fn, 4)                               \
  T("float6_e2m3fn", kDLFloat6_e2m3fn, 8) T("float6_e3m2fn", kDLFloat6_e3m2fn, 8)                                 \
  T("int4", kDLInt, 4) T("uint4", kDLUInt, 4) T("int2", kDLInt, 2) T("uint2", kDLUInt, 2)

static const int64_t shape[] = {3};
#define INPUT(name, code, bits) {name, {code, bits, 1}, 1, shape, ONNXC_TENSOR},
#define OUTPUT(name, code, bits) {"out_" name, {code, bits, 1}, 1, shape, ONNXC_TENSOR},
static const onnxc_tensor_info inputs[] = {TYPES(INPUT)};
static const onnxc_tensor_info outputs[] = {TYPES(OUTPUT)};
enum { NUM_TYPES = sizeof(inputs) / sizeof(*inputs) };

static size_t arena_size(const int64_t *values) {
  (void)values;
  return 0;
}

static void output_shapes(const int64_t *values, int64_t *shapes) {
  (void)values;
  for (int i = 0; i < NUM_TYPES; ++i) shapes[i] = 3;
}

static onnxc_status run(const void *const *in, void *const *out, const int64_t *values, const onnxc_context *context) {
  (void)values;
  (void)context;
  for (int i = 0; i < NUM_TYPES; ++i) memcpy(out[i], in[i], ((size_t)3 * inputs[i].dtype.bits + 7) / 8);
  return ONNXC_OK;
}

const onnxc_model types_model = {
    .abi_version = ONNXC_ABI_VERSION,
    .struct_size = sizeof(onnxc_model),
    .name = "types",
    .hash = "d0b425e00e15a0d36b9b361f02bab63563aed6cb4665083905386c55d5b679fa",
    .target = "test-target",
    .cpu_features = "",
    .num_inputs = NUM_TYPES,
    .num_outputs = NUM_TYPES,
    .inputs = inputs,
    .outputs = outputs,
    .arena_size = arena_size,
    .output_shapes = output_shapes,
    .run = run,
};

const onnxc_model *onnxc_query(uint32_t abi_version) { return abi_version == ONNXC_ABI_VERSION ? &types_model : NULL; }
