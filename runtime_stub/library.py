"""An open model library: its functions, what it tells about itself, and what runs of it share."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import abi
from .abi import ffi
from .element_types import numpy_type
from .errors import LoadError
from .library_file import check_library_file
from .profile import StepProfile, new_counts, read_counts

# Size and time of a file beside its place, so that a rewritten file is another one.
_Identity = tuple[int, int, int, int]

_open_libraries: weakref.WeakSet[Library] = weakref.WeakSet()
_loaded: dict[Path, tuple[_Identity, int]] = {}  # the file last loaded from a path, and how many before it
_lock = threading.Lock()


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of a model.

    Attributes
    ----------
    name : str
        ONNX's name.
    dtype : numpy.dtype
        Element type. A type that numpy lacks, such as bfloat16, is that of the package ml_dtypes, or, where it is not
        installed, an unsigned integer of the same size.
    shape : tuple
        Each dimension as an integer, as the name of a symbol, or (outputs only) None for one that is computed.
    element_type : str
        Name of the element type.
    keys : tuple
        Of outputs: where it is not empty, the rows are maps from these to their elements, and a run gives dicts.
    form : int
        How it is given to the library: see onnxc_runtime.h. Of sequences and optional values, the other attributes are
        those of the tensors in them; a dimension then is an integer, or None where each tensor has its own.
    any_rank : bool
        Each tensor in it has its own shape and rank.
    """

    name: str
    dtype: np.dtype[Any]
    shape: tuple[int | str | None, ...]
    element_type: str
    keys: tuple[int | str, ...] = ()
    form: int = abi.TENSOR
    any_rank: bool = False

    @property
    def is_sequence(self) -> bool:
        return self.form & ~abi.OPTIONAL == abi.SEQUENCE

    @property
    def is_optional(self) -> bool:
        return bool(self.form & abi.OPTIONAL)

    def __str__(self) -> str:
        kind = f"{'optional ' * self.is_optional}{'sequence of ' * self.is_sequence}"
        shape = "of any shape" if self.any_rank else shape_text(self.shape)
        return f"{self.name}: {kind}{self.element_type} {shape}"


def shape_text(shape: tuple[int | str | None, ...]) -> str:
    """A shape for people: ``(N, 4, ?)``."""
    names = ["?" if dimension is None else str(dimension) for dimension in shape]
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


