"""Images of every format and kind, as Pillow writes them, and what Pillow reads out of them."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

#: Odd sizes: no format's blocks fit.
HEIGHT, WIDTH = 37, 53


@dataclass(frozen=True)
class Sample:
    """An image in a file.

    Attributes
    ----------
    name : str
        What is special about it.
    data : bytes
        The file.
    """

    name: str
    data: bytes

    def expected(self, pixel_format: str) -> np.ndarray:
        """The pixels that ONNX wants, uint8 (height, width, 3 or 1).

        Pillow makes white of most 16-bit grays, when it converts them; here their upper bytes count; Netpbm's are
        scaled, as those of every other maximum.
        """
        image: Image.Image = Image.open(io.BytesIO(self.data))
        if image.mode.startswith("I"):
            values = np.asarray(image).astype(np.int64)
            upper = np.round(values / 257) if image.format == "PPM" else values >> 8
            image = Image.fromarray(upper.astype(np.uint8))
        if pixel_format == "Grayscale":
            return np.asarray(image.convert("L"))[:, :, None]
        pixels = np.asarray(image.convert("RGB"))
        return pixels[:, :, ::-1] if pixel_format == "BGR" else pixels


def picture(mode: str = "RGB", height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Smooth colours with some noise and edges, so that every part of a decoder has work."""
    numbers = np.random.default_rng(11)
    y, x = np.mgrid[0:height, 0:width] / max(height, width)
    planes = [127 + 120 * np.sin(9 * x + 3 * c) * np.cos(7 * y - c) for c in range(4)]
    pixels = np.stack(planes, axis=-1) + numbers.normal(0, 6, (height, width, 4))
    pixels[height // 3 : height // 2, width // 4 : width // 2] = (250, 20, 30, 99)
    pixels[height // 2 :, : width // 5] = (9, 80, 200, 0)
    bytes_ = np.clip(pixels, 0, 255).astype(np.uint8)
    if mode == "I;16":
        return Image.fromarray((bytes_[:, :, 0].astype(np.uint16) << 8) + bytes_[:, :, 1])
    if mode == "P":
        return Image.fromarray(bytes_[:, :, :3]).quantize(61)
    if mode in ("RGBA", "CMYK"):
        return Image.frombytes(mode, (width, height), bytes_.tobytes())
    return Image.fromarray(bytes_[:, :, :3]).convert(mode)


def file_of(image: Image.Image, kind: str, **options: object) -> bytes:
    """An image as a file's bytes."""
    with io.BytesIO() as file:
        image.save(file, kind, **options)
        return file.getvalue()


def _jpeg() -> Iterator[tuple[str, bytes]]:
    rgb = picture()
    for sampling in ("4:4:4", "4:2:2", "4:2:0"):
        yield f"sampling-{sampling.replace(':', '')}", file_of(rgb, "jpeg", subsampling=sampling)
        name = f"progressive-{sampling.replace(':', '')}"
        yield name, file_of(rgb, "jpeg", subsampling=sampling, progressive=True, quality=91)
    for quality in (1, 30, 60, 95, 100):
        yield f"quality-{quality}", file_of(rgb, "jpeg", quality=quality)
    yield "gray", file_of(picture("L"), "jpeg")
    yield "gray-progressive", file_of(picture("L"), "jpeg", progressive=True)
    yield "cmyk", file_of(picture("CMYK"), "jpeg")
    yield "optimized-restarts", file_of(rgb, "jpeg", optimize=True, restart_marker_blocks=3)
    yield "rgb", file_of(rgb, "jpeg", keep_rgb=True)
    yield "sampling-440", _upright_sampling()
    for width in (1, 2, 7, 8, 9, 15, 16, 17):
        yield f"width-{width}", file_of(picture("RGB", 19, width), "jpeg")
    yield "large", file_of(picture("RGB", 211, 320), "jpeg", quality=80)


def _upright_sampling() -> bytes:
    """Colours of half the height, which Pillow does not write: the blocks of half the width, in another order."""
    data = bytearray(file_of(picture("RGB", 64, 48), "jpeg", subsampling="4:2:2"))
    head = data.index(b"\xff\xc0")
    assert data[head + 5 : head + 9] == struct.pack(">HH", 64, 48) and data[head + 11] == 0x21
    data[head + 5 : head + 9] = struct.pack(">HH", 48, 64)
    data[head + 11] = 0x12
    return bytes(data)


def _png() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        yield mode.lower().replace(";", "-"), file_of(picture(mode), "png")
    for bits in (1, 2, 4):
        yield f"palette-{bits}", file_of(picture().quantize(1 << bits), "png", bits=bits)
    yield "palette-transparent", file_of(picture("P"), "png", transparency=3)
    yield "gray-transparent", file_of(picture("L"), "png", transparency=100)
    yield "rgb-16", _png_file(16, 2, picture().tobytes(), 3)
    yield "rgba-16", _png_file(16, 6, picture("RGBA").tobytes(), 4)
    yield "interlaced", _interlaced_png()


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def _png_file(bits: int, color: int, high: bytes, channels: int, interlaced: bool = False) -> bytes:
    """A PNG of 16-bit samples: Pillow writes none in colour. Lower bytes are the upper ones, changed."""
    pixels = np.frombuffer(high, np.uint8).reshape(HEIGHT, WIDTH * channels)
    words = np.stack([pixels, pixels ^ 0x5A], axis=-1).reshape(HEIGHT, -1)
    rows = np.concatenate([np.zeros((HEIGHT, 1), np.uint8), words], axis=1).tobytes()
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, bits, color, 0, 0, int(interlaced))
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _interlaced_png() -> bytes:
    """Adam7: seven images one after the other."""
    pixels = np.asarray(picture())
    rows = b""
    for y, x, down, right in (
        (0, 0, 8, 8),
        (0, 4, 8, 8),
        (4, 0, 8, 4),
        (0, 2, 4, 4),
        (2, 0, 4, 2),
        (0, 1, 2, 2),
        (1, 0, 2, 1),
    ):
        rows += b"".join(b"\0" + row.tobytes() for row in pixels[y::down, x::right])
    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 2, 0, 0, 1)
    parts = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _bmp() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "P", "RGB", "RGBA"):
        yield mode.lower(), file_of(picture(mode), "bmp")
    index = np.asarray(picture("P")) & 15
    palette = bytes(np.random.default_rng(3).integers(0, 256, 64, np.uint8))
    nibbles = np.pad(index, ((0, 0), (0, -WIDTH % 8)))
    yield "indexes-4", _bmp_file(4, 0, (nibbles[::-1, ::2] << 4 | nibbles[::-1, 1::2]).tobytes(), palette)
    colors = np.random.default_rng(4).integers(0, 1 << 16, (HEIGHT, WIDTH + WIDTH % 2), np.uint16)
    yield "colors-555", _bmp_file(16, 0, colors.tobytes())
    yield "colors-565", _bmp_file(16, 3, colors.tobytes(), struct.pack("<3I", 0xF800, 0x7E0, 0x1F))
    wide = np.random.default_rng(5).integers(0, 1 << 32, (HEIGHT, WIDTH), np.uint32)
    yield "colors-8888", _bmp_file(32, 3, wide.tobytes(), struct.pack("<3I", 0xFF000000, 0xFF0000, 0xFF00))
    yield "downwards", _bmp_file(32, 0, wide.tobytes(), height=-HEIGHT)
    yield "runs-8", _bmp_file(8, 1, _runs(index[::-1], 8), palette * 16)
    yield "runs-4", _bmp_file(4, 2, _runs(index[::-1], 4), palette)
    yield "old", _old_bmp()


