"""An LSTM with recurrence weights of 8-bit integers, on states that each step quantises (ONNX Runtime's
DynamicQuantizeLSTM).

Arguments: ``x``, the gates' share of the input and of the biases (steps, batch, 4 * hidden), float32; the recurrence
weights (hidden, 4 * hidden), int8 or uint8; their scale and their zero point, of one element or 4 * hidden; and those
of ``initial_h``, ``initial_c`` (batch, hidden), ``peephole`` (3 * hidden) and ``lengths`` (batch) that
``attrs.optional`` names. Results as those of `nn.lstm`. Before each step the states of the whole batch become uint8,
as DynamicQuantizeLinear does it; sums are exact integers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import Template
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.run_time import may_equal_shapes
from ..relay.types import TensorType, TupleType, Type
from . import nn_recurrent_activation as activation
from .base import REQUIRED, CSource, FusionKind, Op, register, tensors
from .c_source import PROLOGUE, dimension_text, parameters

_FIXED = ("x", "weights", "scale", "zero")


def _arguments(attrs: Attrs, args: Sequence[Any]) -> dict[str, Any]:
    return dict(zip((*_FIXED, *attrs.optional), args, strict=True))


def _relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    types = _arguments(attrs, tensors("qnn.lstm", args, len(_FIXED) + len(attrs.optional)))
    x, weights = types["x"], types["weights"]
    hidden = weights.shape[0] if weights.rank == 2 else 0
    if x.rank != 3 or x.dtype != "float32" or not isinstance(hidden, int) or weights.shape != (hidden, x.shape[2]):
        raise CompileError(f"qnn.lstm of {x} with weights {weights}", expected="steps, batch, gates; (hidden, gates)")
    if weights.dtype not in ("int8", "uint8") or x.shape[2] != 4 * hidden or len(attrs.activations) != 3:
        raise CompileError(f"qnn.lstm of {x} with weights {weights}", expected="bytes, 4 gates and 3 activations")
    steps, batch, _ = x.shape
    wanted: dict[str, tuple[str, tuple[Dimension, ...]]] = {
        "scale": ("float32", (types["scale"].size,)),
        "zero": (weights.dtype, (types["zero"].size,)),
        "initial_h": ("float32", (batch, hidden)),
        "initial_c": ("float32", (batch, hidden)),
        "peephole": ("float32", (3 * hidden,)),
        "lengths": ("int32", (batch,)),
    }
    for name, type_ in types.items():
        if name in wanted and (type_.dtype != wanted[name][0] or not may_equal_shapes(type_.shape, wanted[name][1])):
            raise CompileError(f"qnn.lstm: {name} is {type_}", expected=f"{wanted[name][0]} {wanted[name][1]}")
    if not {types["scale"].size, types["zero"].size} <= {1, 4 * hidden}:
        raise CompileError(f"qnn.lstm: scale {types['scale']}, zero {types['zero']}", expected=f"1 or {4 * hidden}")
    state = TensorType((batch, hidden), "float32")
    return TupleType((TensorType((steps, batch, hidden), "float32"), state, state))


def _quantized(h: np.ndarray) -> tuple[np.ndarray, np.float32]:
    """The states less their zero point, as integers, and their scale."""
    low, high = np.float32(min(h.min(initial=0), 0)), np.float32(max(h.max(initial=0), 0))
    scale = np.float32((high - low) / np.float32(255)) if high > low else np.float32(1)
    zero = np.rint(np.clip(-low / scale, 0, 255))
    return np.clip(np.rint(h / scale), -zero, 255 - zero).astype(np.int64), scale


def _reference(attrs: Attrs, *arrays: np.ndarray) -> tuple[np.ndarray, ...]:
    args = _arguments(attrs, arrays)
    x, weights = args["x"], args["weights"].astype(np.int64) - args["zero"].astype(np.int64)
    steps, batch, hidden = x.shape[0], x.shape[1], weights.shape[0]
    h, c = (args.get(f"initial_{state}", np.zeros((batch, hidden), x.dtype)) for state in "hc")
    peepholes = np.split(args.get("peephole", np.zeros(3 * hidden, x.dtype)), 3)
    lengths = np.minimum(args["lengths"], steps) if "lengths" in args else np.full(batch, steps)
    y = np.zeros((steps, batch, hidden), x.dtype)

    def activate(index: int, value: np.ndarray, clip: bool = True) -> np.ndarray:
        if clip and attrs.clip is not None:
            value = np.clip(value, -attrs.clip, attrs.clip).astype(value.dtype)
        return activation.reference(attrs.activations[index], value)

    for time in range(steps):
        (rows,) = np.nonzero(time < lengths)
        at = lengths[rows] - 1 - time if attrs.reverse else time
        codes, scale = _quantized(h)
        sums = (codes @ weights)[rows].astype(np.float32) * (scale * args["scale"])
        input_, output, forget, fresh = np.split(x[at, rows] + sums, 4, axis=1)
        keep = activate(0, input_ + peepholes[0] * c[rows])
        kept = 1 - keep if attrs.input_forget else activate(0, forget + peepholes[2] * c[rows])
        h, c = h.copy(), c.copy()
        c[rows] = kept * c[rows] + keep * activate(1, fresh)
        h[rows] = activate(0, output + peepholes[1] * c[rows]) * activate(2, c[rows], clip=False)
        y[at, rows] = h[rows]
    return y, h, c


_TEXT = """\
static inline float @_clipped(float x) { return $clip; }

