"""Decoding of images (ONNX ImageDecoder): the C is in runtime_stub/images.

How large an image is turns out when it is decoded. So one operator decodes into the memory of strings, whose bytes
need not be text, and tells the size; another copies the pixels into a tensor of that size. So an image is decoded once,
whatever may be wrong with its last bytes, for a copy of 1 ms where decoding takes 13 (JPEG, 1920 x 1080 pixels, Zen 4).
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np

from ..diagnostics import CompileError
from ..relay.dimension import product
from ..relay.expr import Attrs
from ..relay.types import TensorType, TupleType, Type
from .base import REQUIRED, CSource, FusionKind, Op, check_dtype, register, tensors
from .c_source import PROLOGUE, WRONG_VALUE, dimension_text, parameters

#: Values of the attribute `format`, numbered as in onnxc_image.h.
FORMATS = ("RGB", "BGR", "Grayscale")


def _decode_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (data,) = tensors("image.decode", args, 1)
    check_dtype("image.decode", data.dtype, ("uint8",))
    if data.rank != 1 or attrs.format not in FORMATS:
        raise CompileError(f"image.decode of {data} to {attrs.format}", expected="bytes; RGB, BGR or Grayscale")
    return TupleType((TensorType((1,), "string"), TensorType((2,), "int64")))


def _decode_reference(attrs: Attrs, data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """What Pillow says. Bytes stand in the string as the characters of the same numbers."""
    from PIL import Image

    try:
        image = Image.open(io.BytesIO(data.tobytes())).convert("L" if attrs.format == "Grayscale" else "RGB")
        pixels = np.asarray(image)
    except (OSError, SyntaxError, ValueError):
        pixels = np.zeros((0, 0), np.uint8)
    text = (pixels[:, :, ::-1] if attrs.format == "BGR" else pixels).tobytes().decode("latin-1")
    return np.array([text], object), np.array(pixels.shape[:2], np.int64)


def _decode_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    (data,) = args
    head = parameters({"data": data}, {"pixels": results[0], "sizes": results[1]}, attrs, makes_text=True)
    size, number = dimension_text(data.shape[0]), FORMATS.index(attrs.format)
    call = f"onnxc_image_decode(data, {size}, {number}, text, pixels, sizes)"
    return CSource(f'#include "onnxc_image.h"\n\nint32_t {symbol}({head}) {{\n  return {call};\n}}\n')


register(
    Op(
        "image.decode",
        FusionKind.OPAQUE,
        _decode_relation,
        _decode_reference,
        source=_decode_source,
        attributes={"format": "RGB"},
        makes_text=True,
        library="images",
    )
)


def _pixels_relation(attrs: Attrs, args: Sequence[Type]) -> Type:
    (text,) = tensors("image.pixels", args, 1)
    check_dtype("image.pixels", text.dtype, ("string",))
    return TensorType(tuple(attrs.shape), "uint8")


def _pixels_reference(attrs: Attrs, text: np.ndarray) -> np.ndarray:
    return np.frombuffer(text.item().encode("latin-1"), np.uint8).reshape(attrs.shape)


_PIXELS = """\
{prologue}
int32_t {symbol}({parameters}) {{
  const int64_t size = {size};
  if (bytes[0].size != size) return {wrong};
  if (size > 0) memcpy(pixels, bytes[0].data, (size_t)size);
  return 0;
}}
"""


def _pixels_source(symbol: str, attrs: Attrs, args: Sequence[TensorType], results: Sequence[TensorType]) -> CSource:
    return CSource(
        _PIXELS.format(
            prologue=PROLOGUE,
            symbol=symbol,
            parameters=parameters({"bytes": args[0]}, {"pixels": results[0]}, attrs),
            size=f"(int64_t)1 * {dimension_text(product(results[0].shape))}",
            wrong=WRONG_VALUE,
        )
    )


register(
    Op(
        "image.pixels",
        FusionKind.OPAQUE,
        _pixels_relation,
        _pixels_reference,
        source=_pixels_source,
        attributes={"shape": REQUIRED},
    )
)
