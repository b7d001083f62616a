"""Write SUPPORT.md, the table of operators, out of test results.

python -m tests.backend.update --all                    which of the onnx package's cases pass here,
python -m tests.backend.update --all --target aarch64   and elsewhere
python -m tests.sweep.update                            which versions and types of each operator do (and --target)
pytest --record-operators tests/own_operators.txt       which operators our own tests run
python -m tests.support                                 the table
"""

from __future__ import annotations

import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from tests.backend.suite import TARGETS, cases, models, passing
from tests.operators import read_uses, uses_of
from tests.sweep.cases import Key, keys
from tests.sweep.lists import read
from tests.sweep.schemas import DOMAINS

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "SUPPORT.md"
OWN = Path(__file__).with_name("own_operators.txt")

#: Families of targets, by the target that stands for each.
FAMILIES = {"host": "x86", "aarch64": "arm", "cortex-m4": "microcontroller"}

_HEAD = """\
# Operators

Made by `python -m tests.support` from lists of test results, never by hand. What the lists hold was run and compared:

- `tests/sweep`: for each version of each operator's schema, up to opset {opset}, and for each type that it allows for
  each of its type variables, a model with a node of that version on that type (`python -m tests.sweep.update`, for
  x86, and with `--target` in QEMU). Where many nodes can be in one model, they are. The result is what the onnx
  package's case, its evaluator or ONNX Runtime say; for floats other than float32 also what they say in float32; for
  versions that they do not know, what they say of the same node in another version. Random numbers are judged by
  type, shape, mean and deviation. Of {cases} such cases pass: {swept}.
- `tests/backend`: the test cases of the onnx package {version}. Of {everything} pass: {totals}.

Below, a row is a version of an operator. It has the types that pass on x86, with the name of the type variable where
there are several; `bfloat16 float16 32 64` are four of them. After "not:" stand types that the schema allows and that
have not passed: they fail, or no oracle knows them. The columns of the other families say "all", or which of the
types of x86 have not passed there; "-" is a version that has not been run there yet, or none of whose types passes.
`int8*` means sequences, `int8?` optional values. The number of cases of the onnx package that contain the operator,
on x86, arm (aarch64) and microcontrollers (Cortex-M4), stands behind its name; a plus says that tests of our own run
it, too. com.microsoft has no schemas to sweep, so its table says which types our own tests run.
"""


@dataclass
class Row:
    """What is known about an operator from the onnx package's cases and our own tests."""

    dtypes: set[str] = field(default_factory=set)
    all_cases: int = 0
    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    own: bool = False

    def counts(self) -> str:
        """``12/12, 12, 11``: passing cases by family, the first of all that there are."""
        if not self.all_cases:
            return "+" if self.own else ""
        others = [str(self.passed[target]) for target in list(FAMILIES)[1:]]
        return f"{self.passed['host']}/{self.all_cases}, {', '.join(others)}{'+' if self.own else ''}"


def collect() -> dict[tuple[str, str], Row]:
    """What the package's cases and our own tests say about each operator."""
    rows: dict[tuple[str, str], Row] = defaultdict(Row)
    lists = {target: frozenset(passing(target)) for target in TARGETS}
    for name, model in models().items():
        for key in {(use.domain, use.operator) for use in uses_of(model)}:
            rows[key].all_cases += 1
            for target, names in lists.items():
                rows[key].passed[target] += name in names
    for use in read_uses(OWN) if OWN.exists() else []:
        row = rows[use.domain, use.operator]
        row.own = True
        row.dtypes.add(use.dtype)
    return rows


