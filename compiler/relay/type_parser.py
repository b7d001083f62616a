"""The lower half of the parser of Relay text: tokens with their errors, dimensions, types."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NoReturn

from .dimension import Dim, Dimension, maximum, minimum
from .lexer import Source, Token
from .types import DTYPES, FuncType, MapType, OpenTensorType, OptionalType, SequenceType, TensorType, TupleType, Type

#: Words that are values, so that no symbol may have their names.
WORDS = {"True": True, "False": False, "None": None}


class TypeParser:
    """Recursive descent over the tokens of a text, one token ahead."""

    def __init__(self, source: Source) -> None:
        self._source, self._tokens, self._position = source, source.tokens, 0

    # Tokens

    @property
    def _next(self) -> Token:
        return self._tokens[self._position]

    def _at(self, *texts: str) -> bool:
        return self._next.text in texts and self._next.kind in ("word", "mark")

    def _take(self) -> Token:
        token = self._next
        self._position += 1
        return token

    def _accept(self, text: str) -> bool:
        if not self._at(text):
            return False
        self._position += 1
        return True

    def _expect(self, text: str) -> Token:
        if not self._at(text):
            self._fail(expected=f"'{text}'")
        return self._take()

    def _expect_kind(self, kind: str, expected: str) -> Token:
        if self._next.kind != kind:
            self._fail(expected=expected)
        return self._take()

    def _fail(self, found: str = "", expected: str = "", at: Token | None = None, remedy: str = "") -> NoReturn:
        token = at or self._next
        shown = "the text ends here" if token.kind == "end" else f"found '{token.text}'"
        raise self._source.error(token.line, token.column, found or shown, expected, remedy)

    def _list(self, close: str, item: Callable[[], Any]) -> list[Any]:
        """Items between commas up to a closing mark; a comma may follow the last."""
        items = []
        while not self._accept(close):
            items.append(item())
            if not self._at(close):
                self._expect(",")
        return items

    # Dimensions and types

    def _dimension(self) -> Dimension:
        total = self._term()
        while self._at("+", "-"):
            total = total + self._term() if self._take().text == "+" else total - self._term()
        return total

    def _term(self) -> Dimension:
        total = self._factor()
        while self._at("*", "//", "%"):
            operator = self._take()
            right = self._factor()
            if operator.text == "*":
                total = total * right
            elif right == 0:
                self._fail("division of a dimension by zero", at=operator)
            else:
                total = total // right if operator.text == "//" else total % right
        return total

    def _factor(self) -> Dimension:
        if self._accept("-"):
            return -self._factor()
        if self._next.kind == "integer":
            return int(self._take().text)
        if self._accept("("):
            inner = self._dimension()
            self._expect(")")
            return inner
        if self._at("max", "min") and self._tokens[self._position + 1].text == "(":
            extreme = maximum if self._take().text == "max" else minimum
            self._expect("(")
            left = self._dimension()
            self._expect(",")
            right = self._dimension()
            self._expect(")")
            return extreme(left, right)
        if self._next.kind == "word" and "." not in self._next.text and self._next.text not in WORDS:
            return Dim.symbol(self._take().text)
        self._fail(expected="a value")

    def _dtype(self) -> str:
        if self._next.text not in DTYPES:
            self._fail(expected="an element type, such as float32")
        return self._take().text

    def _type(self) -> Type:
        if self._accept("("):
            return TupleType(tuple(self._list(")", self._type)))
        token = self._expect_kind("word", "a type, such as Tensor[(2, 3), float32]")
        if token.text == "fn":
            self._expect("(")
            params = tuple(self._list(")", self._type))
            self._expect("->")
            return FuncType(params, self._type())
        if token.text not in ("Tensor", "Sequence", "Optional", "Map"):
            self._fail(expected="a type, such as Tensor[(2, 3), float32]", at=token)
        self._expect("[")
        type_ = self._bracketed_type(token.text)
        self._expect("]")
        return type_

    def _bracketed_type(self, kind: str) -> Type:
        if kind == "Sequence":
            return SequenceType(self._open_tensor())
        if kind == "Optional":
            return OptionalType(self._optional_element())
        if kind == "Map":
            key = self._dtype()
            self._expect(",")
            return MapType(key, self._type())
        self._expect("(")
        shape = tuple(self._list(")", self._dimension))
        self._expect(",")
        return TensorType(shape, self._dtype())

    def _optional_element(self) -> OpenTensorType | SequenceType:
        if self._at("Sequence"):
            sequence = self._type()
            assert isinstance(sequence, SequenceType)
            return sequence
        return self._open_tensor()

    def _open_tensor(self) -> OpenTensorType:
        """A tensor whose dimensions, or even rank, may be open."""
        self._expect("Tensor")
        self._expect("[")
        shape: tuple[int | None, ...] | None = None
        exists = not self._accept("!")
        if exists and not self._accept("?"):
            self._expect("(")
            shape = tuple(self._list(")", self._open_dimension))
        self._expect(",")
        dtype = self._dtype()
        self._expect("]")
        return OpenTensorType(dtype, shape, exists)

    def _open_dimension(self) -> int | None:
        if self._accept("?"):
            return None
        return int(self._expect_kind("integer", "a number or '?'").text)


def parse_type(text: str) -> Type:
    """The type that a text says; CompileError where it says none."""
    parser = TypeParser(Source(text))
    type_ = parser._type()
    parser._expect_kind("end", "nothing more")
    return type_
