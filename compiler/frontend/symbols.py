"""Symbolic dimensions of a model's inputs: names in the model and in Relay, and the values that the user gives."""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

import onnx

from ..diagnostics import CompileError
from ..relay.dimension import Dim, Dimension

#: Words of the text of dimensions, which is read as an expression of Python's.
_RESERVED = frozenset({*keyword.kwlist, "max", "min"})

_NO_LETTER = r"[^0-9A-Za-z_]"


class InputSymbols:
    """The symbols of a model's inputs.

    Dimensions of the same name in the model are one symbol, others are different ones, also where their names become
    the same when everything goes that a symbol's name cannot have.

    Parameters
    ----------
    inputs : iterable of ValueInfoProto
    values : mapping of str to int
        Values that the user gives, by the symbols' names or by the model's.
    """

    def __init__(self, inputs: Iterable[onnx.ValueInfoProto], values: Mapping[str, int]) -> None:
        self._values = values
        self._symbols: dict[str | tuple[str, int], str] = {}
        names = {name for value in inputs for name in _names(value.type)}
        self._symbols.update({name: name for name in names if _clean(name) == name})  # these stay as they are

    def dimension(self, name: str, tensor: str, axis: int) -> Dimension:
        """The dimension of that name; of a tensor's axis where it has none, or one that says nothing (``?``)."""
        symbol = self._symbol(name, tensor, axis)
        value = self._value(name, symbol)
        return Dim.symbol(symbol) if value is None else value

    def open_dimension(self, name: str) -> int | None:
        """A dimension of tensors in a sequence or an optional: each has its own, unless the user gives it a value."""
        if not _says_something(name):
            return None
        return self._value(name, self._symbol(name, "", 0))

    def check(self) -> None:
        """Raise CompileError where the user has given values to dimensions that no input has."""
        known = {*self._symbols.values(), *self.renamed}
        unknown = sorted(set(self._values) - known)
        if unknown:
            raise CompileError(
                f"the inputs have no dimension named {', '.join(unknown)}",
                expected=f"one of: {', '.join(sorted(known)) or 'none, all are static'}",
            )

    @property
    def renamed(self) -> dict[str, str]:
        """Names of the model, and the symbols that have others."""
        return {n: s for n, s in self._symbols.items() if isinstance(n, str) and n != s}

    def _symbol(self, name: str, tensor: str, axis: int) -> str:
        key = name.strip() if _says_something(name) else (tensor, axis)
        if key not in self._symbols:
            wanted = _clean(key if isinstance(key, str) else f"{re.sub(_NO_LETTER, '_', tensor).strip('_')}_d{axis}")
            symbol, number, taken = wanted, 1, set(self._symbols.values())
            while symbol in taken:
                symbol, number = f"{wanted}_{number}", number + 1
            self._symbols[key] = symbol
        return self._symbols[key]

    def _value(self, name: str, symbol: str) -> int | None:
        given = {self._values[n] for n in (name.strip(), symbol) if n in self._values}
        if len(given) > 1:
            raise CompileError(f"the dimension '{name}', also named {symbol}, is given the values {sorted(given)}")
        return next(iter(given), None)


def _says_something(name: str) -> bool:
    return bool(name.strip("?_ ")) and not name.strip("?_ ").isdigit()


def _clean(name: str) -> str:
    """A symbol's name like a name. Symbols do not end with an underscore: those of the run do."""
    text = re.sub(r"\W", "_", unicodedata.normalize("NFKC", name.strip())).strip("_")
    if text[:1].isdigit() or not text:
        text = f"d{text}"
    if not text.isidentifier():
        text = re.sub(_NO_LETTER, "_", text).strip("_")
    return f"d_{text}" if text in _RESERVED else text


def _names(proto: onnx.TypeProto) -> Iterator[str]:
    """Names of the dimensions in a type."""
    kind = proto.WhichOneof("value")
    if kind == "tensor_type":
        yield from (dim.dim_param.strip() for dim in proto.tensor_type.shape.dim if _says_something(dim.dim_param))
    elif kind == "sequence_type":
        yield from _names(proto.sequence_type.elem_type)
    elif kind == "optional_type":
        yield from _names(proto.optional_type.elem_type)
