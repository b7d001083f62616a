"""ai.onnx.ml operators that replace values by others from a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..relay.expr import Atom
from .lookup import lookup
from .registry import Node, converter

DOMAIN = "ai.onnx.ml"

#: Endings of the attributes for keys and values, the elements they hold, and the default's attribute with its value.
_KINDS: tuple[tuple[str, Any, str, Any], ...] = (
    ("strings", object, "default_string", "_Unused"),
    ("int64s", np.int64, "default_int64", -1),
    ("floats", np.float32, "default_float", -0.0),
)


def _table(node: Node, side: str) -> np.ndarray:
    """Keys or values, in whichever attribute they are."""
    tensor = node.attr(f"{side}_tensor")
    if tensor is not None:
        return np.asarray(tensor).reshape(-1)
    for ending, dtype, _, _ in _KINDS:
        entries = node.attr(f"{side}_{ending}", ())
        if entries:
            return np.array(entries, dtype)
    raise node.error(f"there are no {side}", expected=f"{side}_tensor, {side}_strings, {side}_int64s or {side}_floats")


def _default(node: Node, values: np.ndarray) -> Any:
    tensor = node.attr("default_tensor")
    if tensor is not None:
        return np.asarray(tensor).reshape(-1)[0]
    for _, dtype, name, default in _KINDS:
        if values.dtype == np.dtype(dtype):
            return node.attr(name, default)
    return {"O": "_Unused", "f": -0.0}.get(values.dtype.kind, -1)


@converter("LabelEncoder", domain=DOMAIN)
def convert_label_encoder(node: Node) -> Atom:
    if node.opset < 2:
        return _between_strings_and_integers(node, node.required_attr("classes_strings"), None)
    values = _table(node, "values")
    return lookup(node, node.input(0), _table(node, "keys"), values, _default(node, values))


@converter("CategoryMapper", domain=DOMAIN)
def convert_category_mapper(node: Node) -> Atom:
    return _between_strings_and_integers(node, node.required_attr("cats_strings"), node.required_attr("cats_int64s"))


def _between_strings_and_integers(node: Node, strings: Any, integers: Any) -> Atom:
    """Strings become integers, and integers strings."""
    names = np.array(strings, object)
    numbers = np.arange(len(names)) if integers is None else np.array(integers, np.int64)
    if node.type(0).dtype == "string":
        return lookup(node, node.input(0), names, numbers, node.attr("default_int64", -1))
    return lookup(node, node.input(0), numbers, names, node.attr("default_string", "_Unused"))


@converter("OneHotEncoder", domain=DOMAIN)
def convert_one_hot_encoder(node: Node) -> Atom:
    """Where there are no zeros for unknown categories, one ends the run with an error."""
    strings = node.attr("cats_strings", ())
    categories = np.array(strings, object) if strings else np.array(node.attr("cats_int64s", ()), np.int64)
    count = len(categories)
    x = node.input(0) if node.type(0).dtype == "string" else node.cast(node.input(0), "int64")
    places = lookup(node, x, categories, np.arange(count), count, strict=not node.attr("zeros", 1))
    return node.call("one_hot", places, node.constant([0, 1], "float32"), depth=count, axis=-1)
