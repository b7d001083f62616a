"""ImageDecoder, compiled: every format and kind of image as Pillow reads it, and what is no image."""

from __future__ import annotations

import io
import struct
import zlib
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import onnx.helper
import pytest
from onnx.backend.test.case.node import _image_decoder_data
from PIL import Image

import onnxc
from onnxc.artifact.c_library import c_library
from onnxc.kernel.elf import global_symbols
from tests.images.samples import FORMATS, file_of, picture, samples

PIXEL_FORMATS = ("RGB", "BGR", "Grayscale")


def model(pixel_format: str = "RGB", **attributes: str) -> onnx.ModelProto:
    """A model that decodes a file of any length."""
    make = onnx.helper
    node = make.make_node("ImageDecoder", ["data"], ["image"], pixel_format=pixel_format, **attributes)
    data = make.make_tensor_value_info("data", onnx.TensorProto.UINT8, ["bytes"])
    image = make.make_tensor_value_info("image", onnx.TensorProto.UINT8, ["height", "width", "channels"])
    graph = make.make_graph([node], "decoder", [data], [image])
    return make.make_model(graph, opset_imports=[make.make_opsetid("", 20)])


@cache
def decoder(pixel_format: str) -> onnxc.Model:
    return onnxc.compile(model(pixel_format), jobs=1)


def decode(data: bytes, pixel_format: str = "RGB") -> np.ndarray:
    return decoder(pixel_format)(np.frombuffer(data, np.uint8))["image"]


@pytest.mark.parametrize("pixel_format", PIXEL_FORMATS)
@pytest.mark.parametrize("kind", FORMATS)
def test_format(kind: str, pixel_format: str) -> None:
    for sample in samples(kind):
        want = sample.expected(pixel_format)
        got = decode(sample.data, pixel_format)
        assert got.shape == want.shape and got.dtype == np.uint8, f"{kind}, {sample.name}"
        np.testing.assert_array_equal(got, want, err_msg=f"{kind}, {sample.name}")


@pytest.mark.parametrize("name", [name for name in dir(_image_decoder_data) if name.startswith("image_decoder_")])
def test_frozen_case_of_onnx(name: str) -> None:
    """Those of the runner are made anew where Pillow is installed."""
    case = getattr(_image_decoder_data, name)
    pixel_format = "BGR" if "bgr" in name else "Grayscale" if "grayscale" in name else "RGB"
    np.testing.assert_array_equal(decode(case.data.tobytes(), pixel_format), case.output)


