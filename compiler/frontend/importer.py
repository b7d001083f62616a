"""ONNX model -> Relay module."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import onnx

from .. import op as relay_op
from ..diagnostics import CompileError, Location, located
from ..relay.builder import FunctionBuilder
from ..relay.dimension import Dimension
from ..relay.expr import Atom, Constant, Module
from ..relay.types import OpenTensorType, OptionalType, TensorType, TupleType, Type
from .choices import choices_of
from .expand import expand_function
from .explain import explain
from .load import load_model, opset_versions
from .node_order import sorted_nodes
from .registry import Finished, Node, element_type, find_converter
from .sequences import type_of_proto
from .symbols import InputSymbols
from .tensors import TensorReader

#: Of so many nodes with branches that differ in rank, in a row, each branch is converted with what follows it:
#: for each that takes twice the code.
FOLLOWED = 2


def import_model(
    source: str | Path | bytes | onnx.ModelProto, dims: Mapping[str, int] | None = None, name: str | None = None
) -> Module:
    """Convert an ONNX model.

    Parameters
    ----------
    source : path, bytes or ModelProto
    dims : mapping, optional
        Values for symbolic dimensions of the inputs, by the names that the model or Relay has for them.
    name : str, optional
        Name of the module; the file's name by default.

    Raises
    ------
    CompileError
        The model is broken, or uses what is not supported (all unsupported operators are named together).
    """
    model, found_name, path = load_model(source)
    name = name or found_name
    importer = _Importer(model, name, path, dict(dims or {}))
    with located(Location(model=name)):
        return importer.run()


def unsupported_operators(model: onnx.ModelProto, name: str = "model") -> list[tuple[str, str, int, list[str]]]:
    """Operators without converter or function body: (domain, operator, version, names of some nodes)."""
    versions = opset_versions(model, name)
    local = {(f.domain, f.name) for f in model.functions}
    found: dict[tuple[str, str], tuple[int, list[str]]] = {}
    parts: list[tuple[Any, Mapping[str, int]]] = [(model.graph, versions)]
    parts += [(f, {**versions, **_function_versions(f)}) for f in model.functions]
    for part, known in parts:
        for node in all_nodes(part):
            domain = "" if node.domain == "ai.onnx" else node.domain
            if (node.domain, node.op_type) in local or find_converter(domain, node.op_type):
                continue
            schema = _schema(node.op_type, known[domain], domain) if domain in known else None
            if schema is None or not (schema.has_function or schema.has_context_dependent_function):
                _, nodes = found.setdefault((domain, node.op_type), (known.get(domain, 0), []))
                nodes.append(node.name or (node.output[0] if node.output else "?"))
    return [(domain, op, version, nodes[:3]) for (domain, op), (version, nodes) in sorted(found.items())]


def _function_versions(function: onnx.FunctionProto) -> dict[str, int]:
    return {"" if entry.domain == "ai.onnx" else entry.domain: entry.version for entry in function.opset_import}


def _schema(operator: str, version: int, domain: str) -> Any:
    try:
        return onnx.defs.get_schema(operator, version, domain)
    except onnx.defs.SchemaError:
        return None


def all_nodes(graph: onnx.GraphProto | onnx.FunctionProto) -> Iterable[onnx.NodeProto]:
    """Nodes of a graph or function, and of the graphs inside it."""
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            if attribute.HasField("g"):
                yield from all_nodes(attribute.g)
            for sub in attribute.graphs:
                yield from all_nodes(sub)


def _shape_reference(op: str) -> Any:
    found = relay_op.get(op)
    return found.reference if found.shape_value else None


def new_builder(notes: dict[Any, Any] | None = None) -> FunctionBuilder:
    """A function builder over the registered operators."""
    return FunctionBuilder(relay_op.infer_call, _shape_reference, notes=notes)


class _Scope:
    """ONNX value names -> atoms, with the enclosing graph's behind."""

    def __init__(self, outer: _Scope | None = None) -> None:
        self.values: dict[str, Atom] = {}
        self._outer = outer

    def find(self, name: str) -> Atom | None:
        scope: _Scope | None = self
        while scope is not None:
            if name in scope.values:
                return scope.values[name]
            scope = scope._outer
        return None


