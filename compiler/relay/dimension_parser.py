"""Text -> dimension."""

from __future__ import annotations

import ast

from ..diagnostics import CompileError
from .dimension import INTEGER_OPERATIONS, Dim, Dimension, maximum, minimum


def parse_dimension(text: str) -> Dimension:
    """Read a dimension back from its text (the inverse of ``str``)."""
    try:
        return _from_ast(ast.parse(text, mode="eval").body)
    except (SyntaxError, KeyError, AttributeError) as error:
        raise CompileError(f"'{text}' is no dimension", expected="an integer, a name, or + - * // % max min") from error


def _from_ast(node: ast.AST) -> Dimension:
    if isinstance(node, ast.Constant) and isinstance(node.value, int):
        return node.value
    if isinstance(node, ast.Name):
        return Dim.symbol(node.id)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_from_ast(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        left, right = (_from_ast(a) for a in node.args)
        return {"max": maximum, "min": minimum}[node.func.id](left, right)
    if isinstance(node, ast.BinOp):
        left, right = _from_ast(node.left), _from_ast(node.right)
        if isinstance(node.op, ast.Sub):
            return left - right
        operator = {ast.Add: "+", ast.Mult: "*", ast.FloorDiv: "//", ast.Mod: "%"}[type(node.op)]
        return INTEGER_OPERATIONS[operator](left, right)
    raise AttributeError(ast.dump(node))
