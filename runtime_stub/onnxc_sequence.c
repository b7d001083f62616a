/* Sequences of tensors and optional values that runs make: slots of the heap, which is where a model keeps them. A tensor
 * lies in memory of its own that all sequences with it share and the last one frees, so that to copy a sequence is to copy
 * addresses. Only models that change such values have this file. For hosted systems: it needs malloc.
 */
#include <stdlib.h>
#include <string.h>

#include "onnxc_runtime.h"

#define MOST_ELEMENT_BYTES 16 /* complex128, strings */

typedef struct {
  int64_t uses; /* how many values have it */
  void *memory; /* as malloc gave it; the bytes are in it, aligned */
} tensor;

typedef struct {
  onnxc_value value;   /* as the model and the caller see it */
  onnxc_value *items;  /* of a sequence; kept for the next one */
  tensor **owners;     /* for each item: NULL where its bytes are the caller's */
  int64_t capacity;    /* of both */
  tensor *owner;       /* of a tensor */
} slot;

typedef struct {
  slot *slots;
  int32_t count;
} slots;

static void release(tensor *owner) {
  if (owner == NULL || --owner->uses > 0) return;
  free(owner->memory);
  free(owner);
}

static tensor *share(tensor *owner) {
  if (owner != NULL) ++owner->uses;
  return owner;
}

static void clear(slot *s, int32_t form) {
  if (s->value.form == ONNXC_SEQUENCE) {
    for (int64_t i = 0; i < s->value.count; ++i) release(s->owners[i]);
  }
  release(s->owner);
  s->owner = NULL;
  memset(&s->value, 0, sizeof(s->value));
  s->value.form = form;
  if (form == ONNXC_SEQUENCE) s->value.items = s->items;
}

static void destroy(void *all) {
  slots *const found = all;
  if (found == NULL) return;
  for (int32_t i = 0; i < found->count; ++i) {
    clear(&found->slots[i], ONNXC_NONE);
    free(found->slots[i].items);
    free(found->slots[i].owners);
  }
  free(found->slots);
  free(found);
}

static slot *slot_of(onnxc_heap *heap, int32_t number) {
  return &((slots *)*onnxc_heap_values(heap, destroy))->slots[number];
}

onnxc_status onnxc_values_begin(onnxc_heap *heap, int32_t count) {
  if (heap == NULL || count < 1) return ONNXC_ERROR_ARGUMENT;
  void **const place = onnxc_heap_values(heap, destroy);
  slots *found = *place;
  if (found != NULL && found->count == count) {
    for (int32_t i = 0; i < count; ++i) clear(&found->slots[i], ONNXC_NONE);
    return ONNXC_OK;
  }
  destroy(found);
  *place = NULL;
  found = calloc(1, sizeof(*found));
  if (found == NULL) return ONNXC_ERROR_MEMORY;
  found->slots = calloc((size_t)count, sizeof(*found->slots));
  if (found->slots == NULL) {
    free(found);
    return ONNXC_ERROR_MEMORY;
  }
  found->count = count;
  for (int32_t i = 0; i < count; ++i) found->slots[i].value.form = ONNXC_NONE;
  *place = found;
  return ONNXC_OK;
}

const onnxc_value *onnxc_value_of(onnxc_heap *heap, int32_t number) { return &slot_of(heap, number)->value; }

void onnxc_value_clear(onnxc_heap *heap, int32_t number, int32_t form) { clear(slot_of(heap, number), form); }

/* Room for so many items. */
static onnxc_status extend(slot *s, int64_t count) {
  if (count <= s->capacity) return ONNXC_OK;
  const uint64_t wanted = (uint64_t)count + (uint64_t)count / 2 + 4;
  if (wanted > SIZE_MAX / sizeof(onnxc_value)) return ONNXC_ERROR_MEMORY;
  onnxc_value *const items = realloc(s->items, (size_t)wanted * sizeof(*items));
  if (items == NULL) return ONNXC_ERROR_MEMORY;
  s->items = items;
  if (s->value.form == ONNXC_SEQUENCE) s->value.items = items;
  tensor **const owners = realloc(s->owners, (size_t)wanted * sizeof(*owners));
  if (owners == NULL) return ONNXC_ERROR_MEMORY;
  s->owners = owners;
  s->capacity = (int64_t)wanted;
  return ONNXC_OK;
}

