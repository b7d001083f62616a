"""What operators on square matrices share: what they take, and C functions over a batch of them."""

from __future__ import annotations

from collections.abc import Sequence

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, Type
from .base import FLOATS, check_dtype, tensors
from .c_source import PROLOGUE, Scalar, dimension_text, parameters


def square_matrices(name: str, args: Sequence[Type]) -> TensorType:
    """The one argument of an operator: floats of shape (..., n, n).

    Raises
    ------
    CompileError
        It has another type or shape.
    """
    (x,) = tensors(name, args, 1)
    check_dtype(name, x.dtype, FLOATS)
    if x.rank < 2 or x.shape[-1] != x.shape[-2]:
        raise CompileError(f"the {name} of {x.shape}", expected="square matrices: two last dimensions that agree")
    return x


def matrix_source(
    text: str,
    symbol: str,
    attrs: Attrs,
    args: Sequence[TensorType],
    results: Sequence[TensorType],
    load: str,
    store: str,
) -> str:
    """C of a function over a batch of matrices.

    Parameters
    ----------
    text : str
        With ``{prologue}``, ``{helpers}``, ``{symbol}``, ``{parameters}`` (``x``, ``y``, ``workspace``), ``{count}`` of
        matrices, ``{n}``, ``{load}`` and ``{store}``.
    load, store : str
        The place in ``x`` that is read, and the number that is written to ``y``.
    """
    (x,) = args
    scalar = Scalar(x.dtype, symbol)
    return text.format(
        prologue=PROLOGUE,
        helpers=scalar.helpers,
        symbol=symbol,
        parameters=parameters({"x": x}, {"y": results[0]}, attrs, "workspace"),
        count=dimension_text(product(x.shape[:-2])),
        n=dimension_text(x.shape[-1]),
        load=scalar.load(load),
        store=scalar.store(f"({scalar.arithmetic}){store}"),
    )
