/* The interface of every artifact that onnxc makes, and the few functions that all of them share.
 *
 * The caller owns all memory. There is no global state: any number of threads may run one model at the same time, each
 * with its own arena. Functions return a status, and never exit or print.
 */
#ifndef ONNXC_RUNTIME_H
#define ONNXC_RUNTIME_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Raised whenever a struct below or the meaning of a function changes. */
#define ONNXC_ABI_VERSION 5u

/* Required alignment of arenas and weights, in bytes. The caller's tensors need the alignment of their element only. */
#define ONNXC_ALIGNMENT 64u

#if defined(_WIN32)
#define ONNXC_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define ONNXC_EXPORT __attribute__((visibility("default")))
#else
#define ONNXC_EXPORT
#endif

/* ------------------------------------------------------------------------------------------------ DLPack 1.1 */

/* The part of DLPack that is needed here. A program that uses DLPack's own header includes that one first. */
#ifndef DLPACK_DLPACK_H_
typedef enum { kDLCPU = 1, kDLCUDA = 2 } DLDeviceType;
typedef enum {
  kDLInt = 0, kDLUInt = 1, kDLFloat = 2, kDLOpaqueHandle = 3, kDLBfloat = 4, kDLComplex = 5, kDLBool = 6,
  kDLFloat8_e4m3fn = 10, kDLFloat8_e4m3fnuz = 11, kDLFloat8_e5m2 = 12, kDLFloat8_e5m2fnuz = 13, kDLFloat8_e8m0fnu = 14,
  kDLFloat6_e2m3fn = 15, kDLFloat6_e3m2fn = 16, /* of 8 bits here: each in a byte of its own */
  kDLFloat4_e2m1fn = 17
} DLDataTypeCode;
typedef struct { int32_t device_type; int32_t device_id; } DLDevice;
typedef struct { uint8_t code; uint8_t bits; uint16_t lanes; } DLDataType;
typedef struct {
  void *data;
  DLDevice device;
  int32_t ndim;
  DLDataType dtype;
  int64_t *shape;
  int64_t *strides; /* in elements; NULL: dense, row-major */
  uint64_t byte_offset;
} DLTensor;
#endif

/* ------------------------------------------------------------------------------------------------ strings */

/* A string: size bytes of UTF-8, which need no zero at their end; data may be NULL where size is 0. Tensors of strings are
 * arrays of these, aligned to 16 bytes, of the type {kDLOpaqueHandle, 128, 1}. The caller owns the bytes of inputs, and
 * keeps them as they are until he has done with the outputs: those may point into them. Outputs also point to constants
 * in the artifact, and to the context's text, whose bytes are valid until its next run. */
typedef struct
#if defined(__GNUC__)
    __attribute__((aligned(16)))
#endif
{
  const char *data;
  int64_t size;
} onnxc_string;

/* ------------------------------------------------------------------------------------------------ status */

typedef int32_t onnxc_status;
enum {
  ONNXC_OK = 0,
  ONNXC_ERROR_ARGUMENT = 1, /* NULL where something is needed, or a wrong count */
  ONNXC_ERROR_DTYPE = 2,    /* a tensor's element type is not the model's */
  ONNXC_ERROR_SHAPE = 3,    /* a tensor's rank or shape is not the model's, or two uses of a dimension differ */
  ONNXC_ERROR_LAYOUT = 4,   /* a tensor is not dense row-major, not aligned, not in CPU memory, or under an output */
  ONNXC_ERROR_ARENA = 5,    /* the arena is missing, too small or not aligned, or the heap or text is missing */
  ONNXC_ERROR_WEIGHTS = 6,  /* the weights are missing, of another size, not aligned, or another model's */
  ONNXC_ERROR_MACHINE = 7,  /* the processor lacks instructions that the model was compiled for */
  ONNXC_ERROR_MEMORY = 8,   /* the operating system gave no memory or thread */
  ONNXC_ERROR_KERNEL = 9,   /* a kernel failed */
  ONNXC_ERROR_VALUE = 10    /* a size or a position that the run computed is negative, too large or does not fit */
};

/* A sentence on a status; never NULL. */
ONNXC_EXPORT const char *onnxc_status_text(onnxc_status status);

