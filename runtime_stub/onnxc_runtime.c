/* What all artifacts share: status texts, loops, the check of the processor, and the checked run.
 *
 * C99 without a library: it is compiled with -ffreestanding for microcontrollers. Compile it for the family's baseline
 * (plain x86-64, plain armv8-a), never with the target's extensions: the check of the processor must not itself need
 * what it looks for.
 */
#include "onnxc_runtime.h"

/* ------------------------------------------------------------------------------------------------ status */

const char *onnxc_status_text(onnxc_status status) {
  switch (status) {
    case ONNXC_OK: return "no error";
    case ONNXC_ERROR_ARGUMENT: return "an argument is missing, or a count is wrong";
    case ONNXC_ERROR_DTYPE: return "a tensor's element type is not the one that the model expects";
    case ONNXC_ERROR_SHAPE: return "a tensor's shape is not one that the model expects or can run with";
    case ONNXC_ERROR_LAYOUT:
      return "a tensor is not dense in row-major order, not aligned to its element, not in CPU memory, or overlaps an "
             "output";
    case ONNXC_ERROR_ARENA: return "the arena is missing, too small, or not aligned; or the heap or text is missing";
    case ONNXC_ERROR_WEIGHTS: return "the weights are missing, of the wrong size, not aligned, or another model's";
    case ONNXC_ERROR_MACHINE: return "this processor lacks instructions that the model was compiled for";
    case ONNXC_ERROR_VALUE:
      return "a size or a position that the run computed is negative, too large, or does not fit what it is for";
    case ONNXC_ERROR_MEMORY: return "the operating system gave no memory or no thread";
    case ONNXC_ERROR_KERNEL: return "a kernel failed";
    default: return "an unknown status";
  }
}

/* ------------------------------------------------------------------------------------------------ threads */

onnxc_status onnxc_parallel_for(const onnxc_parallel *parallel, onnxc_task task, void *arguments, int32_t count) {
  if (task == NULL) return ONNXC_ERROR_ARGUMENT;
  if (count <= 0) return ONNXC_OK;
  if (parallel == NULL || parallel->threads <= 1 || count == 1) return task(arguments, 0, count);
  return parallel->parallel_for(parallel, task, arguments, count);
}

/* A loop whose iterations are the shares of another. */
typedef struct {
  onnxc_task task;
  void *arguments;
  int32_t count;
  int32_t shares;
} shared_loop;

static onnxc_status run_shares(void *arguments, int32_t begin, int32_t end) {
  const shared_loop *loop = arguments;
  const int32_t first = (int32_t)((int64_t)loop->count * begin / loop->shares);
  return loop->task(loop->arguments, first, (int32_t)((int64_t)loop->count * end / loop->shares));
}

onnxc_status onnxc_parallel_shares(const onnxc_parallel *parallel, onnxc_task task, void *arguments, int32_t count,
                                   int64_t shares) {
  if (task == NULL) return ONNXC_ERROR_ARGUMENT;
  if (shares < 2 || parallel == NULL || parallel->threads <= 1 || count <= 1) {
    return onnxc_parallel_for(NULL, task, arguments, count);
  }
  if (parallel->parallel_shares != NULL) return parallel->parallel_shares(parallel, task, arguments, count, shares);
  if (shares >= parallel->threads || shares >= count) return parallel->parallel_for(parallel, task, arguments, count);
  shared_loop loop = {task, arguments, count, (int32_t)shares};
  return parallel->parallel_for(parallel, run_shares, &loop, loop.shares);
}

/* ------------------------------------------------------------------------------------------------ processor */

/* Per family: read_machine() fills the words that describe the processor, and features names the bits in them. */
typedef struct {
  const char *name; /* LLVM's */
  uint8_t word;
  uint8_t bit;
  uint8_t state; /* bits that must be set in word 0: registers that the operating system saves */
} feature;

#if defined(__GNUC__) && (defined(__x86_64__) || defined(__i386__))
#include <cpuid.h>
#define MACHINE_WORDS 17

