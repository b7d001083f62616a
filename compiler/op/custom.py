"""Operators of users: what they mean and how they are computed, by the domain and name that ONNX models use.

An operator library is a Python file that calls `register_operator`. It is loaded with ``--op-library``, with the
argument ``op_libraries`` of `onnxc.compile`, or, for every command, with the environment variable
``ONNXC_OP_LIBRARIES``, which is also how processes that onnxc starts come to know of it. See examples/custom_operator.
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import sys
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..diagnostics import CompileError
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import REQUIRED, CSource, FusionKind, Op, register, tensors, unregister

__all__ = ["REQUIRED", "CSource", "CustomOperator", "TensorType", "load_library", "register_operator"]

#: Paths of libraries, separated as in PATH.
VARIABLE = "ONNXC_OP_LIBRARIES"

#: Ways to fuse, by the names that users give.
KINDS = {kind.name.lower(): kind for kind in FusionKind}


@dataclass(frozen=True)
class CustomOperator:
    """An operator of a user.

    Attributes
    ----------
    op : Op
        Relay's operator.
    library : str
        The file that it comes from; empty where it was registered by the program itself.
    digest : str
        SHA-256 of that file.
    """

    op: Op
    library: str
    digest: str


_operators: dict[tuple[str, str], CustomOperator] = {}
_loaded: dict[str, str] = {}  # path -> digest
_loading: list[tuple[str, str]] = []


def register_operator(
    domain: str,
    name: str,
    *,
    types: Callable[..., TensorType | Sequence[TensorType]],
    reference: Callable[..., Any],
    compute: Callable[..., Any] | None = None,
    source: Callable[[str, Attrs, Sequence[TensorType], Sequence[TensorType]], CSource] | None = None,
    attributes: Mapping[str, Any] | None = None,
    inputs: int | tuple[int, int] = 1,
    kind: str = "opaque",
) -> None:
    """Make an operator known.

    Parameters
    ----------
    domain, name : str
        As nodes of models have them. The domain is not empty: ONNX's own operators cannot be replaced.
    types : callable
        ``(attrs, *input types) -> output type``, or a sequence of them. Types are `TensorType`, with a `shape` of
        integers and symbolic dimensions, which can be added, multiplied and so on, and a `dtype` such as ``float32``.
        Raises `onnxc.CompileError` for what the operator does not take.
    reference : callable
        ``(attrs, *numpy arrays) -> array``, or a sequence of them: the meaning. Folds constants.
    compute : callable, optional
        ``(T, attrs, *tensors) -> tensor``, or a sequence: in tensor expressions, which are fused with what stands
        around them and compiled for every target.
    source : callable, optional
        ``(symbol, attrs, input types, output types) -> CSource``: a kernel in C99, instead of `compute`.
    attributes : mapping, optional
        Names with defaults; `REQUIRED` where there is none.
    inputs : int or (int, int)
        How many inputs, or at least and at most so many.
    kind : str
        How a compute may be fused: ``elementwise``, ``broadcast``, ``injective``, ``reduction``, ``anchor``, or
        ``opaque``, a kernel of its own.

    Raises
    ------
    CompileError
        The operator cannot be as it is described, or there is one of that name.
    """
    where = f"custom operator {domain}:{name}"
    if not domain or domain == "ai.onnx":
        raise CompileError(f"custom operator {name} in the domain '{domain}'", expected="a domain of your own")
    if (compute is None) == (source is None):
        raise CompileError(f"{where}: compute and source", expected="one of them")
    if kind not in KINDS:
        raise CompileError(f"{where}: kind '{kind}'", expected=f"one of: {', '.join(KINDS)}")
    if source is not None and kind != "opaque":
        raise CompileError(f"{where}: kind '{kind}' of a kernel in C", expected="opaque")
    if (domain, name) in _operators:
        raise CompileError(
            f"{where} is there already, from {_operators[domain, name].library or 'this program'}",
            expected="one operator of that name",
        )

    def relation(attrs: Attrs, args: Sequence[Type]) -> Type:
        given = tensors(where, args, inputs)
        try:
            found = types(attrs, *given)
        except CompileError:
            raise
        except Exception as error:
            raise CompileError(
                f"{where}: its function for types failed: {_first_line(error)}{_place(error)}",
                expected="types, or a CompileError",
            ) from error
        if isinstance(found, TensorType):
            return found
        if isinstance(found, (tuple, list)) and found and all(isinstance(t, TensorType) for t in found):
            return TupleType(tuple(found))
        raise CompileError(f"{where}: its function for types gave {found!r}", expected="a TensorType, or several")

    op = Op(
        f"{domain}.{name}",
        KINDS[kind],
        relation,
        reference,
        compute,
        source,
        attributes=dict(attributes or {}),
    )
    path, digest = _loading[-1] if _loading else ("", "")
    register(op)
    _operators[domain, name] = CustomOperator(op, path, digest)


def find_custom(domain: str, name: str) -> CustomOperator | None:
    """The operator of a user under a name of ONNX."""
    load_libraries_of_environment()
    return _operators.get((domain, name))


def custom_of(op_name: str) -> CustomOperator | None:
    """The operator of a user under Relay's name."""
    return next((custom for custom in _operators.values() if custom.op.name == op_name), None)