/* The states less their zero point, and their scale. */
static float @_quantize(int16_t *restrict codes, const float *restrict state, int32_t count) {
  float low = 0, high = 0;
  for (int32_t i = 0; i < count; ++i) {
    low = state[i] < low ? state[i] : low;
    high = state[i] > high ? state[i] : high;
  }
  const float scale = high > low ? (high - low) / 255.0f : 1.0f, begin = -low / scale;
  const float zero = (begin + 12582912.0f) - 12582912.0f; /* rounds to an integer, halves to even */
  const float least = -(zero < 255.0f ? zero : 255.0f), most = least + 255.0f;
  for (int32_t i = 0; i < count; ++i) {
    const float code = (state[i] / scale + 12582912.0f) - 12582912.0f;
    codes[i] = (int16_t)(code < least ? least : code > most ? most : code);
  }
  return scale;
}

/* sums[j] = the sum over k of codes[k] * (weights[k][j] - zero[j]) */
static void @_product(int32_t *restrict sums, const int16_t *restrict codes, const $byte *restrict weights,
                      const $byte *restrict zero) {
  int32_t total = 0;
  memset(sums, 0, 4 * $hidden * sizeof(int32_t));
  int32_t k = 0;
$several\
  for (; k < $hidden; ++k) {
    const int32_t code = codes[k];
    const $byte *restrict row = weights + (int64_t)k * 4 * $hidden;
    total += code;
    for (int32_t j = 0; j < 4 * $hidden; ++j) sums[j] += code * row[j];
  }
  for (int32_t j = 0; j < 4 * $hidden; ++j) sums[j] -= total * zero[$zero_index];
}

