"""Reads an ONNX file; every way in which it can be broken is a CompileError."""

from __future__ import annotations

from pathlib import Path

import google.protobuf.message
import onnx
import onnx.checker
import onnx.defs

from ..diagnostics import CompileError, Location


def load_model(source: str | Path | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, str, Path | None]:
    """Read a model.

    Returns
    -------
    model, name, folder
        The folder holds external data; None where the model did not come from a file.

    Raises
    ------
    CompileError
        The file is missing, empty, truncated, no protobuf, or no ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        return source, source.graph.name or "model", None
    if isinstance(source, bytes):
        return _parse(source, "model"), "model", None
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CompileError(f"cannot read '{path}': {error.strerror}", remedy="check the path") from error
    model = _parse(data, path.name)
    return model, path.stem, path.parent


def _parse(data: bytes, name: str) -> onnx.ModelProto:
    location = Location(model=name)
    remedy = "copy the file again, and check its size; git-lfs pointers must be fetched first"
    if not data:
        raise CompileError("the file is empty", location, expected="an ONNX model", remedy=remedy)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except google.protobuf.message.DecodeError as error:
        raise CompileError(
            "the file is no ONNX model, or is truncated", location, expected="a serialized ModelProto", remedy=remedy
        ) from error
    if not model.HasField("graph") or not (model.graph.output or model.graph.node):
        raise CompileError("the file holds no graph", location, expected="an ONNX model", remedy=remedy)
    return model


def opset_versions(model: onnx.ModelProto, name: str) -> dict[str, int]:
    """Domain -> version; CompileError where the default domain's is newer than the installed onnx package knows."""
    versions = {entry.domain if entry.domain != "ai.onnx" else "": entry.version for entry in model.opset_import}
    newest = onnx.defs.onnx_opset_version()
    if versions.get("", 0) > newest:
        raise CompileError(
            f"opset {versions['']} of ai.onnx",
            Location(model=name),
            expected=f"opset {newest} or older (onnx {onnx.__version__})",
            remedy="upgrade the onnx package, or export the model with an older opset",
        )
    if "" not in versions:
        versions[""] = 1 if model.ir_version < 3 and not versions else newest
    return versions