/* Words 1 to 16: eax, ebx, ecx, edx of each of these leaves of cpuid. */
static const struct { uint32_t leaf, subleaf; } cpuid_leaves[4] = {{1, 0}, {7, 0}, {7, 1}, {0x80000001u, 0}};
enum {
  WORD_1_ECX = 3, WORD_1_EDX = 4, WORD_7_EBX = 6, WORD_7_ECX = 7, WORD_7_EDX = 8,
  WORD_7_1_EAX = 9, WORD_7_1_EDX = 12, WORD_EXTENDED_ECX = 15
};
enum { STATE_AVX = 0x06, STATE_AVX512 = 0xe6 }; /* as in XCR0 */

static const feature features[] = {
    {"cx8", WORD_1_EDX, 8, 0},
    {"cmov", WORD_1_EDX, 15, 0},
    {"mmx", WORD_1_EDX, 23, 0},
    {"fxsr", WORD_1_EDX, 24, 0},
    {"sse", WORD_1_EDX, 25, 0},
    {"sse2", WORD_1_EDX, 26, 0},
    {"sse3", WORD_1_ECX, 0, 0},
    {"pclmul", WORD_1_ECX, 1, 0},
    {"ssse3", WORD_1_ECX, 9, 0},
    {"fma", WORD_1_ECX, 12, STATE_AVX},
    {"cx16", WORD_1_ECX, 13, 0},
    {"sse4.1", WORD_1_ECX, 19, 0},
    {"sse4.2", WORD_1_ECX, 20, 0},
    {"movbe", WORD_1_ECX, 22, 0},
    {"popcnt", WORD_1_ECX, 23, 0},
    {"aes", WORD_1_ECX, 25, 0},
    {"xsave", WORD_1_ECX, 26, 0},
    {"avx", WORD_1_ECX, 28, STATE_AVX},
    {"f16c", WORD_1_ECX, 29, STATE_AVX},
    {"bmi", WORD_7_EBX, 3, 0},
    {"avx2", WORD_7_EBX, 5, STATE_AVX},
    {"bmi2", WORD_7_EBX, 8, 0},
    {"avx512f", WORD_7_EBX, 16, STATE_AVX512},
    {"avx512dq", WORD_7_EBX, 17, STATE_AVX512},
    {"adx", WORD_7_EBX, 19, 0},
    {"avx512ifma", WORD_7_EBX, 21, STATE_AVX512},
    {"avx512cd", WORD_7_EBX, 28, STATE_AVX512},
    {"avx512bw", WORD_7_EBX, 30, STATE_AVX512},
    {"avx512vl", WORD_7_EBX, 31, STATE_AVX512},
    {"avx512vbmi", WORD_7_ECX, 1, STATE_AVX512},
    {"avx512vbmi2", WORD_7_ECX, 6, STATE_AVX512},
    {"gfni", WORD_7_ECX, 8, 0},
    {"vaes", WORD_7_ECX, 9, STATE_AVX},
    {"vpclmulqdq", WORD_7_ECX, 10, STATE_AVX},
    {"avx512vnni", WORD_7_ECX, 11, STATE_AVX512},
    {"avx512bitalg", WORD_7_ECX, 12, STATE_AVX512},
    {"avx512vpopcntdq", WORD_7_ECX, 14, STATE_AVX512},
    {"avx512fp16", WORD_7_EDX, 23, STATE_AVX512},
    {"avxvnni", WORD_7_1_EAX, 4, STATE_AVX},
    {"avx512bf16", WORD_7_1_EAX, 5, STATE_AVX512},
    {"avxifma", WORD_7_1_EAX, 23, STATE_AVX},
    {"avxvnniint8", WORD_7_1_EDX, 4, STATE_AVX},
    {"avxneconvert", WORD_7_1_EDX, 5, STATE_AVX},
    {"avxvnniint16", WORD_7_1_EDX, 10, STATE_AVX},
    {"sahf", WORD_EXTENDED_ECX, 0, 0},
    {"lzcnt", WORD_EXTENDED_ECX, 5, 0},
};

static void read_machine(uint32_t *words) {
  for (int i = 0; i < 4; ++i) {
    uint32_t *w = words + 1 + 4 * i;
    /* Leaves beyond the processor's last one leave the zeros. */
    (void)__get_cpuid_count(cpuid_leaves[i].leaf, cpuid_leaves[i].subleaf, &w[0], &w[1], &w[2], &w[3]);
  }
  if ((words[WORD_1_ECX] >> 27 & 1u) == 0) return; /* OSXSAVE: without it xgetbv traps */
  uint32_t low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  words[0] = low;
#if defined(__APPLE__)
  /* Darwin saves the AVX-512 registers of a thread from its first such instruction on, and does not announce it. */
  if ((low & STATE_AVX) == STATE_AVX) words[0] |= STATE_AVX512;
#endif
}

