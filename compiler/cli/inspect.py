"""``onnxc inspect``: what is in a model or an artifact."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from .shared import (
    bound_option,
    dim_option,
    level_option,
    op_library_option,
    parse_dims,
    progress,
    read_source,
    size_text,
    table,
    target_option,
)

#: Endings of names of artifacts; any other file is a model.
_ARTIFACTS = (".so", ".a", ".json")


@click.command("inspect", short_help="Show what is in a model or an artifact.")
@click.argument("source", metavar="MODEL|ARTIFACT", type=click.Path(path_type=Path))
@click.option("--memory", is_flag=True, help="Show the memory plan; a model is compiled for --target to find it.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@target_option
@level_option
@op_library_option
@dim_option
@bound_option
def inspect_command(
    source: Path,
    memory: bool,
    as_json: bool,
    target: str,
    level: int,
    dims: tuple[str, ...],
    bounds: tuple[str, ...],
) -> None:
    """Show inputs, outputs, operators (also those that are not supported) and sizes of an ONNX file; or what an
    artifact (a library, or its folder) was made from and takes."""
    given, limits = parse_dims(dims), parse_dims(bounds, "--bound")
    from .. import inspection

    if source.is_dir() or source.suffix in _ARTIFACTS:
        facts = inspection.inspect_artifact(source)
        if not memory and isinstance(facts.get("memory"), dict):
            facts["memory"].pop("buffers", None)
    else:
        model = read_source(source)
        facts = inspection.inspect_model(model, given)
        if memory:
            facts["memory"] = _memory(model, target, level, given, limits)
    if as_json:
        click.echo(json.dumps(facts, indent=1, ensure_ascii=False))
        return
    if facts["kind"] == "model":
        click.echo("\n".join(_model_lines(facts)))
        return
    from ..diagnostics import CompileError

    try:
        text = "\n".join(_artifact_lines(facts))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise CompileError(f"the manifest of '{source}' is damaged", expected="what onnxc has written") from error
    click.echo(text)


def _memory(
    source: Path | bytes, target: str, level: int, dims: dict[str, int], bounds: dict[str, int]
) -> dict[str, Any]:
    from ..api import default_jobs
    from ..driver import Options
    from ..inspection import model_memory
    from ..targets import find

    found = find(target)
    with progress() as tell:
        return model_memory(source, found, Options(level, dims, default_jobs(), bounds=bounds, progress=tell))


def _model_lines(facts: dict[str, Any]) -> Iterator[str]:
    opsets = ", ".join(f"{domain} {version}" for domain, version in facts["opsets"].items())
    yield f"model {facts['name']}, {size_text(facts['bytes'])}"
    yield f"  IR version {facts['ir_version']}, opsets: {opsets or 'none'}"
    if facts["producer"]:
        yield f"  made by {facts['producer']}"
    yield from _tensor_lines(facts)
    yield f"operators: {facts['nodes']} nodes"
    if facts["operators"]:
        yield table(list(facts["operators"].items()))
    if facts["unsupported"]:
        yield "not supported:"
        yield table([(u["operator"], f"opset {u['opset']}", ", ".join(u["nodes"])) for u in facts["unsupported"]])
    parameters = facts["parameters"]
    yield f"parameters: {parameters['elements']:,} ({size_text(parameters['bytes'])})"
    if facts["multiply_adds"] is not None:
        work = facts["multiply_adds"]
        yield f"multiply-adds: {f'{work:,}' if isinstance(work, int) else work}"
    if facts["problem"]:
        yield f"problem: {facts['problem']}"
    if "memory" in facts:
        yield from _memory_lines(facts["memory"])


def _artifact_lines(facts: dict[str, Any]) -> Iterator[str]:
    model, target = facts["model"], facts["target"]
    yield f"artifact '{facts['emit']}' of model {model['name']}"
    yield f"  for {target['name']} ({target['cpu']}, {target['triple']})"
    if target["cpu_features"]:
        yield f"  needs {' '.join(target['cpu_features'])}"
    yield f"  by {', '.join(f'{tool} {version}' for tool, version in facts['tools'].items() if version)}"
    yield f"  hash {model['hash']}"
    yield from _tensor_lines(model)
    yield f"kernels: {facts['kernels']}"
    yield from _memory_lines(facts["memory"])
    yield "files:"
    yield table(
        [
            (name, size_text(entry["bytes"]), "MISSING OR CHANGED" if name in facts["changed"] else "")
            for name, entry in facts["files"].items()
        ]
    )


def _tensor_lines(facts: dict[str, Any]) -> Iterator[str]:
    for kind in ("inputs", "outputs"):
        yield f"{kind}:"
        if facts[kind]:
            yield table([(t["name"], t["dtype"], f"({', '.join(map(str, t['shape']))})") for t in facts[kind]])


def _memory_lines(memory: dict[str, Any]) -> Iterator[str]:
    where = ", in a file of their own" if memory.get("weights") == "external" else ""
    yield f"weights: {size_text(memory['weights_bytes'])}{where}"
    yield f"arena: {size_text(memory['arena_bytes'])}; at the same time in use: {size_text(memory['peak_bytes'])}"
    if memory.get("buffers"):
        rows = [("offset", "bytes", "steps", "node")]
        rows += [
            (str(b["offset"]), str(b["bytes"]), f"{b['first_step']}-{b['last_step']}", b["node"])
            for b in sorted(memory["buffers"], key=lambda b: (b["first_step"], str(b["offset"])))
        ]
        yield table(rows)
