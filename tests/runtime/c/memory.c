/* Memory for arenas: aligned, zeroed, all of it there, given back. */
#include <string.h>

#include "expect.h"
#include "onnxc_runtime.h"

int main(void) {
  const size_t sizes[] = {1, 4096, 4097, 1 << 20, (1 << 20) - 1, 2 << 20, (2 << 20) + 1, 5 << 20};
  for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); ++i) {
    void *arenas[3];
    for (int k = 0; k < 3; ++k) {
      EXPECT(onnxc_arena_create(sizes[i], &arenas[k]) == ONNXC_OK);
      EXPECT(arenas[k] != NULL && (uintptr_t)arenas[k] % ONNXC_ALIGNMENT == 0);
      const unsigned char *bytes = arenas[k];
      for (size_t at = 0; at < sizes[i]; at += 997) EXPECT(bytes[at] == 0);
      EXPECT(bytes[sizes[i] - 1] == 0);
      memset(arenas[k], 0xFF, sizes[i]);
    }
    for (int k = 0; k < 3; ++k) onnxc_arena_destroy(arenas[k], sizes[i]);
  }
  void *arena = &arena;
  EXPECT(onnxc_arena_create(0, &arena) == ONNXC_OK && arena == NULL);
  onnxc_arena_destroy(arena, 0);
  EXPECT(onnxc_arena_create(1, NULL) == ONNXC_ERROR_ARGUMENT);
  arena = &arena;
  EXPECT(onnxc_arena_create(SIZE_MAX, &arena) == ONNXC_ERROR_MEMORY && arena == NULL);
  if (sizeof(size_t) > 4) { /* no machine has that; half of 32 bits is there */
    EXPECT(onnxc_arena_create(SIZE_MAX / 2 - 4096, &arena) == ONNXC_ERROR_MEMORY && arena == NULL);
  }
  return 0;
}