/* A copy of a tensor, in memory of its own. */
static onnxc_status make(const onnxc_view *from, onnxc_value *value, tensor **owner) {
  if (from->size < 0 || (uint64_t)from->size > SIZE_MAX - 2 * ONNXC_ALIGNMENT) return ONNXC_ERROR_MEMORY;
  tensor *const made = malloc(sizeof(*made));
  if (made == NULL) return ONNXC_ERROR_MEMORY;
  made->uses = 1;
  made->memory = malloc((size_t)from->size + ONNXC_ALIGNMENT);
  if (made->memory == NULL) {
    free(made);
    return ONNXC_ERROR_MEMORY;
  }
  uint8_t *const data = (uint8_t *)made->memory + (ONNXC_ALIGNMENT - (uintptr_t)made->memory % ONNXC_ALIGNMENT);
  if (from->size > 0) memcpy(data, from->data, (size_t)from->size);
  memset(value, 0, sizeof(*value));
  value->form = ONNXC_VALUE;
  value->ndim = from->ndim;
  value->data = data;
  for (int32_t axis = 0; axis < from->ndim; ++axis) value->shape[axis] = from->shape[axis];
  *owner = made;
  return ONNXC_OK;
}

onnxc_status onnxc_value_set(onnxc_heap *heap, int32_t number, const onnxc_view *from) {
  slot *const s = slot_of(heap, number);
  onnxc_value value;
  tensor *owner;
  const onnxc_status status = make(from, &value, &owner); /* first, since it may be a copy of what the slot holds */
  if (status != ONNXC_OK) return status;
  clear(s, ONNXC_NONE);
  s->value = value;
  s->owner = owner;
  return ONNXC_OK;
}

/* Every product of its dimensions, and of those and an element's bytes, fits into 64 bits. */
static int is_tensor(const onnxc_value *value) {
  if (value->form != ONNXC_VALUE || value->ndim < 0 || value->ndim > ONNXC_MAX_RANK) return 0;
  int empty = 0;
  int64_t most = INT64_MAX / MOST_ELEMENT_BYTES;
  for (int32_t axis = 0; axis < value->ndim; ++axis) {
    const int64_t dim = value->shape[axis];
    if (dim < 0 || dim > most) return 0;
    if (dim == 0) empty = 1;
    else most /= dim;
  }
  return empty || value->data != NULL;
}

onnxc_status onnxc_value_check(const onnxc_value *value, int32_t form) {
  if (value == NULL) return ONNXC_ERROR_ARGUMENT;
  if (value->form == ONNXC_NONE) return form & ONNXC_OPTIONAL ? ONNXC_OK : ONNXC_ERROR_ARGUMENT;
  if (value->form != (form & ~ONNXC_OPTIONAL)) return ONNXC_ERROR_ARGUMENT;
  if (value->form == ONNXC_VALUE) return is_tensor(value) ? ONNXC_OK : ONNXC_ERROR_ARGUMENT;
  if (value->count < 0 || (value->count > 0 && value->items == NULL)) return ONNXC_ERROR_ARGUMENT;
  for (int64_t i = 0; i < value->count; ++i) {
    if (!is_tensor(&value->items[i])) return ONNXC_ERROR_ARGUMENT;
  }
  return ONNXC_OK;
}

/* The value of a slot becomes one that stands elsewhere; owners: of its items and of itself, NULL for the caller's. */
static onnxc_status assign(slot *to, const onnxc_value *from, tensor *const *owners, tensor *owner) {
  clear(to, ONNXC_NONE);
  if (from->form == ONNXC_SEQUENCE) {
    clear(to, ONNXC_SEQUENCE);
    const onnxc_status status = extend(to, from->count);
    if (status != ONNXC_OK) return status;
    for (int64_t i = 0; i < from->count; ++i) {
      to->items[i] = from->items[i];
      to->owners[i] = owners == NULL ? NULL : share(owners[i]);
    }
    to->value.count = from->count;
    return ONNXC_OK;
  }
  to->value = *from;
  to->owner = share(owner);
  return ONNXC_OK;
}

onnxc_status onnxc_value_borrow(onnxc_heap *heap, int32_t to, const onnxc_value *from) {
  return assign(slot_of(heap, to), from, NULL, NULL);
}

onnxc_status onnxc_value_copy(onnxc_heap *heap, int32_t to, int32_t from) {
  const slot *const source = slot_of(heap, from);
  return to == from ? ONNXC_OK : assign(slot_of(heap, to), &source->value, source->owners, source->owner);
}

