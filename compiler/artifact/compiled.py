"""What the artifact stage is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from ..executor.names import model_identifier
from ..executor.program import Program
from ..kernel.kernel import Kernel
from ..relay.expr import Module
from ..target import Target


@dataclass(frozen=True)
class Compiled:
    """A compiled model, not yet in a file.

    Attributes
    ----------
    module : Module
        After all passes.
    program : Program
    kernels : tuple of Kernel
    target : Target
    model_hash : str
        SHA-256 of the optimised model, its weights, target and options.
    profile : bool
        Steps of the model can be timed.
    options : mapping
        The options that made it what it is, for the manifest.
    """

    module: Module
    program: Program
    kernels: tuple[Kernel, ...]
    target: Target
    model_hash: str
    profile: bool = False
    options: Mapping[str, object] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The model's name as a C identifier: the prefix of its symbols and files."""
        return model_identifier(self.program.name)