class _Importer:
    def __init__(self, model: onnx.ModelProto, name: str, path: Path | None, dims: dict[str, int]) -> None:
        self.model, self.name, self.dims = model, name, dims
        self.tensors = TensorReader(path)
        self.versions = opset_versions(model, name)
        self.functions = {(f.domain, f.name): f for f in model.functions}
        self.symbols = InputSymbols(model.graph.input, dims)
        self.input_maps: list[str] = []  # for each parameter of main the map whose keys or values it is, or nothing
        self.inlining: list[tuple[str, str]] = []  # functions of the model, from the outermost in

    def run(self) -> Module:
        self._report_unsupported()
        for symbol, size in self.dims.items():
            if not 0 <= size < 1 << 31:
                raise CompileError(f"dimension {symbol} shall be {size}", expected="a number from 0 to 2147483647")
        notes: dict[Any, Any] = {}
        return choices_of(notes).explore(lambda: self._module(new_builder(notes)))

    def _module(self, builder: FunctionBuilder) -> Module:
        scope, graph = _Scope(), self.model.graph
        initializers = {t.name for t in graph.initializer} | {t.values.name for t in graph.sparse_initializer}
        for value in graph.input:
            if value.name in scope.values:
                raise CompileError("two inputs have this name", Location(tensor=value.name))
            if value.name not in initializers:
                scope.values[value.name] = self._input(value, builder)
        self.symbols.check()
        outputs = self._graph(graph, builder, scope)
        if not outputs:
            raise CompileError("the model has no outputs")
        self._check_outputs(outputs)
        names = tuple(v.name for v in graph.output)
        result = builder.tuple(outputs, "outputs") if len(outputs) != 1 else outputs[0]
        attrs: dict[str, Any] = {"outputs": names}
        if self.symbols.renamed:
            attrs["renamed_symbols"] = tuple(sorted(self.symbols.renamed.items()))
        if any(self.input_maps):
            attrs["input_maps"] = tuple(self.input_maps)
        if any(a in builder.row_keys for a in outputs):
            attrs["keys"] = tuple(builder.row_keys.get(a, ()) for a in outputs)
        return Module({"main": builder.function(result, **attrs)}, self.name)

    def _input(self, value: onnx.ValueInfoProto, builder: FunctionBuilder) -> Atom:
        """A parameter of main; a map is two, its keys and its values."""
        location = Location(tensor=value.name)
        if value.type.WhichOneof("value") != "map_type":
            self.input_maps.append("")
            return builder.param(value.name, self._type(value), location)
        with located(location):
            key, element = value.type.map_type.key_type, value.type.map_type.value_type
            if not element.HasField("tensor_type"):
                raise CompileError("the input is a map of maps or sequences", expected="a map to numbers or strings")
            count = self.symbols.dimension("", value.name, 0)
            types = [TensorType((count,), element_type(number)) for number in (key, element.tensor_type.elem_type)]
        self.input_maps += [value.name] * 2
        names = (f"{value.name}.keys", f"{value.name}.values")
        parts: list[Atom] = [builder.param(n, t, location) for n, t in zip(names, types, strict=True)]
        return builder.tuple(parts, value.name, location)

    def _check_outputs(self, outputs: Iterable[Atom]) -> None:
        """The outputs must have the element types that the model says; of its shapes many models are unsure."""
        for value, atom in zip(self.model.graph.output, outputs, strict=True):
            if isinstance(atom.type, TupleType):
                raise CompileError(
                    "the output is the map that is an input",
                    Location(tensor=value.name),
                    expected="what an operator gives: ONNX has none that gives a map, but ZipMap, which gives several",
                )
            found = atom.type.dtype if isinstance(atom.type, TensorType) else str(atom.type)
            if isinstance(atom.type, OptionalType) and isinstance(atom.type.element, OpenTensorType):
                found = atom.type.element.dtype  # a tensor of several ranks: see convert_control.py
            if value.type.sequence_type.elem_type.HasField("tensor_type"):
                declared, good = "a sequence", not isinstance(atom.type, TensorType)
            elif value.type.tensor_type.elem_type != 0:
                declared = element_type(value.type.tensor_type.elem_type)
                good = found == declared
            else:
                continue
            if not good:
                raise CompileError(
                    f"the output is computed as {found}, but declared as {declared}",
                    Location(tensor=value.name),
                    remedy="export the model again, and check it with onnx.checker.check_model(model, full_check=True)",
                )

    def _report_unsupported(self) -> None:
        missing = unsupported_operators(self.model, self.name)
        if missing:
            listing = "; ".join(
                f"{d + ':' if d else ''}{o} (opset {v}; node {', '.join(repr(n) for n in nodes)})"
                for d, o, v, nodes in missing
            )
            raise CompileError(
                f"{len(missing)} operator{'s are' if len(missing) > 1 else ' is'} not supported: {listing}",
                remedy="check the domain and the spelling; 'onnxc inspect' lists what a model uses",
            )

    def _graph(self, graph: onnx.GraphProto, builder: FunctionBuilder, scope: _Scope) -> list[Atom]:
        sparse = [(s.values.name, s) for s in graph.sparse_initializer]
        for name, tensor in [*((t.name, t) for t in graph.initializer), *sparse]:
            if name in scope.values:
                raise CompileError("two initializers have this name", Location(tensor=name))
            scope.values[name] = Constant(self.tensors.array(tensor, name), name)
        return self._nodes(
            sorted_nodes(graph, scope.values), graph, builder, scope, FOLLOWED if graph is self.model.graph else 0
        )

    def _nodes(
        self,
        nodes: Sequence[onnx.NodeProto],
        graph: onnx.GraphProto,
        builder: FunctionBuilder,
        scope: _Scope,
        followed: int,
    ) -> list[Atom]:
        """Results of a graph, of which these nodes are left; see FOLLOWED."""
        for place, node in enumerate(nodes):

            def rest(
                child: FunctionBuilder, results: Sequence[Atom], place: int = place, node: onnx.NodeProto = node
            ) -> list[Atom]:
                inner = _Scope(scope)
                inner.values.update({name: atom for name, atom in zip(node.output, results, strict=True) if name})
                return self._nodes(nodes[place + 1 :], graph, child, inner, followed - 1)

            finished = self._node(node, builder, scope, rest if followed else None)
            if finished is not None:
                return finished
        outputs = []
        for value in graph.output:
            atom = scope.find(value.name)
            if atom is None:
                raise CompileError(
                    "nothing computes this output",
                    Location(tensor=value.name),
                    expected="an output of a node, or an input or initializer of the graph",
                )
            outputs.append(atom)
        return outputs

    def _node(
        self,
        proto: onnx.NodeProto,
        builder: FunctionBuilder,
        scope: _Scope,
        rest: Callable[[FunctionBuilder, Sequence[Atom]], list[Atom]] | None = None,
    ) -> list[Atom] | None:
        """Convert a node; where its converter did what `rest` does, too, the results of that."""
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        label = proto.name or next((o for o in proto.output if o), "?")
        location = Location(self.name, label, f"{domain + ':' if domain else ''}{proto.op_type}")
        with located(location):
            proto = self.tensors.with_data(proto)
        inputs: list[Atom | None] = []
        for name in proto.input:
            atom = scope.find(name) if name else None
            if name and atom is None:
                raise CompileError(
                    "nothing computes this input",
                    Location(self.name, label, proto.op_type, name),
                    expected="an input or initializer of the graph, or another node's output",
                )
            inputs.append(atom)

        def convert_graph(graph: onnx.GraphProto, child: FunctionBuilder, given: Mapping[str, Atom]) -> list[Atom]:
            inner = _Scope(scope)
            inner.values.update(given)
            return self._graph(graph, child, inner)

        node = Node(proto, inputs, self.versions.get(domain, 1), location, builder, convert_graph, scope.find, rest)
        with located(location):
            key = (proto.domain, proto.op_type)
            result = self.functions[key] if key in self.functions else self._convert(node)
            if isinstance(result, onnx.FunctionProto):
                self._inline(result, node, scope)
                return None
            if isinstance(result, Finished):
                return result.outputs
        for name, atom in zip(proto.output, result if isinstance(result, (list, tuple)) else [result], strict=False):
            if name and atom is not None:
                scope.values[name] = atom
        missing = [o for o in proto.output if o and o not in scope.values]
        if missing:
            raise CompileError(f"output '{missing[0]}' is not supported", location)
        return None

    def _convert(self, node: Node) -> Any:
        """Results of a node's converter, or, without one that wants the node, the schema's function body."""
        convert = find_converter(node.domain, node.proto.op_type)
        try:
            result = NotImplemented if convert is None else convert(node)
            return expand_function(node) if result is NotImplemented else result
        except (CompileError, MemoryError):
            raise
        except Exception as error:
            explanation = explain(node)
            if explanation is None:
                raise
            raise explanation from error

    def _inline(self, function: onnx.FunctionProto, node: Node, scope: _Scope) -> None:
        """Convert the body of an ONNX function in place of the node."""
        key = (node.proto.domain, node.proto.op_type)
        if key in self.inlining and key in self.functions:
            chain = " calls ".join(f"'{name}'" for _, name in [*self.inlining[self.inlining.index(key) :], key])
            raise node.error(f"the model's function calls itself: {chain}", expected="functions without recursion")
        inner = _Scope()
        for name, atom in zip(function.input, node.inputs, strict=False):
            if atom is not None:
                inner.values[name] = atom
        given = {a.name: a for a in node.proto.attribute}
        defaults = {a.name: a for a in function.attribute_proto}
        outer_versions = self.versions
        self.versions = {**outer_versions, **_function_versions(function)}
        self.inlining.append(key)
        absent = {n for n in function.input if n not in inner.values}
        try:
            for body in function.node:
                copy = onnx.NodeProto()
                copy.CopyFrom(body)
                _bind_attributes(copy, given, defaults)
                copy.input[:] = ["" if n in absent else n for n in copy.input]
                copy.name = f"{node.location.node}/{copy.name or copy.op_type}"
                self._node(copy, node.builder, inner)
        finally:
            self.versions = outer_versions
            self.inlining.pop()
        for outer_name, inner_name in zip(node.proto.output, function.output, strict=False):
            atom = inner.find(inner_name)
            if outer_name and atom is not None:
                scope.values[outer_name] = atom

    def _type(self, value: onnx.ValueInfoProto) -> Type:
        with located(Location(tensor=value.name)):
            return self._type_proto(value.type, value.name)

    def _type_proto(self, proto: onnx.TypeProto, name: str) -> Type:
        kind = proto.WhichOneof("value")
        if kind == "tensor_type":
            return self._tensor_type(proto.tensor_type, name)
        if kind in ("sequence_type", "optional_type"):
            return type_of_proto(proto, self.symbols.open_dimension)
        raise CompileError(f"the input has the type {kind or 'nothing'}", expected="a tensor")

    def _tensor_type(self, proto: onnx.TypeProto.Tensor, name: str) -> TensorType:
        dtype = element_type(proto.elem_type)
        if not proto.HasField("shape"):
            raise CompileError(
                "the input has no shape, not even a rank",
                expected="a shape; unknown dimensions may have names",
                remedy="set the input's shape with onnx.tools.update_model_dims, or export the model again",
            )
        shape: list[Dimension] = []
        for axis, dim in enumerate(proto.shape.dim):
            if dim.HasField("dim_value") and dim.dim_value >= 0:
                shape.append(dim.dim_value)
                continue
            shape.append(self.symbols.dimension(dim.dim_param, name, axis))
        return TensorType(tuple(shape), dtype)


def _bind_attributes(
    node: onnx.NodeProto, given: Mapping[str, onnx.AttributeProto], defaults: Mapping[str, onnx.AttributeProto]
) -> None:
    """Replace references to a function's attributes (ref_attr_name) by the values of the call."""
    kept = []
    for attribute in node.attribute:
        if attribute.ref_attr_name:
            source = given.get(attribute.ref_attr_name) or defaults.get(attribute.ref_attr_name)
            if source is None:
                continue
            bound = onnx.AttributeProto()
            bound.CopyFrom(source)
            bound.name = attribute.name
            kept.append(bound)
        else:
            for sub in ([attribute.g] if attribute.HasField("g") else []) + list(attribute.graphs):
                for inner in sub.node:
                    _bind_attributes(inner, given, defaults)
            kept.append(attribute)
    copies = [onnx.AttributeProto.FromString(a.SerializeToString()) for a in kept]
    del node.attribute[:]
    node.attribute.extend(copies)
