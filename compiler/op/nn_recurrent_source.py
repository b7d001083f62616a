"""C kernels of the recurrent cells.

In the texts ``@`` stands for the kernel's symbol. What is declared in a kernel's outermost block ends with an
underscore, since its last parameters have the names of the model's symbolic dimensions. The states live in the outputs
that give the last states.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import Template

from ..relay.dimension import Dimension
from ..relay.expr import Attrs
from ..relay.types import TensorType
from . import nn_recurrent_activation as activation
from .base import CSource
from .c_source import PROLOGUE, dimension_text, parameters

#: Columns of a tile of packed weights: two AVX or four NEON registers.
TILE = 16

# Four rows share each load of weights; a single row takes four of its elements at once, since one alone would wait for
# the additions. Either way the 64 sums stay in registers: 100 GFLOP/s on one Zen 4 core with clang, 60 to 100 with gcc.
_PRODUCT = """\
/* sums[row][column] += sum over k of state[row][k] * weights[column / 16][k][column % 16] */
static void @_product(@_real *restrict sums, const @_real *restrict state, const @_real *restrict weights,
                      int32_t rows, int32_t hidden, int32_t columns) {
  for (int32_t column = 0; column < columns; column += 16) {
    const @_real *restrict tile = weights + (int64_t)column * hidden;
    int32_t row = 0;
    for (; row + 4 <= rows; row += 4) {
      @_real *restrict out = sums + (int64_t)row * columns + column;
      const @_real *restrict in = state + (int64_t)row * hidden;
      const int64_t down = columns, next = hidden;
      @_real sum0[16], sum1[16], sum2[16], sum3[16];
      for (int32_t j = 0; j < 16; ++j) {
        sum0[j] = out[j];
        sum1[j] = out[down + j];
        sum2[j] = out[2 * down + j];
        sum3[j] = out[3 * down + j];
      }
      for (int32_t k = 0; k < hidden; ++k) {
        const @_real value0 = in[k], value1 = in[next + k], value2 = in[2 * next + k], value3 = in[3 * next + k];
        const @_real *restrict weight = tile + (int64_t)k * 16;
        for (int32_t j = 0; j < 16; ++j) {
          const @_real factor = weight[j];
          sum0[j] += value0 * factor;
          sum1[j] += value1 * factor;
          sum2[j] += value2 * factor;
          sum3[j] += value3 * factor;
        }
      }
      for (int32_t j = 0; j < 16; ++j) {
        out[j] = sum0[j];
        out[down + j] = sum1[j];
        out[2 * down + j] = sum2[j];
        out[3 * down + j] = sum3[j];
      }
    }
    for (; row < rows; ++row) {
      @_real *restrict out = sums + (int64_t)row * columns + column;
      const @_real *restrict in = state + (int64_t)row * hidden;
      @_real sum0[16], sum1[16], sum2[16], sum3[16];
      int32_t k = 0;
      for (int32_t j = 0; j < 16; ++j) {
        sum0[j] = out[j];
        sum1[j] = sum2[j] = sum3[j] = 0;
      }
      for (; k + 4 <= hidden; k += 4) {
        const @_real value0 = in[k], value1 = in[k + 1], value2 = in[k + 2], value3 = in[k + 3];
        const @_real *restrict weight = tile + (int64_t)k * 16;
        for (int32_t j = 0; j < 16; ++j) {
          sum0[j] += value0 * weight[j];
          sum1[j] += value1 * weight[16 + j];
          sum2[j] += value2 * weight[32 + j];
          sum3[j] += value3 * weight[48 + j];
        }
      }
      for (; k < hidden; ++k)
        for (int32_t j = 0; j < 16; ++j) sum0[j] += in[k] * tile[(int64_t)k * 16 + j];
      for (int32_t j = 0; j < 16; ++j) out[j] = (sum0[j] + sum1[j]) + (sum2[j] + sum3[j]);
    }
  }
}

"""

_CLIP = """\
static inline @_real @_clip(@_real x) {
  const @_real limit = (@_real)$limit;
  return x > limit ? limit : x < -limit ? -limit : x;
}

"""

_RNN_UPDATE = """\
static void @_update(const @_real *restrict sums, @_real *restrict state, @_real *restrict out) {
  for (int32_t j = 0; j < $hidden; ++j) state[j] = out[j] = @_activation0($clip(sums[j]));
}

