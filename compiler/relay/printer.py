"""Relay module -> text. The grammar stands in README.md; parser.py reads it back."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..diagnostics import NOWHERE, Location
from .dimension import Dim
from .expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Constant,
    Expr,
    Function,
    GlobalVar,
    If,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    While,
    constants_of,
)
from .types import dtype_name

#: Constants of at most this many elements are printed where they are used.
INLINE_ELEMENTS = 16

#: A function's head that would be longer has one parameter a line.
LINE_LENGTH = 120

_BARE_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*")
_INDENT = "  "


@dataclass
class ModuleText:
    """A module's text, and the data of the constants that stand in it by digest only."""

    text: str
    data: dict[str, np.ndarray] = field(default_factory=dict)


def module_text(module: Module) -> ModuleText:
    """Print a module; the arrays that do not fit into the text come along, by their digests."""
    names = _Names(module.functions)
    lines = [f"module {quote(module.name)}", ""]
    data: dict[str, np.ndarray] = {}
    large: dict[Constant, str] = {}
    for constant in constants_of(module):
        if inline_array(constant.array) is None:
            large[constant] = names.unique(constant.name or "constant")
            lines.append(f"@{_name(large[constant])}: {constant.type} sha256:{constant.digest}")
            data[constant.digest] = constant.array
    if large:
        lines.append("")
    for name, function in module.functions.items():
        lines.extend(_FunctionPrinter(module.name, large).definition(name, function))
        lines.append("")
    return ModuleText("\n".join(lines[:-1]) + "\n", data)


def print_module(module: Module) -> str:
    """The text of a module alone."""
    return module_text(module).text


def save_text(module: Module, path: str | Path) -> None:
    """Write a module's text to a path and the data of its constants to ``<path>.npz`` (read with `load_text`)."""
    path, found = Path(path), module_text(module)
    path.write_text(found.text, encoding="utf-8")
    with open(data_path(path), "wb") as file:
        # Bytes, since the .npy format has neither the narrow element types nor, without pickle, strings.
        np.savez(file, **{digest: array_bytes(array) for digest, array in found.data.items()})  # type: ignore[arg-type]


def data_path(path: Path) -> Path:
    """Where the constants of a module's text file are."""
    return path.with_name(path.name + ".npz")


def array_bytes(array: np.ndarray) -> np.ndarray:
    """Contents of an array as bytes: row-major elements; strings as a JSON list."""
    if array.dtype == object:
        return np.frombuffer(json.dumps([_string(s) for s in array.reshape(-1)]).encode(), np.uint8)
    return np.frombuffer(np.ascontiguousarray(array).tobytes(), np.uint8)


def quote(text: str) -> str:
    """A string in double quotes, with JSON's escapes. Lone surrogates (broken UTF-8 in a model) are escaped too."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return json.dumps(text)
    return json.dumps(text, ensure_ascii=False)


def attribute_text(value: Any) -> str:
    """Text of an attribute's value."""
    if isinstance(value, (bool, np.bool_)) or value is None:
        return str(value)
    if isinstance(value, (int, np.integer)):
        return str(int(value))
    if isinstance(value, (float, np.floating)):
        return repr(float(value)) if math.isfinite(value) else f'float("{float(value)}")'
    if isinstance(value, str):
        return quote(value)
    if isinstance(value, Dim):
        return str(value)
    assert isinstance(value, tuple), f"{value!r} cannot be an attribute"
    return f"({', '.join(map(attribute_text, value))}{',' if len(value) == 1 else ''})"


def inline_array(array: np.ndarray) -> str | None:
    """Text of a small array; None where it is large or has no exact text (a NaN with a payload)."""
    if array.size > INLINE_ELEMENTS:
        return None
    dtype = dtype_name(array.dtype)
    if array.size == 0:
        return f"{dtype} ({', '.join(map(str, array.shape))}{',' if array.ndim == 1 else ''}) []"
    text = (lambda s: quote(_string(s))) if dtype == "string" else scalar_text
    elements = [text(x) for x in array.reshape(-1)]
    return None if None in elements else f"{dtype} {_nested(iter(elements), array.shape)}"


def _nested(elements: Any, shape: tuple[int, ...]) -> str:
    if not shape:
        return str(next(elements))
    return f"[{', '.join(_nested(elements, shape[1:]) for _ in range(shape[0]))}]"


def scalar_text(value: Any) -> str | None:
    """The shortest text that reads back as the same bits; None where there is none."""
    dtype = value.dtype
    if dtype.kind == "c":
        parts = [scalar_text(value.real), scalar_text(value.imag)]
        return None if None in parts else f"complex({parts[0]}, {parts[1]})"
    if dtype.kind == "b":
        return str(bool(value))
    if np.dtype(dtype).name.startswith(("int", "uint")):
        return str(int(value))
    for text in (str(value), repr(float(value))):
        if np.array(float(text)).astype(dtype).tobytes() == value.tobytes():
            return text
    return None


def location_text(location: Location, model: str) -> str:
    """A location as a comment; empty where it says nothing."""
    if location == NOWHERE:
        return ""
    parts = [quote(location.node)] if location.node else []
    parts += [f"{key}={quote(v)}" for key in ("operator", "tensor") if (v := getattr(location, key))]
    if location.model != model:
        parts.append(f"model={quote(location.model)}")
    return f"  # loc: {' '.join(parts)}"


def canonical_text(function: Function) -> str:
    """Text of a function without names and locations: equal for functions that are structurally equal.

    Variables are numbered in the order in which they are bound; those from outside keep their identity.
    """
    return "\n".join(_CanonicalPrinter().definition("", function))


