"""ONNX matrix products: MatMul, Gemm, Einsum."""

from __future__ import annotations

import numpy as np

from ..relay.expr import Atom, Constant
from ..relay.types import TensorType
from .einsum import einsum, matrix_product
from .registry import Node, converter


@converter("MatMul")
def convert_matmul(node: Node) -> Atom:
    return matrix_product(node, node.input(0), node.input(1))


@converter("Einsum")
def convert_einsum(node: Node) -> Atom:
    operands = [node.input(index) for index in range(len(node.inputs))]
    return einsum(node, node.required_attr("equation"), operands)


@converter("Gemm")
def convert_gemm(node: Node) -> Atom:
    """alpha * A' * B' + beta * C; a constant B takes alpha, and a C with one element per column becomes the bias."""
    a, b, c = node.input(0), node.input(1), node.optional_input(2)
    for index in (0, 1):
        if node.type(index).rank != 2:
            raise node.error(f"input {index} is {node.type(index)}", expected="a matrix")
    transpose_a, transpose_b = bool(node.attr("transA", 0)), bool(node.attr("transB", 0))
    alpha, beta = node.attr("alpha", 1.0), node.attr("beta", 1.0)
    addend = _scaled(node, c, beta) if c is not None and beta != 0 else None
    if isinstance(b, Constant) and not transpose_a:
        weights = _scaled(node, b if transpose_b else node.transpose(b, (1, 0)), alpha)
        bias = _bias(addend, weights) if addend is not None else None
        if bias is not None:
            return node.call("nn.dense", a, weights, bias)
        result = node.call("nn.dense", a, weights)
    else:
        result = _scaled(node, matrix_product(node, a, b, transpose_a, transpose_b), alpha)
    return result if addend is None else node.call("add", result, addend)


def _scaled(node: Node, atom: Atom, factor: float) -> Atom:
    """The tensor times a number; a constant stays one."""
    if factor == 1:
        return atom
    assert isinstance(atom.type, TensorType)
    dtype = atom.type.dtype
    if "int" in dtype and factor != int(factor):
        raise node.error(f"alpha or beta {factor} for {dtype}", expected="a whole number")
    if isinstance(atom, Constant):
        return Constant((atom.array * np.float64(factor)).astype(atom.array.dtype), atom.name)
    return node.call("multiply", atom, node.constant(factor, dtype))


def _bias(addend: Atom, weights: Atom) -> Atom | None:
    """What is added to the columns of the result, as a vector; None where it is no vector."""
    assert isinstance(addend.type, TensorType) and isinstance(weights.type, TensorType)
    columns = weights.type.shape[0]
    if addend.type.shape == (columns,):
        return addend
    rows = addend.type.shape[:-1]
    if isinstance(addend, Constant) and isinstance(columns, int) and all(d == 1 for d in rows):
        return Constant(np.broadcast_to(addend.array.reshape(-1), (columns,)).copy(), addend.name)
    return None


@converter("Det")
def convert_det(node: Node) -> Atom:
    return node.call("determinant", node.input(0))
