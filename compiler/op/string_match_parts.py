"""Whether strings match a pattern from begin to end, by all states of Thompson's automaton at once.

For patterns whose deterministic automaton is too large (see `string.match`). The arguments after the strings are those
of `frontend.regex_parts.PartTables`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters

_NAMES = (
    *("x", "kinds", "free_begins", "free_targets", "free_conditions"),
    *("byte_begins", "byte_targets", "byte_ranges", "ends"),
)


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = dict(zip(_NAMES, tensors("string.match_parts", args, len(_NAMES)), strict=True))
    check_dtype("string.match_parts", types["x"].dtype, ("string",))
    if types["kinds"].shape != (256,) or types["free_begins"].shape != types["byte_begins"].shape:
        raise CompileError("string.match_parts with other tables", expected="tables of Thompson's automaton")
    return TensorType(types["x"].shape, "bool")


def _reference(attrs: Attrs, x: np.ndarray, *tables: np.ndarray) -> np.ndarray:
    kinds, free_begins, free_targets, conditions, byte_begins, byte_targets, ranges, (start, end) = tables

    def closure(states: set[int], before: int, after: int) -> set[int]:
        found, stack = set(states), list(states)
        while stack:
            state = stack.pop()
            for way in range(free_begins[state], free_begins[state + 1]):
                target = int(free_targets[way])
                if target not in found and conditions[way] >> (4 * before + after) & 1:
                    found.add(target)
                    stack.append(target)
        return found

    def matches(text: bytes) -> bool:
        states, before = {int(start)}, 0
        for byte in text:
            after = int(kinds[byte])
            states = {
                int(byte_targets[way])
                for state in closure(states, before, after)
                for way in range(byte_begins[state], byte_begins[state + 1])
                if ranges[way, 0] <= byte <= ranges[way, 1]
            }
            before = after
        return int(end) in closure(states, before, 0)

    texts = [str(text).encode("utf-8", "surrogateescape") for text in x.reshape(-1)]
    return np.array([matches(text) for text in texts], np.bool_).reshape(x.shape)


_TEXT = """\
{prologue}
/* Adds the states to which ways without a byte lead; marks say which states are among those found. */
static int32_t {symbol}_closure(int32_t *restrict states, int32_t count, int32_t *restrict marks, int32_t mark,
    const int32_t *begins, const int32_t *targets, const uint16_t *conditions, int place) {{
  for (int32_t i = 0; i < count; ++i) marks[states[i]] = mark;
  for (int32_t i = 0; i < count; ++i)
    for (int32_t way = begins[states[i]]; way < begins[states[i] + 1]; ++way)
      if (marks[targets[way]] != mark && (conditions[way] >> place & 1)) {{
        marks[targets[way]] = mark;
        states[count++] = targets[way];
      }}
  return count;
}}

int32_t {symbol}({parameters}) {{
  int32_t *marks = (int32_t *)(void *)workspace;
  memset(marks, 0, {states} * sizeof(int32_t));
  int32_t mark = 0;
  for (int32_t i = 0; i < {size}; ++i) {{
    int32_t *states = marks + {states}, *others = states + {states};
    const uint8_t *place = (const uint8_t *)x[i].data;
    int32_t count = 1;
    int before = 0;
    states[0] = ends[0];
    for (int64_t left = x[i].size; left > 0 && count > 0; --left, ++place) {{
      if (mark > INT32_MAX - 4) {{
        memset(marks, 0, {states} * sizeof(int32_t));
        mark = 0;
      }}
      const int after = kinds[*place];
      count = {symbol}_closure(states, count, marks, ++mark, free_begins, free_targets, free_conditions,
                               4 * before + after);
      int32_t found = 0;
      ++mark;
      for (int32_t k = 0; k < count; ++k)
        for (int32_t way = byte_begins[states[k]]; way < byte_begins[states[k] + 1]; ++way) {{
          const int32_t target = byte_targets[way];
          if (byte_ranges[2 * way] > *place || byte_ranges[2 * way + 1] < *place || marks[target] == mark) continue;
          marks[target] = mark;
          others[found++] = target;
        }}
      int32_t *const swapped = states;
      states = others;
      others = swapped;
      count = found;
      before = after;
    }}
    count = {symbol}_closure(states, count, marks, ++mark, free_begins, free_targets, free_conditions, 4 * before);
    result[i] = count > 0 && marks[ends[1]] == mark;
  }}
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    types = dict(zip(_NAMES, args, strict=True))
    count = types["free_begins"].shape[0]
    assert isinstance(count, int)
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        parameters=parameters(types, {"result": results[0]}, attrs, "workspace"),
        size=dimension_text(product(types["x"].shape)),
        states=count - 1,
    )
    return CSource(text, 3 * 4 * (count - 1))


register(Op("string.match_parts", FusionKind.OPAQUE, _relation, _reference, source=_source))
