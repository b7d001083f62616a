"""Write SUPPORT.md, the table of operators, out of test results.

python -m tests.backend.update --all                    which of the onnx package's cases pass here,
python -m tests.backend.update --all --target aarch64   and elsewhere
pytest --record-operators tests/own_operators.txt       which operators our own tests run
python -m tests.support                                 the table
"""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import onnx

from tests.backend.suite import TARGETS, cases, models, passing
from tests.operators import read_uses, uses_of

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "SUPPORT.md"
OWN = Path(__file__).with_name("own_operators.txt")

#: Families of targets, by the target that stands for each.
FAMILIES = {"host": "x86", "aarch64": "arm", "cortex-m4": "microcontroller"}

_HEAD = """\
# Operators

Made by `python -m tests.support` from test results, never by hand. For each operator: the versions of its schema that
tests ran; the element types of the tensors that it ran on; and how many of the test cases of the onnx package {version}
that contain it pass on x86, of how many. A plus says that tests of our own run it there, too; they compare with ONNX
Runtime, numpy or the reference evaluator. For arm (aarch64) and microcontrollers (Cortex-M4, all kernels in C) the
table says how many of these cases pass in QEMU; not all have been run there.

{totals}

Versions that no test ran are converted by the same code, which reads what differs between them.
"""


@dataclass
class Row:
    """What is known about an operator."""

    versions: set[int] = field(default_factory=set)
    dtypes: set[str] = field(default_factory=set)
    all_cases: int = 0
    passed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    own: bool = False


def collect() -> dict[tuple[str, str], Row]:
    """All that tests say about each operator."""
    rows: dict[tuple[str, str], Row] = defaultdict(Row)
    lists = {target: frozenset(passing(target)) for target in TARGETS}
    for name, model in models().items():
        operators = set()
        for use in uses_of(model):
            operators.add((use.domain, use.operator))
            if name in lists["host"]:
                rows[use.domain, use.operator].versions.add(use.version)
                rows[use.domain, use.operator].dtypes.add(use.dtype)
        for key in operators:
            rows[key].all_cases += 1
            for target, names in lists.items():
                rows[key].passed[target] += name in names
    for use in read_uses(OWN) if OWN.exists() else []:
        row = rows[use.domain, use.operator]
        row.own = True
        row.versions.add(use.version)
        row.dtypes.add(use.dtype)
    for schema in onnx.defs.get_all_schemas():
        _ = rows[schema.domain, schema.name]
    return {key: row for key, row in rows.items() if key[0] in _domains()}


def _domains() -> list[str]:
    return ["", "ai.onnx.ml", "ai.onnx.preview.training", "com.microsoft"]


def _spans(dtypes: Iterable[str]) -> str:
    """Types by kinds: ``float16 32 64, int8 32``."""
    kinds: dict[str, list[str]] = {}
    for name in sorted(filter(None, dtypes), key=lambda n: (n.rstrip("0123456789_efmnuz"), len(n), n)):
        letters = name.rstrip("0123456789")
        kinds.setdefault(letters, []).append(name.removeprefix(letters))
    return ", ".join(f"{kind}{' '.join(sizes)}" for kind, sizes in kinds.items())


def table(rows: dict[tuple[str, str], Row], domain: str) -> list[str]:
    """Lines of the table of a domain."""
    lines = [
        f"| operator | versions | types | {' | '.join(FAMILIES.values())} |",
        f"|---|---|---|{'---|' * len(FAMILIES)}",
    ]
    for (of, operator), row in sorted(rows.items()):
        if of != domain:
            continue
        versions = " ".join(str(v) for v in sorted(row.versions) if v)
        cells = [f"{row.passed['host']}/{row.all_cases}" if row.all_cases else "", *(["+"] if row.own else [])]
        others = [str(row.passed[target] or "-") for target in list(FAMILIES)[1:]]
        first = "".join(cells) or "-"
        lines.append(f"| {operator} | {versions} | {_spans(row.dtypes)} | {' | '.join([first, *others])} |")
    return lines


def page() -> str:
    """The text of SUPPORT.md."""
    rows = collect()
    everything = len(cases())
    totals = [f"{len(passing(target))} on {family}" for target, family in FAMILIES.items()]
    text = f"Of {everything} cases pass: {', '.join(totals)}."
    parts = [_HEAD.format(version=onnx.__version__, totals=text)]
    for domain in _domains():
        parts += [f"## {domain or 'ai.onnx'}\n", "\n".join(table(rows, domain)) + "\n"]
    return "\n".join(parts)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    PAGE.write_text(page())
    print(f"{PAGE.name} is written")
