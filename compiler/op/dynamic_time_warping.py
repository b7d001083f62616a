"""The path of least cost through a matrix, from its first element to the last (ONNX Runtime's DynamicTimeWarping).

Steps go one row down, one column on, or both. The results are rows and columns of the path's elements, at the begin of
memory for the longest path, and how many these are.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import CSource, FusionKind, Op, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters
from .nonzero import COUNT


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (x,) = tensors("dynamic_time_warping", args, 1)
    if x.rank != 2 or x.dtype != "float32" or 0 in x.shape:
        raise CompileError(f"dynamic_time_warping of {x}", expected="a matrix of float32")
    return TupleType((TensorType((2, x.shape[0] + x.shape[1] - 1), "int32"), COUNT))


def _reference(attrs: Attrs, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    rows, columns = x.shape
    costs = np.full((rows + 1, columns + 1), np.inf, np.float32)
    costs[0, 0] = 0
    steps = np.zeros(costs.shape, np.uint8)
    steps[0, :], steps[:, 0] = 2, 1
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            both, down, on = costs[i - 1, j - 1], costs[i - 1, j], costs[i, j - 1]
            step = 0 if both < down and both < on else 1 if down < both and down < on else 2
            steps[i, j] = step
            costs[i, j] = x[i - 1, j - 1] + (both, down, on)[step]
    path, i, j = [], rows, columns
    while i > 0 or j > 0:
        path.append((i - 1, j - 1))
        step = int(steps[i, j])
        i, j = i - (step != 2), j - (step != 1)
    memory = np.zeros(2 * (rows + columns - 1), np.int32)
    memory[: 2 * len(path)] = np.array(path[::-1], np.int32).T.reshape(-1)
    return memory.reshape(2, -1), np.array([len(path)], np.int64)


#: The least costs lie in two rows, the steps that lead to them in all.
_TEXT = """\
{prologue}
int32_t {symbol}({parameters}) {{
  const int32_t rows = {rows}, columns = {columns};
  float *above = (float *)(void *)workspace, *here = above + columns + 1;
  uint8_t *const steps = (uint8_t *)(here + columns + 1);
  for (int32_t j = 0; j <= columns; ++j) above[j] = j == 0 ? 0 : INFINITY;
  for (int32_t i = 1; i <= rows; ++i) {{
    here[0] = INFINITY;
    for (int32_t j = 1; j <= columns; ++j) {{
      const float both = above[j - 1], down = above[j], on = here[j - 1];
      const uint8_t step = both < down && both < on ? 0 : down < both && down < on ? 1 : 2;
      steps[(int64_t)(i - 1) * columns + j - 1] = step;
      here[j] = x[(int64_t)(i - 1) * columns + j - 1] + (step == 0 ? both : step == 1 ? down : on);
    }}
    float *const swapped = above;
    above = here;
    here = swapped;
  }}
  int32_t length = 0;
  for (int pass = 0; pass < 2; ++pass) {{ /* first counts, then writes from the end */
    int32_t i = rows, j = columns, place = length;
    while (i > 0 || j > 0) {{
      if (pass == 0) {{
        ++length;
      }} else {{
        --place;
        path[place] = i - 1;
        path[(int64_t)length + place] = j - 1;
      }}
      const int step = i == 0 ? 2 : j == 0 ? 1 : steps[(int64_t)(i - 1) * columns + j - 1];
      i -= step != 2;
      j -= step != 1;
    }}
  }}
  count[0] = length;
  return 0;
}}
"""


def _source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (x,) = args
    rows, columns = x.shape
    text = _TEXT.format(
        prologue=PROLOGUE,
        symbol=symbol,
        parameters=parameters({"x": x}, {"path": results[0], "count": results[1]}, attrs, "workspace"),
        rows=dimension_text(rows),
        columns=dimension_text(columns),
    )
    return CSource(text, 8 * (columns + 1) + product((rows, columns)))


register(Op("dynamic_time_warping", FusionKind.OPAQUE, _relation, _reference, source=_source))
