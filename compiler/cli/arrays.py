"""Arrays for models: from files, to files. Needs numpy, neither TVM nor onnx."""

from __future__ import annotations

import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..artifact.staging import staged
from ..diagnostics import CompileError
from ..runtime_stub.library import TensorInfo

#: What numpy, zipfile and zlib raise for broken files: RuntimeError for encrypted ones, among others.
_BROKEN = (
    OSError, ValueError, EOFError, zipfile.BadZipFile, KeyError, RuntimeError, TypeError, OverflowError, zlib.error,
    struct.error, SyntaxError, tokenize.TokenError,
)  # fmt: skip

#: What a file calls a tensor in a sequence (``name[0]``, ``name[1]``, ...), an empty sequence, and no value.
_PLACE = re.compile(r"(?P<name>.*)\[(?P<place>\d+|empty|none)\]", re.DOTALL)


def read_arrays(texts: Iterable[str], tensors: Sequence[TensorInfo]) -> dict[str, Any]:
    """Values of inputs.

    Parameters
    ----------
    texts : iterable of str
        Each the path of an .npz file whose arrays have the names of inputs; ``name=path`` of an .npy file; or, where
        there is one input only, the path of an .npy file. Tensors in a sequence have the names ``name[0]``,
        ``name[1]``, ...; ``name[empty]`` is an empty sequence and ``name[none]`` no value, whatever array they are.
    tensors : sequence of TensorInfo
        The inputs.

    Raises
    ------
    CompileError
        A file cannot be read, or there is no such input.
    """
    names = [tensor.name for tensor in tensors]
    values = {tensor.name for tensor in tensors if tensor.is_sequence or tensor.is_optional}
    found: dict[str, Any] = {}
    places: dict[str, dict[int, np.ndarray]] = {}
    for text in texts:
        name, path = _split(text, names)
        loaded = _load(path)
        arrays = loaded if isinstance(loaded, dict) else {name or _only(names, path): loaded}
        if isinstance(loaded, dict) and name:
            raise CompileError(f"--input {text}: '{path}' holds several arrays", expected="an .npy file after a name")
        for key, array in arrays.items():
            part = None if key in names else _PLACE.fullmatch(key)
            if part is not None and part["name"] in values:
                name, place = part["name"], part["place"]
                if place == "none":
                    found[name] = None
                    continue
                elements = places.setdefault(name, {})
                if place != "empty":
                    elements[int(place)] = array
                continue
            if key not in names:
                raise CompileError(
                    f"--input {text}: the model has no input '{key}'",
                    expected=f"one of: {', '.join(names) or 'none, it has no inputs'}",
                )
            found[key] = array
    for name, elements in places.items():
        if sorted(elements) != list(range(len(elements))):
            raise CompileError(
                f"--input: the sequence '{name}' has the places {', '.join(map(str, sorted(elements)))}",
                expected=f"'{name}[0]' and so on, without a gap",
            )
        found[name] = [elements[place] for place in range(len(elements))]
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
    except _BROKEN as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        if "pickle" in reason:  # numpy's advice for files of any other kind
            reason = "the file is not in numpy's format, or holds Python objects"
        raise CompileError(
            f"--input {path}: {reason}", expected="a file written by numpy.save or numpy.savez"
        ) from error


def flatten(values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """Arrays by the names that files have for them: see `read_arrays`."""
    found: dict[str, np.ndarray] = {}
    for name, value in values.items():
        if value is None:
            found[f"{name}[none]"] = np.empty(0, np.uint8)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):  # maps with the same keys: a row each
            found[name] = np.array([list(row.values()) for row in value])
        elif isinstance(value, list):
            found.update({f"{name}[{place}]": array for place, array in enumerate(value)})
            if not value:
                found[f"{name}[empty]"] = np.empty(0, np.uint8)
        else:
            found[name] = value
    return found


def write_arrays(path: Path, values: Mapping[str, Any]) -> None:
    """Write an .npz file; its folder is made, if need be. numpy.savez would take some names for its own parameters."""
    arrays = flatten(values)
    with staged(path.parent) as stage, zipfile.ZipFile(stage / path.name, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
