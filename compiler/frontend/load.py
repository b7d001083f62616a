"""Reads an ONNX file; every way in which it can be broken is a CompileError."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import google.protobuf.message
import onnx
import onnx.checker
import onnx.defs

from ..diagnostics import CompileError, Location

_COPY_AGAIN = "copy the file again, and check its size"

#: What people take for a model: how it begins, what it is, and what to do.
_LOOKALIKES = (
    (b"version https://git-lfs", "a pointer of git-lfs, not the model itself", "fetch it with 'git lfs pull'"),
    (b"<!doctype html", "a web page", "download the file itself, not the page about it"),
    (b"<html", "a web page", "download the file itself, not the page about it"),
    (
        b"PK\x03\x04",
        "a ZIP archive (PyTorch's format, perhaps)",
        "unpack it, or export the model with torch.onnx.export",
    ),
    (b"ORTM", "a model in ONNX Runtime's own format", "use the ONNX file that it was made from"),
)


def load_model(source: str | Path | bytes | onnx.ModelProto) -> tuple[onnx.ModelProto, str, Path | None]:
    """Read a model.

    Returns
    -------
    model, name, path
        Of the file; None where the model did not come from one.

    Raises
    ------
    CompileError
        The file is missing, empty, truncated, no protobuf, or no ONNX model.
    """
    if isinstance(source, onnx.ModelProto):
        name = source.graph.name if isinstance(source.graph.name, str) else ""
        _check(source, Location(model=name or "model"))
        return source, name or "model", None
    if isinstance(source, bytes):
        return _parse(source, "model"), "model", None
    path = Path(source)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CompileError(f"cannot read '{path}': {error.strerror}", remedy="check the path") from error
    model = _parse(data, path.name)
    # Names of files may be no text; that of the model must be.
    return model, os.fsencode(path.stem).decode("utf-8", "replace"), path


def _parse(data: bytes, name: str) -> onnx.ModelProto:
    location = Location(model=name)
    if not data:
        raise CompileError("the file is empty", location, expected="an ONNX model", remedy=_COPY_AGAIN)
    for beginning, what, remedy in _LOOKALIKES:
        if data[4:8] == beginning or data[: len(beginning)].lower() == beginning.lower():
            raise CompileError(f"the file is {what}", location, expected="an ONNX model", remedy=remedy)
    model = onnx.ModelProto()
    try:
        model.ParseFromString(data)
    except google.protobuf.message.DecodeError as error:
        raise CompileError(
            "the file is no ONNX model, or is truncated",
            location,
            expected="a serialized ModelProto",
            remedy=_COPY_AGAIN,
        ) from error
    _check(model, location)
    return model


def _check(model: onnx.ModelProto, location: Location) -> None:
    if not model.HasField("graph") or not (model.graph.output or model.graph.node):
        raise CompileError("the file holds no graph", location, expected="an ONNX model", remedy=_COPY_AGAIN)
    _check_text(model, location)
    if model.ir_version > onnx.IR_VERSION:
        raise CompileError(
            f"IR version {model.ir_version}",
            location,
            expected=f"IR version {onnx.IR_VERSION} or older (onnx {onnx.__version__})",
            remedy="upgrade the onnx package, or export the model for an older version",
        )


def _check_text(message: Any, location: Location) -> None:
    """Every name must be text: protobuf hands over as bytes what is not."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING:
            for text in [value] if isinstance(value, (str, bytes)) else value:
                if not isinstance(text, str):
                    raise CompileError(
                        f"the {field.name} {text!r} is not UTF-8: the file is damaged", location, remedy=_COPY_AGAIN
                    )
        elif field.type == field.TYPE_MESSAGE:
            for inner in [value] if isinstance(value, google.protobuf.message.Message) else value:
                if not isinstance(inner, onnx.TensorProto):  # a copy of its data would be made
                    _check_text(inner, location)
                elif not isinstance(inner.name, str):
                    raise CompileError(f"the tensor name {inner.name!r} is not UTF-8", location, remedy=_COPY_AGAIN)


def opset_versions(model: onnx.ModelProto, name: str) -> dict[str, int]:
    """Domain -> version.

    Raises
    ------
    CompileError
        A version cannot be, or the default domain's is newer than the installed onnx package knows.
    """
    location = Location(model=name)
    versions = {entry.domain if entry.domain != "ai.onnx" else "": entry.version for entry in model.opset_import}
    if not versions and model.ir_version >= 3:
        raise CompileError(
            "the model imports no opset",
            location,
            expected="an opset_import, which every model of IR version 3 or newer has",
            remedy=f"{_COPY_AGAIN}; if it is whole, export it again",
        )
    for domain, version in versions.items():
        if not 1 <= version < 1 << 31:
            raise CompileError(f"opset {version} of {domain or 'ai.onnx'}", location, expected="a version from 1 up")
    newest = onnx.defs.onnx_opset_version()
    if versions.get("", 0) > newest:
        raise CompileError(
            f"opset {versions['']} of ai.onnx",
            location,
            expected=f"opset {newest} or older (onnx {onnx.__version__})",
            remedy="upgrade the onnx package, or export the model with an older opset",
        )
    if "" not in versions:
        versions[""] = 1 if model.ir_version < 3 and not versions else newest
    return versions
