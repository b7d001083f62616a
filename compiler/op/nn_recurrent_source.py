"""C kernels of the recurrent cells.

A kernel runs once for each step (`CSource.rounds`); its tasks are tiles of hidden units, all directions' tiles one
after the other. A task computes the new states of its units from all states of the step before, which lie in the
output, so that tasks need not wait for each other. Steps go through the tiles to and fro: what was read last is still
in the cache.

In the texts ``@`` stands for the kernel's symbol. What is declared in a kernel's outermost block ends with an
underscore, since its last parameters have the names of the model's symbolic dimensions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template
from typing import Any

from ..relay.dimension import Dimension, maximum
from ..relay.expr import Attrs
from ..relay.types import TensorType
from . import nn_recurrent_activation as activation
from .base import CSource
from .c_source import PROLOGUE, dimension_text, parameters
from .nn_recurrent_product import ROWS, TILE, Way, product_source

_COPY = """\
/* Units of a tile: all, or those that the last one has, to a whole tile, or from one. */
static inline void @_copy(@_real *restrict to, const @_real *restrict from, int32_t width) {
  if (width == $tile) {
    memcpy(to, from, $tile * sizeof(@_real));
  } else {
    for (int32_t j = 0; j < $tile; ++j) to[j] = j < width ? from[j] : 0;
  }
}

static inline void @_store(@_real *restrict to, const @_real *restrict from, int32_t width) {
  if (width == $tile) {
    memcpy(to, from, $tile * sizeof(@_real));
  } else {
    for (int32_t j = 0; j < width; ++j) to[j] = from[j];
  }
}

"""

_CLIP = """\
static inline @_real @_clip(@_real x) {
  const @_real limit = (@_real)$limit;
  return x > limit ? limit : x < -limit ? -limit : x;
}

"""

# What is done for the units of a tile, with the sums and x of all gates (`gap` apart), further weights, and the states
# before. It is done in two parts: ``gates``, all that can be told at once, into the sums; and ``update``, what waits
# for it. Each goes over several rows or tiles, so that these wait for elementary functions together.

_RNN = """\
static inline void @_update$number(const @_real *restrict sums, const @_real *restrict x, @_real *restrict out) {
  for (int32_t j = 0; j < $tile; ++j) out[j] = $activation0($clip(x[j] + sums[j]));
}

"""

_LSTM = """\
static inline void @_gates$number(@_real *restrict sums, const @_real *restrict x, int64_t gap,
                                  const @_real *restrict peephole, const @_real *restrict cell) {
  for (int32_t j = 0; j < $tile; ++j) {
    const @_real input = $activation0($clip(x[j] + sums[j]$input));
    const @_real forget = $forget;
    const @_real kept = forget * cell[j] + input * $activation1($clip(x[3 * gap + j] + sums[3 * $tile + j]));
    sums[$tile + j] = $activation0($clip(x[gap + j] + sums[$tile + j]$output));
    sums[j] = kept;
  }
  (void)peephole;
}

static inline void @_update$number(const @_real *restrict sums, @_real *restrict out) {
  for (int32_t j = 0; j < $tile; ++j) out[j] = sums[$tile + j] * $activation2(sums[j]);
}

"""

_GRU_RESET = """\
static inline void @_gates$number(@_real *restrict sums, const @_real *restrict x, int64_t gap,
                                  const @_real *restrict state) {
  for (int32_t j = 0; j < $tile; ++j) {
    sums[j] = $activation0($clip(x[j] + sums[j]));
    sums[$tile + j] = $activation0($clip(x[gap + j] + sums[$tile + j])) * state[j];
  }
}

"""

_GRU_UPDATE = """\
static inline void @_update$number(const @_real *restrict sums, const @_real *restrict x,
                                   const @_real *restrict update, const @_real *restrict state, @_real *restrict out) {
  for (int32_t j = 0; j < $tile; ++j) {
    const @_real fresh = $activation1($clip(x[j] + sums[j]));
    out[j] = (1 - update[j]) * fresh + update[j] * state[j];
  }
}

