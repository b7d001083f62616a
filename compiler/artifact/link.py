"""C, kernels and weights -> a shared library, a static library or a folder of C source.

All three are made from the same parts. What is compiled for the processor's baseline is kept apart from the rest: see
`target.Toolchain`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np

from ..diagnostics import CompileError
from ..store import Store, digest_of
from ..target import Target
from .archive import write_archive
from .staging import SCRATCH
from .toolchain import Compiler

#: The weights: in memory, or in a file.
Weights: TypeAlias = "bytes | memoryview | Path"

#: Weights inside a library must be in reach of its code, which addresses at most 2 GiB; some of it is for the code.
EMBEDDED_LIMIT = (1 << 31) - (1 << 28)

#: Alignment of the weights, as in onnxc_runtime.h.
ALIGNMENT = 64

#: The header of what all models share.
RUNTIME_HEADER = "onnxc_runtime.h"

#: Words of the weights that are turned into text at a time.
_CHUNK = 1 << 17
_WORDS_PER_LINE = 6


@dataclass(frozen=True)
class Parts:
    """What an artifact is made from.

    Attributes
    ----------
    name : str
        Of the model: an identifier in C.
    sources : mapping
        C for the target's processor: names of files and their text.
    runtime : mapping
        C for the baseline of the processor's family.
    headers : mapping
        What sources and runtime include.
    included : mapping
        What files of the runtime include beside the headers: the name of each, and names and texts.
    notices : mapping
        Texts that go wherever the artifact goes: licences.
    objects : mapping
        Names of object files and their contents.
    weights : bytes, memoryview, Path or None
        Become the symbol ``<name>_weights``, ``const uint64_t[]`` in C, little-endian; None: they are elsewhere.
    """

    name: str
    sources: Mapping[str, str] = field(default_factory=dict)
    runtime: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    included: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    notices: Mapping[str, str] = field(default_factory=dict)
    objects: Mapping[str, bytes] = field(default_factory=dict)
    weights: Weights | None = None

    def texts(self) -> dict[str, str]:
        """All that is C."""
        result = {**self.headers, **self.runtime, **self.sources}
        assert len(result) == len(self.headers) + len(self.runtime) + len(self.sources), "two files of one name"
        for texts in self.included.values():
            result.update(texts)
        return result

    def write(self, folder: Path) -> None:
        """Write all that is C into a folder, which is made if need be."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in self.texts().items():
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")


#: The pool of threads, in C11, and the header that these files alone include.
_POOL = ("onnxc_threads.c", "onnxc_shares.c")
_POOL_HEADER = "onnxc_pool.h"


def runtime_files(
    target: Target, text: bool = False, heap: bool = False, values: bool = False, shared: bool = False
) -> tuple[dict[str, str], dict[str, str]]:
    """Headers and sources of the runtime; its threads and memory only where there is an operating system.

    With `text`, the memory of strings too; with `heap`, that of sizes which runs decide; with `values`, sequences; with
    `shared`, what only programs that open a library call.
    """
    folder = files("onnxc.runtime_stub")
    hosted = ("onnxc_memory.c", "onnxc_processors.c", *_POOL) if target.hosted else ()
    wanted = {
        "onnxc_text.c": text,
        "onnxc_heap.c": heap or values,
        "onnxc_sequence.c": values,
        "onnxc_call.c": shared,
    }
    names = ["onnxc_runtime.c", *hosted, *(name for name, is_wanted in wanted.items() if is_wanted)]
    headers = {RUNTIME_HEADER: (folder / RUNTIME_HEADER).read_text()}
    return headers, {name: (folder / name).read_text() for name in names}