/* ------------------------------------------------------------------------------------------------ threads */

/* Part of a parallel loop: the iterations begin <= i < end. Returns ONNXC_OK or an error. */
typedef onnxc_status (*onnxc_task)(void *arguments, int32_t begin, int32_t end);

/* How a model runs its parallel loops; the caller may supply his own. */
typedef struct onnxc_parallel {
  /* Run task over 0 <= i < count, split as it likes, each iteration once, and return when no thread is inside any more:
   * the first error, or ONNXC_OK. After an error the remaining iterations may be left out. */
  onnxc_status (*parallel_for)(const struct onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count);
  int32_t threads; /* at most so many at once, the caller's among them */
  void *state;
  /* The same for a loop that is worth cutting into so many shares at most, 2 or more, for threads that are near each other.
   * NULL: parallel_for does it, on a loop of as many iterations. */
  onnxc_status (*parallel_shares)(const struct onnxc_parallel *self, onnxc_task task, void *arguments, int32_t count,
                                  int64_t shares);
} onnxc_parallel;

/* Run a loop on parallel; NULL runs it here, in one piece. A count below 1 runs nothing. */
ONNXC_EXPORT onnxc_status onnxc_parallel_for(const onnxc_parallel *parallel, onnxc_task task, void *arguments,
                                             int32_t count);

/* The same for a loop whose work is worth only so many shares: it is cut into no more, so that the other threads are left
 * alone. With less than two it runs here. */
ONNXC_EXPORT onnxc_status onnxc_parallel_shares(const onnxc_parallel *parallel, onnxc_task task, void *arguments,
                                                int32_t count, int64_t shares);

/* ------------------------------------------------------------------------------------------------ models */

/* A dimension in onnxc_tensor_info: n >= 0 is a size, ONNXC_SYMBOL(k) the k-th symbol of the model, ONNXC_EXPRESSION
 * (outputs only) something computed from symbols, ONNXC_RUN_TIME something that only the run knows. */
#define ONNXC_SYMBOL(k) (-1 - (int64_t)(k))
#define ONNXC_EXPRESSION INT64_MIN
#define ONNXC_RUN_TIME (INT64_MIN + 1)

/* How the caller gives a value to model->run, or gets it. */
enum {
  ONNXC_TENSOR = 0,   /* a pointer to the elements: the caller knows the shape, and has the memory */
  ONNXC_VALUE = 1,    /* a pointer to an onnxc_value: a tensor of a shape that the run decides, in the model's memory */
  ONNXC_SEQUENCE = 2, /* a pointer to an onnxc_value: a sequence of tensors */
  ONNXC_OPTIONAL = 8, /* or-ed to these: an onnxc_value, perhaps of the form ONNXC_NONE */
  ONNXC_NONE = 15     /* of an onnxc_value alone: there is nothing */
};

/* No tensor in an onnxc_value has more dimensions. */
#define ONNXC_MAX_RANK 8

/* A tensor, a sequence of tensors, or nothing. What a run writes into it lies in the arena, the heap or the inputs: it
 * is valid until the next run with that arena and heap. */
typedef struct onnxc_value {
  int32_t form; /* ONNXC_VALUE, ONNXC_SEQUENCE or ONNXC_NONE */
  int32_t ndim; /* of a tensor, as the next two */
  const void *data;
  int64_t shape[ONNXC_MAX_RANK];
  int64_t count; /* of a sequence, as the next */
  const struct onnxc_value *items;
} onnxc_value;

/* Memory of sizes that runs decide. It grows as runs need it, and is kept for the next run: see onnxc_heap_create. */
typedef struct onnxc_heap onnxc_heap;

typedef struct {
  const char *name; /* ONNX's, UTF-8 */
  /* One lane; less than 8 bits are packed, the first element in a byte's lowest bits, but have a byte each in sequences
   * and optional values. */
  DLDataType dtype;
  int32_t ndim; /* of the tensors in a sequence or an optional, too, as the next; -1: any */
  const int64_t *shape;
  int32_t form;
} onnxc_tensor_info;