"""

_LSTM_UPDATE = """\
static void @_update(const @_real *restrict sums, const @_real *restrict peephole, @_real *restrict state,
                     @_real *restrict cell, @_real *restrict out) {
  for (int32_t j = 0; j < $hidden; ++j) {
    const @_real input = @_activation0($clip($input));
    const @_real forget = $forget;
    const @_real kept = forget * cell[j] + input * @_activation1($clip(sums[3 * $hidden + j]));
    const @_real output = @_activation0($clip($output));
    cell[j] = kept;
    state[j] = out[j] = output * @_activation2(kept);
  }
  (void)peephole;
}

"""

_GRU_RESET = """\
static void @_reset(const @_real *restrict sums, const @_real *restrict state, @_real *restrict product) {
  for (int32_t j = 0; j < $hidden; ++j) product[j] = @_activation0($clip(sums[$hidden + j])) * state[j];
}

"""

_GRU_UPDATE = """\
/* inner: what the hidden gate's activation takes, without the reset gate where that comes after the product */
static void @_update(const @_real *restrict sums, const @_real *restrict x, const @_real *restrict inner,
                     @_real *restrict state, @_real *restrict out) {
  for (int32_t j = 0; j < $hidden; ++j) {
    const @_real update = @_activation0($clip(sums[j]));
    const @_real fresh = @_activation1($clip($fresh));
    state[j] = out[j] = (1 - update) * fresh + update * state[j];
  }
  (void)x;
}