def runtime_included(runtime: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """What sources of the runtime include beside its header: see `Parts`."""
    pool = {_POOL_HEADER: (files("onnxc.runtime_stub") / _POOL_HEADER).read_text()}
    return {name: pool for name in _POOL if name in runtime}


#: Functions of a model's header, behind its name. Kernels stay inside.
FUNCTIONS = ("query", "run", "arena_size")


def shared_library(
    parts: Parts, compiler: Compiler, output: Path, *, optimize: str = "2", store: Store | None = None
) -> None:
    """Make a shared library that exports ``onnxc_*`` and the functions of the model's header.

    Parameters
    ----------
    parts : Parts
    compiler : Compiler
    output : Path
        Its name is the soname, too.
    optimize : str
        What follows ``-O`` for the sources.
    store : Store, optional
        Has the object files of C that was compiled before, and gets those of other C.
    """
    with _workshop(output) as folder:
        objects = _compile_all(parts, compiler, folder, optimize, store)
        # As patterns, since LLVM's linker refuses names that are not there: only some models have an arena_size.
        functions = [f"{parts.name}_{name[:-1]}[{name[-1]}]" for name in FUNCTIONS]
        compiler.link_shared(folder, objects, "library.so", soname=output.name, exports=("onnxc_*", *functions))
        os.replace(folder / "library.so", output)


def static_library(
    parts: Parts, compiler: Compiler, output: Path, *, optimize: str = "2", store: Store | None = None
) -> None:
    """Make a static library. Parameters as for `shared_library`."""
    with _workshop(output) as folder:
        objects = _compile_all(parts, compiler, folder, optimize, store)
        archive = write_archive({name: (folder / name).read_bytes() for name in objects})
        (folder / "library.a").write_bytes(archive)
        os.replace(folder / "library.a", output)


def object_files(
    parts: Parts, compiler: Compiler, folder: Path, *, optimize: str = "2", store: Store | None = None
) -> None:
    """Make object files, in a folder that exists. Parameters as for `shared_library`."""
    with _workshop(folder / "objects") as workshop:
        for name in _compile_all(parts, compiler, workshop, optimize, store):
            os.replace(workshop / name, folder / name)


def source_tree(parts: Parts, folder: Path) -> None:
    """Write everything as C into a folder, with the weights in ``<name>_weights.c``."""
    if parts.objects:
        raise CompileError(
            f"kernels of {parts.name} exist as object code only",
            expected="kernels as C",
            remedy="use --emit=so or --emit=a, or a target whose kernels are C (a microcontroller)",
        )
    parts.write(folder)
    if parts.weights is not None:
        with (folder / f"{parts.name}_weights.c").open("wb") as file:
            _write_weights(file, f"{parts.name}_weights", parts.weights)


@contextmanager
def _workshop(output: Path) -> Iterator[Path]:
    """A folder beside the output, since the parts may be as large as it."""
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=output.parent) as folder:
        yield Path(folder)


def _compile_all(parts: Parts, compiler: Compiler, folder: Path, optimize: str, store: Store | None) -> Sequence[str]:
    """Write all parts into a folder and compile them there; the names of the objects."""
    parts.write(folder)
    inputs = [*parts.sources, *parts.runtime]
    if parts.weights is not None:
        inputs.append(f"{parts.name}_weights.S")
        (folder / inputs[-1]).write_text(_weights_assembly(f"{parts.name}_weights", folder, parts.weights))
    outputs = [f"{Path(name).stem}.o" for name in inputs]
    assert len({*outputs, *parts.objects}) == len(outputs) + len(parts.objects), "two objects of one name"
    for name, data in parts.objects.items():
        (folder / name).write_bytes(data)

    texts, runtime_headers = parts.texts(), runtime_files(compiler.target)[0]

    def compile_one(source: str, output: str) -> None:
        baseline = source in parts.runtime  # it is the same for every model, and so is its speed
        level = "2" if baseline else optimize
        name = None
        if store is not None and source in texts:
            included = {**(runtime_headers if baseline else parts.headers), **parts.included.get(source, {})}
            used = [fact for item in {source: texts[source], **included}.items() for fact in item]
            name = digest_of([*compiler.command, compiler.version, *compiler.flags(baseline, level), *used])
        data = store.get(name) if store is not None and name is not None else None
        if data is not None:
            (folder / output).write_bytes(data)
            return
        compiler.compile(folder, source, output, baseline=baseline, optimize=level)
        if store is not None and name is not None:
            store.put(name, (folder / output).read_bytes())

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(compile_one, inputs, outputs))  # list() waits for all, and raises the first error
    return [*outputs, *parts.objects]


