"""A model as a program: buffers, and steps that run kernels on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..kernel.kernel import Kernel
from ..memory.plan import Plan
from ..relay.dimension import Dimension
from ..relay.expr import Constant, Var
from ..relay.run_time import Condition, is_run_time
from ..relay.types import TensorType, Type


@dataclass(eq=False)
class Buffer:
    """Memory of a tensor.

    Attributes
    ----------
    kind : str
        ``input``, ``output`` (the caller's), ``weight``, ``strings`` (a constant of them), ``arena``, ``block``:
        memory of the heap, whose size the run decides; ``value``: a slot of the heap for a sequence or an optional;
        ``item``: the tensor that the step before has found in one.
    size : Dimension
        Bytes.
    room : int or None
        Bytes of the arena that it takes, where these are more than its size: what it needs at most.
    index : int
        Position among the inputs or outputs; position in the plan for the arena's; number of the block.
    first, last : int
        Steps between which a buffer of the arena or the heap is alive.
    scope : int
        The loop in whose body it is made; 0 outside of all.
    parent, offset : Buffer or None, Dimension
        The buffer that this one is a part of, and where in it, in bytes.
    """

    kind: str
    size: Dimension
    index: int = -1
    room: int | None = None
    constant: Constant | None = None
    first: int = -1
    last: int = -1
    scope: int = 0
    parent: Buffer | None = None
    offset: Dimension = 0

    def place(self) -> tuple[Buffer, Dimension]:
        """The buffer with memory of its own that this one lies in, and where."""
        if self.parent is None:
            return self, 0
        root, offset = self.parent.place()
        return root, offset + self.offset


@dataclass(frozen=True)
class KernelStep:
    """Run a kernel; arguments are inputs, outputs, workspaces. With `elements`, only where that is not 0."""

    kernel: Kernel
    arguments: tuple[Buffer, ...]
    comment: str
    elements: Dimension = 1


@dataclass(frozen=True)
class CopyStep:
    """Copy a whole buffer."""

    destination: Buffer
    source: Buffer
    comment: str


@dataclass(frozen=True)
class PlaceStep:
    """Copy a buffer to the place number `index` (an int64 in a buffer) of `count` places of its size in another."""

    destination: Buffer
    source: Buffer
    index: Buffer
    count: Dimension
    comment: str


@dataclass(frozen=True)
class ReserveStep:
    """Get a block's memory for its size; `kept`: bytes at its begin that stay what they are.

    Of a buffer that has its place in the arena, this only looks whether the size is one.
    """

    buffer: Buffer
    size: Dimension
    kept: Dimension = 0


@dataclass(frozen=True)
class ReadStep:
    """Give symbols the numbers in a buffer: see op/dimensions.py for the rules."""

    source: Buffer
    dtype: str
    symbols: tuple[str, ...]
    rule: str
    shape: tuple[Dimension, ...]
    comment: str


@dataclass(frozen=True)
class AssignStep:
    """Give symbols values, all at once; where it is `checked`, none may be negative or too large."""

    symbols: tuple[str, ...]
    values: tuple[Dimension, ...]
    checked: bool
    comment: str


@dataclass(frozen=True)
class CheckStep:
    """End the run where a condition does not hold."""

    conditions: tuple[Condition, ...]
    comment: str


@dataclass(frozen=True)
class AssumeStep:
    """End the run where a bool in a buffer is not the value."""

    condition: Buffer
    value: bool
    comment: str


@dataclass(frozen=True)
class FailStep:
    """End the run."""

    comment: str


@dataclass(frozen=True)
class ResultStep:
    """Tell the caller where an output is whose shape the run has decided."""

    output: int
    source: Buffer
    shape: tuple[Dimension, ...]


@dataclass(frozen=True)
class ValueResultStep:
    """Tell the caller a sequence or an optional."""

    output: int
    source: Buffer


@dataclass(frozen=True)
class ValueStep:
    """Make or change a sequence or an optional, or tell something about it: see values.py.

    Attributes
    ----------
    kind : str
        What is done. A slot becomes ``empty`` (a sequence of nothing) or ``none``, gets what another one holds
        (``copy``; ``move``: that one need not keep it; ``borrow``: an input's), a tensor (``set``), one more tensor
        (``insert``) or one less (``erase``). ``present``: end the run where there is nothing. A tensor gets the
        ``length``, whether it ``has`` a value, or all tensors along an axis (``concat``).
    source : Buffer or None
        A tensor or another value.
    at : Buffer or None
        A position, an int64.
    shape : tuple
        Of the tensor; or the axis, and the bytes of an element.
    """

    kind: str
    target: Buffer
    source: Buffer | None
    at: Buffer | None
    shape: tuple[Dimension, ...]
    comment: str


@dataclass(frozen=True)
class FindStep:
    """Find a tensor in a sequence (``at``) or an optional (``get``), or the shape of all together (``concat``).

    Symbols in `defines` get their values from its shape; the rest of the shape is checked.
    """

    kind: str
    source: Buffer
    at: Buffer | None
    shape: tuple[Dimension, ...]
    defines: frozenset[str]
    axis: int
    new_axis: int
    comment: str


@dataclass(frozen=True)
class IfStep:
    """Run one of two lists of steps, by a bool in a buffer."""

    condition: Buffer
    then_steps: tuple[Step, ...]
    else_steps: tuple[Step, ...]
    comment: str


@dataclass(frozen=True)
class LoopStep:
    """Run two lists of steps in turn, until the first has left a false bool in a buffer."""

    condition_steps: tuple[Step, ...]
    condition: Buffer
    body_steps: tuple[Step, ...]
    comment: str


Step = (
    KernelStep
    | CopyStep
    | PlaceStep
    | ReserveStep
    | ReadStep
    | AssignStep
    | CheckStep
    | AssumeStep
    | FailStep
    | ResultStep
    | ValueResultStep
    | ValueStep
    | FindStep
    | IfStep
    | LoopStep
)


def nested_steps(step: Step) -> tuple[tuple[Step, ...], ...]:
    """The lists of steps inside a step."""
    if isinstance(step, IfStep):
        return (step.then_steps, step.else_steps)
    if isinstance(step, LoopStep):
        return (step.condition_steps, step.body_steps)
    return ()


@dataclass(frozen=True)
class Program:
    """A model as steps on buffers.

    Attributes
    ----------
    symbols : tuple of str
        Those of the inputs' dimensions, in the order of the interface.
    run_time_symbols : tuple of str
        Those that steps give values to.
    blocks : int
        How many blocks of the heap it uses.
    bounds : mapping
        The greatest values of symbols, where they have one.
    value_slots : int
        How many slots of the heap it uses for sequences and optional values.
    weights : tuple of Constant
        Distinct constants, in order of first use.
    weight_offsets : dict
        Constant digest -> byte offset in the weight blob.
    strings : tuple of Constant
        Distinct constants of strings, which are no weights: they hold addresses.
    keys : tuple
        For each output the keys of the maps that its rows are, empty where they are none; empty where none are.
    makes_text : bool
        Its kernels make strings, which need memory of their own.
    input_maps : tuple
        For each input the map that it is the keys, or then the values, of, or nothing; empty where there are none.
    """

    name: str
    inputs: tuple[Var, ...]
    output_names: tuple[str, ...]
    output_types: tuple[Type, ...]
    symbols: tuple[str, ...]
    steps: tuple[Step, ...]
    plan: Plan
    arena_buffers: tuple[Buffer, ...]
    weights: tuple[Constant, ...]
    weight_offsets: Mapping[str, int]
    weights_size: int
    strings: tuple[Constant, ...] = ()
    keys: tuple[tuple[int | str, ...], ...] = ()
    makes_text: bool = False
    input_maps: tuple[str, ...] = ()
    run_time_symbols: tuple[str, ...] = field(default=())
    blocks: int = 0
    bounds: Mapping[str, int] = field(default_factory=dict)
    value_slots: int = 0

    @property
    def needs_heap(self) -> bool:
        return self.blocks > 0 or self.value_slots > 0

    @property
    def has_values(self) -> bool:
        """Are there sequences or optional values, which functions of onnxc_sequence.c check or change?"""
        return self.value_slots > 0 or any(not isinstance(param.type, TensorType) for param in self.inputs)


def decided_by_run(type_: Type) -> bool:
    """Does only the run decide how large a value of a type is?"""
    return not isinstance(type_, TensorType) or any(map(is_run_time, type_.shape))