def _bmp_file(bits: int, compression: int, pixels: bytes, tables: bytes = b"", height: int = HEIGHT) -> bytes:
    head = struct.pack("<IiiHHIIiiII", 40, WIDTH, height, 1, bits, compression, len(pixels), 0, 0, 0, 0)
    start = 14 + len(head) + len(tables)
    return b"BM" + struct.pack("<IHHI", start + len(pixels), 0, 0, start) + head + tables + pixels


def _old_bmp() -> bytes:
    """Of OS/2: shorter numbers, and palettes of three bytes."""
    head = struct.pack("<IHHHH", 12, WIDTH, HEIGHT, 1, 24)
    pixels = np.pad(np.asarray(picture()).reshape(HEIGHT, -1), ((0, 0), (0, -3 * WIDTH % 4)))[::-1].tobytes()
    return b"BM" + struct.pack("<IHHI", 26 + len(pixels), 0, 0, 26) + head + pixels


def _runs(rows: np.ndarray, bits: int) -> bytes:
    """Rows of pairs of alike pixels, of given ones, and of ends."""
    result = b""
    for number, row in enumerate(rows.tolist()):
        place = 0
        while place < len(row):
            left = row[place : place + 9]
            if number % 2 and len(left) > 3:
                halves = zip(left[::2], [*left[1::2], 0], strict=False)
                packed = bytes(left) if bits == 8 else bytes(a << 4 | b for a, b in halves)
                result += bytes([0, len(left)]) + packed + b"\0" * (len(packed) % 2)
                place += len(left)
            else:
                same = next((i for i, value in enumerate(left) if value != left[0]), len(left))
                result += bytes([same, left[0] if bits == 8 else left[0] * 17])
                place += same
        result += b"\0\0"
    return result + b"\0\1"


