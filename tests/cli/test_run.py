"""``onnxc run``."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import onnx
import onnx.parser

from onnxc.cli.arrays import write_arrays
from tests.cli.command import DIGITS, Command


def test_random_inputs(digits: Path, onnxc: Command) -> None:
    out = onnxc.succeed("run", digits)
    assert re.fullmatch(r"output  float32  \(1, 10\)  \[.*\]\n", out)
    assert onnxc.succeed("run", digits / "digits_cnn_trained.so") == out
    assert onnxc.succeed("run", digits, "--seed", 1) != out


def test_a_model_is_compiled_first(onnxc: Command, digits: Path) -> None:
    assert onnxc.succeed("run", DIGITS) == onnxc.succeed("run", digits)


def test_files(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    data = np.load(DIGITS.with_name("digits_cnn_testset.npz"))
    image, digit = data["x"][:1], data["y"][0]
    np.save(tmp_path / "image.npy", image)
    np.savez(tmp_path / "image.npz", input=image)
    for text in (f"{tmp_path}/image.npy", f"input={tmp_path}/image.npy", f"{tmp_path}/image.npz"):
        onnxc.succeed("run", digits, "--input", text, "--output", tmp_path / "out.npz")
        assert np.argmax(np.load(tmp_path / "out.npz")["output"]) == digit


def test_open_dimensions(small: Path, tmp_path: Path, onnxc: Command) -> None:
    lines = onnxc.succeed("run", small, "--dim", "N=3").splitlines()
    assert lines[0].split()[:4] == ["y", "float32", "(3,", "4)"]
    assert lines[1].split()[:3] == ["size", "int64", "(2,)"]
    assert "min " in lines[0] and ", mean " in lines[0]
    assert "[3 4]" in lines[1]
    np.save(tmp_path / "x.npy", np.zeros((5, 3, 8, 8), np.float32))
    assert "[5 4]" in onnxc.succeed("run", small, "--input", f"x={tmp_path}/x.npy")
    assert "no open dimension named M" in onnxc.fail("run", small, "--dim", "M=3")


def test_latency(digits: Path, onnxc: Command) -> None:
    out = onnxc.succeed("run", digits, "--repeat", 20, "--threads", 1, "-q")
    match = re.fullmatch(r"latency of 20 runs: min (\S+) ms, median (\S+) ms, max (\S+) ms\n", out)
    assert match
    low, middle, high = map(float, match.groups())
    assert 0 < low <= middle <= high


def test_profile(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    onnxc.succeed("compile", DIGITS, "-o", tmp_path / "timed.so", "--profile")
    for source in (DIGITS, tmp_path / "timed.so"):
        out = onnxc.succeed("run", source, "--profile", "--repeat", 3, "-q")
        assert "latency of 3 runs" in out
        assert re.search(r"^us +share +calls +GFLOP/s +GB/s +kernel +operators +types$", out, re.MULTILINE)
        assert re.search(r"^[\d.]+ us in \d+ kernels, [\d.]+ GFLOP/s$", out, re.MULTILINE)
    assert "measures nothing; compile it with profile=True (--profile)" in onnxc.fail("run", digits, "--profile")


def test_wrong_inputs(digits: Path, small: Path, tmp_path: Path, onnxc: Command) -> None:
    np.save(tmp_path / "wrong.npy", np.zeros((2, 1, 8, 8), np.float32))
    np.savez(tmp_path / "other.npz", other=np.zeros(3))
    (tmp_path / "text.npy").write_text("no array")
    np.save(tmp_path / "object.npy", np.array([{}]), allow_pickle=True)
    assert "expected (1, 1, 8, 8)" in onnxc.fail("run", digits, "--input", tmp_path / "wrong.npy")
    assert "no input 'other'" in onnxc.fail("run", digits, "--input", tmp_path / "other.npz")
    assert "no input 'y'" in onnxc.fail("run", digits, "--input", f"y={tmp_path}/wrong.npy")
    assert "No such file" in onnxc.fail("run", digits, "--input", tmp_path / "missing.npz")
    for name in ("text.npy", "object.npy"):
        error = onnxc.fail("run", digits, "--input", tmp_path / name)
        assert "not in numpy's format" in error and "numpy.save" in error and "allow_pickle" not in error
    assert "3 inputs" in onnxc.fail("run", small, "--input", tmp_path / "wrong.npy")


def test_wrong_output(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    (tmp_path / "file").write_text("")
    assert "is a folder" in onnxc.fail("run", digits, "--output", tmp_path)
    assert "is a file" in onnxc.fail("run", digits, "--output", tmp_path / "file" / "out.npz")
    onnxc.succeed("run", digits, "--output", tmp_path / "new" / "out.npz")
    assert np.load(tmp_path / "new" / "out.npz")["output"].shape == (1, 10)


def test_broken_artifact(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    library = (digits / "digits_cnn_trained.so").read_bytes()
    (tmp_path / "cut.so").write_bytes(library[: len(library) // 2])
    assert "truncated or damaged" in onnxc.fail("run", tmp_path / "cut.so")
    (tmp_path / "text.so").write_text("no library")
    assert "no library" in onnxc.fail("run", tmp_path / "text.so")


def test_sequences(tmp_path: Path, onnxc: Command) -> None:
    text = """<ir_version: 8, opset_import: ["" : 18]>
    model (seq(float[N, 2]) s, optional(float[2]) x) => (seq(float[N, 2]) y, optional(float[2]) z, int64 n) {
        y = SequenceErase(s) z = Identity(x) n = SequenceLength(s)
    }"""
    path = tmp_path / "model.onnx"
    onnx.save(onnx.parser.parse_model(text), path)
    lines = onnxc.succeed("run", path).splitlines()
    assert [line.split()[0] for line in lines] == ["y[0]", "z", "n"] and "(1, 2)" in lines[0]
    one, two = np.ones((3, 2), np.float32), np.zeros((1, 2), np.float32)
    nothing = np.empty(0)
    write_arrays(tmp_path / "in.npz", {"s[0]": one, "s[1]": two, "x[none]": nothing})
    onnxc.succeed("run", path, "--input", tmp_path / "in.npz", "--output", tmp_path / "out.npz")
    out = np.load(tmp_path / "out.npz")
    assert sorted(out.files) == ["n", "y[0]", "z[none]"] and out["n"] == 2
    np.testing.assert_array_equal(out["y[0]"], one)
    np.save(tmp_path / "one.npy", one)
    np.save(tmp_path / "x.npy", np.ones(2, np.float32))
    more = ("--input", f"s[0]={tmp_path}/one.npy", "--input", f"x={tmp_path}/x.npy", "--repeat", 2)
    lines = onnxc.succeed("run", path, *more, "--output", tmp_path / "out.npz").splitlines()
    assert lines[0].split()[0] == "y[empty]" and lines[1].split()[:2] == ["z", "float32"]
    assert sorted(np.load(tmp_path / "out.npz").files) == ["n", "y[empty]", "z"]
    assert "expected a list of arrays" in onnxc.fail("run", path, "--input", f"s={tmp_path}/one.npy")
    assert "the sequence 's' has the places 1" in onnxc.fail("run", path, "--input", f"s[1]={tmp_path}/one.npy")
    inspected = onnxc.succeed("inspect", path)
    assert "s  Sequence[Tensor[(?, 2), float32]]" in inspected and "x  Optional[Tensor[(2,), float32]]" in inspected