def _spans(types: Iterable[str]) -> str:
    """Types by kinds: ``float16 32 64, int8 32``."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(filter(None, types), key=_order):
        found = re.fullmatch(r"([a-z]+)([0-9]+)([*?]*)", name)
        kind, size = (f"{found[1]}{found[3]}", found[2]) if found else (name, "")
        kinds.setdefault(kind, []).append(size)
    parts = []
    for kind, sizes in kinds.items():
        mark = kind[len(kind.rstrip("*?")) :]
        parts.append(f"{kind.rstrip('*?')}{' '.join(sizes)}{mark}")
    return ", ".join(parts)


def _order(name: str) -> tuple[str, str, int, str]:
    found = re.fullmatch(r"([a-z]+)([0-9]*)(.*)", name)
    assert found is not None, name
    return (found[3][-1:] if found[3][-1:] in "*?" else "", found[1], int(found[2] or 0), found[3])


def _type(name: str) -> str:
    """A type's name in the table."""
    if name.startswith("optional("):
        return f"{_type(name[9:-1])}?"
    if name.startswith("seq("):
        return f"{_type(name[4:-1])}*"
    if name.startswith("map("):
        return name.replace(", ", " to ").replace("map(", "").rstrip(")")
    inner = name.removeprefix("tensor(").rstrip(")")
    return {"float": "float32", "double": "float64"}.get(inner, inner)


def sweep_rows(domain: str, rows: Mapping[tuple[str, str], Row]) -> list[str]:
    """Lines of the table of a domain that has schemas."""
    lines = [
        f"| operator | version | types | {' | '.join(FAMILIES.values())} |",
        f"|---|---|---|{'---|' * len(FAMILIES)}",
    ]
    lists = {target: frozenset(read(target)) for target in FAMILIES}
    versions: dict[tuple[str, int], dict[str, list[Key]]] = defaultdict(lambda: defaultdict(list))
    for key in keys():
        if key.domain == domain:
            versions[key.operator, key.version][key.variable].append(key)
    before = ""
    for (operator, version), variables in sorted(versions.items()):
        name = "" if operator == before else f"{operator} {rows[domain, operator].counts()}".strip()
        before = operator
        cells = [_cell(variables, lists["host"], named=True)]
        cells += [_exceptions(variables, lists["host"], lists[target]) for target in FAMILIES]
        lines.append(f"| {name} | {version} | {' | '.join(cells)} |")
    return lines


def _cell(variables: Mapping[str, list[Key]], passed: frozenset[Key], named: bool) -> str:
    """The types that pass, for each type variable."""
    parts: dict[str, list[str]] = defaultdict(list)
    for variable, every in variables.items():
        spans = _spans(_type(key.type) for key in every if key in passed and key.type)
        parts[spans].append(variable)
    several = len(parts) > 1
    return "; ".join(f"{', '.join(v)}: {t or '-'}" if several else t for t, v in parts.items())


def _exceptions(variables: Mapping[str, list[Key]], first: frozenset[Key], passed: frozenset[Key]) -> str:
    """``all``, or those of the schema's types that have not passed; only of those that pass on x86, for the others."""
    every = [key for group in variables.values() for key in group]
    expected = every if passed is first else [key for key in every if key in first]
    lacking = [key for key in expected if key not in passed]
    if not lacking:
        return "all" if expected else "-"
    if len(lacking) == len(expected):
        return "-"
    names: dict[str, list[str]] = defaultdict(list)
    for key in lacking:
        names[key.variable].append(_type(key.type) if key.type else "")
    parts = [f"{v}: {_spans(t)}" if len(variables) > 1 else _spans(t) for v, t in names.items()]
    return f"not: {'; '.join(parts)}"


def own_rows(domain: str, rows: Mapping[tuple[str, str], Row]) -> list[str]:
    """Lines of the table of a domain without schemas."""
    found = sorted((operator, row) for (of, operator), row in rows.items() if of == domain)
    return ["| operator | types |", "|---|---|", *(f"| {operator} | {_spans(row.dtypes)} |" for operator, row in found)]


def page() -> str:
    """The text of SUPPORT.md."""
    rows = collect()
    totals = ", ".join(f"{len(passing(target))} on {family}" for target, family in FAMILIES.items())
    swept = ", ".join(f"{len(read(target))} on {family}" for target, family in FAMILIES.items())
    head = _HEAD.format(
        version=onnx.__version__,
        opset=onnx.defs.onnx_opset_version(),
        totals=totals,
        swept=swept,
        cases=len(keys()),
        everything=len(cases()),
    )
    parts = [head]
    for domain in DOMAINS:
        parts += [f"## {domain or 'ai.onnx'}\n", "\n".join(sweep_rows(domain, rows)) + "\n"]
    parts += ["## com.microsoft\n", "\n".join(own_rows("com.microsoft", rows)) + "\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    PAGE.write_text(page())
    print(f"{PAGE.name} is written")
