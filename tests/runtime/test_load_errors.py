"""What `load` refuses, and what it says then. Nothing of it may crash the process."""

from __future__ import annotations

import os
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from onnxc.runtime_stub import abi
from onnxc.runtime_stub.loader import InputError, LoadError, load
from tests.runtime.native import compile_c, compile_model

Library = Callable[..., Path]
X = np.arange(6, dtype=np.float32).reshape(2, 3)


def refusal(path: Path, **arguments: object) -> str:
    """The text with which `load` refuses, without the path in front."""
    with pytest.raises(LoadError) as error:
        load(path, **arguments)  # type: ignore[arg-type]
    assert isinstance(error.value, OSError)
    text = str(error.value)
    assert text.startswith(f"{path}: ")
    return text.removeprefix(f"{path}: ")


# ------------------------------------------------------------------------------------------------ files


def test_no_file(tmp_path: Path) -> None:
    assert refusal(tmp_path / "model.so") == "there is no such file"
    assert refusal(tmp_path) == "found a directory or a device, expected a shared library"


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"", "something that is no library"),
        (b"hello world, how are you", "something that is no library"),
        (b"MZ" + bytes(100), "a file of kind 'Windows'"),
        (b"\xcf\xfa\xed\xfe" + bytes(100), "a file of kind 'Mach-O'"),
        (b"!<arch>\n" + bytes(100), "a file of kind 'static library'"),
    ],
)
def test_no_library(tmp_path: Path, content: bytes, kind: str) -> None:
    path = tmp_path / "model.so"
    path.write_bytes(content)
    assert refusal(path) == f"found {kind}, expected a shared library in format ELF"


def test_truncated_library(library: Library, tmp_path: Path) -> None:
    """The system's loader dies of a bus error on many of these."""
    whole = library("doubling").read_bytes()
    path = tmp_path / "model.so"
    segments_end = len(whole)
    for length in [5, 20, 63, 64, 65, 200, 1000, *range(2000, segments_end, 997)]:
        path.write_bytes(whole[:length])
        try:
            load(path, threads=1).close()  # what is cut off was not part of the program: symbols, names of sections
        except LoadError as error:
            assert "truncated or damaged" in str(error) or "cannot load" in str(error)


def changed(whole: bytes, offset: int, form: str, value: int) -> bytes:
    result = bytearray(whole)
    struct.pack_into(form, result, offset, value)
    return bytes(result)


def test_library_of_another_machine(library: Library, tmp_path: Path) -> None:
    whole = library("doubling").read_bytes()
    path = tmp_path / "model.so"
    path.write_bytes(changed(whole, 18, "<H", 243))
    assert refusal(path).startswith("the library is for RISC-V, 64 bits, little-endian; this Python runs on ")
    path.write_bytes(changed(whole, 4, "<B", 1))
    assert ", 32 bits, little-endian; this Python runs on " in refusal(path)
    path.write_bytes(changed(whole, 16, "<H", 1))
    assert refusal(path) == "found an object file or a program, expected a shared library"


def test_library_that_the_system_refuses(tmp_path: Path) -> None:
    source = tmp_path / "needy.c"
    source.write_text("extern int nowhere(void);\nint call(void);\nint call(void) { return nowhere(); }\n")
    path = compile_c([source], tmp_path / "needy.so", "-shared", "-fPIC")
    assert refusal(path) == "the system cannot load the library: undefined symbol: nowhere"


# ------------------------------------------------------------------------------------------------ the interface


def test_library_of_somebody_else(tmp_path: Path) -> None:
    source = tmp_path / "other.c"
    source.write_text("int call(void);\nint call(void) { return 1; }\n")
    path = compile_c([source], tmp_path / "other.so", "-shared", "-fPIC")
    assert refusal(path) == "not a library made by onnxc: it has no function onnxc_query"


def test_library_without_query(library: Library) -> None:
    expected = "not a library made by onnxc: it has no function onnxc_query"
    assert refusal(library("doubling", "-DFIXTURE_NO_QUERY")) == expected


def test_other_version(library: Library) -> None:
    expected = (
        "the library was made for another version of the interface, "
        f"this loader knows version {abi.VERSION}; compile the model"
    )
    assert refusal(library("doubling", "-DFIXTURE_ABI=99")).startswith(expected)


def test_other_struct_size(library: Library) -> None:
    text = refusal(library("doubling", "-DFIXTURE_STRUCT_SIZE=24"))
    assert text == f"damaged library: its description has 24 bytes, expected {abi.ffi.sizeof('onnxc_model')}"


def test_missing_features(library: Library) -> None:
    text = refusal(library("doubling", '-DFIXTURE_FEATURES="warp-drive,flux"'))
    assert text == (
        "this processor lacks warp-drive, flux, which target 'test-target' needs; "
        "compile the model for a target that this machine has"
    )


def test_element_type_that_numpy_lacks(library: Library) -> None:
    text = refusal(library("doubling", "-DFIXTURE_TYPE={kDLInt, 3, 1}"))
    assert text == "tensor 'x' has an element type that numpy cannot hold (code 0, 3 bits, 1 lanes)"