int32_t @($parameters) {
  const int32_t steps_ = $steps, batch_ = $batch;
  int32_t *restrict sums_ = (int32_t *)(void *)workspace_;
  int16_t *restrict codes_ = (int16_t *)(void *)(workspace_ + 4 * $hidden * sizeof(int32_t));
$begin
  for (int32_t step = 0; step < steps_; ++step) {
    const float unit = @_quantize(codes_, h_, batch_ * $hidden);
    for (int32_t row = 0; row < batch_; ++row) {
      $at
      const float *restrict x = x_ + ((int64_t)at * batch_ + row) * (4 * $hidden);
      float *restrict state = h_ + (int64_t)row * $hidden, *restrict cell = c_ + (int64_t)row * $hidden;
      float *restrict out = y_ + ((int64_t)at * batch_ + row) * $hidden;
      @_product(sums_, codes_ + (int64_t)row * $hidden, weights_, zero_);
      for (int32_t j = 0; j < $hidden; ++j) {
        float gate[4];
        for (int32_t k = 0; k < 4; ++k) {
          const int32_t place = k * $hidden + j;
          gate[k] = x[place] + (float)sums_[place] * (unit * scale_[$scale_index]);
        }
        const float input = @_activation0(@_clipped(gate[0]$peephole0));
        const float forget = $forget;
        const float kept = forget * cell[j] + input * @_activation1(@_clipped(gate[3]));
        const float output = @_activation0(@_clipped(gate[1]$peephole1));
        cell[j] = kept;
        state[j] = out[j] = output * @_activation2(kept);
      }
    }
  }
  return 0;
}
"""


def _several_steps(steps: int, byte: str, hidden: int) -> str:
    """C that adds what so many states give to the sums in one pass over these; the rest is done one by one."""
    if steps == 1:
        return ""
    numbers = range(steps)
    lines = [
        f"  for (; k + {steps} <= {hidden}; k += {steps}) {{",
        f"    const {byte} *restrict row = weights + (int64_t)k * {4 * hidden};",
        f"    const int32_t {', '.join(f'code{n} = codes[k + {n}]' for n in numbers)};",
        f"    total += {' + '.join(f'code{n}' for n in numbers)};",
        f"    for (int32_t j = 0; j < {4 * hidden}; ++j)",
        f"      sums[j] += {' + '.join(f'code{n} * row[{n * 4 * hidden} + j]' for n in numbers)};",
        "  }",
    ]
    return "\n".join([*lines, ""])


def _source(
    symbol: str, attrs: Attrs, arguments: Sequence[TensorType], results: Sequence[TensorType], knobs: Any
) -> CSource:
    args = _arguments(attrs, arguments)
    x, weights = args["x"], args["weights"]
    steps, batch, _ = x.shape
    hidden = weights.shape[0]
    assert isinstance(hidden, int)
    guard, last, begin = "", "steps_", [_initial("h", args, hidden), _initial("c", args, hidden)]
    if "lengths" in args:
        begin.append(f"memset(y_, 0, (size_t)steps_ * (size_t)batch_ * {hidden} * sizeof(float));")
        guard = "if (step >= lengths_[row]) continue;\n      "
        last = "(lengths_[row] < steps_ ? lengths_[row] : steps_)"

    def peephole(gate: int, cell: str) -> str:
        return f" + peephole_[{gate * hidden} + j] * {cell}" if "peephole" in args else ""

    forget = f"@_activation0(@_clipped(gate[2]{peephole(2, 'cell[j]')}))"
    limit = "" if attrs.clip is None else f"(float){attrs.clip!r}"
    text = Template(_TEXT).substitute(
        clip=f"x > {limit} ? {limit} : x < -{limit} ? -{limit} : x" if limit else "x",
        byte=f"{weights.dtype}_t",
        hidden=hidden,
        several=_several_steps(knobs.choose("qnn_lstm.steps", (1, 2, 4, 8), 4), f"{weights.dtype}_t", hidden),
        zero_index="0" if args["zero"].size == 1 else "j",
        scale_index="0" if args["scale"].size == 1 else "place",
        parameters=parameters(
            {f"{n}_": t for n, t in args.items()},
            dict(zip(("y_", "h_", "c_"), results, strict=True)),
            attrs,
            workspace="workspace_",
        ),
        steps=dimension_text(steps),
        batch=dimension_text(batch),
        begin="\n".join(f"  {line}" for line in begin),
        at=f"{guard}const int32_t at = {f'{last} - 1 - step' if attrs.reverse else 'step'};",
        peephole0=peephole(0, "cell[j]"),
        peephole1=peephole(1, "kept"),
        forget="1 - input" if attrs.input_forget else forget,
    )
    functions = "typedef float @_real;\n\n" + activation.FUNCTIONS["float32"] + activation.source(attrs.activations)
    return CSource(PROLOGUE + "\n" + (functions + text).replace("@", symbol), batch * (2 * hidden) + 16 * hidden)


def _initial(name: str, args: Mapping[str, TensorType], hidden: int) -> str:
    size = f"(size_t)batch_ * {hidden} * sizeof(float)"
    given = f"initial_{name}" in args
    return f"memcpy({name}_, initial_{name}_, {size});" if given else f"memset({name}_, 0, {size});"


register(
    Op(
        "qnn.lstm",
        FusionKind.OPAQUE,
        _relation,
        _reference,
        source=_source,
        has_knobs=True,
        attributes={
            "activations": REQUIRED,
            "reverse": False,
            "clip": None,
            "optional": (),
            "input_forget": False,
        },
        multiply_adds=lambda attrs, args, results: results[0].size * 4 * results[0].shape[2],
    )
)
