"""Compiled model -> artifact: files in a folder, whole or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .. import op as relay_op
from ..diagnostics import CompileError
from ..executor.emit import EXTERNAL_WEIGHTS_HEAD, emit_model, program_kernels
from ..executor.header import emit_header
from ..kernel.elf import global_symbols
from ..relay.types import in_memory
from ..store import Store
from .c_library import c_library
from .compiled import Compiled
from .link import (
    RUNTIME_HEADER,
    Parts,
    object_files,
    runtime_files,
    runtime_included,
    shared_library,
    source_tree,
    static_library,
)
from .manifest import digest, find_manifest, library_stem, manifest, read_manifest
from .staging import SCRATCH, staged
from .toolchain import Compiler, find_compiler
from .tree_files import tree_texts

#: Kinds of artifact, and the extension of those that are one file.
EMITS: Mapping[str, str] = {"so": ".so", "a": ".a", "c": "", "obj": ""}

#: Of a model. Names of files begin with it, and file systems take 255 letters.
_LONGEST_NAME = 120

#: Begins the C file with the kernels that TVM wrote.
_KERNELS_HEAD = """\
/* The kernels of {name}: see {name}.c. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

"""


@dataclass(frozen=True)
class Layout:
    """Where an artifact's files go.

    Attributes
    ----------
    folder : Path
    library : str
        Name of the library; empty where the artifact is the folder.
    header, manifest : str
        Names of these files.
    """

    folder: Path
    library: str
    header: str
    manifest: str

    @property
    def main(self) -> Path:
        """What the user asked for: the library, or the folder."""
        return self.folder / self.library


@dataclass(frozen=True)
class Artifact:
    """An artifact on disk.

    Attributes
    ----------
    path : Path
        The library, or the folder where it is not one file.
    facts : dict
        Its manifest.
    """

    path: Path
    facts: dict[str, Any]


def layout(name: str, emit: str, output: Path | None) -> Layout:
    """Where an artifact goes.

    An output that ends in the extension of a library is that file, with header and manifest of the same name beside it;
    any other is a folder. Without one, a library goes to the current folder, and the others into a new folder there.

    Parameters
    ----------
    name : str
        The model's name as an identifier.
    emit : str
    output : Path or None

    Raises
    ------
    CompileError
        The output's extension is that of something else.
    """
    extension = EMITS[emit]
    library = f"lib{name}.a" if emit == "a" else f"{name}{extension}" if extension else ""
    if output is None:
        output = Path(library or name)
    if len(name) > _LONGEST_NAME:
        message = f"the model's name '{name}' is too long for names of files"
        raise CompileError(message, expected=f"at most {_LONGEST_NAME} letters", remedy="give it another one (--name)")
    if output.is_dir() or output.suffix not in (".so", ".a", ".o", ".c", ".h"):
        return Layout(output, library, f"{name}.h", "manifest.json")
    if output.suffix != extension:
        what = f"a file that ends in {extension}, or a folder" if extension else "a folder"
        raise CompileError(f"the output '{output}' does not fit --emit={emit}", expected=what)
    stem = library_stem(output)
    if f"{stem}.h" == RUNTIME_HEADER:
        raise CompileError(
            f"the output '{output}' would have the runtime's header for its own", expected="another name"
        )
    return Layout(output.parent, output.name, f"{stem}.h", f"{stem}.manifest.json")


def package(
    compiled: Compiled,
    emit: str,
    output: Path | None = None,
    cc: str | None = None,
    *,
    external_weights: bool = False,
    store: Store | None = None,
) -> Artifact:
    """Make an artifact.

    Parameters
    ----------
    compiled : Compiled
    emit : str
        ``so``, ``a``: a library; ``obj``: a folder of object files; ``c``: a folder of C99.
    output : Path, optional
        See `layout`.
    cc : str, optional
        The C compiler's command.
    external_weights : bool
        Keep the weights in a file ``<name>.weights`` beside the library, not in it.
    store : Store, optional
        Has what the C compiler made before, and gets what it makes now.

    Raises
    ------
    CompileError
        There is no C compiler, or the output cannot be written.
    """
    place = layout(compiled.name, emit, output)
    external_weights = external_weights and compiled.program.weights_size > 0
    if external_weights and emit == "c":
        raise CompileError(
            "C source is for machines without files: its weights are a C file",
            expected="--external-weights with --emit=so, a or obj",
            remedy="define ONNXC_WEIGHTS_SECTION when you compile them, to put them into a section of their own",
        )
    compiler = None if emit == "c" else find_compiler(compiled.target, cc)
    with staged(place.folder) as stage:
        parts = _parts(compiled, emit, stage, external_weights)
        _check_objects(parts.objects)
        _write(parts, compiled, emit, compiler, stage, place, store)
        if external_weights:
            weights = f"{library_stem(Path(place.library or compiled.name))}.weights"
            _write_weights(compiled, stage / weights, head=compiled.model_hash.encode())
        names = {p.relative_to(stage): p for p in stage.rglob("*") if p.is_file()}
        files = {n.as_posix(): p for n, p in names.items() if not n.parts[0].startswith(SCRATCH)}
        version = "" if compiler is None else compiler.version
        text = manifest(compiled, emit, files, version, external_weights)
        # Names of files may be no text: what cannot be encoded becomes JSON's escape.
        (stage / place.manifest).write_text(text, encoding="utf-8", errors="backslashreplace")
        facts = read_manifest(stage / place.manifest)
        stale = _stale_files(place, facts)
    for path in stale:
        path.unlink(missing_ok=True)
    return Artifact(place.main, facts)


def _write(
    parts: Parts,
    compiled: Compiled,
    emit: str,
    compiler: Compiler | None,
    stage: Path,
    place: Layout,
    store: Store | None,
) -> None:
    if compiler is None:
        source_tree(parts, stage)
        for name, text in {**tree_texts(compiled, parts), **parts.notices}.items():
            (stage / name).write_text(text, encoding="utf-8", newline="\n")
        return
    if emit == "so":
        shared_library(parts, compiler, stage / place.library, store=store)
    elif emit == "a":
        static_library(parts, compiler, stage / place.library, store=store)
    else:
        object_files(parts, compiler, stage, store=store)
    headers = {place.header if name == f"{compiled.name}.h" else name: text for name, text in parts.headers.items()}
    for name, text in {**headers, **parts.notices}.items():
        (stage / name).write_text(text, encoding="utf-8", newline="\n")


def _parts(compiled: Compiled, emit: str, stage: Path, external_weights: bool) -> Parts:
    """What the artifact is linked from."""
    program, target, name = compiled.program, compiled.target, compiled.name
    model = emit_model(
        program,
        model_hash=compiled.model_hash,
        target=target.name,
        # Who compiles the C chooses the processor.
        cpu_features=() if emit == "c" else target.required_cpu_features,
        threads=target.hosted,
        shared=emit == "so",
        external_weights=external_weights,
        profile=compiled.profile,
    )
    sources, objects, together = {f"{name}.c": model}, {}, []
    kernels = [*program_kernels(program)]
    for kernel in kernels:
        if kernel.object_code:
            objects[f"{kernel.symbol}.o"] = kernel.object_code
        elif kernel.source.startswith("#include"):  # a file of its own, with static helpers
            sources[f"{kernel.symbol}.c"] = kernel.source
        else:
            together.append(kernel.source)
    if together:
        sources[f"{name}_kernels.c"] = _KERNELS_HEAD.format(name=name) + "\n".join(together)
    headers, runtime = runtime_files(
        target, program.makes_text, program.needs_heap, program.has_values, shared=emit == "so"
    )
    users = [(kernel, relay_op.get(name).library) for kernel in kernels for name in kernel.operators]
    linked = {name: c_library(name) for name in sorted({name for _, name in users if name})}
    included: dict[str, Mapping[str, str]] = {**runtime_included(runtime)}
    included.update({f"{kernel.symbol}.c": linked[name].headers for kernel, name in users if name})
    for found in linked.values():
        included.update(found.included)
    weights = None
    if program.weights_size and not external_weights:
        weights = stage / f"{SCRATCH}weights.bin"
        _write_weights(compiled, weights)
    headers = {**headers, f"{name}.h": emit_header(program, external_weights)}
    return Parts(
        name,
        sources,
        {**runtime, **{name: text for found in linked.values() for name, text in found.sources.items()}},
        headers,
        included,
        {name: text for found in linked.values() for name, text in found.notices.items()},
        objects,
        weights,
    )


def _write_weights(compiled: Compiled, path: Path, head: bytes = b"") -> None:
    """The weights one after the other at their offsets, after a head; gaps are zero."""
    program = compiled.program
    assert len(head) in (0, EXTERNAL_WEIGHTS_HEAD), head
    with path.open("wb") as file:
        file.write(head)
        for constant in program.weights:
            file.seek(len(head) + program.weight_offsets[constant.digest])
            file.write(np.ascontiguousarray(in_memory(constant.array)).reshape(-1).view(np.uint8).data)
        file.truncate(len(head) + program.weights_size)


def _check_objects(objects: Mapping[str, bytes]) -> None:
    """A symbol of TVM would be a call into a runtime that is not there: through a weak pointer, so linkers allow it."""
    for name, data in objects.items():
        wrong = [symbol for symbol, _ in global_symbols(data) if "TVM" in symbol]
        assert not wrong, f"the kernel {name} wants {', '.join(wrong)} of TVM's runtime"


def _stale_files(place: Layout, facts: Mapping[str, Any]) -> list[Path]:
    """Files of an earlier artifact of the same model and kind in the same place that this one has no longer."""
    path = place.folder / place.manifest
    if find_manifest(path) is None:
        return []
    try:
        old = read_manifest(path)
        if old["emit"] != facts["emit"] or old["model"]["name"] != facts["model"]["name"]:
            return []
        gone = {place.folder / n: e["sha256"] for n, e in old["files"].items() if n not in facts["files"]}
        inside = {p: s for p, s in gone.items() if p.is_relative_to(place.folder) and ".." not in p.parts}
        return [p for p, s in inside.items() if p.is_file() and digest(p) == s]
    except (CompileError, KeyError, TypeError, AttributeError):
        return []  # no manifest of ours: touch nothing
