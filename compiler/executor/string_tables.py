"""Tables of strings, and of maps' keys, as C."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .names import c_string


def string_table(name: str, texts: np.ndarray) -> str:
    """Strings that are known when the model is compiled, as an array of onnxc_string."""
    entries = [str(text) for text in texts.reshape(-1)]
    sizes = [len(text.encode("utf-8", "surrogateescape")) for text in entries]
    lines = [f"  {{{c_string(text)}, {size}}}," for text, size in zip(entries, sizes, strict=True)]
    return "\n".join([f"static const onnxc_string {name}[] = {{", *(lines or ["  {NULL, 0},"]), "};", ""])


def key_tables(keys: Sequence[Sequence[int | str]]) -> list[str]:
    """Lines that define `output_keys`: for each output the keys of the maps that its rows are; none where none are."""
    lines, pointers = [], []
    for index, given in enumerate(keys):
        if not given:
            pointers.append("NULL")
            continue
        integers = not isinstance(given[0], str)
        if integers:
            lines.append(f"static const int64_t key_names_{index}[] = {{{', '.join(map(str, given))}}};")
        else:
            lines.append(string_table(f"key_names_{index}", np.array(given, object)))
        members = f"key_names_{index}, NULL" if integers else f"NULL, key_names_{index}"
        lines.append(f"static const onnxc_keys keys_{index} = {{{len(given)}, {members}}};")
        pointers.append(f"&keys_{index}")
    if pointers:
        lines.append(f"static const onnxc_keys *const output_keys[] = {{{', '.join(pointers)}}};")
    return lines


def map_names(names: Sequence[str]) -> list[str]:
    """Lines that define `input_maps`; none where no input is part of a map."""
    texts = ", ".join(c_string(name) if name else "NULL" for name in names)
    return [f"static const char *const input_maps[] = {{{texts}}};"] if names else []
