/* The checked run, against the model rows.c: what it accepts, and every error that it can give. */
#include <math.h>
#include <string.h>

#include "expect.h"
#include "onnxc_runtime.h"

extern const onnxc_model rows_model, weighted_model;

enum { ROWS = 3, COLUMNS = 5 };

/* Everything that a good call of rows.c needs; each test spoils one thing. */
typedef struct {
  _Alignas(ONNXC_ALIGNMENT) char arena[256];
  float left_data[ROWS * 4 + 1], right_data[ROWS * COLUMNS], sum_data[ROWS * 4], tail_data[ROWS * (COLUMNS - 2)];
  int64_t count_data;
  int64_t left_shape[2], right_shape[2], tail_shape[2], sum_shape[2];
  DLTensor left, right, sum, tail, count;
  const DLTensor *inputs[2], *outputs[3];
  onnxc_context context;
  int64_t symbols[2], shapes[4];
} call;

static DLTensor tensor(void *data, int32_t ndim, int64_t *shape, uint8_t code, uint8_t bits) {
  const DLTensor t = {data, {kDLCPU, 0}, ndim, {code, bits, 1}, shape, NULL, 0};
  return t;
}

static call *good_call(void) {
  static call c;
  memset(&c, 0, sizeof(c));
  for (int i = 0; i < ROWS * 4; ++i) c.left_data[i] = (float)i;
  for (int i = 0; i < ROWS * COLUMNS; ++i) c.right_data[i] = (float)(i * i);
  c.left_shape[0] = c.right_shape[0] = c.tail_shape[0] = c.sum_shape[0] = ROWS;
  c.left_shape[1] = c.sum_shape[1] = 4;
  c.right_shape[1] = COLUMNS;
  c.tail_shape[1] = COLUMNS - 2;
  c.left = tensor(c.left_data, 2, c.left_shape, kDLFloat, 32);
  c.right = tensor(c.right_data, 2, c.right_shape, kDLFloat, 32);
  c.sum = tensor(c.sum_data, 2, c.sum_shape, kDLFloat, 32);
  c.tail = tensor(c.tail_data, 2, c.tail_shape, kDLFloat, 32);
  c.count = tensor(&c.count_data, 0, NULL, kDLInt, 64);
  c.inputs[0] = &c.left;
  c.inputs[1] = &c.right;
  c.outputs[0] = &c.sum;
  c.outputs[1] = &c.tail;
  c.outputs[2] = &c.count;
  c.context.arena = c.arena;
  c.context.arena_size = ROWS * sizeof(float);
  return &c;
}

static onnxc_status run(call *c) {
  return onnxc_run(&rows_model, c->inputs, c->outputs, &c->context, c->symbols, c->shapes);
}

static void expect_results(const call *c) {
  for (int i = 0; i < ROWS; ++i) {
    float sum = 0;
    for (int j = 0; j < COLUMNS; ++j) sum += c->right_data[i * COLUMNS + j];
    for (int j = 0; j < 4; ++j) EXPECT(fabsf(c->sum_data[i * 4 + j] - (float)(i * 4 + j) - sum) < 1e-3f);
    for (int j = 2; j < COLUMNS; ++j) {
      EXPECT(c->tail_data[i * (COLUMNS - 2) + j - 2] == c->right_data[i * COLUMNS + j]);
    }
  }
  EXPECT(c->count_data == ROWS * COLUMNS);
}

static void test_run(void) {
  call *c = good_call();
  EXPECT(run(c) == ONNXC_OK);
  expect_results(c);
  EXPECT(c->symbols[0] == ROWS && c->symbols[1] == COLUMNS);

  int64_t strides[] = {4, 1};
  c = good_call();
  c->left.strides = strides; /* dense, said in full */
  EXPECT(run(c) == ONNXC_OK);
  expect_results(c);

  c = good_call();
  memmove(c->left_data + 1, c->left_data, sizeof(float) * ROWS * 4);
  c->left.byte_offset = sizeof(float);
  EXPECT(run(c) == ONNXC_OK);
  expect_results(c);
}

static void test_arguments(void) {
  call *c = good_call();
  EXPECT(onnxc_run(NULL, c->inputs, c->outputs, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&rows_model, NULL, c->outputs, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&rows_model, c->inputs, NULL, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&rows_model, c->inputs, c->outputs, NULL, c->symbols, c->shapes) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&rows_model, c->inputs, c->outputs, &c->context, NULL, c->shapes) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&rows_model, c->inputs, c->outputs, &c->context, c->symbols, NULL) == ONNXC_ERROR_ARGUMENT);
  c->inputs[1] = NULL;
  EXPECT(run(c) == ONNXC_ERROR_ARGUMENT);
  c = good_call();
  c->outputs[2] = NULL;
  EXPECT(run(c) == ONNXC_ERROR_ARGUMENT);
  c = good_call();
  c->left.data = NULL;
  EXPECT(run(c) == ONNXC_ERROR_ARGUMENT);
  c = good_call();
  c->left.shape = NULL;
  EXPECT(run(c) == ONNXC_ERROR_ARGUMENT);
}

