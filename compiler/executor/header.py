"""Program -> model.h: sizes, typed structs and functions."""

from __future__ import annotations

from ..op.packed import PACKED
from ..op.small_float import SMALL_FLOATS
from ..relay.dimension import Dimension, bounds
from ..relay.dimension import symbols as symbols_of
from ..relay.run_time import NOTHING_KNOWN, assume_greatest
from ..relay.types import DTYPES, TensorType
from .names import c_comment, field_names, interface_count, interface_type, model_identifier
from .program import Program, decided_by_run

#: What C's type does not say about a tensor.
_NOTES = {
    **{name: f", {name}, {8 // DTYPES[name][1]} in a byte, the first in the lowest bits" for name in PACKED},
    **{name: f", the bits of {name}" for name in ("float16", "bfloat16", *SMALL_FLOATS) if name not in PACKED},
    **dict.fromkeys(("complex64", "complex128"), ", pairs: real and imaginary part"),
}


def input_fields(program: Program) -> list[str]:
    return field_names(p.name for p in program.inputs)


def output_fields(program: Program) -> list[str]:
    return field_names(program.output_names)


def symbol_fields(program: Program) -> list[str]:
    return field_names(program.symbols)


def run_parameters(program: Program, external_weights: bool) -> list[str]:
    """Parameters of the model's typed function, in order."""
    name = model_identifier(program.name)
    return [
        f"const {name}_inputs *inputs",
        f"const {name}_outputs *outputs",
        *([f"const {name}_symbols *symbols"] if program.symbols else []),
        *(["const void *weights"] if external_weights else []),
        "void *arena",
        *(["onnxc_text *text"] if program.makes_text else []),
        *(["onnxc_heap *heap"] if program.needs_heap else []),
        "const onnxc_parallel *parallel",
    ]


def emit_header(program: Program, external_weights: bool = False) -> str:
    """Text of the model's header."""
    name = model_identifier(program.name)
    upper = name.upper()
    lines = [
        f"/* {c_comment(program.name)}: interface, made by onnxc. */",
        f"#ifndef {upper}_H",
        f"#define {upper}_H",
        "",
        "#include <stdbool.h>",
        "",
        '#include "onnxc_runtime.h"',
        "",
        "#ifdef __cplusplus",
        'extern "C" {',
        "#endif",
        "",
    ]
    if isinstance(program.plan.size, int):
        lines += ["/* Bytes of scratch memory for one run. */", f"#define {upper}_ARENA_SIZE {program.plan.size}u"]
    lines += [f"#define {upper}_WEIGHTS_SIZE {program.weights_size}u", ""]
    inputs, outputs, symbols = input_fields(program), output_fields(program), symbol_fields(program)
    types = [p.type for p in program.inputs]
    sizes = []
    for kind, fields, field_types in (("INPUT", inputs, types), ("OUTPUT", outputs, program.output_types)):
        for field, type_ in zip(fields, field_types, strict=True):
            if not isinstance(type_, TensorType) or decided_by_run(type_):
                continue
            count = interface_count(type_)
            if isinstance(count, int):
                sizes.append(f"#define {upper}_{kind}_{field.upper()}_SIZE {count}u")
            elif all(symbol in program.bounds for symbol in symbols_of(count)):
                most = max(0, int(_most(program, count)))
                sizes.append(f"#define {upper}_{kind}_{field.upper()}_MAX_SIZE {most}u")
    if sizes:
        at_most = "; MAX: where dimensions are at their bounds" if program.bounds else ""
        lines += [f"/* Lengths of the arrays{at_most}. */", *sizes, ""]
    lines += _struct(f"{name}_inputs", inputs, types, "const ")
    lines += _struct(f"{name}_outputs", outputs, list(program.output_types), "")
    if symbols:
        named = dict(zip(program.symbols, symbols, strict=True))
        limits = [f"#define {upper}_{named[name].upper()}_BOUND {most}" for name, most in program.bounds.items()]
        if limits:
            lines += ["/* The greatest values of dimensions: runs with greater ones fail, ONNXC_ERROR_SHAPE. */"]
            lines += [*limits, ""]
        lines += ["/* The dimensions that are only known at run time, each at least 0. */", "typedef struct {"]
        lines += [f"  int64_t {s};" for s in symbols] + [f"}} {name}_symbols;", ""]
        lines += ["/* Bytes of scratch memory for one run. */"]
        lines += [f"ONNXC_EXPORT size_t {name}_arena_size(const {name}_symbols *symbols);", ""]
    parameters = run_parameters(program, external_weights)
    lines += [
        "/* Run the model. Checks nothing but NULL pointers; arena is aligned to ONNXC_ALIGNMENT bytes; parallel may",
        " * be NULL. Give memory to one run at a time. */",
        f"ONNXC_EXPORT onnxc_status {name}_run({', '.join(parameters[:2])},",
        f"{' ' * (len(name) + 31)}{', '.join(parameters[2:])});",
        "",
        "/* The model for the functions of onnxc_runtime.h; NULL for another version of the interface. */",
        f"ONNXC_EXPORT const onnxc_model *{name}_query(uint32_t abi_version);",
        "",
        "#ifdef __cplusplus",
        "}",
        "#endif",
        "#endif",
        "",
    ]
    return "\n".join(lines)


def _most(program: Program, dim: Dimension) -> float:
    """A dimension's greatest value."""
    known = NOTHING_KNOWN
    for symbol, most in program.bounds.items():
        known = known.with_product([symbol], most)
    with assume_greatest(known):
        return bounds(dim)[1]


def _struct(name: str, fields: list[str], types: list, qualifier: str) -> list[str]:
    lines = ["typedef struct {"]
    for field, type_ in zip(fields, types, strict=True):
        if decided_by_run(type_):
            told = "" if qualifier else ", told by the run"
            lines.append(f"  {qualifier}onnxc_value *{field}; /* {c_comment(str(type_))}{told} */")
            continue
        note = _NOTES.get(type_.dtype, "")
        lines.append(f"  {qualifier}{interface_type(type_.dtype)} *{field}; /* {c_comment(str(type_.shape))}{note} */")
    if not fields:
        lines.append("  char unused; /* C has no empty structs */")
    return [*lines, f"}} {name};", ""]
