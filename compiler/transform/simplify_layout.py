"""Rules for operators that move elements: permutations, views, slices, padding."""

from __future__ import annotations

from collections.abc import Sequence

from .. import op as relay_op
from ..relay.dimension import Dim, maximum, product
from ..relay.expr import Atom, Constant, Var, shape_of
from ..relay.types import TensorType
from .rewrite import Rules, Site, scalar_value


def _same(site: Site) -> Atom | None:
    """The argument, where the operator cannot have changed more than its shape, and has not."""
    return site.args[0] if site.args[0].type == site.type else None


def _reshape_of_reshape(site: Site) -> Atom | None:
    inner = site.definition(site.args[0], "reshape")
    return site.emit_as("reshape", inner.args[0], **site.attrs) if inner else None


def _transpose(site: Site) -> Atom | None:
    """No permutation; one after another; or one that moves only axes of one element, which is a view."""
    axes = site.attrs.axes
    if list(axes) == sorted(axes):
        return site.args[0]
    inner = site.definition(site.args[0], "transpose")
    if inner is not None:
        return site.emit("transpose", inner.args[0], axes=tuple(inner.attrs.axes[a] for a in axes))
    merged = _transpose_of_merged(site)
    if merged is not None:
        return merged
    moved = [axis for axis in axes if shape_of(site.args[0])[axis] != 1]
    return site.emit("reshape", site.args[0], shape=site.tensor.shape) if moved == sorted(moved) else None


def _transpose_of_merged(site: Site) -> Atom | None:
    """Axes that were merged and are then moved -> the axes moved and then merged: so transposes find each other."""
    view = site.definition(site.args[0], "reshape")
    groups = _merged_axes(shape_of(view.args[0]), shape_of(site.args[0])) if view else None
    if view is None or groups is None or site.definition(view.args[0], "transpose") is None:
        return None
    axes = tuple(axis for group in site.attrs.axes for axis in groups[group])
    return site.emit("reshape", site.emit("transpose", view.args[0], axes=axes), shape=site.tensor.shape)


def _merged_axes(source: Sequence[int | Dim], target: Sequence[int | Dim]) -> list[list[int]] | None:
    """Which axes of the source each axis of the target consists of; None where it isn't whole ones."""
    groups: list[list[int]] = []
    start = 0
    for size in target:
        group: list[int] = []
        while start < len(source) and product(source[a] for a in group) != size:
            group.append(start)
            start += 1
        if product(source[a] for a in group) != size:
            return None
        groups.append(group)
    rest = list(range(start, len(source)))
    if any(source[a] != 1 for a in rest):
        return None
    if rest and not groups:
        return None
    if rest:
        groups[-1].extend(rest)
    return groups


def _concatenate(site: Site) -> Atom | None:
    """Of one tensor; of some without elements; of what was itself concatenated on this axis for this only."""
    axis = site.attrs.axis % site.tensor.rank
    parts: list[Atom] = []
    for arg in site.args:
        inner = site.definition(arg, "concatenate")
        if inner is not None and inner.attrs.axis % site.tensor.rank == axis and site.uses(arg) == 1:
            parts.extend(inner.args)
        elif shape_of(arg)[axis] != 0:
            parts.append(arg)
    if len(parts) == 1:
        return parts[0]
    return site.emit_as("concatenate", *parts, axis=axis) if parts and len(parts) != len(site.args) else None


def _slice_of_slice(site: Site) -> Atom | None:
    """Positions in positions, where both run forwards."""
    inner = site.definition(site.args[0], "strided_slice")
    if inner is None or any(s < 1 for s in (*site.attrs.strides, *inner.attrs.strides)):
        return None
    begin, end, strides = [], [], []
    for b, e, s, inner_begin, inner_stride in zip(
        *(site.attrs[name] for name in ("begin", "end", "strides")),
        inner.attrs.begin,
        inner.attrs.strides,
        strict=True,
    ):
        begin.append(inner_begin + inner_stride * b)
        end.append(inner_begin + inner_stride * (e - 1) + 1)
        strides.append(inner_stride * s)
    return site.emit_as("strided_slice", inner.args[0], begin=tuple(begin), end=tuple(end), strides=tuple(strides))


