"""Tokens of Relay text, and errors that point at them."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from ..diagnostics import CompileError, Location

_TOKEN = re.compile(
    r"""
    (?P<space>[ \t\r]+)
  | (?P<newline>\n)
  | (?P<location>\#[ ]loc:[^\n]*)
  | (?P<comment>\#[^\n]*)
  | (?P<string>"(?:[^"\\\n]|\\.)*")
  | (?P<digest>sha256:[0-9a-f]{64}\b)
  | (?P<variable>%(?:[A-Za-z_][A-Za-z0-9_.]*|"(?:[^"\\\n]|\\.)*"))
  | (?P<global>@(?:[A-Za-z_][A-Za-z0-9_.]*|"(?:[^"\\\n]|\\.)*"))
  | (?P<float>\d+\.\d*(?:[eE][+-]?\d+)?|\d+[eE][+-]?\d+)
  | (?P<integer>\d+)
  | (?P<word>[^\W\d]\w*(?:\.\w+)*)
  | (?P<mark>->|//|[()\[\]{},:=*+\-%?!])
    """,
    re.VERBOSE,
)


@dataclass(frozen=True)
class Token:
    """A token: its kind (a group of the pattern above, or ``end``), its text, and where it starts (counted from 1)."""

    kind: str
    text: str
    line: int
    column: int

    @property
    def name(self) -> str:
        """The name that a variable, a global or a string stands for."""
        body = self.text[1:] if self.kind in ("variable", "global") else self.text
        if not body.startswith('"'):
            return body
        name = json.loads(body)
        assert isinstance(name, str)
        return name


class Source:
    """A text under its file's name, for tokens and errors."""

    def __init__(self, text: str, file: str = "") -> None:
        self.file = file
        self.lines = text.split("\n")
        self.tokens: list[Token] = []
        #: Location comments by line.
        self.locations: dict[int, Token] = {}
        self._scan(text)

    def _scan(self, text: str) -> None:
        position, line, start = 0, 1, 0
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise self.error(line, position - start + 1, f"'{text[position]}' starts no token")
            kind = match.lastgroup or ""
            token = Token(kind, match.group(), line, position - start + 1)
            position = match.end()
            if kind == "newline":
                line, start = line + 1, position
            elif kind == "location":
                self.locations[line] = token
            elif kind not in ("space", "comment"):
                if kind in ("string", "variable", "global"):
                    self._check_string(token)
                self.tokens.append(token)
        self.tokens.append(Token("end", "", line, position - start + 1))

    def _check_string(self, token: Token) -> None:
        try:
            token.name  # noqa: B018
        except ValueError as error:
            raise self.error(token.line, token.column, f"the string {token.text} is broken") from error

    def error(self, line: int, column: int, found: str, expected: str = "", remedy: str = "") -> CompileError:
        """An error with the line that it is in and a caret under the place."""
        text = self.lines[line - 1].replace("\t", " ")
        message = f"line {line}, column {column}: {found}\n    {text}\n    {' ' * (column - 1)}^"
        return CompileError(message, Location(model=self.file), expected=expected, remedy=remedy)


def parse_location(source: Source, token: Token, model: str) -> Location:
    """The location that a comment ``# loc: "node" operator="..." tensor="..." model="..."`` says."""
    fields = {"model": model}
    body = token.text[len("# loc:") :]
    position = 0
    pattern = re.compile(r'\s*(?:(node|operator|tensor|model)=)?("(?:[^"\\]|\\.)*")\s*')
    while position < len(body):
        match = pattern.match(body, position)
        if match is None:
            column = token.column + len("# loc:") + position
            expected = '"node" operator="..." tensor="..." model="...", each at most once'
            raise source.error(token.line, column, "this is no location", expected)
        try:
            fields[match.group(1) or "node"] = json.loads(match.group(2))
        except ValueError as error:
            raise source.error(token.line, token.column + match.start(2), "the string is broken") from error
        position = match.end()
    return Location(**fields)
