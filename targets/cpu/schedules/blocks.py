"""Questions about the blocks of a schedule, and the steps that every CPU schedule takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from onnxc.kernel.lower import Lowered
from onnxc.kernel.tvm_api import HALO, INPLACE, Call, s_tir, structural_map, structural_walk, sym, tirx

SBlockRealize = s_tir.stmt.SBlockRealize

#: Functions so expensive that computing them again for every consumer does not pay.
_EXPENSIVE = (
    "exp", "tanh", "erf", "log", "pow", "sin", "cos", "tan", "sigmoid", "asin", "acos", "atan", "sinh", "cosh",
)  # fmt: skip

#: How partial results of a reduction become one, by what it does with each element.
COMBINE: dict[Any, Callable[[Any, Any], Any]] = {
    tirx.Add: lambda x, y: x + y,
    tirx.Max: tirx.max,
    tirx.Min: tirx.min,
    tirx.Mul: lambda x, y: x * y,
}


#: Tasks that are enough for the threads.
TASKS = 32


def is_in_place(func: Any) -> bool:
    """Does the result lie where an argument did? Then no element can be computed again."""
    return bool(func.attrs and INPLACE in func.attrs)


def new_schedule(lowered: Lowered) -> Any:
    """A schedule for a function.

    TVM's checks cannot see through fused loops of symbolic extents (their indices are not affine), and refuse what is
    right. Rules therefore decide by their own questions, which stand in this file. Static functions keep the checks.
    """
    return s_tir.Schedule(lowered.func, enable_check=not lowered.variables)


def all_blocks(sch: Any) -> list[Any]:
    """Every block below the root, in order of the program."""
    return list(sch.get_child_blocks(sch.get_sblock("root")))


def name_of(sch: Any, block: Any) -> str:
    return str(sch.get(block).name_hint)


def is_reduction(sch: Any, block: Any) -> bool:
    return any(axis.iter_type == tirx.IterVar.CommReduce for axis in sch.get(block).iter_vars)


def is_output(sch: Any, block: Any) -> bool:
    """Does the block write a result of the function? Other blocks may read it as well."""
    if not sch.get_consumers(block):
        return True
    results = sch.mod["main"].params
    return any(region.source.same_as(result) for region in sch.get(block).writes for result in results)


def has_scalars(sch: Any, block: Any) -> bool:
    """Can the block's loops become vectors? Strings and complex128 lie in pairs of words, which are vectors already."""
    stmt = sch.get(block)
    return not any("x" in str(region.source.dtype) for region in (*stmt.reads, *stmt.writes))


def is_expensive(sch: Any, block: Any) -> bool:
    """Does the block call a transcendental function?"""
    found = []

    def look(call: Any) -> None:
        name = str(getattr(call.op, "name", "")).removeprefix("tirx.")
        if name in _EXPENSIVE or name == "call_pure_extern":
            found.append(name)

    structural_walk(sch.get(block).body, (Call, look))
    return bool(found)


def split_loops(sch: Any, block: Any) -> tuple[list[Any], list[Any]]:
    """The block's loops: spatial ones, reduction ones. Only before they are transformed."""
    loops = list(sch.get_loops(block))
    if not loops:  # a scalar, which has an axis all the same
        return [], []
    axes = list(sch.get(block).iter_vars)
    loops = loops[len(loops) - len(axes) :]
    kinds = [(loop, axis.iter_type == tirx.IterVar.CommReduce) for loop, axis in zip(loops, axes, strict=True)]
    return [loop for loop, reduced in kinds if not reduced], [loop for loop, reduced in kinds if reduced]


def inline_injective(sch: Any, keep_padded: bool = True, keep: Sequence[str] = ()) -> None:
    """Inline what is not worth a buffer.

    Kept are outputs, reductions, padded copies of an input (``*_pad``: their consumer reads each element many times,
    and a guarded load does not vectorise), expensive functions that are read more than once, and those named in `keep`.
    """
    for block in all_blocks(sch):
        if is_reduction(sch, block) or is_output(sch, block):
            continue
        if name_of(sch, block) in keep or (keep_padded and name_of(sch, block).endswith("_pad")):
            continue
        consumers = sch.get_consumers(block)
        read_often = len(consumers) > 1 or any(is_reduction(sch, c) for c in consumers)
        if read_often and is_expensive(sch, block):
            continue
        sch.compute_inline(block)


