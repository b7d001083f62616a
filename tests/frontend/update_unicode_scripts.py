"""Write the table in `compiler/frontend/unicode_scripts.py` anew from fontTools' copy of Unicode's Scripts.txt.

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

#: What of that file is made here: which source, and the table.
_SOURCE = re.compile(r"from Scripts-.*? \(MIT\)\.")
_RANGES = re.compile(r'(?<=^_RANGES = """\\\n).*?(?=^"""$)', re.MULTILINE | re.DOTALL)


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
    text = _TARGET.read_text()
    text, sources = _SOURCE.subn(f"from {source[0]}, by way of fontTools {version} (MIT).", text)
    text, tables = _RANGES.subn("\n".join(lines) + "\n", text)
    assert sources == tables == 1
    _TARGET.write_text(text)


if __name__ == "__main__":
    main()