/* A step of a model that was compiled for profiling: a call of a kernel, or a copy. */
typedef struct {
  const char *kernel;    /* name of the kernel in C; "memcpy" */
  const char *nodes;     /* names of the ONNX nodes that it computes, comma-separated */
  const char *operators; /* Relay's names of what it consists of, comma-separated */
  const char *types;     /* of its arguments and results, as Relay prints them */
} onnxc_step_info;

/* Sums over all runs of a step. */
typedef struct {
  uint64_t calls;
  uint64_t nanoseconds;   /* or what the clock counts in */
  uint64_t multiply_adds; /* multiplications with an addition, in the operators that consist of them */
  uint64_t moved_bytes;   /* of arguments and results */
} onnxc_step_counts;

/* Where runs of a model that was compiled for profiling add what its steps took. Serves one run at a time. */
typedef struct {
  uint64_t (*now)(void);    /* a clock, in nanoseconds or whatever there is: see onnxc_now */
  onnxc_step_counts *steps; /* num_steps of them */
} onnxc_profile;

/* Keys of a map: integers, or strings; the other pointer is NULL. */
typedef struct {
  int32_t count;
  const int64_t *integers;
  const onnxc_string *strings;
} onnxc_keys;

/* Memory of the strings that runs make: see onnxc_text_create. */
typedef struct onnxc_text onnxc_text;

/* What one run needs beside its tensors. Contexts may share weights and, one after the other, an arena. */
typedef struct {
  void *arena;
  size_t arena_size;
  const void *weights; /* where the model's weights_external is 1; else ignored */
  size_t weights_size;
  const onnxc_parallel *parallel; /* NULL: one thread */
  const onnxc_profile *profile;   /* NULL: nothing is measured */
  onnxc_text *text; /* where the model's makes_text is 1; one run at a time */
  onnxc_heap *heap;               /* where the model's needs_heap is 1; one run at a time */
} onnxc_context;

/* Describes a model; constant, lives as long as the artifact. The first two members stay what and where they are in all
 * versions of the interface, so that any reader can find out whether it knows the rest. */
typedef struct onnxc_model {
  uint32_t abi_version; /* ONNXC_ABI_VERSION of the artifact */
  uint32_t struct_size; /* sizeof(onnxc_model) of the artifact */
  const char *name;
  const char *hash;         /* SHA-256 of model and options: 64 hexadecimal digits */
  const char *target;       /* name of the target, such as x86-64-v3 */
  const char *cpu_features; /* LLVM's names, comma-separated; those that the processor must have, "" for none */
  int32_t num_inputs;
  int32_t num_outputs;
  int32_t num_symbols;
  const onnxc_tensor_info *inputs;
  const onnxc_tensor_info *outputs;
  const char *const *symbols; /* their names; each stands for a dimension of at least one input */
  size_t weights_size;        /* bytes */
  /* 0: the artifact holds the weights. 1: the caller gives them in the context; they begin with the 64 digits of hash,
   * so that those of another model are refused. */
  int32_t weights_external;
  /* Bytes of the arena under values (0 <= value <= INT32_MAX) of the symbols; SIZE_MAX: the model cannot run under
   * them, since something would be too large or of negative size, or a value is beyond its bound. Static models ignore
   * them (NULL will do). */
  size_t (*arena_size)(const int64_t *symbols);
  /* Shapes of all outputs one after the other, under values of the symbols; ONNXC_RUN_TIME for what is unknown yet. */
  void (*output_shapes)(const int64_t *symbols, int64_t *shapes);
  /* Run on raw pointers. Checks nothing: see onnxc_run. */
  onnxc_status (*run)(const void *const *inputs, void *const *outputs, const int64_t *symbols,
                      const onnxc_context *context);
  /* The steps, in order; none where the model was not compiled for profiling. */
  int32_t num_steps;
  const onnxc_step_info *steps;
  /* NULL; or for each output NULL, or keys: each row of the output then is a map from these to the row's elements. */
  const onnxc_keys *const *output_keys;
  int32_t makes_text; /* 1: runs make strings, so that the context must have memory for them */
  /* NULL; or for each input NULL, or the name of the map that it is a part of: first its keys, ascending and each once,
   * then its values. */
  const char *const *input_maps;
  int32_t needs_heap; /* 1: its memory depends on more than the symbols, so that the context must have a heap */
  /* NULL; or for each symbol the greatest value that the model has memory for, INT32_MAX where it has no bound. */
  const int64_t *symbol_bounds;
} onnxc_model;