def _pnm() -> Iterator[tuple[str, bytes]]:
    for mode in ("1", "L", "RGB"):
        yield mode.lower(), file_of(picture(mode), "ppm")
    numbers = np.random.default_rng(6)
    bits = numbers.integers(0, 2, (HEIGHT, WIDTH))
    yield "text-bits", f"P1\n# a comment\n{WIDTH} {HEIGHT}\n".encode() + _text(bits, "")
    yield "text-gray", f"P2 {WIDTH}\t{HEIGHT} 200\n".encode() + _text(numbers.integers(0, 201, (HEIGHT, WIDTH)))
    yield "text-rgb", f"P3\n{WIDTH} {HEIGHT} 65535\n".encode() + _text(numbers.integers(0, 65536, (HEIGHT, 3 * WIDTH)))
    head = f"P6\n{WIDTH} {HEIGHT}\n"
    yield "rgb-100", f"{head}100\n".encode() + numbers.integers(0, 101, 3 * HEIGHT * WIDTH, np.uint8).tobytes()
    words = numbers.integers(0, 1001, 3 * HEIGHT * WIDTH, np.uint16)
    yield "rgb-1000", f"{head}1000\n".encode() + words.byteswap().tobytes()
    yield "gray-16", file_of(picture("I;16"), "ppm")


def _text(numbers: np.ndarray, between: str = " ") -> bytes:
    return "\n".join(between.join(map(str, row)) for row in numbers.tolist()).encode()


def _tiff() -> Iterator[tuple[str, bytes]]:
    for compression in ("raw", "packbits", "tiff_lzw", "tiff_deflate", "tiff_adobe_deflate"):
        for mode in ("1", "L", "P", "RGB", "RGBA", "LA", "CMYK", "I;16"):
            name = f"{mode.lower().replace(';', '-')}-{compression.removeprefix('tiff_').replace('_', '-')}"
            yield name, file_of(picture(mode), "tiff", compression=compression)
    for compression in ("tiff_lzw", "tiff_adobe_deflate"):
        predicted = file_of(picture(), "tiff", compression=compression, tiffinfo={317: 2})
        yield f"differences-{compression.removeprefix('tiff_').replace('_', '-')}", predicted
        deep = file_of(picture("I;16"), "tiff", compression=compression, tiffinfo={317: 2})
        yield f"differences-16-{compression.removeprefix('tiff_').replace('_', '-')}", deep
    yield "strips", file_of(picture("RGB", 301, 97), "tiff", compression="tiff_lzw", strip_size=3000)
    for turned in range(2, 9):
        yield f"turned-{turned}", file_of(picture(), "tiff", tiffinfo={274: turned})
    for order in "<>":
        side = "little" if order == "<" else "big"
        yield f"tiles-{side}", _tiff_file(order, np.asarray(picture()), tile=16)
        yield f"planes-{side}", _tiff_file(order, np.asarray(picture()), planes=True)
    white = 255 - np.asarray(picture("L"))[:, :, None]
    yield "white-is-zero", _tiff_file("<", white, photometric=0)
    yield "large-lzw", file_of(picture("RGB", 128, 200), "tiff", compression="tiff_lzw")


