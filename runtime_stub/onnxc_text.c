/* Memory of the strings that runs make: chunks, since what was given must stay where it is. They are kept for the next
 * run. For hosted systems: it needs malloc.
 */
#include <stdlib.h>
#include <string.h>

#include "onnxc_runtime.h"

#define CHUNK_BYTES ((size_t)4096)

typedef struct chunk {
  struct chunk *next;
  size_t size;
  size_t used;
} chunk; /* the bytes are behind it */

struct onnxc_text {
  chunk *first;
  chunk *current;
};

onnxc_status onnxc_text_create(onnxc_text **text) {
  if (text == NULL) return ONNXC_ERROR_ARGUMENT;
  *text = calloc(1, sizeof(**text));
  return *text == NULL ? ONNXC_ERROR_MEMORY : ONNXC_OK;
}

void onnxc_text_destroy(onnxc_text *text) {
  if (text == NULL) return;
  for (chunk *c = text->first; c != NULL;) {
    chunk *const next = c->next;
    free(c);
    c = next;
  }
  free(text);
}

void onnxc_text_clear(onnxc_text *text) {
  for (chunk *c = text->first; c != NULL; c = c->next) c->used = 0;
  text->current = text->first;
}

char *onnxc_text_take(onnxc_text *text, int64_t size) {
  if (size < 0 || (uint64_t)size > SIZE_MAX / 2) return NULL;
  const size_t wanted = (size_t)size;
  for (chunk *c = text->current; c != NULL; c = c->next)
    if (c->size - c->used >= wanted) {
      char *const place = (char *)(c + 1) + c->used;
      c->used += wanted;
      text->current = c;
      return place;
    }
  /* Each as large as all that were before, so that there are few. */
  size_t room = CHUNK_BYTES;
  for (chunk *c = text->first; c != NULL; c = c->next) room += c->size;
  if (room < wanted) room = wanted;
  chunk *const made = malloc(sizeof(chunk) + room);
  if (made == NULL) return NULL;
  made->next = text->first;
  made->size = room;
  made->used = wanted;
  text->first = made;
  text->current = made;
  return (char *)(made + 1);
}