/* The model in a shared library; NULL where the library does not know this version of the interface. */
ONNXC_EXPORT const onnxc_model *onnxc_query(uint32_t abi_version);

/* Can this processor run the model? ONNXC_OK or ONNXC_ERROR_MACHINE. Call it once, before the first run: it can take
 * microseconds on a virtual machine. On processors that cannot be asked (microcontrollers) it says ONNXC_OK. */
ONNXC_EXPORT onnxc_status onnxc_check_machine(const onnxc_model *model);

/* Values of the model's symbols (num_symbols of them) from the inputs; checks rank, shape, element type, layout. Only for
 * models whose inputs are of the form ONNXC_TENSOR. */
ONNXC_EXPORT onnxc_status onnxc_bind(const onnxc_model *model, const DLTensor *const *inputs, int64_t *symbols);

/* Run with everything checked but the processor: inputs and outputs in the model's order, the context's sizes.
 * No output may overlap an input or another output. Of an output of the form ONNXC_VALUE, the run sets data and the ndim
 * entries of shape, for which there must be room. Models with other forms are run by model->run alone.
 * symbols: room for num_symbols values (NULL where there are none); shapes: room for the dimensions of all outputs
 * (NULL where there are none). Needs a pointer per input and output on the stack. */
ONNXC_EXPORT onnxc_status onnxc_run(const onnxc_model *model, const DLTensor *const *inputs,
                                    const DLTensor *const *outputs, const onnxc_context *context, int64_t *symbols,
                                    int64_t *shapes);

/* ------------------------------------------------------------------------------------------------ hosted only */

/* A run by one pointer, since other languages pay for each argument of a call. Their tensors are objects in which the
 * pointer to the elements lies, offset bytes behind the object's address. */
typedef struct {
  const onnxc_model *model;
  const onnxc_context *context;
  const uintptr_t *objects; /* addresses: those of the inputs, then of the outputs */
  size_t offset;
  const int64_t *symbols;
} onnxc_call;

/* In onnxc_call.c, which only shared libraries have. Checks nothing, as model->run. */
ONNXC_EXPORT onnxc_status onnxc_run_call(const onnxc_call *call);

/* Memory for an arena, in onnxc_memory.c: zeroed, aligned, in large pages where the system has them, which makes the
 * first run of a large model some milliseconds shorter. ONNXC_ERROR_MEMORY, or *arena (NULL for a size of 0). Give it
 * back with the same size. Any other memory will do as well. */
ONNXC_EXPORT onnxc_status onnxc_arena_create(size_t size, void **arena);
ONNXC_EXPORT void onnxc_arena_destroy(void *arena, size_t size);
/* In onnxc_heap.c, which only models with needs_heap have. A heap serves one run at a time, of one model. */
ONNXC_EXPORT onnxc_status onnxc_heap_create(onnxc_heap **heap);

/* Frees the heap and all that runs have left there. NULL does nothing. */
ONNXC_EXPORT void onnxc_heap_destroy(onnxc_heap *heap);

/* For models: make a block at least so large, and tell where it is. Its first bytes stay, as many as are kept. */
ONNXC_EXPORT onnxc_status onnxc_heap_reserve(onnxc_heap *heap, int32_t block, int64_t size, int64_t kept, void **data);

/* For onnxc_sequence.c: where a heap keeps its address, and what frees it with the heap. */
ONNXC_EXPORT void **onnxc_heap_values(onnxc_heap *heap, void (*destroy)(void *values));

/* For models: sequences and optional values, in onnxc_sequence.c, which only models that make some have. They lie in
 * slots of the heap, by number. A position may count from the back, from -1 on; one that does not exist is an
 * ONNXC_ERROR_VALUE. */
typedef struct {
  const void *data;
  int64_t size; /* bytes */
  int32_t ndim; /* at most ONNXC_MAX_RANK */
  const int64_t *shape;
} onnxc_view; /* a tensor to be copied */

