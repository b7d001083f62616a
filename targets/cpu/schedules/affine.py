"""Where the elements that a block reads and writes lie, as numbers that are linear in the block's axes.

Axes that lie together in all tensors become one, those of size 1 go, and one whose quotient and remainder by a number
are indices becomes two. What is left is the least that a schedule must know of a permutation of axes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableSequence, Sequence
from dataclasses import dataclass
from typing import Any

from onnxc.kernel.tvm_api import HALO, Call, StructuralKey, TensorLoad, structural_map, structural_walk, sym, tirx

from . import loops

#: An integer or an int32 expression.
Number = Any
#: Where on each axis; 0 for those that are not named.
Places = Mapping[int, Any]
#: What each variable is, as a sum of multiples of axes.
_Forms = Mapping[Any, Mapping[int, Any]]


@dataclass(eq=False)
class Access:
    """The elements of a buffer that a load or a store names.

    Attributes
    ----------
    offset : int or expression
        Number of the element where all axes are 0.
    steps : list of int or expression
        How far apart neighbours along each axis are.
    order : list of int
        The axes that count, those of the buffer's outer dimensions first.
    """

    buffer: Any
    offset: Number
    steps: list[Number]
    order: list[int]

    def indices(self, places: Places) -> list[Any]:
        """Of the element at these places; only the last index counts, through all of the buffer."""
        number = self.offset
        for axis, place in places.items():
            number = plus(number, times(self.steps[axis], place))
        return [*[loops.index(0)] * (len(self.buffer.shape) - 1), loops.index(number)] if self.buffer.shape else []


class Nest:
    """A block that stores one value at each place of its axes.

    Attributes
    ----------
    store : Access
    loads : list of Access
        All different ones.
    apart : set of int
        Axes that the value depends on by themselves, not only through what it loads.
    """

    def __init__(self, stmt: Any, store: Access, loads: Mapping[Any, Access], forms: _Forms) -> None:
        self.stmt, self.store, self._loads = stmt, store, dict(loads)
        named = _named_outside_loads(stmt.body.value, list(forms))
        self._places = {var: forms[var] for var in named}
        self.apart = {axis for var in named for axis in forms[var]}

    @property
    def loads(self) -> list[Access]:
        return list(self._loads.values())

    @staticmethod
    def of(func: Any, stmt: Any, forms: _Forms, axes: int) -> Nest | None:
        """The nest of a block of a function; None where an index is not linear in the axes, or depends on data.

        Parameters
        ----------
        forms : mapping
            What each of the block's own axes is, as a sum of multiples of axes.
        axes : int
            How many there are.
        """
        linear = _Linear(forms)
        store = linear.access(func, stmt.body.buffer, stmt.body.indices, axes)
        found: list[Any] = []
        structural_walk(stmt.body.value, (TensorLoad, found.append))
        loads = {}
        for load in found:
            access = linear.access(func, load.source, load.indices, axes)
            if access is None:
                return None
            loads[StructuralKey(load)] = access  # type: ignore[call-arg]  # the stub declares the fields, not __init__
        return None if store is None else Nest(stmt, store, loads, forms)

    def value(self, places: Places, load: Callable[[Access], Any | None]) -> Any:
        """The value that is stored at these places; `load` gives what stands in the place of a load, if not itself."""

        def loaded(expr: Any) -> Any:
            access = self._loads.get(StructuralKey(expr))  # type: ignore[call-arg]
            if access is None:  # in what `load` has given
                return expr
            given = load(access)
            return tirx.BufferLoad(access.buffer, access.indices(places)) if given is None else given

        def variable(var: Any) -> Any:
            form = self._places.get(var)
            return var if form is None else loops.index(_place(form, places))

        return structural_map(self.stmt.body.value, ((TensorLoad, loaded), (tirx.Var, variable)), order="pre")

    def store_at(self, places: Places, load: Callable[[Access], Any | None]) -> Any:
        """The statement that stores the value at these places."""
        return tirx.BufferStore(self.store.buffer, self.value(places, load), self.store.indices(places))

    @property
    def guarded(self) -> bool:
        """Is there a load that may only happen under a condition?"""
        found: list[Any] = []
        structural_walk(self.stmt.body.value, (Call, found.append))
        return any(str(getattr(call.op, "name", "")) == "tirx.if_then_else" for call in found)


def merge(nests: Sequence[Nest], extents: MutableSequence[Number], groups: Sequence[Sequence[int]]) -> list[list[int]]:
    """Leave out axes of size 1, and make one of neighbours in a group that lie together in all tensors of the nests.

    Returns
    -------
    groups : list of list of int
        The axes of each group that are left, by their old numbers: the last ones of those that have become one.
    """
    accesses = [access for nest in nests for access in (nest.store, *nest.loads)]
    apart = set().union(*(nest.apart for nest in nests))
    kept: list[list[int]] = []
    for group in groups:
        kept.append([])
        for axis in group:
            if axis not in apart and equal(extents[axis], 1):
                continue
            last = kept[-1][-1] if kept[-1] else axis
            alone = last == axis or bool({last, axis} & apart)
            if not alone and all(equal(a.steps[last], times(a.steps[axis], extents[axis])) for a in accesses):
                kept[-1].pop()
                extents[axis] = times(extents[last], extents[axis])
            kept[-1].append(axis)
    return kept


def _place(form: Mapping[int, Number], places: Places) -> Number:
    total: Number = 0
    for axis, factor in form.items():
        total = plus(total, times(factor, places.get(axis, 0)))
    return total


def split_axes(stmt: Any) -> tuple[_Forms, list[Number]]:
    """The axes of a block: one whose quotients and remainders by a number are indices is two. And their extents."""
    split = _divisors(stmt)
    extents: list[Number] = []
    forms: dict[Any, dict[int, Number]] = {}
    for axis in stmt.iter_vars:
        extent, divisor = loops.known(axis.dom.extent), split.get(axis.var)
        if divisor is None:
            forms[axis.var] = {len(extents): 1}
            extents.append(extent)
        else:
            forms[axis.var] = {len(extents): divisor, len(extents) + 1: 1}
            extents += [extent // divisor, divisor]
    return forms, extents


def _named_outside_loads(value: Any, axes: Sequence[Any]) -> list[Any]:
    """Axes that a value depends on by themselves."""
    named: list[Any] = []
    rules = ((TensorLoad, lambda load: tirx.const(0, str(load.ty))), (tirx.Var, named.append))
    structural_map(value, rules, order="pre")
    return [axis for axis in axes if any(axis.same_as(var) for var in named)]


def _divisors(stmt: Any) -> dict[Any, int]:
    """Axes with the number by which all their quotients and remainders are taken, if it divides them."""
    found: dict[Any, set[int]] = {}

    def look(node: Any) -> None:
        if isinstance(node.a, tirx.Var) and isinstance(node.b, tirx.IntImm):
            found.setdefault(node.a, set()).add(int(node.b))

    structural_walk(stmt.body, ((tirx.FloorDiv, look), (tirx.FloorMod, look)))
    split = {}
    for axis in stmt.iter_vars:
        divisors, extent = found.get(axis.var, set()), loops.known(axis.dom.extent)
        if len(divisors) == 1 and isinstance(extent, int) and extent % min(divisors) == 0:
            split[axis.var] = min(divisors)
    return split


class _Linear:
    """Expressions as sums of multiples of axes; `forms` says what each variable is."""

    def __init__(self, forms: _Forms) -> None:
        self._forms = forms

    def access(self, func: Any, buffer: Any, indices: Sequence[Any], axes: int) -> Access | None:
        steps: list[Number] = [0] * axes
        offset: Number = 0
        order: list[int] = []
        for index, stride in zip(indices, strides(func, buffer), strict=True):
            parts = self._parts(index)
            if parts is None:
                return None
            factors, rest = parts
            offset = plus(offset, times(stride, rest))
            for axis in sorted(factors):
                steps[axis] = plus(steps[axis], times(stride, factors[axis]))
                order.append(axis)
        return Access(buffer, offset, steps, list(dict.fromkeys(order)))

    def _parts(self, expr: Any) -> tuple[dict[int, Number], Number] | None:
        """Factors of the axes, and the rest."""
        if isinstance(expr, (int, tirx.IntImm)):
            return {}, int(expr)
        if isinstance(expr, tirx.Var):
            return (dict(self._forms[expr]), 0) if expr in self._forms else ({}, expr)
        if isinstance(expr, (tirx.FloorDiv, tirx.FloorMod)) and expr.a in self._forms and loops.known(expr.b) != 1:
            form = self._forms[expr.a]
            if len(form) == 2 and isinstance(expr.b, tirx.IntImm):
                high, low = form
                if form[high] == int(expr.b):
                    return {high if isinstance(expr, tirx.FloorDiv) else low: 1}, 0
            return None
        if isinstance(expr, (tirx.Add, tirx.Sub, tirx.Mul)):
            left, right = self._parts(expr.a), self._parts(expr.b)
            if left is None or right is None:
                return None
            if isinstance(expr, tirx.Mul):
                if left[0] and right[0]:
                    return None
                factors, scale = (left, right[1]) if left[0] else (right, left[1])
                return {axis: times(f, scale) for axis, f in factors[0].items()}, times(factors[1], scale)
            sign = 1 if isinstance(expr, tirx.Add) else -1
            total = dict(left[0])
            for axis, factor in right[0].items():
                total[axis] = plus(total.get(axis, 0), times(factor, sign))
            return total, plus(left[1], times(right[1], sign))
        found: list[Any] = []
        axes = (tirx.Var, lambda var: found.append(var) if var in self._forms else None)
        structural_walk(expr, (axes, (TensorLoad, found.append)))
        return None if found else ({}, expr)


def strides(func: Any, buffer: Any) -> list[Number]:
    """How many elements apart neighbours along each dimension of a buffer lie, with the border that it may get."""
    sizes = [loops.known(d) for d in buffer.shape]
    if func.attrs and HALO in func.attrs:
        place, *amounts, _ = (int(i) for i in func.attrs[HALO])
        if func.params[place].same_as(buffer):
            rank = len(sizes)
            sizes = [plus(size, amounts[i] + amounts[rank + i]) for i, size in enumerate(sizes)]
    result: list[Number] = []
    for i in range(len(sizes)):
        result.append(_product(sizes[i + 1 :]))
    return result


def _product(factors: Any) -> Number:
    result: Number = 1
    for factor in factors:
        result = times(result, factor)
    return result


def plus(left: Number, right: Number) -> Number:
    """A sum, without what adds nothing."""
    if isinstance(left, int) and left == 0:
        return right
    return left if isinstance(right, int) and right == 0 else left + right


def times(left: Number, right: Number) -> Number:
    """A product, without what multiplies by 0 or 1."""
    for one, other in ((left, right), (right, left)):
        one = loops.known(one)
        if isinstance(one, int) and one in (0, 1):
            return 0 if one == 0 else other
    return left * right


def equal(left: Number, right: Number) -> bool:
    """Can two numbers be proven equal?"""
    left, right = loops.known(left), loops.known(right)
    if isinstance(left, int) and isinstance(right, int):
        return left == right
    if left is right:
        return True
    return bool(sym.Analyzer().can_prove_equal(loops.index(left), loops.index(right)))
