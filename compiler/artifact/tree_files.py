"""What a folder of C source has beside the C: how to build and use it."""

from __future__ import annotations

from ..executor.header import input_fields, output_fields, symbol_fields
from ..executor.names import C_TYPES
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
set_target_properties({name} PROPERTIES C_STANDARD 99 C_STANDARD_REQUIRED ON)
{libraries}"""

_README = """\
# {title}

C99, made by onnxc from an ONNX model for the target {target}. It needs {needs}: no file system, no malloc, no global
variables that change. Compile all files ending in `.c` with the compiler of your choice, or type `make`.

| file | |
|---|---|
| `{name}.h` | the interface of the model: read this first |
| `{name}.c` | the model, one line for each kernel call |
| `*_kernels.c` and others | the kernels |
| `{name}_weights.c` | {weights} bytes of constants |
| `onnxc_runtime.h`, `onnxc_runtime.c` | what all models share: checks of tensors, parallel loops |

A run needs {arena} bytes of scratch memory (the arena), which the caller gives; nothing in it is kept from one run to
the next. With GCC or Clang add `-fno-strict-aliasing` when you build with link-time optimisation, since tensors of
different types share the arena. Without files and threads the weights can be moved to another memory: compile
`{name}_weights.c` with `-DONNXC_WEIGHTS_SECTION='".your_section"'`.

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
    flags = ["-std=c99", "-O2", "-fno-strict-aliasing", *([] if target.hosted else target.toolchain.flags)]
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
        libraries=f"target_link_libraries({name} PUBLIC {' '.join(libraries)})\n",
    )
    readme = _README.format(
        title=program.name.replace("\n", " "),
        target=target.name,
        needs="a C library with <math.h> and POSIX threads" if target.hosted else "<math.h> and <string.h>",
        name=name,
        weights=program.weights_size,
        arena=program.plan.size if isinstance(program.plan.size, int) else f"`{name}_arena_size()`",
        example=_example(compiled),
    )
    return {"Makefile": makefile, "CMakeLists.txt": cmake, "README.md": readme}


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
            assert isinstance(type_, TensorType)
            size = f"{upper}_{kind.upper()}_{field.upper()}_SIZE" if type_.is_static else f"MAXIMUM_{field.upper()}"
            memory.append(f"static {C_TYPES[type_.dtype][1]} {kind}_{field}[{size}];\n")
        fields[kind] = ", ".join(f".{field} = {kind}_{field}" for field in names)
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
        arguments=", ".join([*(["&symbols"] if dims else []), "arena" if has_arena else "NULL", "NULL"]),
    )
