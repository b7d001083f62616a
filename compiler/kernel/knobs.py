"""Knobs: what a schedule may do in more than one way. A tuning record says which; else the schedule's default holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

#: What can be chosen: something that survives JSON, where tuples become lists.
Option = int | str | tuple[int, ...]

#: Decides on a knob: name, options, default -> one of the options.
Decide = Callable[[str, Sequence[Option], Option], Option]

_O = TypeVar("_O", int, str, tuple[int, ...])


@dataclass(frozen=True)
class Decision:
    """A knob that was asked for: its name, its options, and what was chosen among them."""

    name: str
    options: tuple[Option, ...]
    chosen: Option
    default: Option


class Knobs:
    """The knobs of one kernel, defined by running its schedule.

    A schedule asks `choose` wherever it has a choice. What it asked for is the space, as far as it is known: a run with
    defaults yields the first part of it, and what it asks for later may depend on what it got before.

    Parameters
    ----------
    values : mapping
        What a tuning record says. What is no option of its knob, or belongs to no knob, is ignored: schedules change,
        and records outlive them.
    decide : callable, optional
        Decides where the record says nothing; the default is chosen without it.
    """

    def __init__(self, values: Mapping[str, Any] | None = None, decide: Decide | None = None) -> None:
        self._decide = decide
        self._values = {name: _from_json(value) for name, value in (values or {}).items()}
        self._decisions: dict[str, Decision] = {}

    def choose(self, name: str, options: Sequence[_O], default: _O) -> _O:
        """One of the options.

        Parameters
        ----------
        name : str
            Unique in its kernel: ``RULE.WHAT``, such as ``matmul.order``.
        options : sequence
            All legal ones, with this target, these shapes and what was chosen before; the default is among them.
        default : int, str or tuple of int
            What is best as far as one knows without measuring.
        """
        assert default in options, f"{name}: {default} is none of {options}"
        assert name not in self._decisions, f"{name} was chosen before"
        value = self._values.get(name)
        chosen = next((o for o in options if type(o) is type(value) and o == value), None)
        if chosen is None:
            chosen = default if self._decide is None else cast(_O, self._decide(name, options, default))
            assert chosen in options, f"{name}: {chosen} is none of {options}"
        self._decisions[name] = Decision(name, tuple(options), chosen, default)
        return chosen

    @property
    def decisions(self) -> tuple[Decision, ...]:
        """What was asked for, in order."""
        return tuple(self._decisions.values())

    @property
    def choices(self) -> dict[str, Option]:
        """Name and chosen option of each knob; a record of it leads to the same schedule."""
        return {name: decision.chosen for name, decision in self._decisions.items()}

    @property
    def by_default(self) -> bool:
        """Is every choice the default?"""
        return all(d.chosen == d.default for d in self._decisions.values())

    def attempt(self, defaults: bool = False) -> Knobs:
        """Knobs with the same record (or with none) for something that may fail; `adopt` them if it did not."""
        return Knobs() if defaults else Knobs(self._values, self._decide)

    def adopt(self, attempt: Knobs) -> None:
        """Take over what an attempt decided."""
        assert not self._decisions.keys() & attempt._decisions.keys()
        self._decisions |= attempt._decisions


def _from_json(value: Any) -> Any:
    return tuple(_from_json(v) for v in value) if isinstance(value, list) else value
