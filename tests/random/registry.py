"""Which function adds which operators, by family."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import tests.random.families
from tests.random.graph import Builder

#: Adds one of its operators, which is named, and what that needs.
Generator = Callable[[Builder, str], object]


@dataclass(frozen=True)
class Family:
    """Operators of one file.

    Attributes
    ----------
    name : str
    operators : dict of (str, str) to Generator
        By domain and name.
    """

    name: str
    operators: dict[tuple[str, str], Generator]


_found: dict[str, dict[tuple[str, str], Generator]] = {}


def generator(*operators: str, domain: str = "") -> Callable[[Generator], Generator]:
    """Declare that a function adds these operators."""

    def register(function: Generator) -> Generator:
        family = _found.setdefault(function.__module__.rpartition(".")[2], {})
        for operator in operators:
            assert (domain, operator) not in family, operator
            family[domain, operator] = function
        return function

    return register


@cache
def families() -> tuple[Family, ...]:
    """All of them, by the names of their files."""
    for module in pkgutil.iter_modules(tests.random.families.__path__):
        importlib.import_module(f"tests.random.families.{module.name}")
    return tuple(Family(name, _found[name]) for name in sorted(_found))
