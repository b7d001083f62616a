/* branches: interface, made by onnxc. */
#ifndef BRANCHES_H
#define BRANCHES_H

#include <stdbool.h>

#include "onnxc_runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BRANCHES_WEIGHTS_SIZE 16u

/* Lengths of the arrays. */
#define BRANCHES_INPUT_C_SIZE 1u

typedef struct {
  const float *x; /* (N, 3) */
  const bool *c; /* () */
} branches_inputs;

typedef struct {
  float *y; /* (N, 3) */
  float *z; /* (N, 3) */
  float *last; /* (N, 3) */
} branches_outputs;

/* The dimensions that are only known at run time, each at least 0. */
typedef struct {
  int64_t N;
} branches_symbols;

/* Bytes of scratch memory for one run. */
ONNXC_EXPORT size_t branches_arena_size(const branches_symbols *symbols);

/* Run the model. Checks nothing but NULL pointers; arena is aligned to ONNXC_ALIGNMENT bytes; parallel may
 * be NULL. Give memory to one run at a time. */
ONNXC_EXPORT onnxc_status branches_run(const branches_inputs *inputs, const branches_outputs *outputs,
                                       const branches_symbols *symbols, void *arena, const onnxc_parallel *parallel);

/* The model for the functions of onnxc_runtime.h; NULL for another version of the interface. */
ONNXC_EXPORT const onnxc_model *branches_query(uint32_t abi_version);

#ifdef __cplusplus
}
#endif
#endif
