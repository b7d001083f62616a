"""Schemas of ONNX's operators, in all versions, as plain data: asking the onnx package again and again takes long."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from typing import Any

import onnx
from onnx.defs import OpSchema

#: Domains that are swept.
DOMAINS = ("", "ai.onnx.ml", "ai.onnx.preview.training", "ai.onnx.preview")


@dataclass(frozen=True)
class Formal:
    """An input or output; its type is the name of a type variable, or that of a type."""

    name: str
    type: str
    required: bool
    variadic: bool


@dataclass(frozen=True)
class Attribute:
    """An attribute; its kind is a number of AttributeProto."""

    name: str
    kind: int
    required: bool
    default: onnx.AttributeProto | None


@dataclass(frozen=True, eq=False)
class Schema:
    """A version of an operator.

    Attributes
    ----------
    types : dict of str
        The types that each type variable allows, sorted.
    """

    domain: str
    name: str
    version: int
    deprecated: bool
    inputs: tuple[Formal, ...]
    outputs: tuple[Formal, ...]
    attributes: dict[str, Attribute]
    types: dict[str, tuple[str, ...]]


@cache
def schemas() -> dict[tuple[str, str], tuple[Schema, ...]]:
    """All versions of each operator, by domain and name, the oldest first."""
    found: dict[tuple[str, str], list[Schema]] = defaultdict(list)
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain in DOMAINS:
            found[schema.domain, schema.name].append(_plain(schema))
    return {key: tuple(sorted(found[key], key=lambda schema: schema.version)) for key in sorted(found)}


def find_schema(domain: str, operator: str, opset: int) -> Schema:
    """The schema of an operator that a version of its domain has."""
    return [schema for schema in schemas()[domain, operator] if schema.version <= opset][-1]


def _plain(schema: OpSchema) -> Schema:
    option = OpSchema.FormalParameterOption

    def formals(given: Any) -> tuple[Formal, ...]:
        return tuple(Formal(f.name, f.type_str, f.option == option.Single, f.option == option.Variadic) for f in given)

    attributes = {}
    for name, attribute in schema.attributes.items():
        kind: Any = attribute.type
        default = attribute.default_value
        attributes[name] = Attribute(name, int(kind.value), attribute.required, default if default.name else None)
    types = {c.type_param_str: tuple(sorted(c.allowed_type_strs)) for c in schema.type_constraints}
    return Schema(
        schema.domain,
        schema.name,
        schema.since_version,
        schema.deprecated,
        formals(schema.inputs),
        formals(schema.outputs),
        attributes,
        types,
    )
