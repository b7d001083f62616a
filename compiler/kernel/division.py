"""Quotients and remainders of indices as C has them.

TVM divides so that quotients are rounded down, and makes of that a division with a correction wherever it cannot prove
both operands positive. Symbols may be anything to it, so that each index of a loop over symbolic sizes becomes a nest
of selections: slow code, and seconds in TVM's own simplifier. But indices count from 0, and inside a loop no size is 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .tvm_api import structural_map, structural_walk, tirx

_ARITHMETIC = (tirx.Add, tirx.Mul, tirx.Min, tirx.Max)


def truncate_indices(statements: Sequence[Any], sizes: Sequence[Any]) -> list[Any]:
    """Statements with C's division in place of divisions of what counts up by sizes that are not known.

    Parameters
    ----------
    statements : sequence of tirx.Stmt
        All that bind variables which the others use are among them.
    sizes : sequence of tirx.Var
        The symbols.
    """
    loops: list[Any] = []
    binds: list[Any] = []
    for statement in statements:
        structural_walk(statement, ((tirx.For, loops.append), (tirx.Bind, binds.append)))
    known = _Known(set(sizes), {loop.loop_var for loop in loops}, {bind.var: bind.value for bind in binds})

    def quotient(node: Any) -> Any:
        return tirx.Div(node.a, node.b) if known.divides(node) else node

    def remainder(node: Any) -> Any:
        return tirx.Mod(node.a, node.b) if known.divides(node) else node

    rules = ((tirx.FloorDiv, quotient), (tirx.FloorMod, remainder))
    return [structural_map(statement, rules) for statement in statements]


class _Known:
    """What is known of variables."""

    def __init__(self, symbols: set[Any], counters: set[Any], values: Mapping[Any, Any]) -> None:
        self._symbols, self._counters, self._values = symbols, counters, values

    def divides(self, node: Any) -> bool:
        """Is it a division of what counts up by a size that is not known?"""
        return str(node.ty) == "int32" and self._is_size(node.b) and self._counts(node.a)

    def _is_size(self, expr: Any) -> bool:
        """Does an expression consist of numbers and symbols, with a symbol among them?"""
        leaves: list[Any] = []  # a load has its buffer's variable, which is none of those that are known
        structural_walk(expr, (tirx.Var, leaves.append))
        return bool(leaves) and all(v in self._symbols or self._is_size(self._values.get(v, 0)) for v in leaves)

    def _counts(self, expr: Any) -> bool:
        """Is an expression 0 or more?"""
        if isinstance(expr, tirx.IntImm):
            return int(expr) >= 0
        if isinstance(expr, tirx.Var):
            return expr in self._counters or (expr in self._values and self._counts(self._values[expr]))
        if isinstance(expr, (tirx.FloorDiv, tirx.Div)):
            return self._counts(expr.a) and (self._counts(expr.b) or self._is_size(expr.b))
        if isinstance(expr, tirx.FloorMod):
            return self._counts(expr.b) or self._is_size(expr.b)
        if isinstance(expr, tirx.Mod):
            return self._counts(expr.a)
        return isinstance(expr, _ARITHMETIC) and self._counts(expr.a) and self._counts(expr.b)
