"""Errors for people: where in the model, what was found, what was expected, what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Location:
    """The place in the user's model that an expression or an error comes from.

    Attributes
    ----------
    model : str
        File name or name of the ONNX graph.
    node : str
        Name of the ONNX node; its first output where the node has no name.
    operator : str
        ONNX operator, with its domain where that is not the default one.
    tensor : str
        ONNX value concerned.
    """

    model: str = ""
    node: str = ""
    operator: str = ""
    tensor: str = ""

    def __str__(self) -> str:
        parts = []
        if self.model:
            parts.append(f"model '{self.model}'")
        if self.node:
            parts.append(f"node '{self.node}'")
        if self.operator:
            parts.append(f"operator {self.operator}")
        if self.tensor:
            parts.append(f"tensor '{self.tensor}'")
        return ", ".join(parts)


NOWHERE = Location()


class CompileError(Exception):
    """A mistake in the user's input.

    Parameters
    ----------
    message : str
        What was found.
    location : Location
        Where.
    expected : str
        What would have been right.
    remedy : str
        What to do about it.
    """

    def __init__(self, message: str, location: Location = NOWHERE, *, expected: str = "", remedy: str = "") -> None:
        super().__init__(message)
        self.message, self.location, self.expected, self.remedy = message, location, expected, remedy

    def __str__(self) -> str:
        where = str(self.location)
        lines = [f"{where}: {self.message}" if where else self.message]
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.remedy:
            lines.append(f"  remedy: {self.remedy}")
        return "\n".join(lines)


class RunTimeValueError(CompileError):
    """The compiler must know what a tensor holds, but it follows from the values of the model's inputs.

    Attributes
    ----------
    inputs : tuple of str
        Those inputs. Giving them values makes the model compile.
    """

    def __init__(
        self, message: str, location: Location, *, inputs: tuple[str, ...], expected: str, remedy: str
    ) -> None:
        super().__init__(message, location, expected=expected, remedy=remedy)
        self.inputs = inputs


class RunTimeRankError(RunTimeValueError):
    """The compiler must know the rank of the tensors in a sequence or an optional value.

    Attributes
    ----------
    inputs : tuple of str
        Inputs of the model that it follows from. Giving their types ranks makes the model compile.
    """


@contextmanager
def located(location: Location) -> Iterator[None]:
    """Fill the empty fields of a CompileError's location that is raised inside."""
    try:
        yield
    except CompileError as error:
        old = error.location
        error.location = replace(
            old,
            model=old.model or location.model,
            node=old.node or location.node,
            operator=old.operator or location.operator,
            tensor=old.tensor or location.tensor,
        )
        raise
