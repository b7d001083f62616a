"""ONNX operators on images in files."""

from __future__ import annotations

from ..op.image import FORMATS
from ..relay.expr import Atom
from .registry import Node, converter


@converter("ImageDecoder")
def convert_image_decoder(node: Node) -> Atom:
    """Height, width and colours; what cannot be decoded has height and width 0."""
    form, type_ = node.attr("pixel_format", "RGB"), node.type(0)
    if form not in FORMATS:
        raise node.error(f"pixel_format is '{form}'", expected="RGB, BGR or Grayscale")
    if type_.rank != 1:
        raise node.error(f"input 0 is {type_}", expected="the bytes of a file, as a list")
    both = node.call("image.decode", node.input(0), format=form)
    sizes = node.builder.read_dimensions(node.get_item(both, 1), location=node.location)
    assert sizes is not None
    return node.call("image.pixels", node.get_item(both, 0), shape=(*sizes, 1 if form == "Grayscale" else 3))