"""

_GRU_LATE = """\
static inline void @_gates$number(@_real *restrict sums, const @_real *restrict x, int64_t gap,
                                  const @_real *restrict bias) {
  for (int32_t j = 0; j < $tile; ++j) {
    const @_real reset = $activation0($clip(x[gap + j] + sums[$tile + j]));
    sums[$tile + j] = x[2 * gap + j] + reset * (sums[2 * $tile + j] + bias[j]);
    sums[j] = $activation0($clip(x[j] + sums[j]));
  }
}

static inline void @_update$number(const @_real *restrict sums, const @_real *restrict state, @_real *restrict out) {
  for (int32_t j = 0; j < $tile; ++j) {
    out[j] = (1 - sums[j]) * $activation1($clip(sums[$tile + j])) + sums[j] * state[j];
  }
}

"""

_PHASE = """\
int32_t @$suffix($parameters, int32_t round, int32_t begin, int32_t end) {
  enum { most_ = @_product${gates}_most, entries_ = most_ + @_product${gates}_waiting };
  const int32_t steps_ = $steps, batch_ = $batch;
  const int32_t blocks_ = (batch_ + most_ - 1) / most_;
  const int32_t chunk_ = blocks_ == 0 ? 1 : (batch_ + blocks_ - 1) / blocks_;
  struct {
    int32_t at, row, direction, first;
  } list_[entries_];
  @_real sums_[entries_ * $gates * $tile];
  int32_t filled_ = 0;
  $unused /* in some phases */
$arrays
  for (int32_t index = begin; index < end; ++index) {
    const int32_t task = round % 2 == 0 ? index : begin + end - 1 - index;
    const int32_t direction = task / $tiles, first = task % $tiles * $tile;
    const @_real *restrict tile = $weights + (int64_t)task * $tile_size;
$begin
    if (round >= steps_) continue; /* no steps: the last states are the first ones */
    for (int32_t row = 0; row < batch_;) {
      const @_real *states[most_];
      int32_t count = 0;
      for (; row < batch_ && count < chunk_; ++row) {
$take
        list_[filled_ + count].at = at;
        list_[filled_ + count].row = row;
        list_[filled_ + count].direction = direction;
        list_[filled_ + count].first = first;
        states[count++] = $states;
      }
      if (count > 0) {
        for (int32_t i = count; i < most_; ++i) states[i] = states[0];
        $product
        filled_ += count;
      }
      /* what was collected is finished when no more fits, and at the end */
      if (filled_ + most_ <= entries_ && (index + 1 < end || row < batch_)) continue;
$finish
      filled_ = 0;
    }
  }
  return 0;
}

"""

_PART = """\
      for (int32_t i = 0; i < filled_; ++i) {
        const int32_t first = list_[i].first, width = $width;
        const int64_t line = (int64_t)list_[i].direction * batch_ + list_[i].row, unit = line * $hidden + first;
        const @_real *x = x_ + (((int64_t)list_[i].at * batch_ + list_[i].row) * $directions + list_[i].direction) *
                          $x_part + $first_gate * $hidden + first;
        @_real *sums = sums_ + i * $gates * $tile;
        const int64_t gap = width == $tile ? $hidden : $tile;
        @_real padded[$gates * $tile];
        if (width < $tile) {
          for (int32_t gate = 0; gate < $gates; ++gate) @_copy(padded + gate * $tile, x + gate * $hidden, width);
          x = padded;
        }
$statements
        (void)gap, (void)line, (void)unit, (void)x, (void)sums;
      }