def load_library(path: str | os.PathLike[str]) -> None:
    """Load an operator library; nothing happens where it is loaded already and has not changed.

    Raises
    ------
    CompileError
        The file cannot be read, is no Python, or raises an error.
    """
    file = Path(path).absolute()
    try:
        text = file.read_bytes()
    except OSError as error:
        reason = error.strerror or error
        raise CompileError(f"operator library '{path}': {reason}", expected="a Python file") from error
    digest = hashlib.sha256(text).hexdigest()
    if _loaded.get(str(file)) == digest:
        _tell_children(str(file))
        return
    _forget(str(file))
    name = f"onnxc_op_library_{digest[:16]}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None:
        raise CompileError(f"operator library '{path}' is no Python file", expected="a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    _loading.append((str(file), digest))
    try:
        # Not the loader's way: it takes bytecode for current whose source has the same size and changed in this second.
        exec(compile(text, file, "exec"), module.__dict__)
    except CompileError:
        _forget(str(file))
        raise
    except (Exception, SystemExit) as error:
        _forget(str(file))
        raise CompileError(
            f"operator library '{path}': {type(error).__name__}: {_first_line(error)}{_place(error)}",
            expected="a Python file that calls register_operator",
        ) from error
    finally:
        _loading.pop()
    _loaded[str(file)] = digest
    _tell_children(str(file))


def _tell_children(path: str) -> None:
    """Name a library to the processes that this one starts."""
    known = [p for p in os.environ.get(VARIABLE, "").split(os.pathsep) if p]
    if path not in known:
        os.environ[VARIABLE] = os.pathsep.join([*known, path])


def load_libraries_of_environment() -> None:
    """Load the libraries that the environment names."""
    for path in os.environ.get(VARIABLE, "").split(os.pathsep):
        if path:
            load_library(path)


def _forget(path: str) -> None:
    """Take back what a library has registered: it has changed, or is broken."""
    for key, custom in list(_operators.items()):
        if custom.library == path:
            unregister(custom.op.name)
            del _operators[key]
    _loaded.pop(path, None)


def _first_line(error: BaseException) -> str:
    return str(error).split("\n")[0] or type(error).__name__


def _place(error: BaseException) -> str:
    """Where an error was raised, for people who wrote the file."""
    frames = traceback.extract_tb(error.__traceback__)
    if isinstance(error, SyntaxError) or not frames:
        return f" (line {error.lineno})" if isinstance(error, SyntaxError) else ""
    return f" ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"
