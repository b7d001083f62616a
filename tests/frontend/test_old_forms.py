"""Forms of operators that later opsets dropped, and those whose rank follows from sizes."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import onnxc

FLOAT = TensorProto.FLOAT


def tile_model(tiles: int | None, axis: int | None) -> onnx.ModelProto:
    """Tile of opset 1: what is None is an input."""
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["N", 3])]
    constants = []
    for name, value in (("tiles", tiles), ("axis", axis)):
        if value is None:
            inputs.append(helper.make_tensor_value_info(name, FLOAT, [1]))
        else:
            constants.append(numpy_helper.from_array(np.array([value], np.float32), name))
    node = helper.make_node("Tile", ["x", "tiles", "axis"], ["y"])
    output = helper.make_tensor_value_info("y", FLOAT, [None, None])
    graph = helper.make_graph([node], "tile", inputs, [output], constants)
    return helper.make_model(graph, ir_version=3, opset_imports=[helper.make_opsetid("", 1)])


@pytest.mark.parametrize("known", [(2, 1), (2, None), (None, 0), (None, None)])
def test_tile_of_opset_1_repeats_along_one_axis(known: tuple[int | None, int | None]) -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    with onnxc.compile(tile_model(*known), jobs=1) as model:
        for tiles, axis in ((2, 1), (3, 0), (0, -1)):
            chosen = [value if given is None else given for value, given in zip((tiles, axis), known, strict=True)]
            feeds = {"x": x}
            for name, value, given in zip(("tiles", "axis"), (tiles, axis), known, strict=True):
                if given is None:
                    feeds[name] = np.array([value], np.float32)
            count, along = chosen
            repeats = [1, 1]
            repeats[along] = count
            np.testing.assert_array_equal(model(feeds)["y"], np.tile(x, repeats))


@pytest.mark.parametrize("opset", [1, 11, 13])
def test_squeeze_without_axes_takes_the_dimensions_that_are_known_as_1(opset: int) -> None:
    node = helper.make_node("Squeeze", ["x"], ["y"])
    inputs = [helper.make_tensor_value_info("x", FLOAT, ["N", 1, 3, 1])]
    graph = helper.make_graph([node], "squeeze", inputs, [helper.make_tensor_value_info("y", FLOAT, None)])
    proto = helper.make_model(graph, ir_version=8, opset_imports=[helper.make_opsetid("", opset)])
    x = np.arange(12, dtype=np.float32).reshape(4, 1, 3, 1)
    with onnxc.compile(proto, jobs=1) as model:
        np.testing.assert_array_equal(model(x)["y"], x.squeeze())
        assert model(x[:0])["y"].shape == (0, 3)
        with pytest.raises(onnxc.RunError, match="shape"):  # the rank would be 1
            model(x[:1])
    with onnxc.compile(proto, dims={"N": 1}, jobs=1) as model:
        np.testing.assert_array_equal(model(x[:1])["y"], x[0, 0, :, 0])
