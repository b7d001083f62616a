"""The attributes that ONNX's convolutions and poolings share: strides, dilations, pads, auto_pad."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..relay.dimension import Dimension, maximum
from ..relay.types import TensorType
from .registry import Node


@dataclass(frozen=True)
class Window:
    """Attributes of a sliding window with defaults filled in.

    Attributes
    ----------
    padding : tuple of dimensions
        As in Relay: before the first element of each spatial axis, then behind the last of each.
    auto : str
        ``auto_pad``: NOTSET, VALID, SAME_UPPER or SAME_LOWER.
    """

    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    padding: tuple[Dimension, ...]
    auto: str


def spatial_rank(node: Node, index: int = 0) -> int:
    """Number of spatial axes of an input."""
    type_ = node.type(index)
    if type_.rank < 3:
        raise node.error(f"input {index} is {type_}", expected="batch, channels and one spatial axis or more")
    return type_.rank - 2


def kernel_window(node: Node, kernel: TensorType) -> tuple[int, ...]:
    """Spatial shape of a convolution's kernel, which the attribute kernel_shape may repeat."""
    shape = kernel.shape[2:]
    static = tuple(d for d in shape if isinstance(d, int))
    if len(static) != len(shape):
        raise node.error(f"the kernel has the shape {kernel.shape}", expected="static spatial dimensions")
    given = node.attr("kernel_shape") or static
    if tuple(given) != static:
        raise node.error(f"kernel_shape {tuple(given)}, but a kernel of shape {kernel.shape}", expected=str(static))
    return static


def window_attributes(node: Node, data: TensorType, size: Sequence[int]) -> Window:
    """Strides, dilations and padding of a node whose window has the given size."""
    spatial = data.rank - 2

    def read(name: str, default: int, length: int = spatial) -> tuple[int, ...]:
        values = tuple(node.attr(name) or (default,) * length)
        if len(values) != length:
            raise node.error(f"{name} {values}", expected=f"{length} numbers for data of shape {data.shape}")
        return values

    if len(size) != spatial:
        raise node.error(f"a window of size {tuple(size)} on data of shape {data.shape}", expected=f"{spatial} numbers")
    strides, dilations = read("strides", 1), read("dilations", 1)
    auto = node.attr("auto_pad") or "NOTSET"
    if auto == "NOTSET":
        return Window(strides, dilations, read("pads", 0, 2 * spatial), auto)
    if auto == "VALID":
        return Window(strides, dilations, (0,) * (2 * spatial), auto)
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        raise node.error(f"auto_pad '{auto}'", expected="NOTSET, VALID, SAME_UPPER or SAME_LOWER")
    totals = [
        _same_padding(extent, (window - 1) * dilation + 1, stride)
        for extent, window, dilation, stride in zip(data.shape[2:], size, dilations, strides, strict=True)
    ]
    return Window(strides, dilations, split_padding(totals, auto), auto)


def split_padding(totals: Sequence[Dimension], auto: str) -> tuple[Dimension, ...]:
    """Halves of the totals; the odd element goes behind the data with SAME_UPPER, before it else."""
    small = [total // 2 for total in totals]
    large = [total - half for total, half in zip(totals, small, strict=True)]
    return (*small, *large) if auto == "SAME_UPPER" else (*large, *small)


def _same_padding(size: Dimension, span: int, stride: int) -> Dimension:
    """Padding with which a window of `span` elements gives ceil(size / stride) outputs.

    The maximum with 0 matters only for windows that are narrower than the stride. Leaving it out elsewhere keeps
    symbolic output sizes simple: (size + padding - span) // stride + 1 becomes (size + stride - 1) // stride.
    """
    if span == 1:
        return 0
    total = ((size + stride - 1) // stride - 1) * stride + span - size
    return total if span >= stride else maximum(total, 0)
