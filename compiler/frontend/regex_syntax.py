"""RE2's syntax of regular expressions -> a tree (ONNX RegexFullMatch).

https://github.com/google/re2/wiki/Syntax describes it. What asks for more than a finite automaton (backreferences,
looking around) is not in it. Whether a repetition is greedy, and what a group is called, makes no difference to whether
a whole text matches.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

from .unicode_scripts import script_ranges

#: Most repetitions that RE2 allows in x{n,m}.
_MOST = 1000

_LAST = sys.maxunicode

#: Sorted ranges of characters, from the first to the last of each.
Ranges = tuple[tuple[int, int], ...]


class RegexError(ValueError):
    """A pattern that is no regular expression of RE2."""


@dataclass(frozen=True)
class Characters:
    ranges: Ranges


@dataclass(frozen=True)
class Assertion:
    """A place: ``start``, ``end``, ``line_start``, ``line_end``, ``word`` (a boundary) or ``no_word``."""

    kind: str


@dataclass(frozen=True)
class Sequence:
    parts: tuple[Pattern, ...]


@dataclass(frozen=True)
class Choice:
    options: tuple[Pattern, ...]


@dataclass(frozen=True)
class Repeat:
    """`most` is None for any number."""

    part: Pattern
    least: int
    most: int | None


Pattern = Characters | Assertion | Sequence | Choice | Repeat

_DIGITS: Ranges = ((0x30, 0x39),)
_WORDS: Ranges = ((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
_SPACES: Ranges = ((9, 10), (12, 13), (32, 32))
_PERL = {"d": _DIGITS, "w": _WORDS, "s": _SPACES}
_POSIX: dict[str, Ranges] = {
    "alnum": ((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "alpha": ((0x41, 0x5A), (0x61, 0x7A)),
    "ascii": ((0, 0x7F),),
    "blank": ((9, 9), (32, 32)),
    "cntrl": ((0, 0x1F), (0x7F, 0x7F)),
    "digit": _DIGITS,
    "graph": ((0x21, 0x7E),),
    "lower": ((0x61, 0x7A),),
    "print": ((0x20, 0x7E),),
    "punct": ((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "space": ((9, 13), (32, 32)),
    "upper": ((0x41, 0x5A),),
    "word": _WORDS,
    "xdigit": ((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
}
_ESCAPES = {"a": 7, "f": 12, "t": 9, "n": 10, "r": 13, "v": 11}
_PLACES = {"A": "start", "z": "end", "b": "word", "B": "no_word"}


def union(ranges: Iterable[tuple[int, int]]) -> Ranges:
    """Sorted ranges that do not touch."""
    result: list[tuple[int, int]] = []
    for low, high in sorted(ranges):
        if result and low <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], high))
        else:
            result.append((low, high))
    return tuple(result)


def complement(ranges: Ranges) -> Ranges:
    result, low = [], 0
    for first, last in ranges:
        if first > low:
            result.append((low, first - 1))
        low = last + 1
    return (*result, (low, _LAST)) if low <= _LAST else tuple(result)


@cache
def _folding() -> dict[int, tuple[int, ...]]:
    """Characters that differ in case only, each with all others."""
    orbits: dict[str, list[int]] = {}
    for code in range(_LAST + 1):
        text = chr(code)
        folded = text.casefold() if len(text.casefold()) == 1 else text.lower() if len(text.lower()) == 1 else text
        orbits.setdefault(folded, []).append(code)
    return {code: tuple(orbit) for orbit in orbits.values() if len(orbit) > 1 for code in orbit}


def _fold(ranges: Ranges) -> Ranges:
    table = _folding()
    more = [(o, o) for code, orbit in table.items() if _contains(ranges, code) for o in orbit]
    return union([*ranges, *more])


def _contains(ranges: Ranges, code: int) -> bool:
    return any(low <= code <= high for low, high in ranges)


@cache
def _category(name: str) -> Ranges:
    """Characters of a Unicode category, or of a script: L, Lu, Greek."""
    if name == "Any":
        return ((0, _LAST),)
    if name in script_ranges():
        return script_ranges()[name]
    found = [(c, c) for c in range(_LAST + 1) if unicodedata.category(chr(c)).startswith(name)]
    if not found or len(name) > 2:
        raise RegexError(f"there is no Unicode category or script '{name}'")
    return union(found)


def parse_regex(text: str) -> Pattern:
    """The tree of a pattern.

    Raises
    ------
    RegexError
        It is no regular expression of RE2.
    """
    parser = _Parser(text)
    pattern = parser.choice()
    if parser.place < len(text):
        raise RegexError("there is a ) without a (")
    return pattern


class _Parser:
    def __init__(self, text: str) -> None:
        self.text, self.place = text, 0
        self.flags: frozenset[str] = frozenset()

    # Characters of the pattern

    def peek(self, text: str) -> bool:
        return self.text.startswith(text, self.place)

    def accept(self, text: str) -> bool:
        if not self.peek(text):
            return False
        self.place += len(text)
        return True

    def next(self, what: str) -> str:
        if self.place >= len(self.text):
            raise RegexError(f"the pattern ends in {what}")
        self.place += 1
        return self.text[self.place - 1]

    def until(self, end: str, what: str) -> str:
        stop = self.text.find(end, self.place)
        if stop < 0:
            raise RegexError(f"the pattern ends in {what}")
        found = self.text[self.place : stop]
        self.place = stop + len(end)
        return found

    # Grammar

    def choice(self) -> Pattern:
        options = [self.sequence()]
        while self.accept("|"):
            options.append(self.sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def sequence(self) -> Pattern:
        parts: list[Pattern] = []
        while self.place < len(self.text) and not self.peek("|") and not self.peek(")"):
            if self.accept("\\Q"):
                quoted = self.text[self.place :].split("\\E", 1)
                self.place += len(quoted[0]) + 2 * (len(quoted) - 1)
                parts += [self.characters(((ord(c), ord(c)),)) for c in quoted[0]]
                parts[-1:] = [self.repeated(part) for part in parts[-1:]]
                continue
            part = self.atom()
            if part is not None:
                parts.append(self.repeated(part))
        return parts[0] if len(parts) == 1 else Sequence(tuple(parts))

    def repeated(self, part: Pattern) -> Pattern:
        count = 0
        while self.place < len(self.text):
            if self.accept("*"):
                bounds: tuple[int, int | None] = (0, None)
            elif self.accept("+"):
                bounds = (1, None)
            elif self.accept("?"):
                bounds = (0, 1)
            else:
                found = self.bounds()
                if found is None:
                    break
                bounds = found
            if count:
                raise RegexError("two repetitions stand one after the other")
            self.accept("?")  # not greedy: all the same
            part, count = Repeat(part, *bounds), 1
        return part

    def bounds(self) -> tuple[int, int | None] | None:
        """{n}, {n,} or {n,m}; None where a brace is just a brace."""
        if not self.peek("{"):
            return None
        end = self.text.find("}", self.place)
        low, comma, high = self.text[self.place + 1 : end].partition(",") if end > 0 else ("", "", "")
        if not (low.isascii() and low.isdigit() and (high == "" or (high.isascii() and high.isdigit()))):
            return None
        self.place = end + 1
        least = int(low)
        most = least if not comma else int(high) if high else None
        if max(least, most or 0) > _MOST or (most is not None and most < least):
            raise RegexError(f"the repetition {{{low}{comma}{high}}} is none of 0 to {_MOST}, in order")
        return least, most

    def atom(self) -> Pattern | None:
        """None for what is only a switch."""
        char = self.next("the middle")
        if char == "(":
            return self.group()
        if char == "[":
            return self.brackets()
        if char == ".":
            return Characters(((0, _LAST),) if "s" in self.flags else complement(((10, 10),)))
        if char == "^":
            return Assertion("line_start" if "m" in self.flags else "start")
        if char == "$":
            return Assertion("line_end" if "m" in self.flags else "end")
        if char in "*+?":
            raise RegexError(f"nothing stands before a {char}")
        if char == "\\":
            return self.escape()
        return self.characters(((ord(char), ord(char)),))

    def characters(self, ranges: Ranges) -> Characters:
        return Characters(_fold(ranges) if "i" in self.flags else ranges)

    def group(self) -> Pattern | None:
        before = self.flags
        if self.accept("?"):
            if self.accept("P<") or (
                self.peek("<") and not self.peek("<=") and not self.peek("<!") and self.accept("<")
            ):
                if not self.until(">", "a group's name").isidentifier():
                    raise RegexError("a group's name is no word")
            elif not self.switches():
                return None
        pattern = self.choice()
        if not self.accept(")"):
            raise RegexError("there is a ( without a )")
        self.flags = before
        return pattern

    def switches(self) -> bool:
        """Flags of a group; False where there is no group, but flags for what follows."""
        on, flags = True, set(self.flags)
        while True:
            char = self.next("a group's flags")
            if char == "-":
                on = False
            elif char in "imsU":
                (flags.add if on else flags.discard)(char)
            elif char in ":)":
                self.flags = frozenset(flags)
                return char == ":"
            else:
                raise RegexError(f"(?{char} is no group of RE2")

    def escape(self) -> Pattern:
        char = self.next("an escape")
        if char in _PLACES:
            return Assertion(_PLACES[char])
        if char == "C":
            raise RegexError("\\C, a byte, is not supported")
        ranges = self.class_escape(char)
        return self.characters(((self.code(char),) * 2,) if ranges is None else ranges)

    def class_escape(self, char: str) -> Ranges | None:
        """\\d, \\pL and the like; None for what is one character."""
        if char.lower() in _PERL:
            ranges = _PERL[char.lower()]
        elif char in "pP":
            name = self.next("a Unicode class")
            name = self.until("}", "a Unicode class") if name == "{" else name
            ranges = _category(name.removeprefix("^"))
            if name.startswith("^"):
                ranges = complement(ranges)
        else:
            return None
        return complement(ranges) if char.isupper() else ranges

    def code(self, char: str) -> int:
        """The character that an escape stands for."""
        if char in _ESCAPES:
            return _ESCAPES[char]
        if char == "x":
            digits = (
                self.until("}", "an escape") if self.accept("{") else self.next("an escape") + self.next("an escape")
            )
            try:
                code = int(digits, 16)
            except ValueError:
                code = -1
            if not 0 <= code <= _LAST:
                raise RegexError(f"\\x{{{digits}}} is no character")
            return code
        if char in "01234567":
            digits = char
            while len(digits) < 3 and self.place < len(self.text) and self.text[self.place] in "01234567":
                digits += self.next("an escape")
            if char != "0" and len(digits) == 1:
                raise RegexError(f"\\{char} asks for what a group matched, which RE2 does not have")
            return int(digits, 8)
        if char.isalnum() and char.isascii():
            raise RegexError(f"\\{char} is no escape of RE2")
        return ord(char)

    def brackets(self) -> Characters:
        negated = self.accept("^")
        ranges: list[tuple[int, int]] = []
        first = True
        while first or not self.peek("]"):
            first = False
            if self.accept("[:"):
                name = self.until(":]", "a class")
                if name.removeprefix("^") not in _POSIX:
                    raise RegexError(f"there is no class [:{name}:]")
                found = _POSIX[name.removeprefix("^")]
                ranges += complement(found) if name.startswith("^") else found
                continue
            low = self.bracketed()
            if isinstance(low, tuple):
                ranges += low
                continue
            high: int | Ranges = low
            if self.peek("-") and not self.peek("-]") and self.accept("-"):
                high = self.bracketed()
            if isinstance(high, tuple) or high < low:
                raise RegexError("a range in brackets ends before it begins")
            ranges.append((low, high))
        self.next("brackets")
        found = union(ranges)
        if "i" in self.flags:
            found = _fold(found)
        return Characters(complement(found) if negated else found)

    def bracketed(self) -> int | Ranges:
        char = self.next("brackets")
        if char != "\\":
            return ord(char)
        char = self.next("an escape")
        ranges = self.class_escape(char)
        return self.code(char) if ranges is None else ranges
