"""What a folder of C source has beside the C: how to build and use it."""

from __future__ import annotations

from ..executor.header import input_fields, output_fields, symbol_fields
from ..executor.names import interface_type
from ..executor.program import decided_by_run
from ..relay.types import TensorType
from .compiled import Compiled
from .link import Parts

_MAKEFILE = """\
# Builds lib{name}.a. Any C99 compiler will do:
#     make CC=... AR=... CFLAGS="..."
CC = {cc}
AR = {ar}
CFLAGS = {cflags}

OBJECTS = {objects}

lib{name}.a: $(OBJECTS)
\t$(AR) rcs $@ $(OBJECTS)

$(OBJECTS): $(wildcard *.h)

clean:
\trm -f lib{name}.a $(OBJECTS)

.PHONY: clean
"""

_CMAKE = """\
# A target {name} for add_subdirectory() and target_link_libraries().
cmake_minimum_required(VERSION 3.13)
project({name} C)
add_library({name} STATIC
{sources})
target_include_directories({name} PUBLIC ${{CMAKE_CURRENT_SOURCE_DIR}})
set_target_properties({name} PROPERTIES C_STANDARD {standard} C_STANDARD_REQUIRED ON)
{libraries}"""

_README = """\
# {title}

An ONNX model in C99, made by onnxc for the target {target}.

It needs no file system, no malloc and no operating system: of the C library only `<math.h>` and `<string.h>`. It has no
global variables that change. Compile all files that end in `.c` with the compiler of your choice, or type `make`.

| file | |
|---|---|
| `{name}.h` | the interface of the model: read this first |
| `{name}.c` | the model, one line for each kernel call |
{rows}
A run needs {arena} bytes of scratch memory, the arena. The caller gives it; no run leaves anything there for the next.
Tensors of different types share it, so add `-fno-strict-aliasing` if you build with link-time optimisation. To move the
weights into a section of their own, compile `{name}_weights.c` with `-DONNXC_WEIGHTS_SECTION='".your_section"'`.

```c
{example}```
"""

_EXAMPLE = """\
#include "{name}.h"

{memory}
int predict(void) {{
  const {name}_inputs inputs = {{{inputs}}};
  const {name}_outputs outputs = {{{outputs}}};
{symbols}  return {name}_run(&inputs, &outputs, {arguments}) == ONNXC_OK ? 0 : -1;
}}
"""


def tree_texts(compiled: Compiled, parts: Parts) -> dict[str, str]:
    """Names and texts of the files."""
    name, program, target = compiled.name, compiled.program, compiled.target
    sources = sorted([*parts.sources, *parts.runtime, *([f"{name}_weights.c"] if parts.weights is not None else [])])
    # The thread pool has C11's atomics.
    standard = "11" if target.hosted else "99"
    flags = [f"-std=c{standard}", "-O2", "-fno-strict-aliasing", *([] if target.hosted else target.toolchain.flags)]
    prefix = "" if target.hosted else target.toolchain.gcc_prefixes[0]
    makefile = _MAKEFILE.format(
        name=name,
        cc=f"{prefix}gcc" if prefix else "cc",
        ar=f"{prefix}ar",
        cflags=" ".join(flags),
        objects=" ".join(f"{source.removesuffix('.c')}.o" for source in sources),
    )
    libraries = ["m", *(["pthread"] if target.hosted else [])]
    cmake = _CMAKE.format(
        name=name,
        sources="\n".join(f"  {source}" for source in sources),
        standard=standard,
        libraries=f"target_link_libraries({name} PUBLIC {' '.join(libraries)})\n",
    )
    readme = _README.format(
        title=program.name.replace("\n", " "),
        target=target.name,
        name=name,
        rows="".join(f"| {files} | {what} |\n" for files, what in _rows(compiled, parts)),
        arena=program.plan.size if isinstance(program.plan.size, int) else f"`{name}_arena_size()`",
        example=_example(compiled),
    )
    return {"Makefile": makefile, "CMakeLists.txt": cmake, "README.md": readme}


def _rows(compiled: Compiled, parts: Parts) -> list[tuple[str, str]]:
    """The files but the model's, and what is in them."""
    kernels = [source for source in sorted(parts.sources) if source != f"{compiled.name}.c"]
    rows = [(", ".join(f"`{source}`" for source in kernels), "the kernels")] if kernels else []
    if parts.weights is not None:
        rows.append((f"`{compiled.name}_weights.c`", f"{compiled.program.weights_size} bytes of constants"))
    rows.append(("`onnxc_runtime.h`, `onnxc_runtime.c`", "what all models share: checks of tensors, parallel loops"))
    if "onnxc_memory.c" in parts.runtime:
        rows.append(("`onnxc_memory.c`", "memory for arenas, in large pages; leave it out if you have your own"))
    if "onnxc_threads.c" in parts.runtime:
        rows.append(
            (
                "`onnxc_threads.c`, `onnxc_shares.c`, `onnxc_pool.h`, `onnxc_processors.c`",
                "a pool of POSIX threads, in C11; leave them out for none",
            )
        )
    if "onnxc_text.c" in parts.runtime:
        rows.append(("`onnxc_text.c`", "memory of the strings that the model makes"))
    if "onnxc_heap.c" in parts.runtime:
        rows.append(("`onnxc_heap.c`", "memory of sizes that runs decide: it needs malloc"))
    if "onnxc_sequence.c" in parts.runtime:
        rows.append(("`onnxc_sequence.c`", "sequences and optional values"))
    return rows


def _example(compiled: Compiled) -> str:
    """A call of the model, that compiles where its shapes are static."""
    name, program = compiled.name, compiled.program
    upper, dims = name.upper(), symbol_fields(program)
    memory, fields = [], {}
    for kind, names, types in (
        ("input", input_fields(program), [p.type for p in program.inputs]),
        ("output", output_fields(program), list(program.output_types)),
    ):
        for field, type_ in zip(names, types, strict=True):
            if not isinstance(type_, TensorType) or (kind == "output" and decided_by_run(type_)):
                memory.append(f"static onnxc_value {kind}_{field};\n")
                continue
            size = f"{upper}_{kind.upper()}_{field.upper()}_SIZE" if type_.is_static else f"MAXIMUM_{field.upper()}"
            memory.append(f"static {interface_type(type_.dtype)} {kind}_{field}[{size}];\n")
        pairs = zip(names, types, strict=True)
        marks = ["&" if decided_by_run(t) else "" for _, t in pairs]
        fields[kind] = ", ".join(f".{f} = {mark}{kind}_{f}" for f, mark in zip(names, marks, strict=True))
    arena = f"{upper}_ARENA_SIZE" if isinstance(program.plan.size, int) else "MAXIMUM_ARENA"
    has_arena = program.plan.size != 0
    if has_arena:
        memory.append(f"static uint8_t arena[{arena}] __attribute__((aligned(ONNXC_ALIGNMENT)));\n")
    values = ", ".join(f".{dim} = ..." for dim in dims)
    return _EXAMPLE.format(
        name=name,
        memory="".join(memory),
        inputs=fields["input"] or "0",
        outputs=fields["output"],
        symbols=f"  const {name}_symbols symbols = {{{values}}};\n" if dims else "",
        arguments=", ".join(
            [
                *(["&symbols"] if dims else []),
                "arena" if has_arena else "NULL",
                *(["text"] if program.makes_text else []),
                *(["heap"] if program.needs_heap else []),
                "NULL",
            ]
        ),
    )