class _Names:
    """Gives each thing a name of its own; one that is free already stays as it is."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._counts: dict[str, int] = {}

    def unique(self, name: str) -> str:
        candidate, count = name, self._counts.get(name, 0)
        while candidate in self._taken:
            count += 1
            candidate = f"{name}.{count}"
        self._counts[name] = count
        self._taken.add(candidate)
        return candidate


class _FunctionPrinter:
    """Prints one function of a module with all that is nested in it."""

    def __init__(self, model: str, constants: dict[Constant, str]) -> None:
        self._model, self._constants = model, constants
        self._vars: dict[Var, str] = {}
        self._names = _Names()

    def definition(self, name: str, function: Function) -> list[str]:
        head = [f"fn @{_name(name)}(", *self._params(function, main=name == "main"), self._tail(function)]
        return [*self._head(head), *self._block(function, _INDENT), "}"]

    def _params(self, function: Function, main: bool = False) -> list[tuple[str, str]]:
        """Text and location comment of each parameter."""
        found = []
        for param in function.params:
            known = main and param.location == Location(tensor=param.name)  # the parser assumes as much
            comment = "" if known else self._location(param.location)
            found.append((f"{self._bind(param)}: {param.type}", comment))
        return found

    def _tail(self, function: Function) -> str:
        return f") -> {function.type.result}{self._attrs_before_block(function)} {{"

    def _head(self, parts: list[Any], indent: str = "") -> list[str]:
        first, *params, last = parts
        line = f"{indent}{first}{', '.join(text for text, _ in params)}{last}"
        if not any(comment for _, comment in params) and (len(line) <= LINE_LENGTH or not params):
            return [line]
        rows = [f"{indent}{_INDENT}{text},{comment}" for text, comment in params]
        return [f"{indent}{first}", *rows, f"{indent}{last}"]

    def _block(self, function: Function, indent: str) -> list[str]:
        lines = [line for binding in function.bindings for line in self._binding(binding, indent)]
        return [*lines, f"{indent}{self._atom(function.result)}"]

    def _binding(self, binding: Binding, indent: str) -> list[str]:
        location = getattr(binding.value, "location", NOWHERE)
        if isinstance(binding.value, Var) or location == NOWHERE:
            location = binding.var.location
        first, *rest = self._value(binding.value, indent)
        # The nested functions are printed first, but may not use the variable: its name is given after theirs.
        target = f"{self._bind(binding.var)}: {binding.var.type}"
        return [f"{indent}let {target} = {first}{self._location(location)}", *rest]

    def _value(self, value: Expr, indent: str) -> list[str]:
        if isinstance(value, (Var, Constant)):
            return [self._atom(value)]
        if isinstance(value, Call):
            op = f"@{_name(value.op.name)}" if isinstance(value.op, GlobalVar) else value.op
            return [f"{op}({', '.join([*map(self._atom, value.args), *self._attrs(value.attrs)])})"]
        if isinstance(value, Tuple):
            return [f"({', '.join(map(self._atom, value.fields))}{',' if len(value.fields) == 1 else ''})"]
        if isinstance(value, TupleGetItem):
            return [f"{self._atom(value.tuple)}[{value.index}]"]
        inner = indent + _INDENT
        if isinstance(value, If):
            return [
                f"if {self._atom(value.condition)}{self._attrs_before_block(value.then_branch)} {{",
                *self._block(value.then_branch, inner),
                f"{indent}}} else{self._attrs_before_block(value.else_branch)} {{",
                *self._block(value.else_branch, inner),
                f"{indent}}}",
            ]
        assert isinstance(value, While)
        lines = [f"while ({', '.join(map(self._atom, value.state))}) {{"]
        for keyword, function in (("condition", value.condition), ("body", value.body)):
            head = [f"{keyword} fn(", *self._params(function), self._tail(function)]
            lines += [*self._head(head, inner), *self._block(function, inner + _INDENT), f"{inner}}}"]
        return [*lines, f"{indent}}}"]

    def _attrs_before_block(self, function: Function) -> str:
        return f" {', '.join(self._attrs(function.attrs))}" if function.attrs else ""

    def _attrs(self, attrs: Attrs) -> list[str]:
        return [f"{key}={attribute_text(value)}" for key, value in attrs.items()]

    def _location(self, location: Location) -> str:
        return location_text(location, self._model)

    def _bind(self, var: Var) -> str:
        self._vars[var] = f"%{_name(self._names.unique(var.name or 'v'))}"
        return self._vars[var]

    def _atom(self, atom: Atom) -> str:
        if isinstance(atom, Var):
            return self._vars[atom] if atom in self._vars else self._free(atom)
        if atom in self._constants:
            return f"@{_name(self._constants[atom])}"
        text = inline_array(atom.array)
        assert text is not None
        return f"const {'@' + _name(atom.name) + ' ' if atom.name else ''}{text}"

    def _free(self, var: Var) -> str:
        # Only a broken module has such a variable; it still prints, so that one can see what is wrong with it.
        return f"%{quote(f'unbound {var.name}')}"


class _CanonicalPrinter(_FunctionPrinter):
    def __init__(self) -> None:
        super().__init__("", {})

    def _bind(self, var: Var) -> str:
        self._vars[var] = f"%v{len(self._vars)}"
        return f"{self._vars[var]}"

    def _atom(self, atom: Atom) -> str:
        return f"sha256:{atom.digest}" if isinstance(atom, Constant) else super()._atom(atom)

    def _attrs(self, attrs: Attrs) -> list[str]:
        return sorted(super()._attrs(attrs))

    def _location(self, location: Location) -> str:
        return ""

    def _free(self, var: Var) -> str:
        return f"%free{id(var)}"


def _name(name: str) -> str:
    return name if _BARE_NAME.fullmatch(name) else quote(name)


def _string(value: Any) -> str:
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else str(value)
