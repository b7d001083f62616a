"""Branches that are taken on trust: where two give tensors of different rank, what follows fits one of them only.

Models that were exported with open shapes are full of "if this dimension is 1, squeeze it". The importer converts what
follows for the first branch; where that fails, it goes back to the latest such place and tries the other one. The run
checks that the branch is the one that it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from ..diagnostics import CompileError, RunTimeValueError

_Result = TypeVar("_Result")


class Choices:
    """What has been chosen so far, in the order in which it was needed."""

    def __init__(self) -> None:
        self._chosen: dict[str, int] = {}

    def choose(self, key: str) -> int:
        """0 or 1: the first branch or the second, the same whenever the same place is reached again."""
        return self._chosen.setdefault(key, 0)

    def _advance(self, start: int) -> bool:
        """Change the latest choice since `start` that has an alternative; False where there is none."""
        for key in reversed(list(self._chosen)[start:]):
            if self._chosen[key] == 0:
                self._chosen[key] = 1
                return True
            del self._chosen[key]
        return False

    def explore(self, convert: Callable[[], _Result]) -> _Result:
        """Convert under the first choices that work."""
        start, first = len(self._chosen), None
        while True:
            try:
                return convert()
            except RunTimeValueError:
                raise
            except CompileError as error:
                first = first or error
                if not self._advance(start):
                    raise first from None


def choices_of(notes: dict[Any, Any]) -> Choices:
    """The choices among what converters remember (`FunctionBuilder.notes`)."""
    found: Choices = notes.setdefault("choices", Choices())
    return found
