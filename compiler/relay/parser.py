"""Text -> Relay module, by recursive descent. The grammar stands in README.md; printer.py writes it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..diagnostics import NOWHERE, CompileError, Location
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
)
from .lexer import Source, Token, parse_location
from .printer import data_path
from .type_parser import WORDS, TypeParser
from .types import DTYPES, TensorType, TupleType, Type

#: ``(op name, attrs, argument types) -> (complete attrs, type)``: gives the types that a text leaves out.
Infer = Callable[[str, dict[str, Any], list[Type]], tuple[Attrs, Type]]


def parse_module(
    text: str, data: Mapping[str, np.ndarray] | None = None, *, infer: Infer | None = None, file: str = ""
) -> Module:
    """Read a module back from its text.

    Parameters
    ----------
    text : str
    data : mapping, optional
        Arrays of the constants that the text has by digest only.
    infer : callable, optional
        With it a binding may leave out its type, and an operator the attributes that have defaults.
    file : str, optional
        Name of the text, for errors.

    Raises
    ------
    CompileError
        The text is no module; the message shows the place.
    """
    return _Parser(Source(text, file), data or {}, infer).module()


def load_text(path: str | Path, *, infer: Infer | None = None) -> Module:
    """Read what `printer.save_text` wrote: the text, and its constants from ``<path>.npz`` where there is one."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise CompileError(f"'{path}' cannot be read: {error}", expected="Relay text in UTF-8") from error
    data: dict[str, np.ndarray] = {}
    if data_path(path).exists():
        try:
            with np.load(data_path(path)) as archive:
                data = {digest: archive[digest] for digest in archive.files}
        except MemoryError:
            raise
        except Exception as error:  # numpy, zipfile and zlib raise many kinds for broken files
            raise CompileError(
                f"'{data_path(path)}' cannot be read: {error}", expected="what onnxc has written"
            ) from error
    return parse_module(text, data, infer=infer, file=path.name)


def _nested_shape(values: Any) -> tuple[int, ...] | None:
    """Shape of nested lists; None where it is not one."""
    if not isinstance(values, list):
        return ()
    shapes = {_nested_shape(v) for v in values}
    if len(shapes) > 1 or None in shapes:
        return None
    inner = shapes.pop() if shapes else ()
    return None if inner is None else (len(values), *inner)