class Library:
    """A loaded library that was found fit to run here.

    It stays loaded as long as somebody holds the object, so a run in progress keeps it.

    Parameters
    ----------
    path : Path
        The shared library.
    threads : int
        Threads of a run, the caller's among them; 0: as many as processors that this process may use.
    weights : Path, numpy.ndarray or None
        Weights of a model that does not hold them itself: a file to map, or bytes. None looks for a file with the
        library's name and the extension ``.weights``.
    """

    def __init__(self, path: Path, threads: int, weights: Path | np.ndarray | None) -> None:
        self.path = path
        self.threads = threads
        self.identity = _identity(path)
        functions = _open(path, self.identity)
        self._functions = functions
        # Mutable, since a fork changes it, and the finalizer must not hold the library itself.
        self._pool: list[Any] = []
        self._texts: list[Any] = []
        self._heaps: list[Any] = []
        self._close = weakref.finalize(self, _release, functions, self._pool, self._texts, self._heaps)
        self._close.atexit = False  # threads may still be running the model then, and the system cleans up
        self.model = _query(path, functions)
        #: The C function of a run, from an onnxc_call to a status.
        self.run_call = functions.onnxc_run_call
        _check_machine(path, functions, self.model)

        model = self.model
        self.name, self.hash, self.target = (abi.text(member) for member in (model.name, model.hash, model.target))
        self.symbols = tuple(abi.text(model.symbols[index]) for index in range(model.num_symbols))
        limits = model.symbol_bounds
        self.bounds = (
            {} if limits == ffi.NULL else {s: limits[i] for i, s in enumerate(self.symbols) if limits[i] < 2**31 - 1}
        )
        self.inputs = tuple(self._tensor(model.inputs[index]) for index in range(model.num_inputs))
        # The map that each input is the keys, or then the values, of; empty for others.
        maps = [ffi.NULL if model.input_maps == ffi.NULL else model.input_maps[i] for i in range(model.num_inputs)]
        self.input_maps = tuple("" if name == ffi.NULL else abi.text(name) for name in maps)
        self.outputs = tuple(
            replace(self._tensor(model.outputs[index]), keys=self._keys(index)) for index in range(model.num_outputs)
        )
        bound = {dimension for tensor in self.inputs for dimension in tensor.shape}
        if not bound.issuperset(self.symbols) or len(set(self.symbols)) < len(self.symbols):
            raise LoadError(f"{path}: damaged library: a symbol is a dimension of no input, or two have one name")
        self.weights = self._find_weights(weights)

        #: What runs need for themselves and nobody uses now: a run takes one, or makes one where there is none.
        self.contexts: list[Any] = []
        self._counts: list[Any] = []  # of all contexts
        self._pool_lock = threading.Lock()
        self.parallel()
        with _lock:
            _open_libraries.add(self)

    def new_heap(self) -> Any:
        """Memory of sizes that runs decide; it is freed with the library."""
        heap = ffi.new("onnxc_heap **")
        if self._functions.onnxc_heap_create(heap) != abi.OK:
            raise MemoryError(f"{self.path}: no memory for a heap")
        self._heaps.append(heap[0])
        return heap[0]

    def status_text(self, status: int) -> str:
        """The library's sentence on a status."""
        return abi.text(self._functions.onnxc_status_text(status))

    def new_counts(self) -> tuple[Any, Any]:
        """For a new context: see `profile.new_counts`."""
        counts, profile = new_counts(self.model, self._functions.onnxc_now)
        if counts is not None:
            self._counts.append(counts)
        return counts, profile

    def profile(self, reset: bool) -> tuple[StepProfile, ...]:
        """What the steps of all runs took; none where the model was not compiled for profiling."""
        return read_counts(self.model, self._counts, reset)

    def new_text(self) -> Any:
        """Memory of strings, for a context; it is freed with the library."""
        text = ffi.new("onnxc_text **")
        if self._functions.onnxc_text_create(text) != abi.OK:
            raise MemoryError(f"{self.path}: no memory for strings")
        self._texts.append(text[0])
        return text[0]

    def parallel(self) -> Any:
        """The pool that all runs share, made when it is first needed; NULL for one thread."""
        if self.threads == 1:
            return ffi.NULL
        with self._pool_lock:
            if not self._pool:
                pool = ffi.new("onnxc_parallel **")
                status = self._functions.onnxc_pool_create(self.threads, pool)
                if status != abi.OK:
                    text = self.status_text(status)
                    raise LoadError(f"{self.path}: cannot start {self.threads or 'its'} threads: {text}")
                self._pool.append(pool[0])
                self.threads = pool[0].threads
            return ffi.NULL if self.threads == 1 else self._pool[0]

    def after_fork(self) -> None:
        """In a child process: forget the threads, which only the parent has; the next run makes others."""
        self._pool_lock = threading.Lock()
        self._pool.clear()
        self.contexts.clear()

    def _tensor(self, info: Any) -> TensorInfo:
        """Read the description of a tensor."""
        name, dtype = abi.text(info.name), info.dtype
        known = numpy_type(dtype.code, dtype.bits, dtype.lanes)
        if known is None:
            code = f"code {dtype.code}, {dtype.bits} bits, {dtype.lanes} lanes"
            raise LoadError(f"{self.path}: tensor '{name}' has an element type that numpy cannot hold ({code})")
        shape: list[int | str | None] = []
        for axis in range(info.ndim):
            dimension = info.shape[axis]
            if dimension >= 0:
                shape.append(dimension)
            elif dimension in (abi.EXPRESSION, abi.RUN_TIME):
                shape.append(None)
            elif -1 - dimension < len(self.symbols):
                shape.append(self.symbols[-1 - dimension])
            else:
                raise LoadError(f"{self.path}: damaged library: tensor '{name}' has a symbol that does not exist")
        return TensorInfo(name, known[1], tuple(shape), known[0], form=info.form, any_rank=info.ndim < 0)

    def _keys(self, index: int) -> tuple[int | str, ...]:
        """Keys of the maps that an output's rows are."""
        keys = self.model.output_keys
        if keys == ffi.NULL or keys[index] == ffi.NULL:
            return ()
        if keys[index].integers != ffi.NULL:
            return tuple(keys[index].integers[place] for place in range(keys[index].count))
        texts = (keys[index].strings[place] for place in range(keys[index].count))
        return tuple(ffi.buffer(text.data, text.size)[:].decode("utf-8", "surrogateescape") for text in texts)

    def _find_weights(self, given: Path | np.ndarray | None) -> np.ndarray | None:
        """The bytes of the model's weights, aligned, checked; None where the library holds them."""
        if not self.model.weights_external:
            if given is not None:
                raise LoadError(f"{self.path}: weights were given, but the library holds its weights itself")
            return None
        if given is None:
            given = self.path.with_suffix(".weights")
            if not given.exists():
                raise LoadError(f"{self.path}: the library needs its weights beside it; there is no file {given}")
        size = self.model.weights_size
        where = f"{self.path}: weights"
        if isinstance(given, Path):
            where = f"{self.path}: weights {given}"
            weights: np.ndarray
            try:
                found = given.stat().st_size
                weights = np.memmap(given, np.uint8, "r") if found == size > 0 else np.empty(0, np.uint8)
            except OSError as error:
                raise LoadError(f"{where}: cannot be read: {error.strerror or error}") from error
        else:
            weights = np.ascontiguousarray(given).reshape(-1).view(np.uint8)
            found = weights.nbytes
        if found != size:
            raise LoadError(f"{where}: found {found} bytes, expected {size}")
        digest = weights[: len(self.hash)].tobytes()
        if digest != self.hash.encode():
            raise LoadError(f"{where}: they belong to another model: found hash {digest!r}, expected '{self.hash}'")
        if weights.ctypes.data % abi.ALIGNMENT != 0:
            room = np.empty(size + abi.ALIGNMENT, np.uint8)
            start = -room.ctypes.data % abi.ALIGNMENT
            room[start : start + size] = weights
            weights = room[start : start + size]
        return weights


