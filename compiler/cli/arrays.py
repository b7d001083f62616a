"""Arrays for models: from files, at random, to files. Needs numpy, neither TVM nor onnx."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..artifact.staging import staged
from ..diagnostics import CompileError
from ..runtime_stub.library import TensorInfo


def read_arrays(texts: Iterable[str], tensors: Sequence[TensorInfo]) -> dict[str, np.ndarray]:
    """Values of inputs.

    Parameters
    ----------
    texts : iterable of str
        Each the path of an .npz file whose arrays have the names of inputs; ``name=path`` of an .npy file; or, where
        there is one input only, the path of an .npy file.
    tensors : sequence of TensorInfo
        The inputs.

    Raises
    ------
    CompileError
        A file cannot be read, or there is no such input.
    """
    names = [tensor.name for tensor in tensors]
    found: dict[str, np.ndarray] = {}
    for text in texts:
        name, path = _split(text, names)
        loaded = _load(path)
        arrays = loaded if isinstance(loaded, dict) else {name or _only(names, path): loaded}
        if isinstance(loaded, dict) and name:
            raise CompileError(f"--input {text}: '{path}' holds several arrays", expected="an .npy file after a name")
        for key, array in arrays.items():
            if key not in names:
                raise CompileError(
                    f"--input {text}: the model has no input '{key}'",
                    expected=f"one of: {', '.join(names) or 'none, it has no inputs'}",
                )
            found[key] = array
    return found


def _split(text: str, names: Sequence[str]) -> tuple[str, Path]:
    """Name (empty: none) and path. Both may have ``=`` in them."""
    for name in sorted(names, key=len, reverse=True):
        if text.startswith(f"{name}=") and not Path(text).is_file():
            return name, Path(text[len(name) + 1 :])
    if "=" in text and not Path(text).exists():
        name, _, path = text.partition("=")
        return name, Path(path)
    return "", Path(text)


def _only(names: Sequence[str], path: Path) -> str:
    if len(names) != 1:
        raise CompileError(
            f"--input {path}: the model has {len(names)} inputs", expected=f"NAME=FILE with {', '.join(names)}"
        )
    return names[0]


def _load(path: Path) -> np.ndarray | dict[str, np.ndarray]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CompileError(
            f"--input {path}: {reason}", expected="a file written by numpy.save or numpy.savez"
        ) from error


def random_arrays(tensors: Iterable[TensorInfo], dims: Mapping[str, int], seed: int) -> dict[str, np.ndarray]:
    """Arrays that most models can work with: floats around 0, bytes of all values, small integers elsewhere."""
    generator = np.random.default_rng(seed)
    found = {}
    for tensor in tensors:
        shape = [dims[dim] if isinstance(dim, str) else int(dim or 0) for dim in tensor.shape]  # None: outputs only
        found[tensor.name] = _random(generator, shape, tensor)
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


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Write an .npz file. numpy.savez would take some names for its own parameters."""
    with staged(path.parent) as stage, zipfile.ZipFile(stage / path.name, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