#elif defined(__linux__) && __STDC_HOSTED__ && (defined(__aarch64__) || defined(__arm__))
#include <sys/auxv.h>
#define MACHINE_WORDS 3

enum { WORD_HWCAP = 1, WORD_HWCAP2 = 2 };

/* The bits as the kernel's interface fixes them; the C library's names for them come and go with its version. */
static const feature features[] = {
#if defined(__aarch64__)
    {"fp-armv8", WORD_HWCAP, 0, 0},
    {"neon", WORD_HWCAP, 1, 0},
    {"aes", WORD_HWCAP, 3, 0},
    {"sha2", WORD_HWCAP, 6, 0},
    {"crc", WORD_HWCAP, 7, 0},
    {"lse", WORD_HWCAP, 8, 0},
    {"fullfp16", WORD_HWCAP, 10, 0},
    {"rdm", WORD_HWCAP, 12, 0},
    {"jsconv", WORD_HWCAP, 13, 0},
    {"complxnum", WORD_HWCAP, 14, 0},
    {"rcpc", WORD_HWCAP, 15, 0},
    {"sha3", WORD_HWCAP, 17, 0},
    {"dotprod", WORD_HWCAP, 20, 0},
    {"sve", WORD_HWCAP, 22, 0},
    {"fp16fml", WORD_HWCAP, 23, 0},
    {"sve2", WORD_HWCAP2, 1, 0},
    {"i8mm", WORD_HWCAP2, 13, 0},
    {"bf16", WORD_HWCAP2, 14, 0},
    {"sme", WORD_HWCAP2, 23, 0},
#else
    {"vfp2", WORD_HWCAP, 6, 0},
    {"dsp", WORD_HWCAP, 7, 0},
    {"neon", WORD_HWCAP, 12, 0},
    {"vfp3", WORD_HWCAP, 13, 0},
    {"fp16", WORD_HWCAP, 16, 0}, /* conversions; they come with VFPv4 */
    {"vfp4", WORD_HWCAP, 16, 0},
    {"vfpv4", WORD_HWCAP, 16, 0}, /* the compilers' -mfpu name of the same */
    {"hwdiv-arm", WORD_HWCAP, 17, 0},
    {"hwdiv", WORD_HWCAP, 18, 0},
    {"d32", WORD_HWCAP, 19, 0},
    {"fullfp16", WORD_HWCAP, 23, 0},
    {"dotprod", WORD_HWCAP, 24, 0},
    {"fp16fml", WORD_HWCAP, 25, 0},
    {"bf16", WORD_HWCAP, 26, 0},
    {"i8mm", WORD_HWCAP, 27, 0},
    {"aes", WORD_HWCAP2, 0, 0},
    {"sha2", WORD_HWCAP2, 3, 0},
    {"crc", WORD_HWCAP2, 4, 0},
#endif
};

static void read_machine(uint32_t *words) {
  words[WORD_HWCAP] = (uint32_t)getauxval(16 /* AT_HWCAP */);
  words[WORD_HWCAP2] = (uint32_t)getauxval(26 /* AT_HWCAP2 */);
}

#elif defined(__APPLE__) && defined(__aarch64__)
#define MACHINE_WORDS 2

/* From <sys/sysctl.h>, which strict C99 cannot include. */
extern int sysctlbyname(const char *name, void *old, size_t *old_size, void *new_value, size_t new_size);