def _identity(path: Path) -> _Identity:
    check_library_file(path)
    status = path.stat()
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _open(path: Path, identity: _Identity) -> Any:
    """The library's functions. A file that changed since it was last loaded is loaded anew."""
    with _lock:
        others = [other.identity for other in _open_libraries]
        if any(other[:2] == identity[:2] and other != identity for other in others):
            raise LoadError(
                f"{path}: the file was overwritten while a model from it is still open; "
                "close that model first, or write new libraries to new files and rename them"
            )
        last, changes = _loaded.get(path, (identity, 0))
        if last != identity:
            changes += 1
        _loaded[path] = identity, changes
    # The system's loader knows open libraries by name first, and would give the old one again.
    name = os.path.join(str(path.parent), *["."] * changes, path.name)
    try:
        # By ctypes, since cffi, where it fails with a path, goes on to look for the name with the help of a compiler.
        handle = ctypes.CDLL(name, mode=ffi.RTLD_NOW | ffi.RTLD_LOCAL)._handle
    except OSError as error:
        reason = str(error).removeprefix(f"{name}: ")
        raise LoadError(f"{path}: the system cannot load the library: {reason}") from error
    functions = ffi.dlopen(ffi.cast("void *", handle))
    try:
        _ = functions.onnxc_query
    except ffi.error as error:
        ffi.dlclose(functions)
        raise LoadError(f"{path}: not a library made by onnxc: it has no function onnxc_query") from error
    return functions


def _release(functions: Any, pool: list[Any], texts: list[Any], heaps: list[Any]) -> None:
    """End the threads, free the memory of strings and of what runs decide, and unload the library."""
    for text in texts:
        functions.onnxc_text_destroy(text)
    for heap in heaps:
        functions.onnxc_heap_destroy(heap)
    if pool:
        functions.onnxc_pool_destroy(pool[0])
    ffi.dlclose(functions)


def _query(path: Path, functions: Any) -> Any:
    """The model's descriptor, of which every member can be trusted to be what the interface says."""
    model = functions.onnxc_query(abi.VERSION)
    if model == ffi.NULL or model.abi_version != abi.VERSION:
        version = "another version" if model == ffi.NULL else f"version {model.abi_version}"
        raise LoadError(
            f"{path}: the library was made for {version} of the interface, this loader knows version {abi.VERSION}; "
            "compile the model again, or use the loader of the onnxc that compiled it"
        )
    for function in abi.FUNCTIONS:
        try:
            getattr(functions, function)
        except ffi.error as error:
            raise LoadError(f"{path}: damaged library: it has no function {function}") from error
    size = ffi.sizeof("onnxc_model")
    if model.struct_size != size:
        raise LoadError(f"{path}: damaged library: its description has {model.struct_size} bytes, expected {size}")
    return model


def _check_machine(path: Path, functions: Any, model: Any) -> None:
    if functions.onnxc_check_machine(model) == abi.OK:
        return
    probe = ffi.new("onnxc_model *", model[0])
    missing = []
    for feature in abi.text(model.cpu_features).split(","):
        text = ffi.new("char[]", feature.encode())
        probe.cpu_features = text
        if functions.onnxc_check_machine(probe) != abi.OK:
            missing.append(feature)
    raise LoadError(
        f"{path}: this processor lacks {', '.join(missing)}, "
        f"which target '{abi.text(model.target)}' needs; compile the model for a target that this machine has"
    )


def _after_fork() -> None:
    global _lock
    _lock = threading.Lock()
    for library in _open_libraries:
        library.after_fork()


_register_at_fork: Callable[..., None] | None = getattr(os, "register_at_fork", None)
if _register_at_fork is not None:
    _register_at_fork(after_in_child=_after_fork)
