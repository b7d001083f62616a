/* Memory of sizes that runs decide: blocks that grow as they must, and are kept for the next run.
 *
 * Blocks, and not one piece of memory, since a block that grows must not move the others, whose addresses the run holds.
 * Which values share a block was decided when the model was compiled. For hosted systems: it needs malloc.
 */
#include <stdlib.h>
#include <string.h>

#include "onnxc_runtime.h"

typedef struct {
  void *memory; /* as malloc gave it */
  uint8_t *data;
  size_t size;
} block;

struct onnxc_heap {
  block *blocks;
  int32_t count;
  void *values; /* sequences and optional values: see onnxc_sequence.c */
  void (*destroy_values)(void *values);
};

onnxc_status onnxc_heap_create(onnxc_heap **heap) {
  if (heap == NULL) return ONNXC_ERROR_ARGUMENT;
  *heap = calloc(1, sizeof(**heap));
  return *heap == NULL ? ONNXC_ERROR_MEMORY : ONNXC_OK;
}

void onnxc_heap_destroy(onnxc_heap *heap) {
  if (heap == NULL) return;
  for (int32_t i = 0; i < heap->count; ++i) free(heap->blocks[i].memory);
  free(heap->blocks);
  if (heap->values != NULL) heap->destroy_values(heap->values);
  free(heap);
}

void **onnxc_heap_values(onnxc_heap *heap, void (*destroy)(void *values)) {
  heap->destroy_values = destroy;
  return &heap->values;
}

/* Room for one more block than the highest number so far. */
static onnxc_status extend(onnxc_heap *heap, int32_t count) {
  block *blocks = realloc(heap->blocks, (size_t)count * sizeof(*blocks));
  if (blocks == NULL) return ONNXC_ERROR_MEMORY;
  memset(blocks + heap->count, 0, (size_t)(count - heap->count) * sizeof(*blocks));
  heap->blocks = blocks;
  heap->count = count;
  return ONNXC_OK;
}

onnxc_status onnxc_heap_reserve(onnxc_heap *heap, int32_t number, int64_t size, int64_t kept, void **data) {
  if (heap == NULL || data == NULL || number < 0 || number == INT32_MAX) return ONNXC_ERROR_ARGUMENT;
  if (size < 0 || kept < 0 || kept > size) return ONNXC_ERROR_VALUE;
  if (number >= heap->count) {
    const onnxc_status status = extend(heap, number + 1);
    if (status != ONNXC_OK) return status;
  }
  block *const found = &heap->blocks[number];
  if (found->size < (uint64_t)kept) return ONNXC_ERROR_VALUE; /* it never had so much */
  if (found->data == NULL || found->size < (uint64_t)size) {
    /* A half more than wanted, so that a block that grows step by step is not copied at each. */
    const uint64_t wanted = (uint64_t)size + (uint64_t)size / 2 + ONNXC_ALIGNMENT;
    if (wanted > SIZE_MAX - ONNXC_ALIGNMENT) return ONNXC_ERROR_MEMORY;
    if (kept == 0) { /* the old one first: there are never two */
      free(found->memory);
      memset(found, 0, sizeof(*found));
    }
    uint8_t *const memory = malloc((size_t)wanted + ONNXC_ALIGNMENT);
    if (memory == NULL) return ONNXC_ERROR_MEMORY;
    uint8_t *const place = memory + (ONNXC_ALIGNMENT - (uintptr_t)memory % ONNXC_ALIGNMENT);
    if (kept > 0) memcpy(place, found->data, (size_t)kept);
    free(found->memory);
    found->memory = memory;
    found->data = place;
    found->size = (size_t)wanted;
  }
  *data = found->data;
  return ONNXC_OK;
}
