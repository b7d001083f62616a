"""Program -> model.c, which a person can read: one line per kernel call."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from ..kernel.kernel import Kernel
from ..relay.dimension import Dim, Dimension, bounds
from ..relay.run_time import NOTHING_KNOWN, assume_greatest, is_run_time
from ..relay.types import TensorType
from .buffers import INT32_MAX
from .header import input_fields, output_fields, run_parameters, symbol_fields
from .helpers import helpers_of
from .names import c_bound, c_comment, c_dimension, c_string, dlpack_type, identifiers, model_identifier
from .profile import StepTable
from .program import Buffer, KernelStep, Program, Step, decided_by_run, nested_steps
from .step_text import StepText
from .string_tables import key_tables, map_names, string_table
from .values import is_value, tensor_of, value_form
from .wrappers import emit_kernel_calls, emit_kernel_declarations

#: A block of the heap, of a size that is bounded by a double before it is computed by integers.
_RESERVE = """\
#define BP(k, n) ((void *)((uint8_t *)block##k + (n)))
#define RESERVE(k, bound, size, kept) do { \\
    if ((bound) > (double)INT32_MAX) return ONNXC_ERROR_SHAPE; \\
    RUN(onnxc_heap_reserve(heap, k, size, kept, &block##k)); \\
  } while (0)""".splitlines()

#: Length of the model's hash, with which weights in a file of their own begin.
EXTERNAL_WEIGHTS_HEAD = 64


def emit_model(
    program: Program,
    *,
    model_hash: str,
    target: str,
    cpu_features: Sequence[str],
    threads: bool,
    shared: bool,
    external_weights: bool = False,
    profile: bool = False,
) -> str:
    """Text of the model's C file.

    Parameters
    ----------
    model_hash : str
        SHA-256 of model and options.
    target : str
        Name of the target.
    cpu_features : sequence of str
        What the processor must have.
    threads : bool
        The target has threads.
    shared : bool
        It is for a shared library: define `onnxc_query` too.
    external_weights : bool
        The caller gives the weights: see onnxc_runtime.h.
    profile : bool
        Steps can be timed.
    """
    external = external_weights and program.weights_size > 0
    return _Emitter(program, threads, external, profile).text(model_hash, target, cpu_features, shared)


class _Emitter:
    def __init__(self, program: Program, threads: bool, external_weights: bool, profile: bool) -> None:
        self.program, self.threads, self.external_weights = program, threads, external_weights
        self.name = model_identifier(program.name)
        every = (*program.symbols, *program.run_time_symbols)
        self.symbols = {s: f"dim_{f}" for s, f in zip(every, identifiers(every), strict=True)}
        self.timed = StepTable(self.symbols) if profile else None
        self.kernels = list({s.kernel.symbol: s.kernel for s in _kernel_steps(program.steps)}.values())
        self.makes_text = program.makes_text

    def text(self, model_hash: str, target: str, cpu_features: Sequence[str], shared: bool) -> str:
        program, name = self.program, self.name
        parts = [
            f"/* {c_comment(program.name)}, compiled by onnxc for {target}. */\n",
            f'#include <stdbool.h>\n#include <string.h>\n\n#include "{name}.h"\n',
        ]
        if program.weights_size and not self.external_weights:
            parts.append(f"extern const uint64_t {name}_weights[];\n")
        parts += [string_table(f"strings_{index}", constant.array) for index, constant in enumerate(program.strings)]
        helpers = len(parts)
        parts.append("/* ---- kernels: see the end ---- */\n")
        parts.append(emit_kernel_declarations(self.kernels, self.threads))
        parts.append("/* ---- the model ---- */\n")
        parts.append(self._run())
        parts.append(self._sizes())
        parts.append(self._descriptor(model_hash, target, cpu_features))
        parts.append(self._typed())
        if shared:
            query = f"const onnxc_model *onnxc_query(uint32_t abi_version) {{ return {name}_query(abi_version); }}\n"
            parts.append(query)
        parts.append("/* ---- calls of kernels ---- */\n")
        parts.append(emit_kernel_calls(self.kernels, self.threads))
        parts[helpers:helpers] = helpers_of("\n".join(parts))
        return "\n".join(parts)

    def _dims(self, lines: list[str]) -> list[str]:
        """Declarations of the symbols that occur in lines of C."""
        words = set(re.findall(r"\w+", "\n".join(lines)))
        variables = list(self.symbols.values())
        given = len(self.program.symbols)
        declared = [
            f"  const int64_t {variable} = symbols[{index}];"
            for index, variable in enumerate(variables[:given])
            if variable in words
        ]
        found = [variable for variable in variables[given:] if variable in words]
        if found:
            declared += [f"  int64_t {', '.join(f'{v} = 0' for v in found)};"]
            declared += [f"  {', '.join(f'(void){v}' for v in found)};"]
        return declared

    def _run(self) -> str:
        program = self.program
        body = StepText(self.symbols, self.threads, self._address, self.timed).lines(program.steps)
        slots = self._slots()[:-1]
        timed = self.timed if self.timed is not None and self.timed.rows else None
        lines = [
            "/* Memory: I(k) is input k, O(k) output k, A(n) byte n of the arena, W(n) byte n of the weights. */",
            "#define I(k) (inputs[k])",
            "#define O(k) (outputs[k])",
            "#define IP(k, n) ((const void *)((const uint8_t *)inputs[k] + (n)))",
            "#define OP(k, n) ((void *)((uint8_t *)outputs[k] + (n)))",
            "#define A(n) ((void *)(arena + (n)))",
            "#define W(n) ((const void *)(weights + (n)))",
            "#define RUN(call) do { onnxc_status status = (call); if (status != ONNXC_OK) return status; } while (0)",
            *(_RESERVE if program.blocks else []),
            *(["#define VALUE(address) ((const onnxc_value *)(address))"] if program.has_values else []),
            *([timed.macro()] if timed else [""]),
            *(["static size_t arena_size(const int64_t *symbols);"] if program.bounds else []),
            "static onnxc_status run(const void *const *inputs, void *const *outputs, const int64_t *symbols,",
            "                        const onnxc_context *context) {",
            "  uint8_t *const arena = context->arena;",
            "  const onnxc_parallel *const parallel = context->parallel;",
            *(["  onnxc_text *const text = context->text;", "  onnxc_text_clear(text);"] if self.makes_text else []),
            *(timed.start() if timed else ()),
        ]
        if program.weights:
            lines += [f"  const uint8_t *const weights = {self._weights()};", "  (void)weights;"]
        if program.needs_heap:
            lines.append("  onnxc_heap *const heap = context->heap;")
        if program.blocks:
            lines.append(f"  void {', '.join(f'*block{i} = NULL' for i in range(program.blocks))};")
        lines.append("  (void)inputs, (void)outputs, (void)symbols, (void)arena, (void)parallel;")
        lines += [*self._dims([*slots, *body]), *slots]
        if program.bounds:  # what lies in an array of that size must not be overrun, whoever calls
            lines.append("  if (arena_size(symbols) == SIZE_MAX) return ONNXC_ERROR_SHAPE;")
        if any("item" in line for line in body):
            lines.append("  const onnxc_value *item = NULL;")
        for index, param in enumerate(program.inputs):
            if is_value(param.type):
                lines.append(f"  RUN(onnxc_value_check(inputs[{index}], {value_form(param.type)}));")
        if program.value_slots:
            lines.append(f"  RUN(onnxc_values_begin(heap, {program.value_slots}));")
        return "\n".join([*lines, *body, "  return ONNXC_OK;", "}", ""])

    def _weights(self) -> str:
        if not self.program.weights_size:
            return '(const uint8_t *)""'  # constants without elements are read nowhere, but have an address
        if self.external_weights:
            return f"(const uint8_t *)context->weights + {EXTERNAL_WEIGHTS_HEAD}"
        return f"(const uint8_t *){self.name}_weights"

    def _address(self, buffer: Buffer) -> str:
        root, inside = buffer.place()
        if root.kind == "weight":
            assert root.constant is not None
            return f"W({self._sum(self.program.weight_offsets[root.constant.digest], inside)})"
        if root.kind == "strings":
            return f"(strings_{root.index} + {self._sum(0, inside)} / 16)" if inside else f"strings_{root.index}"
        if root.kind == "value":
            return f"onnxc_value_of(heap, {root.index})"
        if root.kind == "item":
            return "item->data"
        if root.kind == "block":
            return f"block{root.index}" if inside == 0 else f"BP({root.index}, {self._sum(0, inside)})"
        if root.kind == "arena":
            slot = self.program.plan.slots[root.index]
            if slot is None:
                return f"A({self._sum(self.program.plan.offsets[root.index], inside)})"
            return f"A(slot{slot})" if inside == 0 else f"A(slot{slot} + {self._sum(0, inside)})"
        letter = "I" if root.kind == "input" else "O"
        if inside == 0:
            return f"{letter}({root.index})"
        return f"{letter}P({root.index}, {self._sum(0, inside)})"

    def _sum(self, base: Dimension, inside: Dimension) -> str:
        return c_dimension(base + inside, self.symbols)

    def _slots(self) -> list[str]:
        """C that puts the places of the slots into variables slot0, slot1, ...; the last is the end of the arena."""
        lines, place = [], str(self.program.plan.static_size)
        for slot, size in enumerate(self.program.plan.slot_sizes):
            lines.append(f"  const int64_t slot{slot} = {place};")
            place = f"slot{slot} + {c_dimension(size, self.symbols)}"
        return [*lines, f"  const int64_t end = {place};"]

    def _sizes(self) -> str:
        program = self.program
        checks = [f"  if ({test}) return SIZE_MAX;" for test in self._out_of_bounds()]
        checks += [line for d in self._symbolic_sizes() for line in self._check(d)]
        body = [*checks, *self._slots(), "  return (size_t)end;"]
        lines = ["static size_t arena_size(const int64_t *symbols) {", *self._dims(body)]
        lines += ["  (void)symbols;", *body, "}", ""]
        dims = [d for t in program.output_types if isinstance(t, TensorType) for d in t.shape]
        texts = ["ONNXC_RUN_TIME" if is_run_time(d) else c_dimension(d, self.symbols) for d in dims]
        body = [f"  shapes[{i}] = {text};" for i, text in enumerate(texts)]
        lines += ["static void output_shapes(const int64_t *symbols, int64_t *shapes) {", *self._dims(body)]
        return "\n".join([*lines, "  (void)symbols, (void)shapes;", *body, "}", ""])

    def _out_of_bounds(self) -> list[str]:
        given = ((self.symbols[symbol], most) for symbol, most in self.program.bounds.items())
        return [f"{variable} < 0 || {variable} > {most}" for variable, most in given]

    def _symbolic_sizes(self) -> list[Dimension]:
        """Bytes of tensors, and dimensions of outputs, that depend on symbols."""
        program = self.program
        outputs = [t for t in program.output_types if isinstance(t, TensorType) and not decided_by_run(t)]
        sizes = [p.type.byte_size for p in program.inputs if isinstance(p.type, TensorType)]
        sizes += [b.size for b in program.arena_buffers if not is_run_time(b.size)] + [t.byte_size for t in outputs]
        sizes += [d for t in outputs for d in t.shape]
        return list(dict.fromkeys(s for s in sizes if isinstance(s, Dim)))

    def _check(self, size: Dimension) -> list[str]:
        """Kernels index by 32 bits; and a window may be larger than what it slides over."""
        known = NOTHING_KNOWN
        for symbol, most in self.program.bounds.items():
            known = known.with_product([symbol], most)
        with assume_greatest(known):
            lowest, highest = bounds(size)
        if lowest >= 0 and highest <= INT32_MAX:
            return []
        bound, exact = c_bound(size, self.symbols), c_dimension(size, self.symbols)
        return [f"  if ({bound} > (double)INT32_MAX || {exact} < 0) return SIZE_MAX;"]

    def _descriptor(self, model_hash: str, target: str, cpu_features: Sequence[str]) -> str:
        program, name = self.program, self.name
        lines: list[str] = []
        tables: dict[str, list[tuple[str, Any]]] = {
            "inputs": [(p.name, p.type) for p in program.inputs],
            "outputs": list(zip(program.output_names, program.output_types, strict=True)),
        }
        for kind, entries in tables.items():
            infos = []
            for index, (tensor, type_) in enumerate(entries):
                shape, inner = "NULL", tensor_of(type_)
                rank = -1 if inner.shape is None else len(inner.shape)
                if inner.shape:
                    shape = f"{kind}_shape_{index}"
                    dims = ", ".join("ONNXC_RUN_TIME" if d is None else self._described(d) for d in inner.shape)
                    lines.append(f"static const int64_t {shape}[] = {{{dims}}};")
                if isinstance(type_, TensorType):
                    form = "ONNXC_VALUE" if kind == "outputs" and decided_by_run(type_) else "ONNXC_TENSOR"
                else:
                    form = value_form(type_)
                infos.append(f"  {{{c_string(tensor)}, {dlpack_type(inner.dtype)}, {rank}, {shape}, {form}}},")
            if infos:
                lines += [f"static const onnxc_tensor_info {kind}_info[] = {{", *infos, "};"]
        if program.symbols:
            lines.append(f"static const char *const symbol_names[] = {{{', '.join(map(c_string, program.symbols))}}};")
        if program.bounds:
            most = ", ".join(str(program.bounds.get(symbol, "INT32_MAX")) for symbol in program.symbols)
            lines.append(f"static const int64_t symbol_bounds[] = {{{most}}};")
        if self.timed is not None and self.timed.rows:
            lines += self.timed.infos()
        lines += [*key_tables(program.keys), *map_names(program.input_maps)]
        fields = {
            "abi_version": "ONNXC_ABI_VERSION",
            "struct_size": "sizeof(onnxc_model)",
            "name": c_string(program.name),
            "hash": c_string(model_hash),
            "target": c_string(target),
            "cpu_features": c_string(",".join(cpu_features)),
            "num_inputs": str(len(program.inputs)),
            "num_outputs": str(len(program.output_names)),
            "num_symbols": str(len(program.symbols)),
            "inputs": "inputs_info" if program.inputs else "NULL",
            "outputs": "outputs_info",
            "symbols": "symbol_names" if program.symbols else "NULL",
            "weights_size": str(program.weights_size + self.external_weights * EXTERNAL_WEIGHTS_HEAD),
            "weights_external": str(int(self.external_weights)),
            "arena_size": "arena_size",
            "output_shapes": "output_shapes",
            "run": "run",
            **(self.timed.fields() if self.timed else {}),
            **({"makes_text": "1"} if self.makes_text else {}),
            **({"input_maps": "input_maps"} if program.input_maps else {}),
            **({"output_keys": "output_keys"} if program.keys else {}),
            "needs_heap": str(int(program.needs_heap)),
            **({"symbol_bounds": "symbol_bounds"} if program.bounds else {}),
        }
        lines += ["", "static const onnxc_model model = {", *(f"  .{k} = {v}," for k, v in fields.items()), "};", ""]
        lines += [
            f"const onnxc_model *{name}_query(uint32_t abi_version) {{",
            "  return abi_version == ONNXC_ABI_VERSION ? &model : NULL;",
            "}",
            "",
        ]
        return "\n".join(lines)

    def _described(self, dim: Dimension) -> str:
        if isinstance(dim, int):
            return str(dim)
        if is_run_time(dim):
            return "ONNXC_RUN_TIME"
        for index, symbol in enumerate(self.program.symbols):
            if dim == Dim.symbol(symbol):
                return f"ONNXC_SYMBOL({index})"
        return "ONNXC_EXPRESSION"

    def _typed(self) -> str:
        program, name = self.program, self.name
        inputs, outputs, dims = input_fields(program), output_fields(program), symbol_fields(program)
        lines = []
        values = "NULL"
        if dims:
            values = "values"
            copies = ", ".join(f"symbols->{d}" for d in dims)
            lines += [
                f"size_t {name}_arena_size(const {name}_symbols *symbols) {{",
                f"  const int64_t values[] = {{{copies}}};",
                "  return arena_size(values);",
                "}",
                "",
            ]
        parameters = run_parameters(program, self.external_weights)
        text = ", .text = text" if self.makes_text else ""
        weights = "weights" if self.external_weights else "NULL"
        more = text + (", .heap = heap" if program.needs_heap else "")
        lines += [
            f"onnxc_status {name}_run({', '.join(parameters[:2])},",
            f"{' ' * (len(name) + 18)}{', '.join(parameters[2:])}) {{",
            f"  const onnxc_context context = {{.arena = arena, .weights = {weights}, .parallel = parallel{more}}};",
        ]
        if dims:
            lines.append(f"  const int64_t values[] = {{{copies}}};")
        ins = ", ".join(f"inputs->{f}" for f in inputs) or "NULL"
        outs = ", ".join(f"outputs->{f}" for f in outputs)
        lines += ["  if (inputs == NULL || outputs == NULL) return ONNXC_ERROR_ARGUMENT;"]
        if program.plan.size != 0:
            lines += ["  if (arena == NULL) return ONNXC_ERROR_ARENA;"]
        if self.makes_text:
            lines += ["  if (text == NULL) return ONNXC_ERROR_ARGUMENT;"]
        if program.needs_heap:
            lines += ["  if (heap == NULL) return ONNXC_ERROR_ARENA;"]
        if self.external_weights:
            lines += ["  if (weights == NULL) return ONNXC_ERROR_WEIGHTS;"]
        lines += [
            f"  const void *const in[] = {{{ins}}};",
            f"  void *const out[] = {{{outs}}};",
            f"  return run(in, out, {values}, &context);",
            "}",
            "",
        ]
        return "\n".join(lines)


def _kernel_steps(steps: Sequence[Step]) -> list[KernelStep]:
    found: list[KernelStep] = []
    for step in steps:
        if isinstance(step, KernelStep):
            found.append(step)
        for inner in nested_steps(step):
            found += _kernel_steps(inner)
    return found


def program_kernels(program: Program) -> list[Kernel]:
    """The distinct kernels of a program, in order of first use."""
    return list({s.kernel.symbol: s.kernel for s in _kernel_steps(program.steps)}.values())
