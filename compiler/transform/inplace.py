"""Let elementwise kernels overwrite an argument that nothing needs afterwards, so that it needs no second buffer.

A kernel is made for it: `inplace` in its attributes is the parameter whose memory takes the result, and it reads and
writes through one pointer, so that the compiler knows about the overlap.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from .. import op as relay_op
from ..op.base import FusionKind
from ..relay.expr import (
    Atom,
    Attrs,
    Binding,
    Call,
    Function,
    GlobalVar,
    Module,
    Tuple,
    TupleGetItem,
    Var,
    atoms_of,
    free_vars,
    subfunctions,
)
from ..relay.types import TensorType
from .base import Pass, PassContext, called_functions, map_subfunctions


def overwritable(function: Function) -> list[int]:
    """Parameters whose element i is read for no other element of the result than i."""
    result = function.result
    if not isinstance(result.type, TensorType):
        return []
    bordered = function.attrs.get("zero_borders", ())
    return [i for i, param in enumerate(function.params) if _is_elementwise(function, param, i in bordered)]


def _is_elementwise(function: Function, param: Var, bordered: bool) -> bool:
    """With a border of zeros, its middle may become that of a result with the same border (see the pass halo)."""
    type_, result = param.type, function.result.type
    assert isinstance(type_, TensorType) and isinstance(result, TensorType)
    if type_.shape != result.shape or type_.byte_size != result.byte_size:
        return False
    reached, middle = {param}, None
    for binding in function.bindings:
        if not any(a in reached for a in atoms_of(binding.value) if isinstance(a, Var)):
            continue
        value, var = binding.value, binding.var
        if not isinstance(value, Call) or not isinstance(value.op, str) or not isinstance(var.type, TensorType):
            return False
        if bordered and value.op == "strided_slice" and value.args == (param,) and middle is None:
            middle = value.attrs.begin, var.type.shape
        elif bordered and value.op == "pad" and var is function.result and middle is not None:
            if value.attrs.before != middle[0] or value.attrs.value != 0:
                return False
        else:
            op = relay_op.get(value.op)
            shape = type_.shape if middle is None else middle[1]
            if op.kind > FusionKind.BROADCAST or op.compute is None or var.type.shape != shape:
                return False
        reached.add(var)
    return function.result in reached and function.result is not param


class _Marker:
    """Marks the calls of one function."""

    def __init__(self, functions: dict[str, Function]) -> None:
        self.functions = functions

    def run(self, function: Function) -> Function:
        roots = _roots(function)
        bound = {b.var: b for b in function.bindings}
        # The memory of parameters, and of what is captured from outside, belongs to others.
        foreign = {root for var, root in roots.items() if var not in bound}
        last = _last_uses(function, roots)
        bindings = []
        for index, binding in enumerate(function.bindings):
            value = map_subfunctions(binding.value, self.run)
            if isinstance(value, Call) and isinstance(value.op, GlobalVar):
                uses = Counter(roots.get(a) for a in value.args if isinstance(a, Var))
                for place in overwritable(self.functions[value.op.name]):
                    argument = value.args[place]
                    root = roots.get(argument) if isinstance(argument, Var) else None
                    if root is None or root in foreign or last[root] != index or uses[root] != 1:
                        continue
                    if isinstance(argument, Var) and _is_kernel_result(argument, bound):
                        value = replace(value, op=GlobalVar(self._variant(value.op.name, place)))
                        break
            bindings.append(Binding(binding.var, value))
        return replace(function, bindings=tuple(bindings))

    def _variant(self, name: str, place: int) -> str:
        variant = f"{name}_inplace{place}"
        if variant not in self.functions:
            function = self.functions[name]
            self.functions[variant] = replace(function, attrs=Attrs({**function.attrs, "inplace": place}))
        return variant


def _is_kernel_result(var: Var, bound: dict[Var, Binding]) -> bool:
    """Is it all that a kernel has written, perhaps under another shape?"""
    value = bound[var].value
    while isinstance(value, Call) and isinstance(value.op, str) and relay_op.get(value.op).view:
        (source,) = value.args
        if not isinstance(source, Var) or source not in bound:
            return False
        value = bound[source].value
    return isinstance(value, Call) and isinstance(value.op, GlobalVar)


def _roots(function: Function) -> dict[Var, Var]:
    """For each variable one that stands for the memory that it may lie in."""
    parent: dict[Var, Var] = {}

    def find(var: Var) -> Var:
        while parent.get(var, var) is not var:
            var = parent[var]
        return var

    def join(left: Var, right: Atom) -> None:
        parent.setdefault(left, left)
        if isinstance(right, Var):
            parent.setdefault(right, right)
            parent[find(left)] = find(right)

    for param in function.params:
        parent[param] = param
    for binding in function.bindings:
        value = binding.value
        parent[binding.var] = binding.var
        if isinstance(value, (Var, Tuple, TupleGetItem)) or (isinstance(value, Call) and isinstance(value.op, str)):
            for atom in atoms_of(value):
                join(binding.var, atom)
    return {var: find(var) for var in parent}


def _last_uses(function: Function, roots: dict[Var, Var]) -> dict[Var, int]:
    """Index of the last binding that reads each root's memory; results are read behind the last."""
    last: dict[Var, int] = {}
    for index, binding in enumerate(function.bindings):
        used = [a for a in atoms_of(binding.value) if isinstance(a, Var)]
        used += [v for sub in subfunctions(binding.value) for v in free_vars(sub)]
        for var in used:
            last[roots.get(var, var)] = index
    if isinstance(function.result, Var):
        last[roots.get(function.result, function.result)] = len(function.bindings)
    return last


def _run(module: Module, context: PassContext) -> Module:
    marker = _Marker(dict(module.functions))
    main = marker.run(module.main)
    marker.functions["main"] = main
    return replace(module, functions=called_functions(marker.functions))


inplace = Pass("inplace", 2, _run)
