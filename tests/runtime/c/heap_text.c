/* Memory of sizes and strings that runs decide: what is kept stays, what is given does not move, each run has its own. */
#include <pthread.h>
#include <string.h>

#include "expect.h"
#include "onnxc_runtime.h"

enum { BLOCKS = 5, ROUNDS = 40, STRINGS = 300 };

static void grow_blocks(unsigned seed) {
  onnxc_heap *heap = NULL;
  EXPECT(onnxc_heap_create(&heap) == ONNXC_OK);
  int64_t sizes[BLOCKS] = {0};
  void *blocks[BLOCKS] = {NULL};
  for (int round = 0; round < ROUNDS; ++round) {
    const int32_t number = (int32_t)(seed = seed * 1103515245u + 12345u) >> 16 & 3;
    const int64_t size = sizes[number] + 1 + round * round, kept = sizes[number];
    EXPECT(onnxc_heap_reserve(heap, number, size, kept, &blocks[number]) == ONNXC_OK);
    EXPECT((uintptr_t)blocks[number] % ONNXC_ALIGNMENT == 0);
    unsigned char *bytes = blocks[number];
    for (int64_t i = 0; i < kept; ++i) EXPECT(bytes[i] == (unsigned char)(i + number));
    for (int64_t i = kept; i < size; ++i) bytes[i] = (unsigned char)(i + number);
    sizes[number] = size;
    for (int32_t other = 0; other < BLOCKS; ++other) { /* no other has moved, or lost anything */
      const unsigned char *have = blocks[other];
      if (sizes[other] > 0) EXPECT(have[sizes[other] - 1] == (unsigned char)(sizes[other] - 1 + other));
    }
  }
  void *data = blocks[0];
  EXPECT(onnxc_heap_reserve(heap, 0, 0, 0, &data) == ONNXC_OK);
  EXPECT(onnxc_heap_reserve(heap, 0, -1, 0, &data) == ONNXC_ERROR_VALUE);
  EXPECT(onnxc_heap_reserve(heap, 0, 1, 2, &data) == ONNXC_ERROR_VALUE);
  EXPECT(onnxc_heap_reserve(heap, BLOCKS, 2, 1, &data) == ONNXC_ERROR_VALUE); /* nothing there that could be kept */
  EXPECT(onnxc_heap_reserve(heap, -1, 1, 0, &data) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_heap_reserve(heap, INT32_MAX, 1, 0, &data) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_heap_reserve(heap, 0, 1, 0, NULL) == ONNXC_ERROR_ARGUMENT);
  onnxc_heap_destroy(heap);
}

static void take_strings(void) {
  onnxc_text *text = NULL;
  EXPECT(onnxc_text_create(&text) == ONNXC_OK);
  for (int run = 0; run < 3; ++run) {
    char *given[STRINGS];
    onnxc_text_clear(text);
    for (int i = 0; i < STRINGS; ++i) {
      given[i] = onnxc_text_take(text, i * (run + 1) % 977);
      EXPECT(given[i] != NULL);
      memset(given[i], i, (size_t)(i * (run + 1) % 977));
    }
    for (int i = 0; i < STRINGS; ++i)
      for (int at = 0; at < i * (run + 1) % 977; ++at) EXPECT(given[i][at] == (char)i);
    char *large = onnxc_text_take(text, 100000);
    EXPECT(large != NULL);
    memset(large, 'x', 100000);
  }
  EXPECT(onnxc_text_take(text, -1) == NULL);
  onnxc_text_destroy(text);
}

static void *run(void *seed) {
  for (int i = 0; i < 3; ++i) {
    grow_blocks(*(const unsigned *)seed + (unsigned)i);
    take_strings();
  }
  return NULL;
}

int main(void) {
  pthread_t threads[3];
  static unsigned seeds[3] = {1, 20, 300};
  for (int i = 0; i < 3; ++i) EXPECT(pthread_create(&threads[i], NULL, run, &seeds[i]) == 0);
  for (int i = 0; i < 3; ++i) EXPECT(pthread_join(threads[i], NULL) == 0);
  EXPECT(onnxc_heap_create(NULL) == ONNXC_ERROR_ARGUMENT && onnxc_text_create(NULL) == ONNXC_ERROR_ARGUMENT);
  onnxc_heap_destroy(NULL);
  onnxc_text_destroy(NULL);
  return 0;
}
