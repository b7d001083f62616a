"""A regular expression -> a deterministic automaton over bytes of UTF-8, as tables.

The pattern is known when the model is compiled, so all the work is done then: a run follows one table, byte by byte.
The way is the usual one: Thompson's automaton, sets of its states, and equal states taken together.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .regex_syntax import Assertion, Choice, Pattern, Ranges, RegexError, Repeat, Sequence, parse_regex


class TooManyStates(RegexError):
    """The automaton would be too large a table."""


#: States of an automaton at most: its table is then some megabytes.
STATE_LIMIT = 10_000

#: States of Thompson's automaton at most: nested repetitions multiply them.
_PART_LIMIT = 200_000

#: What stands before a place, or after it: for assertions.
_NOTHING, _WORD, _LINE, _OTHER = range(4)


@dataclass(frozen=True)
class Automaton:
    """A deterministic automaton; state 0 is the start.

    Attributes
    ----------
    classes : numpy.ndarray
        uint8[256]: bytes of a class are treated alike.
    table : numpy.ndarray
        uint16[states, classes]: the next state.
    accepts : numpy.ndarray
        uint8[states]: 1 where a text may end; 2 where, whatever follows, it does not match.
    """

    classes: np.ndarray
    table: np.ndarray
    accepts: np.ndarray

    def matches(self, text: bytes) -> bool:
        state = 0
        for byte in text:
            state = int(self.table[state, self.classes[byte]])
        return bool(self.accepts[state] == 1)


def compile_regex(text: str) -> Automaton:
    """The automaton of the texts that a pattern matches from begin to end.

    Raises
    ------
    TooManyStates
        The automaton is too large: see regex_parts.py for what is left then.
    RegexError
        The pattern is broken.
    """
    parts = Parts()
    start = parts.state()
    end = parts.add(parse_regex(text), start)
    return _Subsets(parts, start, end).automaton()


def byte_kind(byte: int) -> int:
    """What a byte is, beside another place."""
    if byte == 10:
        return _LINE
    return _WORD if (chr(byte).isalnum() and byte < 128) or byte == 95 else _OTHER


def holds(assertion: str, before: int, after: int) -> bool:
    """Does an assertion hold between two kinds of bytes?"""
    if assertion == "start":
        return before == _NOTHING
    if assertion == "end":
        return after == _NOTHING
    if assertion == "line_start":
        return before in (_NOTHING, _LINE)
    if assertion == "line_end":
        return after in (_NOTHING, _LINE)
    boundary = (before == _WORD) != (after == _WORD)
    return boundary if assertion == "word" else not boundary


@dataclass
class Parts:
    """Thompson's automaton: from each state ways without a byte, some under a condition, and ways by bytes."""

    free: list[list[tuple[int, str]]] = field(default_factory=list)
    by_byte: list[list[tuple[int, int, int]]] = field(default_factory=list)

    def state(self) -> int:
        if len(self.free) >= _PART_LIMIT:
            raise RegexError("the pattern is too large")
        self.free.append([])
        self.by_byte.append([])
        return len(self.free) - 1

    def add(self, pattern: Pattern, start: int) -> int:
        """Lead from a state through a pattern; the state behind it."""
        if isinstance(pattern, Sequence):
            for part in pattern.parts:
                start = self.add(part, start)
            return start
        if isinstance(pattern, Assertion):
            end = self.state()
            self.free[start].append((end, pattern.kind))
            return end
        if isinstance(pattern, Choice):
            end = self.state()
            for option in pattern.options:
                self.free[self.add(option, self._after(start))].append((end, ""))
            return end
        if isinstance(pattern, Repeat):
            return self._repeat(pattern, start)
        end = self.state()
        for way in _utf8_ways(pattern.ranges):
            place = start
            for low, high in way[:-1]:
                following = self.state()
                self.by_byte[place].append((low, high, following))
                place = following
            self.by_byte[place].append((*way[-1], end))
        return end

    def _after(self, start: int) -> int:
        following = self.state()
        self.free[start].append((following, ""))
        return following

    def _repeat(self, pattern: Repeat, start: int) -> int:
        for _ in range(pattern.least):
            start = self.add(pattern.part, start)
        if pattern.most is None:
            loop = self._after(start)
            self.free[self.add(pattern.part, loop)].append((loop, ""))
            return self._after(loop)
        ends = [start]
        for _ in range(pattern.most - pattern.least):
            start = self.add(pattern.part, self._after(start))
            ends.append(start)
        end = self.state()
        for place in ends:
            self.free[place].append((end, ""))
        return end