@pytest.mark.parametrize("kind", FORMATS)
def test_what_is_cut_off_has_no_pixels(kind: str) -> None:
    image = file_of(picture(), "ppm" if kind == "pnm" else kind)
    for size in (1, 2, 3, 13, len(image) // 2, len(image) - 90):
        assert decode(image[:size]).shape == (0, 0, 3), f"{size} of {len(image)} bytes"
        assert decode(image[:size], "Grayscale").shape == (0, 0, 1)
    assert decode(image).shape == (37, 53, 3)


@pytest.mark.parametrize("data", [b"\0", b"GIF89a", b"P6 3 3 0 \n", b"P9 1 1", b"BM" + bytes(60), b"II*\0" + bytes(9)])
def test_what_is_no_image_has_no_pixels(data: bytes) -> None:
    assert decode(data).shape == (0, 0, 3)


def test_more_pixels_than_sensible_are_refused() -> None:
    image = bytearray(file_of(picture(), "bmp"))
    image[18:26] = struct.pack("<ii", 1 << 30, 1 << 30)
    assert decode(bytes(image)).shape == (0, 0, 3)
    head = struct.pack("<IHHI", 10**6, 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, 60000, 60000, 1, 8, 1, 0, 0, 0, 1, 0)
    assert decode(b"BM" + head + bytes(2000)).shape == (0, 0, 3), "runs, which may be of any size"
    png = bytearray(file_of(picture(), "png"))
    png[16:24] = struct.pack(">II", 40000, 40000)
    png[29:33] = struct.pack(">I", zlib.crc32(png[12:29]))
    assert decode(bytes(png)).shape == (0, 0, 3)


def test_broken_bits_of_jpeg_are_decoded_as_by_pillow() -> None:
    """Decoders go on behind what they cannot read."""
    image = bytearray(file_of(picture(), "jpeg", restart_marker_blocks=2))
    scan = image.index(b"\xff\xda")
    for place in range(scan + 40, len(image) - 40, 97):
        broken = bytearray(image)
        if broken[place] != 0xFF and broken[place - 1] != 0xFF and broken[place] ^ 4 != 0xFF:
            broken[place] ^= 4
        want = np.asarray(Image.open(io.BytesIO(broken)).convert("RGB"))
        np.testing.assert_array_equal(decode(bytes(broken)), want)


def test_in_front_of_a_network() -> None:
    """What follows knows the size when it runs: an image is cut, scaled, and put into the layout of networks."""
    text = """
    <ir_version: 10, opset_import: ["": 20]>
    front (uint8[bytes] data) => (float[1, 3, 8, 8] y) {
      image = ImageDecoder(data)
      floats = Cast<to: int = 1>(image)
      planes = Transpose<perm: ints = [2, 0, 1]>(floats)
      axes = Constant<value: tensor = int64[1] {0}>()
      batch = Unsqueeze(planes, axes)
      starts = Constant<value: tensor = int64[2] {2, 3}>()
      ends = Constant<value: tensor = int64[2] {26, 27}>()
      window = Constant<value: tensor = int64[2] {2, 3}>()
      cut = Slice(batch, starts, ends, window)
      y = AveragePool<kernel_shape: ints = [3, 3], strides: ints = [3, 3]>(cut)
    }"""
    compiled = onnxc.compile(onnx.parser.parse_model(text), jobs=1)
    for height, width in ((30, 40), (64, 29)):
        image = picture("RGB", height, width)
        got = compiled(np.frombuffer(file_of(image, "png"), np.uint8))["y"]
        window = np.asarray(image)[2:26, 3:27].astype(np.float32).transpose(2, 0, 1)
        np.testing.assert_allclose(got[0], window.reshape(3, 8, 3, 8, 3).mean((2, 4)), rtol=1e-6)


def test_pixel_format_must_be_known() -> None:
    with pytest.raises(onnxc.CompileError, match="pixel_format is 'CMYK'"):
        onnxc.compile(model("CMYK"), jobs=1)


def test_a_static_library_has_no_names_of_others(tmp_path: Path) -> None:
    """A program may link its own libjpeg."""
    onnxc.compile(model(), "host", emit="obj", output=tmp_path, name="decoder", jobs=1)
    names = {n for p in tmp_path.glob("*.o") for n, defined in global_symbols(p.read_bytes()) if defined}
    assert [n for n in sorted(names) if not n.startswith(("decoder_", "onnxc_", "onnxcimage_"))] == []
    assert "JPEG" in (tmp_path / "onnxc_images_licences.txt").read_text()


def test_sources_lie_beside_the_model_where_they_are_needed(tmp_path: Path) -> None:
    onnxc.compile(model(), "host", emit="c", output=tmp_path / "with", name="decoder", jobs=1)
    found = {p.relative_to(tmp_path / "with").as_posix() for p in (tmp_path / "with").rglob("*") if p.is_file()}
    library = c_library("images")
    wanted = {*library.sources, *library.headers, *library.notices}.union(*library.included.values())
    assert wanted <= found and "third_party/libwebp/vp8_dec.c" in wanted
    assert " third_party/libwebp.o" in (tmp_path / "with" / "Makefile").read_text()
    text = '<ir_version: 10, opset_import: ["": 20]> plain (float[3] x) => (float[3] y) {y = Abs(x)}'
    plain = onnx.parser.parse_model(text)
    onnxc.compile(plain, "host", emit="c", output=tmp_path / "without", name="plain", jobs=1)
    assert not [p.name for p in (tmp_path / "without").iterdir() if "image" in p.name or p.is_dir()]
    # Another model in the same folder takes nothing away; the same one without images does.
    onnxc.compile(plain, "host", emit="c", output=tmp_path / "with", name="plain", jobs=1)
    assert (tmp_path / "with" / "third_party" / "libwebp.c").exists()


def test_the_licence_and_origin_of_each_library_are_kept() -> None:
    folders = [p for p in (Path(__file__).parents[2] / "runtime_stub/images/third_party").iterdir() if p.is_dir()]
    assert len(folders) == 4
    for path in folders:
        assert (path / "LICENSE").stat().st_size > 500 and "ersion" in (path / "ORIGIN.md").read_text(), path