void onnxc_value_move(onnxc_heap *heap, int32_t to, int32_t from) {
  if (to == from) return;
  slot *const target = slot_of(heap, to), *const source = slot_of(heap, from);
  clear(target, ONNXC_NONE);
  const slot kept = *target;
  *target = *source;
  *source = kept;
}

/* A position counted from the front; below 0 where it is not between -count and last. */
static int64_t place(int64_t position, int64_t count, int64_t last) {
  if (position < -count || position > last) return -1;
  return position < 0 ? position + count : position;
}

onnxc_status onnxc_sequence_insert(onnxc_heap *heap, int32_t number, int64_t position, const onnxc_view *from) {
  slot *const s = slot_of(heap, number);
  const int64_t count = s->value.count, at = place(position, count, count);
  if (at < 0) return ONNXC_ERROR_VALUE;
  onnxc_value item;
  tensor *owner;
  onnxc_status status = make(from, &item, &owner); /* first, since its shape may stand among the items, which move */
  if (status != ONNXC_OK) return status;
  status = extend(s, count + 1);
  if (status != ONNXC_OK) {
    release(owner);
    return status;
  }
  memmove(&s->items[at + 1], &s->items[at], (size_t)(count - at) * sizeof(*s->items));
  memmove(&s->owners[at + 1], &s->owners[at], (size_t)(count - at) * sizeof(*s->owners));
  s->items[at] = item;
  s->owners[at] = owner;
  s->value.count = count + 1;
  return ONNXC_OK;
}

onnxc_status onnxc_sequence_erase(onnxc_heap *heap, int32_t number, int64_t position) {
  slot *const s = slot_of(heap, number);
  const int64_t count = s->value.count, at = place(position, count, count - 1);
  if (at < 0) return ONNXC_ERROR_VALUE;
  release(s->owners[at]);
  memmove(&s->items[at], &s->items[at + 1], (size_t)(count - at - 1) * sizeof(*s->items));
  memmove(&s->owners[at], &s->owners[at + 1], (size_t)(count - at - 1) * sizeof(*s->owners));
  s->value.count = count - 1;
  return ONNXC_OK;
}

onnxc_status onnxc_sequence_find(const onnxc_value *sequence, int64_t position, const onnxc_value **item) {
  const int64_t at = place(position, sequence->count, sequence->count - 1);
  if (at < 0) return ONNXC_ERROR_VALUE;
  *item = &sequence->items[at];
  return ONNXC_OK;
}

onnxc_status onnxc_sequence_shape(const onnxc_value *sequence, int32_t axis, int32_t rank, int32_t new_axis,
                                  int64_t *shape) {
  if (sequence->count == 0) return ONNXC_ERROR_VALUE;
  int64_t sum = 0;
  for (int64_t i = 0; i < sequence->count; ++i) {
    const onnxc_value *const item = &sequence->items[i];
    if (item->ndim != rank) return ONNXC_ERROR_SHAPE;
    for (int32_t k = 0; k < rank; ++k) {
      if (item->shape[k] != sequence->items[0].shape[k] && (new_axis || k != axis)) return ONNXC_ERROR_SHAPE;
    }
    const int64_t size = new_axis ? 1 : item->shape[axis];
    if (size > INT32_MAX - sum) return ONNXC_ERROR_VALUE;
    sum += size;
  }
  for (int32_t k = 0; k < rank + new_axis; ++k) {
    shape[k] = k == axis ? sum : sequence->items[0].shape[k - (new_axis && k > axis)];
  }
  return ONNXC_OK;
}

void onnxc_sequence_concat(const onnxc_value *sequence, int32_t axis, int64_t element_size, void *data) {
  uint8_t *to = data;
  int64_t outer = 1;
  for (int32_t k = 0; k < axis; ++k) outer *= sequence->items[0].shape[k];
  for (int64_t row = 0; row < outer; ++row) {
    for (int64_t i = 0; i < sequence->count; ++i) {
      const onnxc_value *const item = &sequence->items[i];
      int64_t size = element_size;
      for (int32_t k = axis; k < item->ndim; ++k) size *= item->shape[k];
      if (size > 0) memcpy(to, (const uint8_t *)item->data + row * size, (size_t)size);
      to += size;
    }
  }
}
