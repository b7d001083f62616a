"""Runs cases of the sweep, many in one model."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import onnx

import onnxc
from onnxc.backend import CompiledModel
from tests.sweep.cases import Case, Key, candidates, model_of
from tests.sweep.oracles import Mismatch, judgements

#: Compiles a model; what it gives is called with the inputs by name, and returns outputs by name.
Compile = Callable[[onnx.ModelProto], Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a case.

    Attributes
    ----------
    oracle : str
        Who says that the result is right; empty where it is wrong, or nobody can say.
    message : str
        What went wrong; empty where nothing did.
    """

    oracle: str = ""
    message: str = ""


@dataclass
class _Prepared:
    case: Case
    judges: Iterator[tuple[str, Callable[[list[Any]], None]]]  # the second and later ones only if they are asked


def prepare(key: Key) -> _Prepared | None:
    """The first case for a key that an oracle can judge, else the first one; None where there is none."""
    first = None
    for number, case in enumerate(candidates(key)):
        judges = judgements(case)
        judge = next(judges, None)
        if judge is not None:
            return _Prepared(case, itertools.chain([judge], judges))
        first = first or _Prepared(case, iter(()))
        if number == 5:
            break
    return first


def run(keys: Sequence[Key], compile_: Callable[[onnx.ModelProto], CompiledModel]) -> dict[Key, Outcome]:
    """Run cases that share a domain and a version.

    Parameters
    ----------
    keys : sequence of Key
    compile_ : callable
        Makes an ONNX backend's representation of a model.
    """
    outcomes = {}
    prepared = {}
    for key in keys:
        found = prepare(key)
        if found is None:
            outcomes[key] = Outcome(message="no case")
        else:
            prepared[key] = found
    for key, result in _results(list(prepared.items()), compile_).items():
        outcomes[key] = result if isinstance(result, Outcome) else _judged(prepared[key], result)
    return outcomes


def _judged(prepared: _Prepared, result: list[Any]) -> Outcome:
    message = ""
    for oracle, judge in prepared.judges:
        try:
            judge(result)
        except Mismatch as error:
            message += f"{oracle}: {error}; "
        except Exception as error:  # an oracle's result that cannot be compared
            message += f"{oracle}: {type(error).__name__}: {error}; "
        else:
            return Outcome(oracle)
    return Outcome(message=message or "no oracle")


def _results(
    parts: list[tuple[Key, _Prepared]], compile_: Callable[[onnx.ModelProto], CompiledModel]
) -> dict[Key, list[Any] | Outcome]:
    """Outputs of each case, or what went wrong."""
    if not parts:
        return {}
    named = [(f"c{index}_", prepared.case) for index, (_, prepared) in enumerate(parts)]
    model, feeds = model_of(named)
    try:
        outputs = compile_(model).run(feeds)
    except Exception as error:
        return _apart(parts, error, compile_)
    found: dict[Key, list[Any] | Outcome] = {}
    values = dict(zip([value.name for value in model.graph.output], outputs, strict=True))
    for (prefix, _), (key, _) in zip(named, parts, strict=True):
        found[key] = [value for name, value in values.items() if name.startswith(prefix)]
    return found


def _apart(
    parts: list[tuple[Key, _Prepared]], error: Exception, compile_: Callable[[onnx.ModelProto], CompiledModel]
) -> dict[Key, list[Any] | Outcome]:
    """A model that failed, without the case that the error names; in halves where it names none."""
    if len(parts) == 1:
        text = " ".join(str(error).split()) or "no message"
        return {parts[0][0]: Outcome(message=f"{type(error).__name__}: {text}")}
    blamed = -1
    if isinstance(error, onnxc.CompileError):
        name = error.location.node.split("_")[0]
        blamed = int(name[1:]) if name[:1] == "c" and name[1:].isdigit() and int(name[1:]) < len(parts) else -1
    if blamed >= 0:
        alone = parts.pop(blamed)
        return {**_results([alone], compile_), **_results(parts, compile_)}
    half = len(parts) // 2
    return {**_results(parts[:half], compile_), **_results(parts[half:], compile_)}