def feeding_reduction(sch: Any, block: Any) -> bool:
    """Is the block the elementwise end of one reduction, which is scheduled together with it?"""
    producers = [p for p in sch.get_producers(block) if is_reduction(sch, p)]
    return any(epilogue_of(sch, p) is not None for p in producers)


def epilogue_of(sch: Any, block: Any) -> Any | None:
    """The one consumer of a reduction that reads element i for its own element i, if that is all that happens to it."""
    consumers = list(sch.get_consumers(block))
    if len(consumers) != 1 or is_reduction(sch, consumers[0]):
        return None
    buffer = sch.get(block).writes[0].source
    stmt = sch.get(consumers[0])
    axes = [a.var for a in stmt.iter_vars]
    for region in stmt.reads:
        if not region.source.same_as(buffer):
            continue
        indices = [r.min for r in region.region]
        if len(indices) != len(axes):
            return None
        for index, axis, size, iteration in zip(indices, axes, buffer.shape, stmt.iter_vars, strict=True):
            if not _same(size, iteration.dom.extent):
                return None  # each result is read by several elements
            unit = isinstance(size, tirx.IntImm) and int(size) == 1  # its index may have become 0
            if not unit and not (isinstance(index, tirx.Var) and index.same_as(axis)):
                return None
    return consumers[0]


def inner_loops(sch: Any, block: Any) -> tuple[list[Any], list[Any]]:
    """Spatial and reduction loops directly around a block that was computed at a loop of its consumer."""
    loops = list(sch.get_loops(block))
    realize = sch.get(loops[-1]).body
    if not hasattr(realize, "iter_values"):
        return [], []  # all its loops had one iteration: it stands beside its consumer
    outer = len(loops)
    reduction_vars = [
        var
        for value, axis in zip(realize.iter_values, realize.block.iter_vars, strict=True)
        if axis.iter_type == tirx.IterVar.CommReduce
        for var in _vars(value)
    ]
    for loop in reversed(loops):  # the block's own loops are serial; those outside are not, or the consumer is in them
        if sch.get(loop).kind != tirx.ForKind.SERIAL or isinstance(sch.get(loop).body, tirx.SeqStmt):
            break
        outer -= 1
    inside = [(loop, sch.get(loop).loop_var) for loop in loops[outer:]]
    reduced = [loop for loop, var in inside if any(var.same_as(v) for v in reduction_vars)]
    spatial = [loop for loop, var in inside if not any(var.same_as(v) for v in reduction_vars)]
    return spatial, reduced


def _vars(expr: Any) -> list[Any]:
    found: list[Any] = []
    structural_walk(expr, (tirx.Var, found.append))
    return found


def decompose(sch: Any, block: Any) -> None:
    """Initialise the sums before the outermost reduction loop."""
    _, reduced = inner_loops(sch, block)
    if reduced:
        sch.decompose_reduction(block, reduced[0])


def divisor(length: int | None, most: int) -> int:
    """The greatest divisor of a length up to `most`, unless it is so small that a tail is better: then `most`."""
    if length is None:
        return most
    best = max(d for d in range(1, min(most, length) + 1) if length % d == 0)
    return best if best * 4 >= most else most


def reads_contiguously(sch: Any, block: Any) -> bool:
    """Is the last spatial axis the last index of every tensor that depends on it?"""
    stmt = sch.get(block)
    spatial = [a.var for a in stmt.iter_vars if a.iter_type != tirx.IterVar.CommReduce]
    if not spatial:
        return False
    last = spatial[-1]
    found = False
    for region in stmt.reads:
        for position, dim in enumerate(region.region):
            if used_axes([dim.min], [last]):
                found = True
                if position != len(region.region) - 1:
                    return False
    return found


def extent(sch: Any, loop: Any) -> int | None:
    """Number of iterations; None where it is only known at run time."""
    value = sch.get(loop).extent
    return int(value) if isinstance(value, tirx.IntImm) else None