"""

#: Of the phases with results: the new states, to where the next step and the caller look for them.
_STORE = [
    "@_store(y_ + ((int64_t)list_[i].at * $directions * batch_ + line) * $hidden + first, out, width);",
    "@_store(h_ + unit, out, width);",
]


@dataclass(frozen=True)
class _Phase:
    """What is special about a phase.

    Attributes
    ----------
    weights : str
        The argument with the weights.
    gates, first_gate : int
        How many gates these have, and which is the first of them in x.
    states : str
        What the product takes: ``h`` or ``reset``.
    parts : sequence of sequence of str
        Statements of each part, for a row. ``&`` stands for the functions of the entry's direction.
    """

    weights: str
    gates: int
    first_gate: int
    states: str
    parts: Sequence[Sequence[str]]


def _load(name: str, source: str) -> list[str]:
    """An array with the units of a tile."""
    return [f"@_real {name}[$tile] = {{0}};", f"@_copy({name}, {source}, width);"]


def _shared(name: str, count: int) -> list[str]:
    """An array with the weights of the tile's units, a line for each gate."""
    lines = [f"@_real {name}[{count} * $tile] = {{0}};"]
    for gate in range(count):
        source = f"{name}_ + ((int64_t)list_[i].direction * {count} + {gate}) * $hidden + first"
        lines.append(f"@_copy({name} + {gate} * $tile, {source}, width);")
    return lines


def _finish(call: str) -> list[str]:
    return ["@_real out[$tile];", call, *_STORE]


def _rnn(attrs: Attrs, args: Mapping[str, TensorType]) -> tuple[str, list[_Phase]]:
    return _RNN, [_Phase("weights_", 1, 0, "h", [_finish("&update(sums, x, out);")])]


def _lstm(attrs: Attrs, args: Mapping[str, TensorType]) -> tuple[str, list[_Phase]]:
    def peephole(gate: int, cell: str) -> str:
        return f" + peephole[{gate * TILE} + j] * {cell}" if "peephole" in args else ""

    forget = f"$activation0($clip(x[2 * gap + j] + sums[2 * $tile + j]{peephole(2, 'cell[j]')}))"
    functions = Template(_LSTM).safe_substitute(
        input=peephole(0, "cell[j]"),
        output=peephole(1, "kept"),
        forget="1 - input" if attrs.input_forget else forget,
    )
    gates = [
        *(_shared("peephole", 3) if "peephole" in args else []),
        *_load("cell", "c_ + unit"),
        f"&gates(sums, x, gap, {'peephole' if 'peephole' in args else 'x'}, cell);",
        "@_store(c_ + unit, sums, width);",
    ]
    return functions, [_Phase("weights_", 4, 0, "h", [gates, _finish("&update(sums, out);")])]


def _gru(attrs: Attrs, args: Mapping[str, TensorType]) -> tuple[str, list[_Phase]]:
    state = _load("state", "h_ + unit")
    if attrs.linear_before_reset:
        bias = _shared("bias", 1) if "bias" in args else ["const @_real bias[$tile] = {0};"]
        parts = [[*bias, "&gates(sums, x, gap, bias);"], [*state, *_finish("&update(sums, state, out);")]]
        return _GRU_LATE, [_Phase("weights_", 3, 0, "h", parts)]
    reset = [
        *state,
        "&gates(sums, x, gap, state);",
        "@_store(update_ + unit, sums, width);",
        "@_store(reset_ + unit, sums + $tile, width);",
    ]
    update = [*state, *_load("update", "update_ + unit"), *_finish("&update(sums, x, update, state, out);")]
    phases = [_Phase("weights_", 2, 0, "h", [reset]), _Phase("hidden_weights_", 1, 2, "reset", [update])]
    return _GRU_RESET + _GRU_UPDATE, phases


_CELLS = {"nn.rnn": _rnn, "nn.lstm": _lstm, "nn.gru": _gru}


def choose_way(knobs: Any, name: str, batch: Dimension) -> Way:
    """How the products are computed, and how much of them waits for elementary functions."""
    rows = [n for n in ROWS[:-1] if not isinstance(batch, int) or n < batch] + [ROWS[-1]]
    return Way(
        knobs.choose("recurrent.rows", rows, ROWS[-1]),
        knobs.choose("recurrent.sums", (1, 4, 8, 16), 8),
        # On Zen 4 an RNN of 64 units takes 9 % less with 8, LSTMs and GRUs of 64 to 256 units up to 6 % more: they have
        # several functions in a step, which overlap by themselves.
        knobs.choose("recurrent.waiting", (0, 2, 8, 24), 8 if name == "nn.rnn" else 0),
    )