def _weights_assembly(symbol: str, folder: Path, weights: Weights) -> str:
    """Assembler that takes the weights from a file beside it: nothing is as quick for so much data."""
    size = _size(weights)
    if size > EMBEDDED_LIMIT:
        raise CompileError(
            f"{size} bytes of weights do not fit into a library",
            expected=f"at most {EMBEDDED_LIMIT}",
            remedy="keep the weights in a file of their own (--external-weights)",
        )
    data = folder / "weights.bin"
    if isinstance(weights, Path):
        data.symlink_to(weights.absolute())
    else:
        data.write_bytes(weights)
    return f"""\
    .section .rodata.{symbol},"a",%progbits
    .balign {ALIGNMENT}
    .globl {symbol}
    .hidden {symbol}
    .type {symbol}, %object
{symbol}:
    .incbin "{data.name}"
    .size {symbol}, . - {symbol}
    .section .note.GNU-stack,"",%progbits
"""


def _size(weights: Weights) -> int:
    if isinstance(weights, Path):
        return weights.stat().st_size
    return weights.nbytes if isinstance(weights, memoryview) else len(weights)


def _write_weights(file: IO[bytes], symbol: str, weights: Weights) -> None:
    """The weights as an array in C.

    64-bit words, since a compiler's time and memory go with the number of elements, not with the digits.
    """
    data: np.ndarray
    if isinstance(weights, Path):
        data = np.memmap(weights, np.uint8, mode="r") if _size(weights) else np.zeros(0, np.uint8)
    else:
        data = np.frombuffer(weights, np.uint8)
    count = max(1, -(-data.size // 8))
    file.write(_WEIGHTS_HEAD.format(symbol=symbol, size=data.size, count=count, alignment=ALIGNMENT).encode())
    for start in range(0, count, _CHUNK):
        chunk = np.zeros(8 * min(_CHUNK, count - start), np.uint8)
        part = data[8 * start : 8 * (start + _CHUNK)]
        chunk[: part.size] = part
        file.write(_words(chunk.view("<u8")))
    file.write(b"};\n")


def _words(words: np.ndarray) -> bytes:
    """Lines of ``0x0123456789abcdef,``."""
    digits = np.frombuffer(words.astype(">u8").tobytes().hex().encode(), np.uint8).reshape(-1, 16)
    text = np.empty((words.size, 20), np.uint8)
    text[:, :2] = np.frombuffer(b"0x", np.uint8)
    text[:, 2:18] = digits
    text[:, 18] = ord(",")
    text[:, 19] = ord(" ")
    text[_WORDS_PER_LINE - 1 :: _WORDS_PER_LINE, 19] = ord("\n")
    text[-1, 19] = ord("\n")
    return text.tobytes()


_WEIGHTS_HEAD = """\
/* The weights: {size} bytes, in little-endian words. */
#include <stdint.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "this model was compiled for little-endian processors"
#endif

#if defined(__STDC_VERSION__) && __STDC_VERSION__ >= 201112L
#define WEIGHTS_ALIGNED _Alignas({alignment})
#elif defined(__GNUC__)
#define WEIGHTS_ALIGNED __attribute__((aligned({alignment})))
#else
#define WEIGHTS_ALIGNED
#endif

/* Define it to keep the weights in a section of their own, such as ".external_flash". */
#ifdef ONNXC_WEIGHTS_SECTION
#define WEIGHTS_SECTION __attribute__((section(ONNXC_WEIGHTS_SECTION)))
#else
#define WEIGHTS_SECTION
#endif

extern const uint64_t {symbol}[];
WEIGHTS_ALIGNED WEIGHTS_SECTION const uint64_t {symbol}[{count}] = {{
"""