def test_symbols_that_cannot_be(library: Library) -> None:
    text = refusal(library("doubling", "-DFIXTURE_DIMENSION=ONNXC_SYMBOL(0)"))
    assert text == "damaged library: tensor 'x' has a symbol that does not exist"
    text = refusal(library("doubling", "-DFIXTURE_SYMBOLS=1"))
    assert text == "damaged library: a symbol is a dimension of no input, or two have one name"


# ------------------------------------------------------------------------------------------------ threads


def test_number_of_threads(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    path = library("rows")
    monkeypatch.delenv("ONNXC_NUM_THREADS", raising=False)

    def threads(given: int | None = None) -> int:
        library = load(path, given)._library
        assert library is not None
        return library.threads

    library_ = load(path)._library
    assert library_ is not None
    assert threads() == library_._functions.onnxc_count_processors() <= len(os.sched_getaffinity(0))
    monkeypatch.setenv("ONNXC_NUM_THREADS", "3")
    assert threads() == 3
    assert threads(2) == 2
    for text in ("0", "-1", "many", "1.5", " "):
        monkeypatch.setenv("ONNXC_NUM_THREADS", text)
        with pytest.raises(InputError) as error:
            load(path)
        assert str(error.value) == (
            f"environment variable ONNXC_NUM_THREADS: found '{text}', expected a number from 1 up"
        )
    for wrong in (0, -1, 1.5, True, "2"):
        with pytest.raises(InputError, match=r"^threads: found .*, expected a whole number from 1 up$"):
            load(path, threads=wrong)  # type: ignore[arg-type]


# ------------------------------------------------------------------------------------------------ weights

HASH = b"b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c"
WEIGHTS = np.frombuffer(HASH + np.array([10, 20, 30, 40], np.float32).tobytes(), np.uint8)


@pytest.fixture
def weighted(library: Library, tmp_path: Path) -> Path:
    return Path(shutil.copy(library("weighted"), tmp_path / "weighted.so"))


def test_weights_beside_the_library(weighted: Path, tmp_path: Path) -> None:
    assert refusal(weighted) == (
        f"the library needs its weights beside it; there is no file {tmp_path / 'weighted.weights'}"
    )
    WEIGHTS.tofile(tmp_path / "weighted.weights")
    np.testing.assert_array_equal(load(weighted)(np.ones(4, np.float32))["y"], [11, 21, 31, 41])


def test_weights_given(weighted: Path, tmp_path: Path) -> None:
    WEIGHTS.tofile(tmp_path / "elsewhere")
    memory = np.zeros(WEIGHTS.nbytes + 8, np.uint8)
    memory[8:] = WEIGHTS
    for weights in (tmp_path / "elsewhere", str(tmp_path / "elsewhere"), WEIGHTS, memory[8:], memory[4:].view()[4:]):
        np.testing.assert_array_equal(load(weighted, weights=weights)(np.ones(4, np.float32))["y"], [11, 21, 31, 41])


def test_wrong_weights(weighted: Path, library: Library, tmp_path: Path) -> None:
    assert refusal(weighted, weights=WEIGHTS[:-1]) == "weights: found 79 bytes, expected 80"
    file = tmp_path / "elsewhere"
    assert refusal(weighted, weights=file) == f"weights {file}: cannot be read: No such file or directory"
    file.write_bytes(b"")
    assert refusal(weighted, weights=file) == f"weights {file}: found 0 bytes, expected 80"
    other = WEIGHTS.copy()
    other[0] += 1
    assert "weights: they belong to another model: found hash b'c5bb9" in refusal(weighted, weights=other)
    assert refusal(library("doubling"), weights=WEIGHTS) == (
        "weights were given, but the library holds its weights itself"
    )


# ------------------------------------------------------------------------------------------------ files that change


def test_compiled_again(tmp_path: Path) -> None:
    """A new library under the old name is a new model, also while the old one is in use."""
    path = tmp_path / "model.so"
    models = []
    for factor in (2, 3, 4):
        new = compile_model("doubling", tmp_path / "new.so", f"-DFIXTURE_FACTOR={factor}")
        os.replace(new, path)
        models += [load(path, threads=1), load(path, threads=1)]
    for factor, model in zip((2, 2, 3, 3, 4, 4), models, strict=True):
        np.testing.assert_array_equal(model(X)["y"], factor * X)


def test_overwritten_in_place(library: Library, tmp_path: Path) -> None:
    path = Path(shutil.copy(library("doubling"), tmp_path / "model.so"))
    model = load(path, threads=1)
    os.utime(path, (1, 1))  # as if it were written; really writing to a library in use kills the process
    assert refusal(path).startswith("the file was overwritten while a model from it is still open; ")
    model.close()
    np.testing.assert_array_equal(load(path, threads=1)(X)["y"], 2 * X)


def test_relative_path(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without a folder would make the system look in its own ones."""
    monkeypatch.chdir(library("doubling").parent)
    np.testing.assert_array_equal(load(library("doubling").name, threads=1)(X)["y"], 2 * X)