def contiguous_axes(sch: Any, block: Any) -> int:
    """How many trailing spatial axes of an elementwise block can be one loop without index arithmetic.

    That is so while every tensor that the block reads has, at its end, either just these axes or a scalar.
    """
    stmt = sch.get(block)
    axes = [a.var for a in stmt.iter_vars]
    count = len(axes)
    for region in [*stmt.reads, *stmt.writes]:
        indices = [r.min for r in region.region]
        extents = list(region.source.shape)
        run = 0
        for index, size, axis, iteration, wider in zip(
            reversed(indices),
            reversed(extents),
            reversed(axes),
            reversed(list(stmt.iter_vars)),
            reversed(_bordered(sch, region.source)),
            strict=False,
        ):
            if not _is_shifted(index, axis):
                break
            run += 1
            if wider or not _same(size, iteration.dom.extent):
                break  # a part of each row
        used = used_axes(indices, axes)
        if run == 0 and not used:
            continue  # a scalar, or nothing that depends on the axes
        if run == 0 and axes and not any(axes[-1].same_as(u) for u in used):
            # Broadcast over the last axes: they may be fused as far as the tensor does not depend on them.
            run = 0
            for axis in reversed(axes):
                if any(axis.same_as(u) for u in used):
                    break
                run += 1
        count = min(count, max(run, 1))
    return count


def _is_shifted(index: Any, axis: Any) -> bool:
    """Is an index an axis, or an axis plus a number?"""
    if isinstance(index, tirx.Add) and isinstance(index.b, tirx.IntImm):
        index = index.a
    return isinstance(index, tirx.Var) and bool(index.same_as(axis))


def _bordered(sch: Any, buffer: Any) -> list[bool]:
    """For each axis of a buffer: does it get a border where it is stored (see onnxc.kernel.halo)?"""
    func, rank = sch.mod["main"], len(buffer.shape)
    if func.attrs and HALO in func.attrs:
        place, *amounts, _ = (int(i) for i in func.attrs[HALO])
        if func.params[place].same_as(buffer):
            return [amounts[axis] + amounts[rank + axis] > 0 for axis in range(rank)]
    return [False] * rank


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, tirx.IntImm) and isinstance(right, tirx.IntImm):
        return int(left) == int(right)
    return bool(left.same_as(right)) or bool(sym.Analyzer().can_prove_equal(left, right))


def fusable(sch: Any, loops: Sequence[Any]) -> bool:
    """Can TVM fuse the loops? It fails where a sum of symbols (``H + 2``) stands between others and known extents."""
    extents = [sch.get(loop).extent for loop in loops]
    symbolic = [i for i, e in enumerate(extents) if not isinstance(e, tirx.IntImm)]
    between = bool(symbolic) and 0 < symbolic[-1] < len(loops) - 1
    return not (between and isinstance(extents[symbolic[-1]], (tirx.Add, tirx.Sub)))


def parallel(sch: Any, loops: Sequence[Any]) -> Any:
    """Fuse outer loops into one that threads share; the last ones stay apart where TVM cannot fuse them."""
    count = next(n for n in range(len(loops), 0, -1) if fusable(sch, loops[:n]))
    task = sch.fuse(*loops[:count])
    sch.parallel(task)
    return task if count == len(loops) else loops[-1]


def always(func: Any, names: Sequence[str]) -> Any:
    """A function without the conditions around some blocks, named by a prefix.

    Where TVM computes a block at a loop of symbolic extents it cannot prove that all indices are in range. If they are,
    by the way in which the loops were cut, the branches would only keep sums from their registers.
    """

    def unconditional(realize: Any) -> Any:
        if not str(realize.block.name_hint).startswith(tuple(names)):
            return realize
        return type(realize)(realize.iter_values, True, realize.block)

    return structural_map(func, (SBlockRealize, unconditional))


def used_axes(indices: list[Any], axes: list[Any]) -> list[Any]:
    used: list[Any] = []
    for index in indices:
        structural_walk(index, (tirx.Var, lambda v: used.append(v) if any(v.same_as(a) for a in axes) else None))
    return used