/* Each feature's bit is its place in this list. */
static const feature features[] = {
    {"neon", 1, 0, 0},     {"fp-armv8", 1, 1, 0}, {"fullfp16", 1, 2, 0},  {"dotprod", 1, 3, 0}, {"i8mm", 1, 4, 0},
    {"bf16", 1, 5, 0},     {"lse", 1, 6, 0},      {"rdm", 1, 7, 0},       {"crc", 1, 8, 0},     {"aes", 1, 9, 0},
    {"sha2", 1, 10, 0},    {"sha3", 1, 11, 0},    {"complxnum", 1, 12, 0}, {"jsconv", 1, 13, 0}, {"rcpc", 1, 14, 0},
    {"fp16fml", 1, 15, 0}, {"sme", 1, 16, 0},
};
static const char *const sysctl_names[] = {
    NULL /* every processor of the family has it */,
    NULL,
    "hw.optional.arm.FEAT_FP16",
    "hw.optional.arm.FEAT_DotProd",
    "hw.optional.arm.FEAT_I8MM",
    "hw.optional.arm.FEAT_BF16",
    "hw.optional.arm.FEAT_LSE",
    "hw.optional.arm.FEAT_RDM",
    "hw.optional.armv8_crc32",
    "hw.optional.arm.FEAT_AES",
    "hw.optional.arm.FEAT_SHA256",
    "hw.optional.arm.FEAT_SHA3",
    "hw.optional.arm.FEAT_FCMA",
    "hw.optional.arm.FEAT_JSCVT",
    "hw.optional.arm.FEAT_LRCPC",
    "hw.optional.arm.FEAT_FHM",
    "hw.optional.arm.FEAT_SME",
};

static void read_machine(uint32_t *words) {
  for (size_t i = 0; i < sizeof(sysctl_names) / sizeof(*sysctl_names); ++i) {
    int value = 0;
    size_t size = sizeof(value);
    int has = sysctl_names[i] == NULL || (sysctlbyname(sysctl_names[i], &value, &size, NULL, 0) == 0 && value != 0);
    words[1] |= (uint32_t)has << i;
  }
}
#endif

#ifdef MACHINE_WORDS
/* Is text, of that length, the name? */
static int is_name(const char *text, size_t length, const char *name) {
  size_t i = 0;
  while (i < length && name[i] != '\0' && text[i] == name[i]) ++i;
  return i == length && name[i] == '\0';
}

static int has_feature(const uint32_t *words, const char *name, size_t length) {
  for (size_t i = 0; i < sizeof(features) / sizeof(*features); ++i) {
    const feature *f = &features[i];
    if (is_name(name, length, f->name)) return (words[f->word] >> f->bit & 1u) && (words[0] & f->state) == f->state;
  }
  return 0; /* not known to this runtime: nobody can say that it is there */
}
#endif

onnxc_status onnxc_check_machine(const onnxc_model *model) {
  if (model == NULL || model->cpu_features == NULL) return ONNXC_ERROR_ARGUMENT;
#ifdef MACHINE_WORDS
  const char *name = model->cpu_features;
  if (*name == '\0') return ONNXC_OK;
  uint32_t words[MACHINE_WORDS] = {0};
  read_machine(words);
  for (;;) {
    size_t length = 0;
    while (name[length] != '\0' && name[length] != ',') ++length;
    if (!has_feature(words, name, length)) return ONNXC_ERROR_MACHINE;
    if (name[length] == '\0') return ONNXC_OK;
    name += length + 1;
  }
#else
  return ONNXC_OK;
#endif
}

/* ------------------------------------------------------------------------------------------------ tensors */

/* Bytes of one element, at least 1. */
static size_t element_size(DLDataType dtype) { return ((size_t)dtype.bits + 7) / 8; }

/* Bytes of a tensor; SIZE_MAX where no array can be so large. Elements of less than a byte are packed. */
static size_t tensor_size(const DLTensor *tensor) {
  size_t size = element_size(tensor->dtype);
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    if (tensor->shape[i] == 0) return 0;
  }
  for (int32_t i = 0; i < tensor->ndim; ++i) {
    if ((uint64_t)tensor->shape[i] > (uint64_t)PTRDIFF_MAX / size) return SIZE_MAX;
    size *= (size_t)tensor->shape[i];
  }
  if (tensor->dtype.bits < 8) {
    const size_t each = (size_t)8 / tensor->dtype.bits;
    size = size / each + (size % each != 0);
  }
  return size;
}

/* In integers, since an empty tensor's pointer may be NULL. */
static void *tensor_data(const DLTensor *tensor) {
  return (void *)((uintptr_t)tensor->data + (uintptr_t)tensor->byte_offset);
}

