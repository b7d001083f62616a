"""What one run of a model needs for itself."""

from __future__ import annotations

import numpy as np

from . import abi
from .abi import ffi
from .library import Library

#: Where a run begins to write into a context's block: what varies comes last in an onnxc_call, and behind it.
VARYING = ffi.offsetof("onnxc_call", "symbols")


class Context:
    """An arena, and room for the addresses of a run's tensors.

    Parameters
    ----------
    library : Library
        Whose runs it is for.
    data_offset : int
        Where in an array's object the pointer to its elements lies; 0: these pointers are written to `pointers`.

    Attributes
    ----------
    call : cffi pointer to onnxc_call
        For `Library.run_call`.
    block : buffer
        The call's bytes and, behind them, the addresses of the arrays' objects. From VARYING on each run writes the
        address of the symbols' values and those of the objects.
    pointers : cffi array
        Pointers to the elements of inputs, then of outputs.
    places : list of int
        What to write for an object's address, where the pointer to the elements lies in `pointers`. It does so for all
        outputs whose size a run decides.
    values : cffi array of onnxc_value
        The latter.
    arena_size : int
    """

    __slots__ = (
        "_arena",
        "_memory",
        "_profile",
        "_structure",
        "arena_size",
        "block",
        "call",
        "places",
        "pointers",
        "values",
    )

    def __init__(self, library: Library, data_offset: int) -> None:
        weights = ffi.NULL if library.weights is None else ffi.from_buffer(library.weights)
        self._structure = ffi.new(
            "onnxc_context *",
            {"weights": weights, "weights_size": 0 if library.weights is None else library.weights.nbytes},
        )
        self._structure.parallel = library.parallel()
        _, self._profile = library.new_counts()
        self._structure.profile = self._profile
        if library.model.makes_text:
            self._structure.text = library.new_text()
        if library.model.needs_heap:
            self._structure.heap = library.new_heap()
        self._arena: np.ndarray | None = None
        self.arena_size = 0

        num_inputs, num_outputs = len(library.inputs), len(library.outputs)
        self.values = ffi.new("onnxc_value[]", num_outputs)
        self.pointers = ffi.new("void *[]", num_inputs + num_outputs)
        for index, tensor in enumerate(library.outputs):
            if tensor.form != abi.TENSOR:
                self.pointers[num_inputs + index] = self.values + index
        first = int(ffi.cast("uintptr_t", self.pointers)) - data_offset
        self.places = [first + index * ffi.sizeof("void *") for index in range(num_inputs + num_outputs)]

        words = ffi.sizeof("onnxc_call") // ffi.sizeof("uintptr_t")
        self._memory = ffi.new("uintptr_t[]", words + num_inputs + num_outputs)
        self.block = ffi.buffer(self._memory)
        self.call = ffi.cast("onnxc_call *", self._memory)
        self.call.model, self.call.context = library.model, self._structure
        self.call.objects, self.call.offset = self._memory + words, data_offset

    def grow(self, size: int) -> None:
        """Make the arena at least that large; what it held is lost."""
        if size <= self.arena_size:
            return
        self._arena = None  # before the next one is made, so that there are never two
        self._structure.arena_size = self.arena_size = 0
        try:
            self._arena = np.empty(size + abi.ALIGNMENT, np.uint8)
        except (MemoryError, ValueError) as error:
            raise MemoryError(f"no memory for an arena of {size} bytes") from error
        start = self._arena.ctypes.data
        self._structure.arena = ffi.cast("void *", start + -start % abi.ALIGNMENT)
        self._structure.arena_size = self.arena_size = size
