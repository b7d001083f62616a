"""Small functions in C that the text of a model may use; it has those that it does use."""

from __future__ import annotations

import re

#: Each may use those before it.
_HELPERS = r"""
static inline int64_t onnxc_floor_div(int64_t a, int64_t b) {
  return b == 0 ? 0 : a / b - (a % b != 0 && (a < 0) != (b < 0)); /* what is divided by 0 is of no elements */
}

static inline int64_t onnxc_floor_mod(int64_t a, int64_t b) { return a - onnxc_floor_div(a, b) * b; }

static inline int64_t onnxc_max(int64_t a, int64_t b) { return a > b ? a : b; }

static inline int64_t onnxc_min(int64_t a, int64_t b) { return a < b ? a : b; }

static inline double onnxc_greater(double a, double b) { return a > b ? a : b; }

static inline double onnxc_smaller(double a, double b) { return a < b ? a : b; }

static inline double onnxc_quotient(double a, double b) { return b == 0 ? 0 : a / b; }

static inline int onnxc_fits(double bound) { return bound <= (double)INT32_MAX; }

/* A size that the run has computed. */
static inline onnxc_status onnxc_size(int64_t value, int64_t *size) {
  *size = value;
  return value >= 0 && value <= INT32_MAX ? ONNXC_OK : ONNXC_ERROR_VALUE;
}

/* A number that the run has computed, cut to 32 bits: positions beyond every tensor are the same as any other such. */
static inline int64_t onnxc_number(int64_t value) {
  return value > INT32_MAX ? INT32_MAX : value < -INT32_MAX ? -INT32_MAX : value;
}

/* The shape that a tensor gets by a Reshape: -1 is what is left, and 0 (where it copies) the tensor's own dimension. */
static inline onnxc_status onnxc_reshape(int64_t *shape, int rank, const int64_t *source, int source_rank, int copies) {
  int64_t size = 1, others = 1;
  int open = -1;
  for (int i = 0; i < source_rank; ++i) size *= source[i];
  for (int i = 0; i < rank; ++i) {
    if (shape[i] == 0 && copies) {
      if (i >= source_rank) return ONNXC_ERROR_VALUE;
      shape[i] = source[i];
    }
    if (shape[i] == -1) {
      if (open >= 0) return ONNXC_ERROR_VALUE;
      open = i;
      continue;
    }
    if (shape[i] < 0 || shape[i] > INT32_MAX) return ONNXC_ERROR_VALUE;
    if (shape[i] != 0 && others > INT32_MAX / shape[i]) return ONNXC_ERROR_VALUE;
    others *= shape[i];
  }
  if (open < 0) return size == others ? ONNXC_OK : ONNXC_ERROR_VALUE;
  if (others == 0 || size % others != 0) return ONNXC_ERROR_VALUE;
  shape[open] = size / others;
  return ONNXC_OK;
}

static inline void onnxc_copy(void *to, const void *from, int64_t size) {
  if (size > 0) memcpy(to, from, (size_t)size);
}

/* One of count rows. */
static inline onnxc_status onnxc_place(void *rows, const void *row, int64_t size, int64_t index, int64_t count) {
  if (index < 0 || index >= count) return ONNXC_ERROR_VALUE;
  if (size > 0) memcpy((uint8_t *)rows + index * size, row, (size_t)size);
  return ONNXC_OK;
}
"""


def helpers_of(text: str) -> list[str]:
    """The helpers that C uses, as one part; none where it uses none: clang warns of each that nothing uses."""
    used = ""
    for helper in reversed(_HELPERS.strip().split("\n\n")):
        found = re.search(r"^static inline [\w ]+?(\w+)\(", helper, re.MULTILINE)
        assert found is not None, helper
        if f"{found[1]}(" in text + used:
            used = f"{helper}\n{used}"
    return [used] if used else []
