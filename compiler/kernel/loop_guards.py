"""Loops whose whole body stands behind a bound on their counter -> loops of fewer iterations, some of whole vectors.

Splitting a symbolic number of elements into chunks leaves a comparison around each element of the last one. LLVM does
not vectorise such a loop: quantising 128 x 3072 floats of symbolic number took 448 us instead of 26 on one Zen 4 core.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .tvm_api import TensorLoad, structural_map, structural_walk, sym, tirx, uses

#: Annotation of a loop of known length whose iterations shall be vectors of so many lanes, as far as they are whole.
#: Left to itself LLVM unrolls such a loop and vectorises the one around it, with shuffles: a convolution then took 1.8
#: of the time on a Zen 4 core.
VECTORS = "onnxc.vectors"


def bound_loops(func: Any) -> Any:
    """A function in which ``for i < n: if a + i < b`` is ``for i < min(n, b - a)``.

    Of several conditions those that do not depend on the counter go outside, where they may bound another loop.
    """
    return func.with_body(structural_map(func.body, (tirx.For, _bounded)))


def _bounded(loop: Any) -> Any:
    guard = loop.body
    if VECTORS in loop.annotations and not isinstance(guard, tirx.IfThenElse):
        return _iterations(loop, guard, int(loop.extent))
    if loop.kind != tirx.ForKind.SERIAL or not isinstance(guard, tirx.IfThenElse) or guard.else_case is not None:
        return loop
    bounds, inside, outside = [], [], []
    for condition in _conjuncts(guard.condition):
        bound = _bound(condition, loop)
        if bound is not None:
            bounds.append(bound)
        elif uses(condition, loop.loop_var) or _loads(condition):
            inside.append(condition)
        else:
            outside.append(condition)
    if not bounds and not outside:
        return loop
    body = _guarded(inside, guard.then_case)
    if len(bounds) == 1 and isinstance(loop.extent, tirx.IntImm) and not _has_loop(body):
        return _guarded(outside, _full_or_rest(loop, body, *bounds[0]))
    extent = loop.extent
    for start, end in bounds:
        extent = tirx.min(extent, end - start)
    bounded = tirx.For(loop.loop_var, loop.min, extent, loop.kind, body, annotations=loop.annotations)
    return _guarded(outside, bounded)


def _full_or_rest(loop: Any, body: Any, start: Any, end: Any) -> Any:
    """All iterations, or those up to the end: where all can be known to be, LLVM need not count them in the run.

    Of 16 elements whose number the run counts, none would be in a vector.
    """
    count = int(loop.extent)
    full = _iterations(loop, body, count)
    if isinstance(end, tirx.IntImm) and sym.Analyzer().can_prove_equal(tirx.floormod(start, count), 0):
        left = int(end) % count
        if left == 0:
            return tirx.IfThenElse(start < end, full, None)
        rest = tirx.IfThenElse(start < end, _iterations(loop, body, left), None)
    else:
        rest = _copy(loop, body, lambda var: var, tirx.min(loop.extent, end - start))
    return tirx.IfThenElse(start + count <= end, full, rest)


def _iterations(loop: Any, body: Any, count: int) -> Any:
    """The first so many iterations: in vectors of the annotated lanes, and narrower ones for what is left."""
    if VECTORS not in loop.annotations:
        return _copy(loop, body, lambda var: var, tirx.const(count, "int32"))
    lanes = int(loop.annotations[VECTORS])
    statements, done = [], 0
    for width in [lanes >> n for n in range(lanes.bit_length())]:
        for start in range(done, count - width + 1, width):
            statements.append(_vector(loop, body, start, width))
            done = start + width
    return statements[0] if len(statements) == 1 else tirx.SeqStmt(statements)


def _vector(loop: Any, body: Any, start: int, lanes: int) -> Any:
    def shifted(var: Any) -> Any:
        return var + start if start else var

    kind = tirx.ForKind.VECTORIZED if lanes > 1 else tirx.ForKind.SERIAL
    return _copy(loop, body, shifted, tirx.const(lanes, "int32"), kind)


def _copy(loop: Any, body: Any, index: Callable[[Any], Any], extent: Any, kind: Any = tirx.ForKind.SERIAL) -> Any:
    """A loop over a part of the iterations, with a counter of its own."""
    var = tirx.Var(loop.loop_var.name, "int32")
    body = structural_map(body, (tirx.Var, lambda v: index(var) if v.same_as(loop.loop_var) else v), order="pre")
    return tirx.For(var, tirx.const(0, "int32"), extent, kind, body)


def _has_loop(statement: Any) -> bool:
    found: list[bool] = []
    structural_walk(statement, (tirx.For, lambda loop: found.append(True)))
    return bool(found)


def _bound(condition: Any, loop: Any) -> tuple[Any, Any] | None:
    """Start and end, if a condition says that their difference is the number of iterations; None for others."""
    if not isinstance(condition, tirx.LT) or not _is_zero(loop.min) or uses(condition.b, loop.loop_var):
        return None
    if _loads(condition):
        return None  # the body might change what it compares
    linear = sym.detect_linear_equation(condition.a, [loop.loop_var])
    if len(linear) != 2 or not isinstance(linear[0], tirx.IntImm) or int(linear[0]) != 1:
        return None
    return linear[1], condition.b


def _conjuncts(condition: Any) -> list[Any]:
    if isinstance(condition, tirx.And):
        return [*_conjuncts(condition.a), *_conjuncts(condition.b)]
    return [condition]


def _guarded(conditions: list[Any], body: Any) -> Any:
    """A statement that is done where all conditions hold."""
    for condition in reversed(conditions):
        body = tirx.IfThenElse(condition, body, None)
    return body


def _is_zero(expr: Any) -> bool:
    return isinstance(expr, tirx.IntImm) and int(expr) == 0


def _loads(expr: Any) -> bool:
    found: list[bool] = []
    structural_walk(expr, (TensorLoad, lambda load: found.append(True)))
    return bool(found)