def _utf8_ways(ranges: Ranges) -> list[list[tuple[int, int]]]:
    """Ranges of characters as sequences of ranges of bytes."""
    ways = []
    for low, high in ranges:
        for first, last in ((0, 0x7F), (0x80, 0x7FF), (0x800, 0xD7FF), (0xE000, 0xFFFF), (0x10000, 0x10FFFF)):
            if max(low, first) <= min(high, last):
                ways += _split(chr(max(low, first)).encode(), chr(min(high, last)).encode())
    return ways


def _split(low: bytes, high: bytes) -> list[list[tuple[int, int]]]:
    """Ranges of equally long sequences of bytes, in which each byte is free of the others."""
    if len(low) == 1:
        return [[(low[0], high[0])]]
    least, most = b"\x80" * (len(low) - 1), b"\xbf" * (len(low) - 1)
    if low[0] == high[0]:
        return [[(low[0], low[0]), *rest] for rest in _split(low[1:], high[1:])]
    ways = []
    first, last = low[0], high[0]
    if low[1:] != least:
        ways += [[(first, first), *rest] for rest in _split(low[1:], most)]
        first += 1
    tail = []
    if high[1:] != most:
        tail = [[(last, last), *rest] for rest in _split(least, high[1:])]
        last -= 1
    if first <= last:
        ways.append([(first, last), *[(0x80, 0xBF)] * (len(low) - 1)])
    return ways + tail


class _Subsets:
    """Sets of states of Thompson's automaton, each with what stands before it, as states of a deterministic one."""

    def __init__(self, parts: Parts, start: int, end: int) -> None:
        self._parts, self._start, self._end = parts, start, end
        self._asks = any(condition for ways in parts.free for _, condition in ways)
        cuts = {0, 256}
        for ways in parts.by_byte:
            for low, high, _ in ways:
                cuts |= {low, high + 1}
        if self._asks:
            cuts |= {c for b in range(1, 256) if byte_kind(b) != byte_kind(b - 1) for c in (b,)}
        edges = sorted(cuts)
        self._representatives = edges[:-1]
        self._classes = np.repeat(np.arange(len(edges) - 1), np.diff(edges)).astype(np.uint8)

    def automaton(self) -> Automaton:
        first = (frozenset([self._start]), _NOTHING if self._asks else _OTHER)
        numbers, waiting = {first: 0}, [first]
        rows: list[list[int]] = []
        accepts: list[int] = []
        for states, before in waiting:
            accepts.append(int(self._end in self._closure(states, before, _NOTHING)))
            row = []
            closures: dict[int, frozenset[int]] = {}
            for byte in self._representatives:
                after = byte_kind(byte) if self._asks else _OTHER
                if after not in closures:
                    closures[after] = self._closure(states, before, after)
                found = (self._step(closures[after], byte), after)
                if found not in numbers:
                    if len(numbers) >= STATE_LIMIT:
                        raise TooManyStates(f"its automaton has more than {STATE_LIMIT} states")
                    numbers[found] = len(numbers)
                    waiting.append(found)
                row.append(numbers[found])
            rows.append(row)
        return _smallest(self._classes, np.array(rows, np.int64), np.array(accepts, np.int64))

    def _closure(self, states: frozenset[int], before: int, after: int) -> frozenset[int]:
        found, stack = set(states), list(states)
        while stack:
            for target, condition in self._parts.free[stack.pop()]:
                if target not in found and (not condition or holds(condition, before, after)):
                    found.add(target)
                    stack.append(target)
        return frozenset(found)

    def _step(self, states: frozenset[int], byte: int) -> frozenset[int]:
        ways = self._parts.by_byte
        return frozenset(target for state in states for low, high, target in ways[state] if low <= byte <= high)


def _smallest(classes: np.ndarray, table: np.ndarray, accepts: np.ndarray) -> Automaton:
    """The same automaton with equal states, and equal classes of bytes, taken together (Moore's way)."""
    groups, count = accepts.copy(), -1
    while True:
        _, groups = np.unique(np.column_stack([groups, groups[table]]), axis=0, return_inverse=True)
        groups = groups.reshape(-1)
        if groups.max() + 1 == count:
            break
        count = int(groups.max()) + 1
    # The start's group comes first.
    order = np.arange(count)
    order[[0, groups[0]]] = order[[groups[0], 0]]
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    groups = place[groups]
    _, first = np.unique(groups, return_index=True)
    small = groups[table[first]]
    columns, inverse = np.unique(small, axis=1, return_inverse=True)
    ends = accepts[first]
    dead = (columns == np.arange(count)[:, None]).all(axis=1) & (ends == 0)
    return Automaton(
        inverse.reshape(-1)[classes].astype(np.uint8),
        np.ascontiguousarray(columns).astype(np.uint16),
        np.where(dead, 2, ends).astype(np.uint8),
    )