static void test_types(void) {
  call *c = good_call();
  c->left.dtype.code = kDLInt;
  EXPECT(run(c) == ONNXC_ERROR_DTYPE);
  c = good_call();
  c->right.dtype.bits = 64;
  EXPECT(run(c) == ONNXC_ERROR_DTYPE);
  c = good_call();
  c->right.dtype.lanes = 4;
  EXPECT(run(c) == ONNXC_ERROR_DTYPE);
  c = good_call();
  c->count.dtype.bits = 32;
  EXPECT(run(c) == ONNXC_ERROR_DTYPE);
}

static void test_shapes(void) {
  call *c = good_call();
  c->left.ndim = 1;
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  c = good_call();
  c->left_shape[1] = 3; /* fixed to 4 */
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  c = good_call();
  c->right_shape[0] = ROWS - 1; /* another N */
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  static const int64_t impossible[] = {0, -1, INT64_MIN, (int64_t)INT32_MAX + 1, INT64_MAX, 1};
  for (int i = 0; i < 6; ++i) { /* the last, 1, gives tail a negative dimension */
    c = good_call();
    c->right_shape[1] = impossible[i];
    EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  }
  c = good_call();
  c->left_shape[0] = c->right_shape[0] = c->right_shape[1] = INT32_MAX; /* more bytes than there are addresses */
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  c = good_call();
  c->right_shape[1] = 1000000; /* refused by the model's arena_size */
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  c = good_call();
  c->tail_shape[1] = COLUMNS;
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);
  c = good_call();
  c->count.ndim = 1;
  EXPECT(run(c) == ONNXC_ERROR_SHAPE);

  c = good_call(); /* nothing in tail: then its pointer does not matter */
  c->right_shape[1] = 2;
  c->tail_shape[1] = 0;
  c->tail.data = NULL;
  EXPECT(run(c) == ONNXC_OK);
}

static void test_layouts(void) {
  call *c = good_call();
  c->left.device.device_type = kDLCUDA;
  EXPECT(run(c) == ONNXC_ERROR_LAYOUT);
  c = good_call();
  c->left.byte_offset = 2;
  EXPECT(run(c) == ONNXC_ERROR_LAYOUT);
  int64_t columns_first[] = {1, ROWS};
  c = good_call();
  c->left.strides = columns_first;
  EXPECT(run(c) == ONNXC_ERROR_LAYOUT);
  c = good_call();
  c->sum.data = c->left_data;
  EXPECT(run(c) == ONNXC_ERROR_LAYOUT);
  c = good_call();
  c->tail.data = c->sum_data + 3;
  EXPECT(run(c) == ONNXC_ERROR_LAYOUT);
}

static void test_arenas(void) {
  call *c = good_call();
  c->context.arena = NULL;
  EXPECT(run(c) == ONNXC_ERROR_ARENA);
  c = good_call();
  --c->context.arena_size;
  EXPECT(run(c) == ONNXC_ERROR_ARENA);
  c = good_call();
  c->context.arena = c->arena + ONNXC_ALIGNMENT / 2;
  EXPECT(run(c) == ONNXC_ERROR_ARENA);
}

