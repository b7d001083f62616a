/* Sequences and optional values in slots: values of callers that cannot be, and copies of what a slot itself holds. */
#include <string.h>

#include "expect.h"
#include "onnxc_runtime.h"

enum { SLOTS = 2, ELEMENTS = 6 };

static onnxc_value tensor(const void *data, int32_t ndim, const int64_t *shape) {
  onnxc_value value;
  memset(&value, 0, sizeof(value));
  value.form = ONNXC_VALUE;
  value.ndim = ndim;
  value.data = data;
  for (int32_t axis = 0; axis < ndim && axis < ONNXC_MAX_RANK; ++axis) value.shape[axis] = shape[axis];
  return value;
}

static void test_checks(void) {
  const float data[ELEMENTS] = {0};
  const int64_t shape[] = {2, 3}, negative[] = {2, -3}, nothing[] = {0, 3};
  const onnxc_value wrong[] = {
      tensor(data, 2, negative),
      tensor(data, -1, NULL),
      tensor(data, ONNXC_MAX_RANK + 1, (int64_t[ONNXC_MAX_RANK + 1]){0}),
      tensor(NULL, 2, shape),
  };
  onnxc_value good = tensor(data, 2, shape);
  EXPECT(onnxc_value_check(NULL, ONNXC_VALUE) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_value_check(&good, ONNXC_VALUE) == ONNXC_OK);
  EXPECT(onnxc_value_check(&good, ONNXC_SEQUENCE) == ONNXC_ERROR_ARGUMENT);
  good = tensor(NULL, 2, nothing);
  EXPECT(onnxc_value_check(&good, ONNXC_VALUE) == ONNXC_OK);
  for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); ++i) {
    EXPECT(onnxc_value_check(&wrong[i], ONNXC_VALUE | ONNXC_OPTIONAL) == ONNXC_ERROR_ARGUMENT);
    const onnxc_value sequence = {.form = ONNXC_SEQUENCE, .count = 1, .items = &wrong[i]};
    EXPECT(onnxc_value_check(&sequence, ONNXC_SEQUENCE) == ONNXC_ERROR_ARGUMENT);
  }
  onnxc_value odd = {.form = ONNXC_SEQUENCE, .count = -1};
  EXPECT(onnxc_value_check(&odd, ONNXC_SEQUENCE) == ONNXC_ERROR_ARGUMENT);
  odd.count = 1;
  EXPECT(onnxc_value_check(&odd, ONNXC_SEQUENCE) == ONNXC_ERROR_ARGUMENT);
  odd.form = ONNXC_NONE;
  EXPECT(onnxc_value_check(&odd, ONNXC_SEQUENCE) == ONNXC_ERROR_ARGUMENT);
  EXPECT(onnxc_value_check(&odd, ONNXC_SEQUENCE | ONNXC_OPTIONAL) == ONNXC_OK);
}

/* Sizes whose products do not fit into 64 bits, be there a 0 among them or not. */
static void test_products(void) {
  const char data = 0;
  const int64_t large = (int64_t)1 << 59, shapes[][3] = {{large, 1, 1}, {1, INT64_MAX, 0}, {large, 0, large}};
  for (int i = 0; i < 3; ++i) {
    const onnxc_value value = tensor(&data, 3, shapes[i]);
    EXPECT(onnxc_value_check(&value, ONNXC_VALUE) == ONNXC_ERROR_ARGUMENT);
  }
  const int64_t most[] = {large / 2, 1, 0};
  const onnxc_value value = tensor(&data, 3, most);
  EXPECT(onnxc_value_check(&value, ONNXC_VALUE) == ONNXC_OK);
}

static void test_own_content(void) {
  onnxc_heap *heap = NULL;
  EXPECT(onnxc_heap_create(&heap) == ONNXC_OK);
  EXPECT(onnxc_values_begin(heap, SLOTS) == ONNXC_OK);
  const float data[ELEMENTS] = {1, 2, 3, 4, 5, 6};
  const int64_t shape[] = {2, 3};
  const onnxc_view view = {data, sizeof(data), 2, shape};
  EXPECT(onnxc_value_set(heap, 0, &view) == ONNXC_OK);
  for (int i = 0; i < 3; ++i) { /* a copy of itself */
    const onnxc_value *const held = onnxc_value_of(heap, 0);
    const onnxc_view own = {held->data, sizeof(data), held->ndim, held->shape};
    EXPECT(onnxc_value_set(heap, 0, &own) == ONNXC_OK);
    EXPECT(memcmp(onnxc_value_of(heap, 0)->data, data, sizeof(data)) == 0);
    EXPECT(memcmp(onnxc_value_of(heap, 0)->shape, shape, sizeof(shape)) == 0);
  }
  onnxc_value_clear(heap, 1, ONNXC_SEQUENCE);
  EXPECT(onnxc_sequence_insert(heap, 1, 0, &view) == ONNXC_OK);
  for (int i = 1; i < 100; ++i) { /* an item once more, while the items move */
    const onnxc_value *const item = &onnxc_value_of(heap, 1)->items[i / 2];
    const onnxc_view own = {item->data, sizeof(data), item->ndim, item->shape};
    EXPECT(onnxc_sequence_insert(heap, 1, i % 2 ? 0 : i, &own) == ONNXC_OK);
  }
  const onnxc_value *const sequence = onnxc_value_of(heap, 1);
  EXPECT(sequence->count == 100);
  for (int i = 0; i < 100; ++i) {
    EXPECT(memcmp(sequence->items[i].data, data, sizeof(data)) == 0);
    EXPECT(memcmp(sequence->items[i].shape, shape, sizeof(shape)) == 0);
  }
  EXPECT(onnxc_sequence_insert(heap, 1, 101, &view) == ONNXC_ERROR_VALUE);
  EXPECT(onnxc_sequence_erase(heap, 1, -101) == ONNXC_ERROR_VALUE);
  EXPECT(onnxc_sequence_erase(heap, 1, 100) == ONNXC_ERROR_VALUE);
  EXPECT(onnxc_sequence_erase(heap, 1, -1) == ONNXC_OK);
  EXPECT(onnxc_value_of(heap, 1)->count == 99);
  onnxc_heap_destroy(heap);
}

int main(void) {
  test_checks();
  test_products();
  test_own_content();
  return 0;
}