"""

_KERNEL = """\
int32_t @($parameters) {
  const int32_t steps_ = $steps, batch_ = $batch;
  @_real *restrict sums_ = (@_real *)workspace_;
$begin
  for (int32_t step = 0; step < steps_; ++step) {
    for (int32_t row = 0; row < batch_; ++row) {
      $at
      const @_real *restrict x = x_ + ((int64_t)at * batch_ + row) * $gates;
$load
    }
    @_product(sums_, h_, weights_, batch_, $hidden, $columns);
$products
    for (int32_t row = 0; row < batch_; ++row) {
      $at
      const @_real *restrict sums = sums_ + (int64_t)row * $columns;
      @_real *restrict state = h_ + (int64_t)row * $hidden;
      @_real *restrict out = y_ + ((int64_t)at * batch_ + row) * $hidden;
$update
    }
  }
  return 0;
}
"""


@dataclass(frozen=True)
class _Cell:
    """What is special about a cell: C functions, and statements at places of the kernel.

    Attributes
    ----------
    functions : str
    update : str
        For a row: from its sums, its new state and output.
    first : int
        How many elements of x the first product's sums begin with.
    begin, load, products : sequences of str
        At the start; for a row before the products; after the first product.
    scratch : int
        Elements of scratch memory for a row, besides the first product's sums.
    """

    functions: str
    update: str
    first: int
    begin: Sequence[str] = ()
    load: Sequence[str] = ()
    products: Sequence[str] = ()
    scratch: int = 0


def _rnn(attrs: Attrs, args: Mapping[str, TensorType], hidden: int, columns: int) -> _Cell:
    return _Cell(_RNN_UPDATE, "@_update(sums, state, out);", hidden)


def _lstm(attrs: Attrs, args: Mapping[str, TensorType], hidden: int, columns: int) -> _Cell:
    def peephole(gate: int, cell: str) -> str:
        return f" + peephole[{gate * hidden} + j] * {cell}" if "peephole" in args else ""

    clip = "@_clip" if attrs.clip is not None else ""
    functions = Template(_LSTM_UPDATE).safe_substitute(
        input=f"sums[j]{peephole(0, 'cell[j]')}",
        output=f"sums[{hidden} + j]{peephole(1, 'kept')}",
        forget="1 - input"
        if attrs.input_forget
        else f"@_activation0({clip}(sums[{2 * hidden} + j]{peephole(2, 'cell[j]')}))",
    )
    weights = "peephole_" if "peephole" in args else "sums"
    update = f"@_update(sums, {weights}, state, c_ + (int64_t)row * {hidden}, out);"
    return _Cell(functions, update, 4 * hidden, [_initial_state("c", args, hidden)])


def _gru(attrs: Attrs, args: Mapping[str, TensorType], hidden: int, columns: int) -> _Cell:
    tiles = args["hidden_weights"].shape[0]
    assert isinstance(tiles, int)
    width = TILE * tiles
    inner, size = f"inner_ + (int64_t)row * {width}", f"{hidden} * sizeof(@_real)"
    update = f"@_update(sums, x_ + ((int64_t)at * batch_ + row) * {3 * hidden} + {2 * hidden}, {inner}, state, out);"
    begin = [f"@_real *restrict inner_ = sums_ + (int64_t)batch_ * {columns};"]
    if attrs.linear_before_reset:
        functions = Template(_GRU_UPDATE).safe_substitute(
            fresh=f"x[j] + @_activation0($clip(sums[{hidden} + j])) * inner[j]"
        )
        load = f"memcpy({inner}, bias_, {size});" if "bias" in args else f"memset({inner}, 0, {size});"
        products = [f"@_product(inner_, h_, hidden_weights_, batch_, {hidden}, {width});"]
        return _Cell(functions, update, 2 * hidden, begin, [load], products, width)
    begin.append(f"@_real *restrict reset_ = inner_ + (int64_t)batch_ * {width};")
    row = f"(int64_t)row * {hidden}"
    products = [
        "for (int32_t row = 0; row < batch_; ++row)",
        f"  @_reset(sums_ + (int64_t)row * {columns}, h_ + {row}, reset_ + {row});",
        f"@_product(inner_, reset_, hidden_weights_, batch_, {hidden}, {width});",
    ]
    functions = _GRU_RESET + Template(_GRU_UPDATE).safe_substitute(fresh="inner[j]")
    load = f"memcpy({inner}, x + {2 * hidden}, {size});"
    return _Cell(functions, update, 2 * hidden, begin, [load], products, width + hidden)


_CELLS = {"nn.rnn": _rnn, "nn.lstm": _lstm, "nn.gru": _gru}


def _initial_state(name: str, args: Mapping[str, TensorType], hidden: int) -> str:
    size = f"(size_t)batch_ * {hidden} * sizeof(@_real)"
    if f"initial_{name}" in args:
        return f"memcpy({name}_, initial_{name}_, {size});"
    return f"memset({name}_, 0, {size});"


def kernel(
    name: str, symbol: str, attrs: Attrs, args: Mapping[str, TensorType], results: Sequence[TensorType]
) -> CSource:
    """The kernel of an operator.

    Parameters
    ----------
    args : mapping
        Types of the arguments by their names.
    """
    x, weights = args["x"], args["weights"]
    steps, batch, gates = x.shape
    tiles, hidden, _ = weights.shape
    assert isinstance(tiles, int) and isinstance(hidden, int)
    columns = tiles * TILE
    cell = _CELLS[name](attrs, args, hidden, columns)
    scratch = columns + cell.scratch
    # What fills the last tile, and rows that have ended, are summed over too.
    begin = [f"memset(workspace_, 0, (size_t)batch_ * {scratch} * sizeof(@_real));", _initial_state("h", args, hidden)]
    guard, last = "", "steps_"
    if "lengths" in args:
        begin.append(f"memset(y_, 0, (size_t)steps_ * batch_ * {hidden} * sizeof(@_real));")
        guard, last = (
            "if (step >= lengths_[row]) continue;\n      ",
            "(lengths_[row] < steps_ ? lengths_[row] : steps_)",
        )
    outputs = dict(zip(("y_", "h_", "c_"), results, strict=False))
    text = _CLIP * (attrs.clip is not None) + _PRODUCT + cell.functions + _KERNEL
    text = Template(text).substitute(
        limit=repr(attrs.clip),
        clip="@_clip" if attrs.clip is not None else "",
        parameters=parameters({f"{n}_": t for n, t in args.items()}, outputs, attrs, workspace="workspace_"),
        steps=dimension_text(steps),
        batch=dimension_text(batch),
        gates=gates,
        hidden=hidden,
        columns=columns,
        at=f"{guard}const int32_t at = {f'{last} - 1 - step' if attrs.reverse else 'step'};",
        begin=_lines(2, [*begin, *cell.begin]),
        load=_lines(6, [f"memcpy(sums_ + (int64_t)row * {columns}, x, {cell.first} * sizeof(@_real));", *cell.load]),
        products=_lines(4, cell.products),
        update=_lines(6, [cell.update]),
    )
    real = f"typedef {'float' if x.dtype == 'float32' else 'double'} @_real;\n\n"
    functions = activation.FUNCTIONS[x.dtype] + activation.source(attrs.activations)
    workspace: Dimension = batch * (scratch * x.numpy_dtype.itemsize)
    return CSource(PROLOGUE + "\n" + (real + functions + text).replace("@", symbol), workspace)


def _lines(spaces: int, lines: Sequence[str]) -> str:
    return "\n".join(" " * spaces + line for line in lines)
