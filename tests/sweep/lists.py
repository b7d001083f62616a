"""The lists of the sweep's results: ``domain:operator version variable oracle: types``, one line for each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from tests.sweep.cases import Key, keys
from tests.sweep.values import short_name

HERE = Path(__file__).parent


def list_of(target: str) -> Path:
    """The list of what passes on a target."""
    return HERE / f"passing_{target}.txt"


def read(target: str) -> dict[Key, str]:
    """What passes on a target, and the oracle that says so."""
    path = list_of(target)
    found = {}
    for line in path.read_text().splitlines() if path.exists() else []:
        head, _, types = line.partition(": ")
        operator, version, variable, oracle = head.split(" ")
        for type_ in types.split(" "):
            key = _by_text().get((operator, version, variable, type_))
            if key is not None:  # another version of the onnx package may not have it
                found[key] = oracle
    return found


def write(target: str, passing: Mapping[Key, str]) -> None:
    """Write the list."""
    lines = defaultdict(list)
    for key, oracle in passing.items():
        lines[_operator(key), key.version, key.variable or "-", oracle].append(_type(key))
    with list_of(target).open("w") as file:
        for (operator, version, variable, oracle), types in sorted(lines.items()):
            file.write(f"{operator} {version} {variable} {oracle}: {' '.join(sorted(types))}\n")


def _operator(key: Key) -> str:
    return f"{key.domain}:{key.operator}" if key.domain else key.operator


def _type(key: Key) -> str:
    return short_name(key.type).replace(" ", "") or "-"


@cache
def _by_text() -> dict[tuple[str, str, str, str], Key]:
    return {(_operator(key), str(key.version), key.variable or "-", _type(key)): key for key in keys()}
