"""Functions of single bytes -> tables of 256 entries, for processors without vectors.

Between a dequantisation and a quantisation an activation is a function of one byte, whatever operators it is made of: a
load instead of an exponential function, which costs a microcontroller without a floating-point unit a thousand cycles.
With vectors the floats are faster. Runs after `integer_kernels`, which needs no table for a Relu behind a convolution.
"""

from __future__ import annotations

import numpy as np

from .. import op as relay_op
from ..op.base import FusionKind
from ..op.qnn_conv import BYTES
from ..op.qnn_lookup import ENTRIES
from ..relay.expr import Atom, Constant, Module
from ..relay.types import DTYPES, TensorType
from .base import Pass, PassContext
from .rewrite import Rules, Site, rewrite


def _quantize(site: Site) -> Atom | None:
    """quantize(f(dequantize(q))) -> lookup(q, table)."""
    if site.attrs.dtype not in BYTES:
        return None
    sources: list[Atom] = []
    values = _values(site, sources)
    if values is None or not sources:
        return None
    return site.emit_as("qnn.lookup", sources[0], Constant(values.astype(DTYPES[site.attrs.dtype][0])))


def _values(site: Site, sources: list[Atom]) -> np.ndarray | None:
    """Results of a call for all bytes in order of their bits; None where it depends on more than one element.

    `sources` takes in the bytes, once.
    """
    op = relay_op.get(site.op)
    if op.kind > FusionKind.BROADCAST or "shape" in op.attributes or not isinstance(site.type, TensorType):
        return None
    arguments: list[np.ndarray] = []
    for atom in site.args:
        found = site.definition(atom)
        if isinstance(atom, Constant) and atom.array.size == 1:
            arguments.append(atom.array.reshape(()))
        elif isinstance(atom.type, TensorType) and site.op == "qnn.dequantize" and atom.type.dtype in BYTES:
            if sources and sources[0] is not atom:
                return None
            sources[:] = [atom]
            arguments.append(np.arange(ENTRIES, dtype=np.uint8).view(DTYPES[atom.type.dtype][0]))
        elif found is not None and found.type.shape == site.type.shape:  # type: ignore[union-attr]
            values = _values(found, sources)
            if values is None:
                return None
            arguments.append(values)
        else:
            return None
    with np.errstate(all="ignore"):
        result = np.asarray(op.reference(site.attrs, *arguments))
    return result if result.shape == (ENTRIES,) else None


_RULES: Rules = {"qnn.quantize": [_quantize]}


def _run(module: Module, context: PassContext) -> Module:
    target = context.target
    return rewrite(module, _RULES) if target is not None and target.kernel_format == "c" else module


lookup_tables = Pass("lookup_tables", 2, _run)