def _slice_of_transpose(site: Site) -> Atom | None:
    """The slice first: no more is moved than is used, and each slice fuses with its own permutation."""
    moved = site.definition(site.args[0], "transpose")
    if moved is None:
        return None
    axes = moved.attrs.axes
    place = [axes.index(axis) for axis in range(len(axes))]
    attrs = {name: tuple(site.attrs[name][p] for p in place) for name in ("begin", "end", "strides")}
    return site.emit("transpose", site.emit("strided_slice", moved.args[0], **attrs), axes=axes)


def _slice_everything(site: Site) -> Atom | None:
    """The type says that all is kept, unless the order is reversed."""
    return _same(site) if all(s == 1 for s in site.attrs.strides) else None


def _pad_nothing(site: Site) -> Atom | None:
    return site.args[0] if all(p == 0 for p in (*site.attrs.before, *site.attrs.after)) else None


def _tile(site: Site) -> Atom | None:
    """Nothing repeated, or only axes of one element, which is broadcasting."""
    if all(r == 1 for r in site.attrs.repeats):
        return site.args[0]
    repeated = [d for d, r in zip(shape_of(site.args[0]), site.attrs.repeats, strict=True) if r != 1]
    if any(d != 1 for d in repeated):
        return None
    return site.emit_as("broadcast_to", site.args[0], shape=site.tensor.shape)


def _take_one(site: Site) -> Atom | None:
    """Picking by one constant index -> a slice and a view, neither of which needs the index in memory."""
    x, indices = site.args
    index = scalar_value(indices)
    axis = site.attrs.axis % len(shape_of(x))
    size = shape_of(x)[axis]
    if index is None or not isinstance(indices, Constant) or indices.array.size != 1 or not isinstance(size, int):
        return None
    index = int(index)
    if not -size <= index < size:
        return None
    begin = [0] * len(shape_of(x))
    end: list[int | Dim] = list(shape_of(x))
    begin[axis], end[axis] = index % size, index % size + 1
    part = site.emit("strided_slice", x, begin=tuple(begin), end=tuple(end), strides=(1,) * len(begin))
    return site.emit("reshape", part, shape=site.tensor.shape)


def _shape_of(site: Site) -> Atom | None:
    """The shape of a value -> the shape of what it was computed from, if that is the same: it does not wait for it."""
    origin = site.args[0]
    while True:
        found = site.definition(origin)
        same = [a for a in found.args if isinstance(a, Var) and _has_shape(a, shape_of(origin))] if found else []
        if not same:
            break
        origin = same[0]
    return site.emit("shape_of", origin, **site.attrs) if origin is not site.args[0] else None


def _has_shape(atom: Atom, shape: Sequence[int | Dim]) -> bool:
    return isinstance(atom.type, TensorType) and atom.type.shape == tuple(shape)


def _pad_into_convolution(site: Site) -> Atom | None:
    """Zeros put around the data before a convolution -> its own padding."""
    pad = site.definition(site.args[0], "pad")
    if pad is None or pad.attrs.mode != "constant":
        return None
    value = scalar_value(pad.args[1]) if len(pad.args) == 2 else pad.attrs.value
    before, after = pad.attrs.before, pad.attrs.after
    if (
        value != 0
        or any((*before[:2], *after[:2]))
        or not all(isinstance(p, int) and p >= 0 for p in (*before, *after))
    ):
        return None
    old, spatial = site.attrs.padding, len(before) - 2
    padding = tuple(p + q for p, q in zip(old, (*before[2:], *after[2:]), strict=True))
    assert len(padding) == 2 * spatial
    return site.emit_as(site.op, pad.args[0], *site.args[1:], **{**site.attrs, "padding": padding})


