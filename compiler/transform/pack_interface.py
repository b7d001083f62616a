"""Give inputs and outputs of elements of less than a byte the form that callers know: several elements in a byte.

Inside, such an element has a byte of its own. See `op.packed`.
"""

from __future__ import annotations

from dataclasses import replace

from .. import op as relay_op
from ..diagnostics import NOWHERE
from ..op.packed import PACKED
from ..relay.expr import Atom, Binding, Call, Module, Tuple, Var, all_bindings, map_function
from ..relay.types import TensorType
from .base import Pass, PassContext


def _run(module: Module, context: PassContext) -> Module:
    main = module.main
    values = {b.var: b.value for b in main.bindings}
    value = values.get(main.result) if isinstance(main.result, Var) else None
    results = value.fields if isinstance(value, Tuple) else (main.result,)
    if not any(map(_is_packed, (*main.params, *results))):
        return module
    names = {var.name for var in (*main.params, *(b.var for b in all_bindings(main)))}
    unpacked = [_call("unpack", param, names) for param in main.params if _is_packed(param)]
    inside: dict[Atom, Atom] = {b.value.args[0]: b.var for b in unpacked if isinstance(b.value, Call)}
    main = map_function(main, lambda atom: inside.get(atom, atom))
    packed: list[Binding] = []

    def outside(atom: Atom) -> Atom:
        # One call for each result, also where two results are one value: each is the caller's memory.
        if not _is_packed(atom):
            return atom
        packed.append(_call("pack", inside.get(atom, atom), names))
        return packed[-1].var

    fields = tuple(map(outside, results))
    bindings, result = main.bindings, fields[0]
    if isinstance(value, Tuple):
        assert isinstance(main.result, Var)
        bindings = tuple(b for b in bindings if b.var is not main.result)
        packed.append(Binding(main.result, Tuple(fields, value.location)))
        result = main.result
    return module.with_main(replace(main, bindings=(*unpacked, *bindings, *packed), result=result))


def _is_packed(atom: Atom) -> bool:
    return isinstance(atom.type, TensorType) and atom.type.dtype in PACKED


def _call(op: str, argument: Atom, names: set[str]) -> Binding:
    """A call of an operator without attributes, under a new name."""
    name = next(n for n in (f"{argument.name}.{op}{i or ''}" for i in range(len(names) + 1)) if n not in names)
    names.add(name)
    location = argument.location if isinstance(argument, Var) else NOWHERE
    attrs, type_ = relay_op.infer_call(op, {}, [argument.type])
    return Binding(Var(name, type_, location), Call(op, (argument,), attrs, location))


pack_interface = Pass("pack_interface", 0, _run)