class _Parser(TypeParser):
    def __init__(self, source: Source, data: Mapping[str, np.ndarray], infer: Infer | None) -> None:
        super().__init__(source)
        self._data, self._infer = data, infer
        self._constants: dict[str, Constant] = {}
        self._functions: dict[str, Function] = {}
        self._scope: dict[str, Var] = {}
        self._model = ""

    def _location(self, token: Token) -> Location:
        comment = self._source.locations.get(token.line)
        return parse_location(self._source, comment, self._model) if comment else NOWHERE

    # Module

    def module(self) -> Module:
        name = "model"
        if self._accept("module"):
            name = self._expect_kind("string", "the module's name in quotes").name
        self._model = name
        while self._next.kind != "end":
            if self._next.kind == "global":
                self._constant_declaration()
            elif self._at("fn"):
                self._definition()
            else:
                self._fail(expected="'fn @name(...)' or '@constant: type sha256:digest'")
        if not self._functions:
            self._fail("the text has no function", expected="at least 'fn @main(...) { ... }'")
        return Module(self._functions, name)

    def _constant_declaration(self) -> None:
        token = self._take()
        if token.name in self._constants:
            self._fail(f"the constant '{token.name}' is declared twice", at=token)
        self._expect(":")
        start = self._next
        type_ = self._type()
        if not isinstance(type_, TensorType) or not type_.is_static:
            self._fail(f"a constant of type {type_}", "a tensor of static shape", start)
        digest = self._expect_kind("digest", "sha256: and 64 hexadecimal digits")
        raw = self._data.get(digest.text.removeprefix("sha256:"))
        if raw is None:
            self._fail(f"the data of '{token.name}' is missing", at=digest, remedy="keep the .npz file beside the text")
        constant = Constant(self._array(raw, type_, digest), token.name)
        if constant.type != type_ or f"sha256:{constant.digest}" != digest.text:
            self._fail(f"the data of '{token.name}' is not what the digest says", at=digest)
        self._constants[token.name] = constant

    def _array(self, raw: np.ndarray, type_: TensorType, at: Token) -> np.ndarray:
        """The array itself, or made from the bytes that a side file has."""
        if raw.dtype != np.uint8 or type_.dtype == "uint8":
            return raw.reshape(type_.shape) if raw.size == type_.size else raw
        try:
            if type_.dtype == "string":
                return np.array(json.loads(raw.tobytes()), dtype=object).reshape(type_.shape)
            return np.frombuffer(raw.tobytes(), type_.numpy_dtype).reshape(type_.shape)
        except ValueError as error:
            self._fail(f"the data does not fit its type: {error}", str(type_), at)

    def _definition(self) -> None:
        self._expect("fn")
        token = self._expect_kind("global", "the function's name, such as @main")
        if token.name in self._functions:
            self._fail(f"the function '{token.name}' is defined twice", at=token)
        self._scope = {}
        self._functions[token.name] = self._function(main=token.name == "main")

    def _function(self, main: bool = False) -> Function:
        """Parameters, type and body of a function."""
        outer = dict(self._scope)
        self._expect("(")
        params = tuple(self._list(")", lambda: self._param(main)))
        start = self._next
        declared = self._type() if self._accept("->") else None
        function = self._block(params)
        if declared is not None and declared != function.type.result:
            self._fail(f"the function gives {function.type.result}", f"{declared}, as declared", start)
        self._scope = outer
        return function

    def _param(self, main: bool) -> Var:
        token = self._expect_kind("variable", "a parameter, such as %x")
        self._expect(":")
        location = self._location(token) if token.line in self._source.locations else NOWHERE
        if main and location == NOWHERE:
            location = Location(tensor=token.name)
        return self._bind(token, self._type(), location)

    def _block(self, params: tuple[Var, ...] = ()) -> Function:
        """``attributes { bindings; result }``. What is bound inside is not in scope after it."""
        attrs = self._attrs("{")
        outer = dict(self._scope)
        bindings = []
        while self._at("let"):
            bindings.append(self._binding())
        result = self._atom()
        self._expect("}")
        self._scope = outer
        return Function(params, tuple(bindings), result, attrs)

    # Expressions

    def _binding(self) -> Binding:
        start = self._expect("let")
        target = self._expect_kind("variable", "a variable, such as %x")
        declared = self._type() if self._accept(":") else None
        self._expect("=")
        location = self._location(start)
        value, type_ = self._value(location, declared)
        return Binding(self._bind(target, type_, location), value)

    def _bind(self, token: Token, type_: Type, location: Location) -> Var:
        if token.name in self._scope:
            self._fail(f"%{token.name} is bound already", "a new name", token)
        self._scope[token.name] = var = Var(token.name, type_, location)
        return var

    def _value(self, location: Location, declared: Type | None) -> tuple[Expr, Type]:
        if self._at("if"):
            return self._if(location, declared)
        if self._at("while"):
            return self._while(location, declared)
        if self._at("("):
            self._take()
            fields = tuple(self._list(")", self._atom))
            return Tuple(fields, location), declared or TupleType(tuple(f.type for f in fields))
        if self._next.kind == "word" and not self._at("const"):
            return self._call(location, declared)
        if self._next.kind == "global" and self._tokens[self._position + 1].text == "(":
            return self._call(location, declared)
        start = self._next
        atom = self._atom()
        if not self._at("["):
            return atom, declared or atom.type
        return self._get_item(atom, start, location, declared)

    def _get_item(self, atom: Atom, start: Token, location: Location, declared: Type | None) -> tuple[Expr, Type]:
        self._expect("[")
        index = self._expect_kind("integer", "the number of a field")
        self._expect("]")
        if not isinstance(atom, Var) or not isinstance(atom.type, TupleType):
            self._fail(f"an item of {start.text}, which has the type {atom.type}", "a variable of tuple type", start)
        if int(index.text) >= len(atom.type.fields):
            self._fail(f"field {index.text} of {atom.type}", f"0 to {len(atom.type.fields) - 1}", index)
        return TupleGetItem(atom, int(index.text), location), declared or atom.type.fields[int(index.text)]

    def _call(self, location: Location, declared: Type | None) -> tuple[Expr, Type]:
        token = self._take()
        self._expect("(")
        args: list[Atom] = []
        while self._next.kind in ("variable", "global") or self._at("const"):
            args.append(self._atom())
            if not self._accept(","):
                break
        attrs = self._attrs(")")
        if token.kind == "global":
            op: str | GlobalVar = GlobalVar(token.name)
            if declared is None:
                if token.name not in self._functions:
                    self._fail(
                        f"the type of a call of @{token.name} is not known yet", "a type after the variable", token
                    )
                declared = self._functions[token.name].type.result
        else:
            op = token.text
            if declared is None or self._infer:
                attrs, declared = self._inferred(token, attrs, args, declared)
        return Call(op, tuple(args), attrs, location), declared

    def _inferred(self, token: Token, attrs: Attrs, args: Sequence[Atom], declared: Type | None) -> tuple[Attrs, Type]:
        if self._infer is None:
            self._fail("the binding has no type", "a type after the variable", token)
        try:
            full, type_ = self._infer(token.text, attrs, [a.type for a in args])
        except CompileError as error:
            self._fail(error.message, error.expected, token, error.remedy)
        # A declared type stays, even a wrong one: to judge it is the verifier's work.
        return full, declared or type_

    def _if(self, location: Location, declared: Type | None) -> tuple[Expr, Type]:
        self._expect("if")
        condition = self._atom()
        then_branch = self._block()
        self._expect("else")
        else_branch = self._block()
        return If(condition, then_branch, else_branch, location), declared or then_branch.result.type

    def _while(self, location: Location, declared: Type | None) -> tuple[Expr, Type]:
        self._expect("while")
        self._expect("(")
        state = tuple(self._list(")", self._atom))
        self._expect("{")
        functions = []
        for keyword in ("condition", "body"):
            self._expect(keyword)
            self._expect("fn")
            functions.append(self._function())
        self._expect("}")
        condition, body = functions
        return While(condition, body, state, location), declared or TupleType(tuple(p.type for p in body.params))

    def _atom(self) -> Atom:
        token = self._next
        if token.kind == "variable":
            if token.name not in self._scope:
                self._fail(f"%{token.name} is not bound here", "a parameter or an earlier binding")
            self._take()
            return self._scope[token.name]
        if token.kind == "global":
            if token.name not in self._constants:
                self._fail(f"there is no constant @{token.name}", "one that is declared above the functions")
            self._take()
            return self._constants[token.name]
        if self._accept("const"):
            return self._inline_constant()
        self._fail(expected="a variable or a constant")

    # Constants

    def _inline_constant(self) -> Constant:
        name = self._take().name if self._next.kind == "global" else ""
        dtype = self._dtype()
        start = self._next
        shape = tuple(self._list(")", self._dimension)) if self._accept("(") else None
        values = self._nested(dtype)
        if (found := _nested_shape(values)) is None:
            self._fail("the lists in the constant are not equally long", at=start)
        elements = np.array(values, dtype=object).reshape(found)
        try:
            array = elements if dtype == "string" else elements.astype(DTYPES[dtype][0])
        except OverflowError:
            self._fail(f"an element does not fit into {dtype}", at=start)
        if dtype.startswith(("int", "uint")) and np.any(array.astype(object) != elements):
            self._fail(f"an element does not fit into {dtype}", at=start)
        if shape is not None:
            if array.size or not all(isinstance(d, int) for d in shape) or 0 not in shape:
                self._fail("a shape before elements", "a shape with a 0 in it, and []", start)
            array = array.reshape(shape)
        return Constant(array, name)

    def _nested(self, dtype: str) -> Any:
        if self._accept("["):
            return self._list("]", lambda: self._nested(dtype))
        return self._scalar(dtype)

    def _scalar(self, dtype: str) -> Any:
        kind = DTYPES[dtype][0].kind
        if dtype == "string":
            return self._expect_kind("string", "a string").name
        if dtype == "bool":
            if not self._at("True", "False"):
                self._fail(expected="True or False")
            return WORDS[self._take().text]
        if kind == "c":
            self._expect("complex")
            self._expect("(")
            real, imaginary = self._number("a number"), None
            self._expect(",")
            imaginary = self._number("a number")
            self._expect(")")
            return complex(real, imaginary)
        if dtype.startswith(("int", "uint")):
            sign = -1 if self._accept("-") else 1
            return sign * int(self._expect_kind("integer", "an integer").text)
        return self._number("a number")

    def _number(self, expected: str) -> float:
        sign = -1.0 if self._accept("-") else 1.0
        if self._next.kind in ("float", "integer") or self._at("inf", "nan"):
            return sign * float(self._take().text)
        self._fail(expected=expected)

    # Attributes

    def _attrs(self, close: str) -> Attrs:
        """``name=value`` between commas, up to a closing mark."""
        attrs = Attrs()
        while not self._accept(close):
            token = self._expect_kind("word", f"an attribute or '{close}'")
            if token.text in attrs:
                self._fail(f"the attribute '{token.text}' is given twice", at=token)
            self._expect("=")
            attrs[token.text] = self._attribute()
            if not self._at(close):
                self._expect(",")
        return attrs

    def _attribute(self) -> Any:
        if self._next.kind == "string":
            return self._take().name
        if self._next.text in WORDS and self._next.kind == "word":
            return WORDS[self._take().text]
        if self._at("float") and self._tokens[self._position + 1].text == "(":
            return self._special_float()
        if self._at("(") and self._parenthesis_is_tuple():
            self._take()
            return tuple(self._list(")", self._attribute))
        ahead = self._tokens[self._position + 1] if self._at("-") else self._next
        if ahead.kind == "float":
            return self._number("a number")
        return self._dimension()

    def _special_float(self) -> float:
        self._expect("float")
        self._expect("(")
        token = self._expect_kind("string", '"inf", "-inf" or "nan"')
        try:
            value = float(token.name)
        except ValueError:
            self._fail(expected='"inf", "-inf" or "nan"', at=token)
        self._expect(")")
        return value

    def _parenthesis_is_tuple(self) -> bool:
        """Whether the parenthesis here holds a tuple (it is empty or has a comma of its own), not a dimension."""
        depth = 0
        for token in self._tokens[self._position :]:
            if token.kind == "mark":
                depth += (token.text in "([{") - (token.text in ")]}")
                if token.text == "," and depth == 1:
                    return True
                if depth == 0:
                    break
        return self._tokens[self._position + 1].text == ")"