/* Begin a run with so many slots, all empty. */
ONNXC_EXPORT onnxc_status onnxc_values_begin(onnxc_heap *heap, int32_t count);
/* Is an input well-formed, and of the form that the model wants? ONNXC_OK or ONNXC_ERROR_ARGUMENT. */
ONNXC_EXPORT onnxc_status onnxc_value_check(const onnxc_value *value, int32_t form);
ONNXC_EXPORT const onnxc_value *onnxc_value_of(onnxc_heap *heap, int32_t slot);
/* A slot becomes empty, or a sequence of nothing (ONNXC_NONE, ONNXC_SEQUENCE); a copy of a tensor; what another one holds,
 * which may become empty thereby; or what the caller holds, whose bytes stay his. */
ONNXC_EXPORT void onnxc_value_clear(onnxc_heap *heap, int32_t slot, int32_t form);
ONNXC_EXPORT onnxc_status onnxc_value_set(onnxc_heap *heap, int32_t slot, const onnxc_view *from);
ONNXC_EXPORT onnxc_status onnxc_value_copy(onnxc_heap *heap, int32_t to, int32_t from);
ONNXC_EXPORT void onnxc_value_move(onnxc_heap *heap, int32_t to, int32_t from);
ONNXC_EXPORT onnxc_status onnxc_value_borrow(onnxc_heap *heap, int32_t to, const onnxc_value *from);
ONNXC_EXPORT onnxc_status onnxc_sequence_insert(onnxc_heap *heap, int32_t slot, int64_t position,
                                                const onnxc_view *from);
ONNXC_EXPORT onnxc_status onnxc_sequence_erase(onnxc_heap *heap, int32_t slot, int64_t position);
ONNXC_EXPORT onnxc_status onnxc_sequence_find(const onnxc_value *sequence, int64_t position, const onnxc_value **item);
/* All tensors of that rank one after the other along an axis, which may be a new one: their shape; themselves. */
ONNXC_EXPORT onnxc_status onnxc_sequence_shape(const onnxc_value *sequence, int32_t axis, int32_t rank, int32_t new_axis,
                                               int64_t *shape);
ONNXC_EXPORT void onnxc_sequence_concat(const onnxc_value *sequence, int32_t axis, int64_t element_size, void *data);

/* A pool of threads on pthreads, in onnxc_threads.c, onnxc_shares.c and onnxc_processors.c; microcontroller builds leave
 * these files out. Threads below 1 ask for as many as onnxc_count_processors says; more than ONNXC_MAX_THREADS are cut to
 * that. The pool runs one loop at a time: a loop that finds it busy, and one inside another, run on their caller's thread
 * alone. A child after fork() has no pool threads: it makes its own pool and leaves its parent's alone. */
#define ONNXC_MAX_THREADS 1024
ONNXC_EXPORT onnxc_status onnxc_pool_create(int32_t threads, onnxc_parallel **pool);

/* Processors that this process may use: those that it is bound to, or fewer where the control groups that it is in
 * (containers) have the time of fewer. */
ONNXC_EXPORT int32_t onnxc_count_processors(void);

/* Nanoseconds since some time in the past, for onnxc_profile. */
ONNXC_EXPORT uint64_t onnxc_now(void);

/* Ends the threads and frees the pool; no loop may be running on it. NULL does nothing. */
ONNXC_EXPORT void onnxc_pool_destroy(onnxc_parallel *pool);

/* Memory of strings, in onnxc_text.c, which only models with makes_text have. It grows as runs need it, is kept for the
 * next run, and serves one run at a time. */
ONNXC_EXPORT onnxc_status onnxc_text_create(onnxc_text **text);

/* Frees all of it. NULL does nothing. */
ONNXC_EXPORT void onnxc_text_destroy(onnxc_text *text);

/* For models: begin a run; and take so many bytes, which stay until the next one begins. NULL: there is no memory. */
ONNXC_EXPORT void onnxc_text_clear(onnxc_text *text);
ONNXC_EXPORT char *onnxc_text_take(onnxc_text *text, int64_t size);

#ifdef __cplusplus
}
#endif
#endif
