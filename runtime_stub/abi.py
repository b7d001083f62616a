"""The C interface of artifacts, for cffi. It says what onnxc_runtime.h says; a test compares the two."""

from __future__ import annotations

import cffi

VERSION = 2
ALIGNMENT = 64
OK = 0
EXPRESSION = -(2**63)
RUN_TIME = EXPRESSION + 1
TENSOR, VALUE, SEQUENCE, OPTIONAL, NONE = 0, 1, 2, 8, 15
MAX_RANK = 8

ffi = cffi.FFI()
ffi.cdef(
    """
    typedef struct { uint8_t code; uint8_t bits; uint16_t lanes; } DLDataType;

    typedef struct onnxc_parallel onnxc_parallel;

    typedef struct onnxc_text onnxc_text;

    typedef struct {
        const char *data;
        int64_t size;
    } onnxc_string;

    typedef struct {
        int32_t count;
        const int64_t *integers;
        const onnxc_string *strings;
    } onnxc_keys;

    typedef struct {
        const char *name;
        DLDataType dtype;
        int32_t ndim;
        const int64_t *shape;
        int32_t form;
    } onnxc_tensor_info;

    typedef struct onnxc_value {
        int32_t form;
        int32_t ndim;
        const void *data;
        int64_t shape[8];
        int64_t count;
        const struct onnxc_value *items;
    } onnxc_value;

    typedef struct onnxc_heap onnxc_heap;

    typedef struct {
        const char *kernel;
        const char *nodes;
        const char *operators;
        const char *types;
    } onnxc_step_info;

    typedef struct {
        uint64_t calls;
        uint64_t nanoseconds;
        uint64_t multiply_adds;
        uint64_t moved_bytes;
    } onnxc_step_counts;

    typedef struct {
        uint64_t (*now)(void);
        onnxc_step_counts *steps;
    } onnxc_profile;

    typedef struct {
        void *arena;
        size_t arena_size;
        const void *weights;
        size_t weights_size;
        const onnxc_parallel *parallel;
        const onnxc_profile *profile;
        onnxc_text *text;
        onnxc_heap *heap;
    } onnxc_context;

    typedef struct onnxc_model {
        uint32_t abi_version;
        uint32_t struct_size;
        const char *name;
        const char *hash;
        const char *target;
        const char *cpu_features;
        int32_t num_inputs;
        int32_t num_outputs;
        int32_t num_symbols;
        const onnxc_tensor_info *inputs;
        const onnxc_tensor_info *outputs;
        const char *const *symbols;
        size_t weights_size;
        int32_t weights_external;
        size_t (*arena_size)(const int64_t *symbols);
        void (*output_shapes)(const int64_t *symbols, int64_t *shapes);
        int32_t (*run)(const void *const *inputs, void *const *outputs, const int64_t *symbols,
                       const onnxc_context *context);
        int32_t num_steps;
        const onnxc_step_info *steps;
        const onnxc_keys *const *output_keys;
        int32_t makes_text;
        const char *const *input_maps;
        int32_t needs_heap;
    } onnxc_model;

    const onnxc_model *onnxc_query(uint32_t abi_version);
    const char *onnxc_status_text(int32_t status);
    int32_t onnxc_check_machine(const onnxc_model *model);
    int32_t onnxc_pool_create(int32_t threads, onnxc_parallel **pool);
    void onnxc_pool_destroy(onnxc_parallel *pool);
    int32_t onnxc_text_create(onnxc_text **text);
    void onnxc_text_destroy(onnxc_text *text);
    uint64_t onnxc_now(void);
    int32_t onnxc_heap_create(onnxc_heap **heap);
    void onnxc_heap_destroy(onnxc_heap *heap);
    """
)

FUNCTIONS = (
    "onnxc_query",
    "onnxc_status_text",
    "onnxc_check_machine",
    "onnxc_pool_create",
    "onnxc_pool_destroy",
    "onnxc_now",
)
#: Those that only models with makes_text have.
TEXT_FUNCTIONS = ("onnxc_text_create", "onnxc_text_destroy")
SIZE_MAX = 2 ** (8 * ffi.sizeof("size_t")) - 1
