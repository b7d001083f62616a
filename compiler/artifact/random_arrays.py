"""Arrays at random for a compiled model's inputs. Needs numpy, neither TVM nor onnx."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from ..diagnostics import CompileError
from ..runtime_stub.library import TensorInfo


def random_arrays(tensors: Iterable[TensorInfo], dims: Mapping[str, int], seed: int) -> dict[str, Any]:
    """Values that most models can work with: floats around 0, bytes of all values, small integers elsewhere.

    A sequence has two tensors, of size 1 where their sizes are open.
    """
    generator = np.random.default_rng(seed)
    found: dict[str, Any] = {}
    for tensor in tensors:
        shape = [dims[dim] if isinstance(dim, str) else 1 if dim is None else dim for dim in tensor.shape]
        count = 2 if tensor.is_sequence else 1
        try:
            arrays = [_random(generator, shape, tensor) for _ in range(count)]
        except ValueError as error:  # numpy's: more elements, or bytes, than can be counted
            raise CompileError(f"the input '{tensor.name}' would have the shape {tuple(shape)}: {error}") from error
        found[tensor.name] = arrays if tensor.is_sequence else arrays[0]
    return found


def _random(generator: np.random.Generator, shape: Sequence[int], tensor: TensorInfo) -> np.ndarray:
    name, dtype = tensor.element_type, tensor.dtype
    if name in ("int8", "uint8"):
        limits = np.iinfo(dtype)
        return generator.integers(limits.min, limits.max, shape, dtype, endpoint=True)
    if name == "bool" or name.startswith(("int", "uint")):
        return generator.integers(0, 2, shape).astype(dtype)
    if name == "bfloat16" and dtype.kind == "u":  # its bits, where numpy has no such type
        return (generator.standard_normal(shape, np.float32).view(np.uint32) >> 16).astype(dtype)
    return generator.standard_normal(shape).astype(dtype)