/* What does not depend on the shape's values: presence, element type, rank, place. */
static onnxc_status check_kind(const DLTensor *tensor, const onnxc_tensor_info *info) {
  if (tensor == NULL) return ONNXC_ERROR_ARGUMENT;
  const DLDataType found = tensor->dtype, expected = info->dtype;
  if (found.code != expected.code || found.bits != expected.bits || found.lanes != expected.lanes) {
    return ONNXC_ERROR_DTYPE;
  }
  if (tensor->ndim != info->ndim) return ONNXC_ERROR_SHAPE;
  if (tensor->ndim > 0 && tensor->shape == NULL) return ONNXC_ERROR_ARGUMENT;
  return tensor->device.device_type == kDLCPU ? ONNXC_OK : ONNXC_ERROR_LAYOUT;
}

/* Presence, order and alignment of the data of a tensor whose shape is already checked. */
static onnxc_status check_data(const DLTensor *tensor) {
  const size_t size = tensor_size(tensor);
  if (size == 0) return ONNXC_OK; /* any pointer will do for nothing, and any strides */
  if (size == SIZE_MAX) return ONNXC_ERROR_SHAPE;
  if (tensor->data == NULL) return ONNXC_ERROR_ARGUMENT;
  size_t alignment = element_size(tensor->dtype);
  if (tensor->dtype.code == kDLComplex) alignment /= 2;
  if ((uintptr_t)tensor_data(tensor) % alignment != 0) return ONNXC_ERROR_LAYOUT;
  if (tensor->strides == NULL) return ONNXC_OK;
  int64_t dense = 1;
  for (int32_t i = tensor->ndim - 1; i >= 0; --i) {
    if (tensor->shape[i] != 1 && tensor->strides[i] != dense) return ONNXC_ERROR_LAYOUT;
    dense *= tensor->shape[i];
  }
  return ONNXC_OK;
}

onnxc_status onnxc_bind(const onnxc_model *model, const DLTensor *const *inputs, int64_t *symbols) {
  if (model == NULL || (model->num_inputs > 0 && inputs == NULL) || (model->num_symbols > 0 && symbols == NULL)) {
    return ONNXC_ERROR_ARGUMENT;
  }
  for (int32_t k = 0; k < model->num_symbols; ++k) symbols[k] = -1; /* not bound yet */
  for (int32_t i = 0; i < model->num_inputs; ++i) {
    const onnxc_tensor_info *info = &model->inputs[i];
    if (info->form != ONNXC_TENSOR) return ONNXC_ERROR_ARGUMENT;
    onnxc_status status = check_kind(inputs[i], info);
    if (status != ONNXC_OK) return status;
    for (int32_t axis = 0; axis < info->ndim; ++axis) {
      const int64_t found = inputs[i]->shape[axis], expected = info->shape[axis];
      if (expected >= 0) {
        if (found != expected) return ONNXC_ERROR_SHAPE;
        continue;
      }
      int64_t *symbol = &symbols[-1 - expected];
      if (found < 0 || found > INT32_MAX || (*symbol >= 0 && *symbol != found)) return ONNXC_ERROR_SHAPE;
      *symbol = found;
    }
    status = check_data(inputs[i]);
    if (status != ONNXC_OK) return status;
  }
  return ONNXC_OK;
}

/* ------------------------------------------------------------------------------------------------ the checked run */

static int overlap(const DLTensor *a, const DLTensor *b) {
  const uintptr_t a_begin = (uintptr_t)tensor_data(a), b_begin = (uintptr_t)tensor_data(b);
  const size_t a_size = tensor_size(a), b_size = tensor_size(b);
  if (a_size == 0 || b_size == 0) return 0;
  return a_begin <= b_begin ? b_begin - a_begin < a_size : a_begin - b_begin < b_size;
}