/* A model that wants a heap or text does not run without. */
static void test_missing_memory(void) {
  call *c = good_call();
  onnxc_model model = rows_model;
  model.needs_heap = 1;
  EXPECT(onnxc_run(&model, c->inputs, c->outputs, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARENA);
  model = rows_model;
  model.makes_text = 1;
  EXPECT(onnxc_run(&model, c->inputs, c->outputs, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARENA);
}

/* What has no shape binds nothing. */
static void test_forms(void) {
  call *c = good_call();
  onnxc_tensor_info inputs[2] = {rows_model.inputs[0], rows_model.inputs[1]};
  inputs[1].form = ONNXC_SEQUENCE;
  onnxc_model model = rows_model;
  model.inputs = inputs;
  EXPECT(onnxc_bind(&model, c->inputs, c->symbols) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_run(&model, c->inputs, c->outputs, &c->context, c->symbols, c->shapes) == ONNXC_ERROR_ARGUMENT);
}

static void test_weights(void) {
  static _Alignas(ONNXC_ALIGNMENT) char weights[64 + 4 * sizeof(float) + 8];
  float x[4] = {1, 2, 3, 4}, y[4];
  int64_t shape[1] = {4}, shapes[1];
  const DLTensor in = tensor(x, 1, shape, kDLFloat, 32), out = tensor(y, 1, shape, kDLFloat, 32);
  const DLTensor *inputs[] = {&in}, *outputs[] = {&out};
  onnxc_context context = {.weights = weights, .weights_size = weighted_model.weights_size};
  EXPECT(onnxc_run(&weighted_model, inputs, outputs, &context, NULL, shapes) == ONNXC_ERROR_WEIGHTS); /* no hash */
  memcpy(weights, weighted_model.hash, 64);
  EXPECT(onnxc_run(&weighted_model, inputs, outputs, &context, NULL, shapes) == ONNXC_OK);
  EXPECT(memcmp(x, y, sizeof(x)) == 0);
  --context.weights_size;
  EXPECT(onnxc_run(&weighted_model, inputs, outputs, &context, NULL, shapes) == ONNXC_ERROR_WEIGHTS);
  ++context.weights_size;
  context.weights = weights + 8;
  EXPECT(onnxc_run(&weighted_model, inputs, outputs, &context, NULL, shapes) == ONNXC_ERROR_WEIGHTS);
  context.weights = NULL;
  EXPECT(onnxc_run(&weighted_model, inputs, outputs, &context, NULL, shapes) == ONNXC_ERROR_WEIGHTS);
}

static onnxc_status check_features(const char *features) {
  onnxc_model model = rows_model;
  model.cpu_features = features;
  return onnxc_check_machine(&model);
}

static void test_machine(void) {
  EXPECT(onnxc_check_machine(NULL) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_check_machine(&rows_model) == ONNXC_OK);
#if defined(__x86_64__) || (defined(__linux__) && (defined(__aarch64__) || defined(__arm__)))
  static const char *const wrong[] = {"no-such-feature", ",", "sse2,", "neon,", "sse", "n", "sse2,neon", "neon,sse2"};
  for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); ++i) {
    if (strcmp(wrong[i], "sse") != 0 || check_features("sse2") != ONNXC_OK) {
      EXPECT(check_features(wrong[i]) == ONNXC_ERROR_MACHINE);
    }
  }
#endif
#if defined(__x86_64__)
  EXPECT(check_features("cx8,cmov,fxsr,mmx,sse,sse2") == ONNXC_OK); /* every x86-64 has these */
#define SAME(llvm, compiler) EXPECT((check_features(llvm) == ONNXC_OK) == !!__builtin_cpu_supports(compiler))
  __builtin_cpu_init();
  SAME("sse3", "sse3");
  SAME("ssse3", "ssse3");
  SAME("sse4.1", "sse4.1");
  SAME("sse4.2", "sse4.2");
  SAME("popcnt", "popcnt");
  SAME("aes", "aes");
  SAME("pclmul", "pclmul");
  SAME("avx", "avx");
  SAME("avx2", "avx2");
  SAME("fma", "fma");
  SAME("bmi", "bmi");
  SAME("bmi2", "bmi2");
  SAME("gfni", "gfni");
  SAME("vpclmulqdq", "vpclmulqdq");
  SAME("avx512f", "avx512f");
  SAME("avx512cd", "avx512cd");
  SAME("avx512bw", "avx512bw");
  SAME("avx512dq", "avx512dq");
  SAME("avx512vl", "avx512vl");
  SAME("avx512ifma", "avx512ifma");
  SAME("avx512vbmi", "avx512vbmi");
  SAME("avx512vbmi2", "avx512vbmi2");
  SAME("avx512vnni", "avx512vnni");
  SAME("avx512bitalg", "avx512bitalg");
  SAME("avx512vpopcntdq", "avx512vpopcntdq");
  SAME("avx512bf16", "avx512bf16");
#elif defined(__aarch64__)
  EXPECT(check_features("fp-armv8,neon") == ONNXC_OK);
#elif defined(__linux__) && defined(__arm__) && defined(__ARM_NEON)
  EXPECT(check_features("neon,vfp3") == ONNXC_OK);
#endif
}

static void test_status_texts(void) {
  for (onnxc_status status = -1; status <= 11; ++status) {
    const char *text = onnxc_status_text(status);
    EXPECT(text != NULL && strlen(text) > 5);
    const int known = status >= ONNXC_OK && status <= ONNXC_ERROR_VALUE;
    EXPECT(known == (strcmp(text, "an unknown status") != 0));
  }
}

int main(void) {
  test_run();
  test_arguments();
  test_types();
  test_shapes();
  test_layouts();
  test_arenas();
  test_missing_memory();
  test_forms();
  test_weights();
  test_machine();
  test_status_texts();
  return 0;
}