def _swaps_last(axes: Sequence[int]) -> bool:
    rank = len(axes)
    return rank >= 2 and list(axes) == [*range(rank - 2), rank - 1, rank - 2]


def _matmul(site: Site) -> Atom | None:
    """A constant matrix on the right -> a dense layer; transposed matrices -> the operator's own flags."""
    a, b = site.args
    flags = dict(site.attrs)
    if isinstance(b, Constant) and b.array.ndim == 2 and not flags["transpose_a"]:
        weights = b if flags["transpose_b"] else site.emit("transpose", b, axes=(1, 0))
        # The transpose of a constant has not been folded where constants are not: no dense layer then.
        if isinstance(weights, Constant):
            return site.emit_as("nn.dense", a, weights, out_dtype=flags["out_dtype"])
        return None
    operands = [a, b]
    for index, flag in enumerate(("transpose_a", "transpose_b")):
        moved = site.definition(operands[index], "transpose")
        if moved is not None and _swaps_last(moved.attrs.axes):
            operands[index], flags[flag] = moved.args[0], not flags[flag]
    return site.emit_as("nn.matmul", *operands, **flags) if operands != [a, b] else None


def split_to_slices(site: Site) -> Atom | None:
    """A split -> one slice for each part, which fuses into what uses the part; not where the parts are views."""
    contiguous = relay_op.get("split").contiguous
    if contiguous is not None and contiguous(site.attrs, [site.args[0].type]):
        return None
    (x,), axis = site.args, site.attrs.axis % len(shape_of(site.args[0]))
    if any(maximum(size, 0) != size for size in site.attrs.sizes):
        return None  # a symbolic size that may be less than 0, as far as one can tell
    parts: list[Atom] = []
    offset: int | Dim = 0
    begin: list[int | Dim] = [0] * len(shape_of(x))
    for size in site.attrs.sizes:
        end = list(shape_of(x))
        begin[axis], end[axis] = offset, offset + size
        parts.append(site.emit("strided_slice", x, begin=tuple(begin), end=tuple(end), strides=(1,) * len(begin)))
        offset = offset + size
    return site.tuple(parts)


#: Numbers that are compared side by side: a few vectors of every target.
_LANES = 64
#: Elements for which that pays.
_MANY = 4096


def _extremum_of_all(site: Site) -> Atom | None:
    """The greatest (or least) of very many elements -> that of the greatest in each of some columns.

    A chain of comparisons waits for each of them; columns are compared side by side. (TVM's `rfactor` would do it for
    sums; the reducers with infinities as identities it does not know.)
    """
    shape = shape_of(site.args[0])
    total = product(shape)
    columns = [d for d in (total, shape[-1] if shape else 0) if isinstance(d, int) and d and d % _LANES == 0]
    if len(set(site.attrs.axis)) != len(shape) or not columns:
        return None
    if isinstance(total, int) and total < _MANY:
        return None
    rows = total // _LANES if isinstance(total, int) else product(shape[:-1]) * (columns[-1] // _LANES)
    table = site.emit("reshape", site.args[0], shape=(rows, _LANES))
    single = site.emit(site.op, site.emit(site.op, table, axis=(0,), keepdims=False), axis=(0,), keepdims=False)
    return site.emit("reshape", single, shape=site.tensor.shape) if site.attrs.keepdims else single


RULES: Rules = {
    **{op: [_extremum_of_all] for op in ("max", "min")},
    "reshape": [_same, _reshape_of_reshape],
    "broadcast_to": [_same],
    "transpose": [_transpose],
    "concatenate": [_concatenate],
    "strided_slice": [_slice_everything, _slice_of_slice, _slice_of_transpose],
    "pad": [_pad_nothing],
    "tile": [_tile],
    "take": [_take_one],
    "shape_of": [_shape_of],
    "nn.conv": [_pad_into_convolution],
    "nn.matmul": [_matmul],
}