/* The outputs against their shapes, the inputs and each other. */
static onnxc_status check_outputs(const onnxc_model *model, const DLTensor *const *inputs,
                                  const DLTensor *const *outputs, const int64_t *shape) {
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    onnxc_status status = check_kind(outputs[i], &model->outputs[i]);
    if (status != ONNXC_OK) return status;
    if (model->outputs[i].form == ONNXC_VALUE) {
      shape += model->outputs[i].ndim;
      continue;
    }
    for (int32_t axis = 0; axis < outputs[i]->ndim; ++axis, ++shape) {
      if (*shape < 0 || outputs[i]->shape[axis] != *shape) return ONNXC_ERROR_SHAPE;
    }
    status = check_data(outputs[i]);
    if (status != ONNXC_OK) return status;
    for (int32_t j = 0; j < model->num_inputs; ++j) {
      if (overlap(outputs[i], inputs[j])) return ONNXC_ERROR_LAYOUT;
    }
    for (int32_t j = 0; j < i; ++j) {
      if (model->outputs[j].form != ONNXC_VALUE && overlap(outputs[i], outputs[j])) return ONNXC_ERROR_LAYOUT;
    }
  }
  return ONNXC_OK;
}

/* The arena, of which the model needs that many bytes, and the weights. */
static onnxc_status check_context(const onnxc_model *model, const onnxc_context *context, size_t arena_size) {
  if (arena_size > 0) {
    if (context->arena == NULL || context->arena_size < arena_size) return ONNXC_ERROR_ARENA;
    if ((uintptr_t)context->arena % ONNXC_ALIGNMENT != 0) return ONNXC_ERROR_ARENA;
  }
  if (model->needs_heap && context->heap == NULL) return ONNXC_ERROR_ARENA;
  if (model->makes_text && context->text == NULL) return ONNXC_ERROR_ARENA;
  if (!model->weights_external) return ONNXC_OK;
  const char *weights = context->weights;
  if (weights == NULL || context->weights_size != model->weights_size) return ONNXC_ERROR_WEIGHTS;
  if ((uintptr_t)weights % ONNXC_ALIGNMENT != 0) return ONNXC_ERROR_WEIGHTS;
  for (size_t i = 0; model->hash[i] != '\0'; ++i) {
    if (i >= model->weights_size || weights[i] != model->hash[i]) return ONNXC_ERROR_WEIGHTS;
  }
  return ONNXC_OK;
}

onnxc_status onnxc_run(const onnxc_model *model, const DLTensor *const *inputs, const DLTensor *const *outputs,
                       const onnxc_context *context, int64_t *symbols, int64_t *shapes) {
  if (model == NULL || context == NULL || (model->num_outputs > 0 && outputs == NULL)) return ONNXC_ERROR_ARGUMENT;
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    if (model->outputs[i].form > ONNXC_VALUE) return ONNXC_ERROR_ARGUMENT;
  }
  onnxc_status status = onnxc_bind(model, inputs, symbols);
  if (status != ONNXC_OK) return status;
  const size_t arena_size = model->arena_size(symbols);
  if (arena_size == SIZE_MAX) return ONNXC_ERROR_SHAPE;
  if (shapes == NULL) {
    for (int32_t i = 0; i < model->num_outputs; ++i) {
      if (model->outputs[i].ndim > 0) return ONNXC_ERROR_ARGUMENT;
    }
  }
  model->output_shapes(symbols, shapes);
  status = check_outputs(model, inputs, outputs, shapes);
  if (status != ONNXC_OK) return status;
  status = check_context(model, context, arena_size);
  if (status != ONNXC_OK) return status;

  /* The counts are the compiler's constants, never a caller's number; one more, since an array has no length 0. */
  const void *input_data[model->num_inputs + 1];
  void *output_data[model->num_outputs + 1];
  onnxc_value values[model->num_outputs + 1];
  for (int32_t i = 0; i < model->num_inputs; ++i) input_data[i] = tensor_data(inputs[i]);
  for (int32_t i = 0; i < model->num_outputs; ++i) {
    output_data[i] = model->outputs[i].form == ONNXC_VALUE ? (void *)&values[i] : tensor_data(outputs[i]);
  }
  status = model->run(input_data, output_data, symbols, context);
  for (int32_t i = 0; status == ONNXC_OK && i < model->num_outputs; ++i) {
    if (model->outputs[i].form != ONNXC_VALUE) continue;
    DLTensor *output = (DLTensor *)(uintptr_t)outputs[i]; /* the caller's, who expects this */
    output->data = (void *)(uintptr_t)values[i].data;
    output->byte_offset = 0;
    for (int32_t axis = 0; axis < output->ndim; ++axis) output->shape[axis] = values[i].shape[axis];
  }
  return status;
}
