"""What a compiled kernel is: the contract between kernel building, memory planning and the executor."""

from __future__ import annotations

from dataclasses import dataclass

from ..relay.dimension import Dimension, substitute
from ..relay.types import TensorType


@dataclass(frozen=True)
class Phase:
    """One C function of a kernel; phases run one after the other.

    Attributes
    ----------
    symbol : str
    tasks : Dimension or None
        None: ``int32_t symbol(parameters)``. Else the function takes two more parameters, ``int32_t begin`` and
        ``int32_t end``, and does the iterations begin <= i < end out of so many, which may run at the same time.
    """

    symbol: str
    tasks: Dimension | None = None


@dataclass(frozen=True)
class KernelCode:
    """What a primitive function becomes for a target, whatever its name is: the part of a kernel that takes time.

    Attributes
    ----------
    tasks : tuple of Dimension or None
        Of each phase.
    workspaces, object_code, source, rounds
        As in `Kernel`. Symbols begin with `NAMELESS`.
    """

    tasks: tuple[Dimension | None, ...]
    workspaces: tuple[Dimension, ...] = ()
    object_code: bytes = b""
    source: str = ""
    rounds: Dimension | None = None


#: The symbol of code that has no name yet; no other name that stands in code has these letters in it.
NAMELESS = "onnxc_nameless_kernel"


def phase_symbol(symbol: str, index: int) -> str:
    """What a phase of a kernel is called. Not symbol_1, which may be another kernel."""
    return symbol if index == 0 else f"{symbol}_phase{index}"


@dataclass(frozen=True)
class Kernel:
    """A primitive function in machine code or C.

    The parameters of every phase: const pointers to the inputs, pointers to the outputs, ``uint8_t *`` to the
    workspaces (aligned to 64 bytes), then an ``int32_t`` for each symbol, and the number of the round where there are
    rounds. Every phase returns 0, or a status.

    A kernel has symbols of its own, which its code, tasks, rounds and amounts of work are written in; types and
    workspaces are those of its calls in the model, in the model's symbols. Kernels that differ only in what their
    symbols stand for are one function, with one name.

    Attributes
    ----------
    symbol : str
    inputs, outputs : tuple of TensorType
    workspaces : tuple of Dimension
        Bytes of each scratch buffer, which is alive during the kernel only.
    symbols : tuple of str
        Names of the dimensions that it takes, in order.
    sizes : tuple of Dimension
        What they are, in the model's symbols.
    phases : tuple of Phase
    object_code : bytes
        Object file; empty where the kernel is in C.
    source : str
        C99 text; empty where the kernel is an object.
    inplace : int or None
        The input that takes the output (of the same size) in its memory; there is no pointer to an output then.
    arithmetic : Dimension
        Number of multiply-adds and elementwise operations, for deciding on threads.
    operators : tuple of str
        Relay's names of the operators in it.
    multiply_adds, moved_bytes : Dimension
        Multiplications with an addition, and bytes of arguments and results (in the model's symbols), for reports.
    makes_text : bool
        It takes ``onnxc_text *text`` behind the other pointers.
    rounds : Dimension or None
        The phases run so many times, in turns; None: once, and they don't take the round's number.
    """

    symbol: str
    inputs: tuple[TensorType, ...]
    outputs: tuple[TensorType, ...]
    workspaces: tuple[Dimension, ...]
    symbols: tuple[str, ...]
    sizes: tuple[Dimension, ...]
    phases: tuple[Phase, ...]
    object_code: bytes = b""
    source: str = ""
    arithmetic: Dimension = 0
    inplace: int | None = None
    operators: tuple[str, ...] = ()
    multiply_adds: Dimension = 0
    moved_bytes: Dimension = 0
    makes_text: bool = False
    rounds: Dimension | None = None

    def in_model(self, dim: Dimension) -> Dimension:
        """A dimension in the model's symbols instead of the kernel's own."""
        return substitute(dim, dict(zip(self.symbols, self.sizes, strict=True)))