def _tiff_file(order: str, pixels: np.ndarray, tile: int = 0, planes: bool = False, photometric: int = 2) -> bytes:
    """What Pillow does not write: tiles, planes, big-endian files."""
    height, width, samples = pixels.shape
    if planes:
        parts = [pixels[:, :, c].tobytes() for c in range(samples)]
    elif tile:
        padded = np.pad(pixels, ((0, -height % tile), (0, -width % tile), (0, 0)))
        places = [(y, x) for y in range(0, height, tile) for x in range(0, width, tile)]
        parts = [padded[y : y + tile, x : x + tile].tobytes() for y, x in places]
    else:
        parts = [pixels.tobytes()]
    body = b""
    offsets = []
    for part in parts:
        offsets.append(8 + len(body))
        body += part + b"\0" * (len(part) % 2)
    tags: list[tuple[int, str, list[int]]] = [
        (256, "I", [width]),
        (257, "I", [height]),
        (258, "H", [8] * samples),
        (259, "H", [1]),
        (262, "H", [photometric]),
        (324 if tile else 273, "I", offsets),
        (277, "H", [samples]),
        (325 if tile else 279, "I", [len(part) for part in parts]),
        (284, "H", [2 if planes else 1]),
    ]
    tags += [(322, "H", [tile]), (323, "H", [tile])] if tile else [(278, "I", [height])]
    entries = b""
    for tag, kind, values in sorted(tags):
        packed = struct.pack(f"{order}{len(values)}{kind}", *values)
        if len(packed) > 4:
            place = 8 + len(body)
            body += packed + b"\0" * (len(packed) % 2)
            packed = struct.pack(f"{order}I", place)
        entries += struct.pack(f"{order}HHI", tag, 3 if kind == "H" else 4, len(values)) + packed.ljust(4, b"\0")
    head = (b"II" if order == "<" else b"MM") + struct.pack(f"{order}HI", 42, 8 + len(body))
    return head + body + struct.pack(f"{order}H", len(tags)) + entries + bytes(4)


def _webp() -> Iterator[tuple[str, bytes]]:
    for quality in (5, 50, 80, 100):
        yield f"quality-{quality}", file_of(picture(), "webp", quality=quality)
    yield "lossless", file_of(picture(), "webp", lossless=True)
    yield "lossless-alpha", file_of(picture("RGBA"), "webp", lossless=True, exact=True)
    yield "alpha", file_of(picture("RGBA"), "webp")
    yield "palette", file_of(picture("P").convert("RGB"), "webp", lossless=True)
    frames = [picture(), picture("L").convert("RGB")]
    yield "moving", file_of(frames[0], "webp", save_all=True, append_images=frames[1:], lossless=True)
    yield "large", file_of(picture("RGB", 150, 230), "webp")


def _jpeg2000() -> Iterator[tuple[str, bytes]]:
    for mode in ("L", "LA", "RGB", "RGBA", "I;16"):
        yield mode.lower().replace(";", "-"), file_of(picture(mode), "jpeg2000")
    yield "codestream", file_of(picture(), "jpeg2000", no_jp2=True)
    yield "component-transform", file_of(picture(), "jpeg2000", mct=1)
    yield "tiles", file_of(picture("RGB", 90, 70), "jpeg2000", tile_size=(32, 24))
    yield "lossy", file_of(picture(), "jpeg2000", irreversible=True, quality_layers=[20], mct=1)
    yield "layers", file_of(picture("RGB", 90, 70), "jpeg2000", quality_layers=[40, 10, 0], progression="RPCL")


#: Functions that give the samples of each format, by ONNX's names of them.
FORMATS = {
    "bmp": _bmp,
    "jpeg": _jpeg,
    "jpeg2000": _jpeg2000,
    "png": _png,
    "pnm": _pnm,
    "tiff": _tiff,
    "webp": _webp,
}


def samples(kind: str) -> list[Sample]:
    """All samples of a format."""
    return [Sample(name, data) for name, data in FORMATS[kind]()]
