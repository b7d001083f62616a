"""A regular expression whose deterministic automaton is too large -> Thompson's automaton, as tables.

A run then follows all of its states at once, as RE2 does when its memory limit is reached: each byte costs as many
steps as there are states, not one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .regex_automaton import Parts, byte_kind, holds
from .regex_syntax import parse_regex


@dataclass(frozen=True)
class PartTables:
    """Thompson's automaton; the kinds of what stands before and after a place are numbers below 4, the first nothing.

    Attributes
    ----------
    kinds : numpy.ndarray
        uint8[256]: of each byte.
    free_begins, free_targets, free_conditions : numpy.ndarray
        int32[states + 1]: where a state's ways without a byte begin; int32: where they lead to; uint16: when they are
        open, a bit for each 4 * kind before + kind after.
    byte_begins, byte_targets, byte_ranges : numpy.ndarray
        The same for ways by a byte; uint8[ways, 2]: the first and the last byte.
    ends : numpy.ndarray
        int32[2]: the first state and the last.
    """

    kinds: np.ndarray
    free_begins: np.ndarray
    free_targets: np.ndarray
    free_conditions: np.ndarray
    byte_begins: np.ndarray
    byte_targets: np.ndarray
    byte_ranges: np.ndarray
    ends: np.ndarray

    def arrays(self) -> tuple[np.ndarray, ...]:
        return tuple(vars(self).values())


def compile_parts(text: str) -> PartTables:
    """Thompson's automaton of the texts that a pattern matches from begin to end."""
    parts = Parts()
    start = parts.state()
    end = parts.add(parse_regex(text), start)
    free = [way for ways in parts.free for way in ways]
    by_byte = [way for ways in parts.by_byte for way in ways]
    return PartTables(
        np.array([byte_kind(byte) for byte in range(256)], np.uint8),
        np.cumsum([0, *map(len, parts.free)]).astype(np.int32),
        np.array([target for target, _ in free], np.int32),
        np.array([_open(condition) for _, condition in free], np.uint16),
        np.cumsum([0, *map(len, parts.by_byte)]).astype(np.int32),
        np.array([target for _, _, target in by_byte], np.int32),
        np.array([(low, high) for low, high, _ in by_byte], np.uint8).reshape(-1, 2),
        np.array([start, end], np.int32),
    )


def _open(condition: str) -> int:
    """The bits of a condition."""
    pairs = [(before, after) for before in range(4) for after in range(4)]
    return sum(1 << (4 * b + a) for b, a in pairs if not condition or holds(condition, b, a))
