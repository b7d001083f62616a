"""Tables that programs make in files that people write: between ``<!-- NAME: begin -->`` and ``<!-- NAME: end -->``."""

from __future__ import annotations

from pathlib import Path


def write_between_markers(path: Path, name: str, text: str) -> None:
    """Replace what stands between the markers of a name in a file."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    before, _, rest = path.read_text().partition(begin)
    _, found, after = rest.partition(end)
    if not found:
        raise SystemExit(f"{path}: expected a line {begin} and a line {end}")
    path.write_text(f"{before}{begin}\n{text}{end}{after}")