def kernel(
    name: str, symbol: str, attrs: Attrs, args: Mapping[str, TensorType], results: Sequence[TensorType], knobs: Any
) -> CSource:
    """The kernel of an operator.

    Parameters
    ----------
    args : mapping
        Types of the arguments by their names.
    knobs : kernel.knobs.Knobs
        Decides how products are computed: see `Way`.
    """
    x, weights = args["x"], args["weights"]
    steps, batch, x_width = x.shape
    directions, tiles, hidden = weights.shape[:3]
    assert isinstance(tiles, int) and isinstance(hidden, int) and isinstance(x_width, int)
    assert isinstance(directions, int)
    way = choose_way(knobs, name, batch)
    functions, phases = _CELLS[name](attrs, args)
    item = x.numpy_dtype.itemsize
    state_size: Dimension = batch * (directions * hidden)
    workspace = state_size * (2 * item) if len(phases) > 1 else 0
    head = parameters(
        {f"{n}_": t for n, t in args.items()},
        dict(zip(("y_", "h_", "c_"), results, strict=False)),
        attrs,
        workspace="workspace_" if len(phases) > 1 else "",
    )
    common = {
        "tile": TILE,
        "hidden": hidden,
        "tiles": tiles,
        "directions": directions,
        "steps": dimension_text(steps),
        "batch": dimension_text(batch),
        "parameters": head,
        "unused": ", ".join(f"(void){n}_" for n in args) + ";",
        "width": TILE if hidden % TILE == 0 else f"{hidden} - first < {TILE} ? {hidden} - first : {TILE}",
        "x_part": x_width // directions,
        "limit": repr(attrs.clip),
        "clip": "@_clip" if attrs.clip is not None else "",
    }
    text = f"typedef {'float' if x.dtype == 'float32' else 'double'} @_real;\n\n"
    text += activation.FUNCTIONS[x.dtype] + activation.source(attrs.activations)
    text += (_CLIP if attrs.clip is not None else "") + _COPY
    kinds = _kinds(attrs.activations, directions)
    for number, first in enumerate(kinds):
        chosen = {f"activation{i}": f"@_activation{first + i}" for i in range(len(attrs.activations) // directions)}
        text += Template(functions).safe_substitute(number=number, **chosen)
    for gates in sorted({phase.gates for phase in phases}):
        text += product_source(f"@_product{gates}", gates, hidden, item, batch, "lengths" in args, way)
    scratch = state_size if len(phases) > 1 else 0
    for index, phase in enumerate(phases):
        text += _phase_text(phase, index, attrs, args, len(kinds), scratch, len(results) == 3)
    text = Template(text).substitute(common)
    rounds = maximum(steps, 1)  # without steps there still are the last states
    tasks = (directions * tiles,) * len(phases)
    return CSource(PROLOGUE + "\n" + text.replace("@", symbol), workspace, tasks, rounds)


def _kinds(activations: Sequence[activation.Chosen], directions: int) -> list[int]:
    """Where the functions of each direction begin among the activations; one where they are the same."""
    count = len(activations) // directions
    parts = [activations[start : start + count] for start in range(0, len(activations), count)]
    return [0] if all(part == parts[0] for part in parts) else [count * number for number in range(directions)]


def _phase_text(
    phase: _Phase,
    index: int,
    attrs: Attrs,
    args: Mapping[str, TensorType],
    kinds: int,
    scratch: Dimension,
    cell: bool,
) -> str:
    """C of a phase.

    Parameters
    ----------
    kinds : int
        How many kinds of functions there are: 2 where each direction has its own.
    scratch : Dimension
        Elements of each of the two arrays in scratch memory; 0: there are none.
    cell : bool
        There is a cell's state.
    """
    line = "((int64_t)direction * batch_ + row) * $hidden"
    reverse = {(False,): "", (True,): "1", (False, True): "direction == 1"}[attrs.reversals]
    before = {"": "at - 1", "1": "at + 1"}.get(reverse, "(direction == 1 ? at + 1 : at - 1)")
    states = f"y_ + (((int64_t){before}) * $directions * batch_ + (int64_t)direction * batch_ + row) * $hidden"
    sums = f"sums_ + filled_ * {phase.gates} * $tile"
    product = f"@_product{phase.gates}(tile, states, count, {sums});"
    if phase.states == "reset":
        states = f"reset_ + {line}"
    elif "initial_h" in args:
        states = f"round == 0 ? initial_h_ + {line} : {states}"
    else:
        states = f"round == 0 ? h_ : {states}"
        zero = f"memset({sums}, 0, (size_t)count * {phase.gates} * $tile * sizeof(@_real));"
        product = f"if (round == 0) {zero}\n        else {product}"
    take, last = [], "steps_"
    if "lengths" in args:
        zero = f"@_store(y_ + (int64_t)round * $directions * batch_ * $hidden + {line} + first, nothing, width);"
        take = [
            "if (round >= lengths_[row]) {",
            "  const @_real nothing[$tile] = {0};",
            "  const int32_t width = $width;",
            f"  {zero}",
            "  continue;",
            "}",
        ]
        last = "(lengths_[row] < steps_ ? lengths_[row] : steps_)"
    backwards = f"{last} - 1 - round"
    at = {"": "round", "1": backwards}.get(reverse, f"{reverse} ? {backwards} : round")
    take.append(f"const int32_t at = {at};")
    arrays = []
    if scratch != 0:
        arrays.append("@_real *restrict update_ = (@_real *)workspace_;")
        arrays.append(f"@_real *restrict reset_ = update_ + {dimension_text(scratch)};")
    parts = "".join(
        Template(_PART).safe_substitute(statements=_lines(8, [_called(statement, kinds) for statement in part]))
        for part in phase.parts
    )
    text = Template(_PHASE).safe_substitute(finish=parts.rstrip("\n"))
    return Template(text).safe_substitute(
        suffix=f"_phase{index}" if index else "",
        weights=phase.weights,
        gates=phase.gates,
        first_gate=phase.first_gate,
        tile_size=f"{phase.gates * TILE} * $hidden",
        arrays=_lines(2, arrays),
        begin=_lines(4, _first_states(args, cell) if index == 0 else []),
        take=_lines(8, take),
        states=states,
        product=product,
    )


def _called(statement: str, kinds: int) -> str:
    """A statement; a call of a function that each direction may have of its own begins with ``&``."""
    if not statement.startswith("&"):
        return statement
    name, arguments = statement[1:].split("(", 1)
    calls = [f"@_{name}{number}({arguments}" for number in range(kinds)]
    return calls[0] if kinds == 1 else f"if (list_[i].direction == 0) {calls[0]}\n        else {calls[1]}"


def _first_states(args: Mapping[str, TensorType], cell: bool) -> list[str]:
    """Statements that give the units of a task their first states, before the first step."""
    lines = ["for (int32_t row = 0; round == 0 && row < batch_; ++row) {"]
    lines.append("  const int64_t unit = ((int64_t)direction * batch_ + row) * $hidden + first;")
    lines.append("  const int32_t width = $width;")
    for state in ("h", "c") if cell else ("h",):
        if f"initial_{state}" in args:
            lines.append(f"  @_store({state}_ + unit, initial_{state}_ + unit, width);")
        else:
            lines.append(f"  memset({state}_ + unit, 0, (size_t)width * sizeof(@_real));")
    return [*lines, "}"]


def _lines(spaces: int, lines: Sequence[str]) -> str:
    return "\n".join(" " * spaces + line for line in lines)
