"""Write `compiler/frontend/unicode_scripts.py` from fontTools' copy of Unicode's Scripts.txt.

pip install fonttools
python -m tests.frontend.update_unicode_scripts
"""

from __future__ import annotations

import importlib
import inspect
import re
import textwrap
from pathlib import Path

_TARGET = Path(__file__).parents[2] / "compiler" / "frontend" / "unicode_scripts.py"

_HEAD = '''"""Characters of each of Unicode's scripts, which RE2 names as in \\\\p{{Greek}}.

Made by tests/frontend/update_unicode_scripts.py from {source}, by way of fontTools {version} (MIT).
Copyright 1991-2026 Unicode, Inc., under the Unicode License V3 (https://www.unicode.org/license.txt).
"""

from __future__ import annotations

from functools import cache

#: For each script its name, and its ranges: how many characters lie between one and the one before, then, behind a
#: point, how many it has, if more than one; in hexadecimal digits.
_RANGES = """\\
{ranges}
"""


@cache
def script_ranges() -> dict[str, tuple[tuple[int, int], ...]]:
    """First and last characters of the ranges of each script, by its name."""
    found: dict[str, tuple[tuple[int, int], ...]] = {{}}
    for line in _RANGES.replace("\\n ", " ").splitlines():
        name, *parts = line.split()
        place, ranges = 0, []
        for part in parts:
            gap, _, count = part.partition(".")
            first = place + int(gap, 16)
            place = first + int(count or "1", 16)
            ranges.append((first, place - 1))
        found[name] = tuple(ranges)
    return found
'''


def main() -> None:
    scripts = importlib.import_module("fontTools.unicodedata.Scripts")
    version = importlib.import_module("fontTools").version
    source = re.search(r"Scripts-[\d.]*\d\.txt", inspect.getsource(scripts))
    assert source is not None
    found: dict[str, list[tuple[int, int]]] = {}
    ends = [*scripts.RANGES[1:], 0x110000]
    for first, end, code in zip(scripts.RANGES, ends, scripts.VALUES, strict=True):
        if code != "Zzzz":  # unassigned
            found.setdefault(scripts.NAMES[code], []).append((first, end))
    lines = []
    for name, ranges in sorted(found.items()):
        place, parts = 0, []
        for first, end in ranges:
            parts.append(f"{first - place:x}" + (f".{end - first:x}" if end - first > 1 else ""))
            place = end
        lines += textwrap.wrap(" ".join([name, *parts]), 118, subsequent_indent=" ")
    _TARGET.write_text(_HEAD.format(source=source[0], version=version, ranges="\n".join(lines)))


if __name__ == "__main__":
    main()
