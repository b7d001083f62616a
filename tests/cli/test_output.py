"""Where outputs cannot go, or others are: no half artifacts, nothing lost, and the user knows what to do."""

from __future__ import annotations

import os
import resource
import shutil
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import onnx
import pytest

import onnxc as package
from onnxc.artifact.staging import staged
from onnxc.autotune.database import Database, Trial
from onnxc.diagnostics import CompileError
from onnxc.targets import host
from tests.cli.command import DIGITS, Command
from tests.cli.processes import environment, run
from tests.errors.models import small_model

IMAGE = np.zeros((1, 1, 8, 8), np.float32)


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Writing more into a file fails, in this process and those that it starts."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.fixture
def database(tmp_path: Path) -> Path:
    found = Database(tmp_path / "t.sqlite", create=True)
    found.add([Trial("a kernel", "cpu", {"knob": index}, created=str(index)) for index in range(300)], {})
    return tmp_path / "t.sqlite"


@pytest.mark.parametrize(("size", "emit"), [(9000, "so"), (30_000, "so"), (30_000, "a"), (9000, "c"), (9000, "obj")])
def test_full_disk(size: int, emit: str, digits: Path, tmp_path: Path, onnxc: Command) -> None:
    """An earlier artifact stays as it was, wherever in the new one the disk is full."""
    folder = tmp_path / "work"
    shutil.copytree(digits, folder)
    onnxc.succeed("compile", DIGITS, "--emit", emit, "-o", tmp_path / "first", "-O1")  # kernels come from the cache now
    shutil.rmtree(tmp_path / "first")
    with largest_file(size):
        error = onnxc.fail("compile", DIGITS, "--emit", emit, "-o", folder, "-O1")
    assert "cannot be written: File too large" in error or "ended with " in error
    assert contents(folder) == contents(digits)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["work"]


def test_full_disk_of_texts(digits: Path, database: Path, tmp_path: Path, onnxc: Command) -> None:
    for arguments in (
        ("compile", DIGITS, "--emit", "asm", "-o"),
        ("opt", DIGITS, "-o"),
        ("run", digits, "--input", f"input={tmp_path}/x.npy", "--output"),
        ("tuning-db", "export", database),
    ):
        np.save(tmp_path / "x.npy", IMAGE)
        place = tmp_path / "file"
        place.write_text("mine")
        size = 100 if arguments[0] == "run" else 9000
        with largest_file(size):
            error = onnxc.fail(*arguments, place)
        assert "cannot be written: File too large" in error
        assert place.read_text() == "mine"
        assert sorted(p.name for p in tmp_path.iterdir()) == ["file", "t.sqlite", "x.npy"]


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="needs Linux's /dev/full")
def test_full_standard_output() -> None:
    with open("/dev/full", "w") as full:
        assert run(["targets"], stdout=full) == (1, "", "error: No space left on device\n")
        assert run(["inspect", "missing"], stderr=full)[0] == 1


def test_closed_standard_files(tmp_path: Path) -> None:
    """Whoever reads has gone, or was never there."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w") as pipe:
        code, _, err = run(["targets"], stdout=pipe)
    assert (code, err) == (1, "")
    for number in (0, 1, 2):
        arguments = [*("compile", DIGITS, "-o", tmp_path / str(number), "-v")]
        code, _, err = run(arguments, f"os.close({number})" if number else "")
        assert code == 0
        assert package.load(tmp_path / str(number) / "digits_cnn_trained.so")(IMAGE)["output"].shape == (1, 10)


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """And a terminal that knows little text."""
    name = os.fsdecode(b"\xff\xc3\xa9 \n'\"$x")
    shutil.copy(DIGITS, tmp_path / f"{name}.onnx")
    variables = environment(PYTHONUTF8=0, LC_ALL="C", PYTHONCOERCECLOCALE=0)
    code, out, err = run(["compile", tmp_path / f"{name}.onnx", "-o", tmp_path / f"-a,{name}@.so"], env=variables)
    assert (code, err) == (0, "")
    assert " KB for host-" in out
    assert package.load(tmp_path / f"-a,{name}@.so")(IMAGE)["output"].shape == (1, 10)
    code, out, err = run(["inspect", tmp_path / f"-a,{name}@.so"], env=variables)
    assert (code, err) == (0, "") and "CHANGED" not in out


@pytest.mark.parametrize("name", ["-digits.so", "a,b=c.so", "@x.so", ".hidden.so", "é" * 100 + ".so", "a b.so"])
def test_names_of_libraries(name: str, tmp_path: Path, onnxc: Command) -> None:
    onnxc.succeed("compile", DIGITS, "-o", tmp_path / name)
    assert (tmp_path / name).is_file()
    assert package.load(tmp_path / name)(IMAGE)["output"].shape == (1, 10)
    assert sorted(contents(tmp_path)) == sorted(
        [name, f"{name[:-3]}.h", f"{name[:-3]}.manifest.json", "onnxc_runtime.h"]
    )


def test_the_name_of_the_runtime(tmp_path: Path, onnxc: Command) -> None:
    assert "the runtime's header" in onnxc.fail("compile", DIGITS, "-o", tmp_path / "onnxc_runtime.so")


def test_hidden_texts(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    onnxc.succeed("compile", DIGITS, "-o", tmp_path / ".x.relay")
    onnxc.succeed("run", digits, "--output", tmp_path / ".x.npz")
    assert sorted(contents(tmp_path)) == [".x.npz", ".x.relay", ".x.relay.npz"]


def test_a_folder_in_the_place_of_a_file(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    """It is found before other files of the artifact are replaced."""
    folder = tmp_path / "work"
    shutil.copytree(digits, folder)
    (folder / "onnxc_runtime.h").unlink()
    (folder / "onnxc_runtime.h").mkdir()
    before = contents(folder)
    assert "it is a folder" in onnxc.fail("compile", DIGITS, "-o", folder, "-O1")
    assert contents(folder) == before
    for arguments in (("compile", DIGITS, "--emit", "asm", "-o"), ("opt", DIGITS, "-o"), ("run", digits, "--output")):
        assert "is a folder" in onnxc.fail(*arguments, folder)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(digits: Path, tmp_path: Path, onnxc: Command) -> None:
    folder = tmp_path / "work"
    folder.mkdir(mode=0o500)
    for arguments in (("compile", DIGITS, "-o"), ("opt", DIGITS, "-o"), ("run", digits, "--output")):
        assert "Permission denied" in onnxc.fail(*arguments, folder / "new" / "file.x")


def test_devices_stay_devices(digits: Path, database: Path, tmp_path: Path, onnxc: Command) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for arguments in (
        ("compile", DIGITS, "--emit", "asm", "-o"),
        ("opt", DIGITS, "-o"),
        ("run", digits, "--output"),
        ("tuning-db", "export", database),
    ):
        assert "a device or a pipe" in onnxc.fail(*arguments, pipe)
        assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_the_input_is_no_output(database: Path, tmp_path: Path, onnxc: Command) -> None:
    model = tmp_path / "model.so"
    shutil.copy(DIGITS, model)
    before = model.read_bytes()
    for arguments in (
        ("compile", model, "-o", tmp_path),
        ("compile", model, "--emit", "asm", "-o", model),
        ("opt", model, "-o", model),
    ):
        assert "is the input" in onnxc.fail(*arguments)
        assert model.read_bytes() == before
    kept = database.read_bytes()
    assert "is a database" in onnxc.fail("tuning-db", "export", "--best", database, database)
    assert database.read_bytes() == kept


def test_a_library_that_is_in_use(tmp_path: Path, onnxc: Command) -> None:
    """It is replaced, not written over: who has mapped it keeps what it was."""
    library = tmp_path / "model.so"
    onnxc.succeed("compile", DIGITS, "-o", library, "-O0")
    before, number = library.read_bytes(), library.stat().st_ino
    with package.load(library) as model, library.open("rb") as file:
        expected = model(IMAGE)["output"]
        onnxc.succeed("compile", DIGITS, "-o", library, "-O3")
        assert file.read() == before and library.stat().st_ino != number
        np.testing.assert_array_equal(model(IMAGE)["output"], expected)


def test_two_at_a_time(tmp_path: Path) -> None:
    """One of them comes last, as a whole."""
    for attempt in range(20):
        folder = tmp_path / f"{attempt}" / "out"

        def write(text: str, folder: Path = folder) -> None:
            with staged(folder) as stage:
                for name in ("a", "b", "c"):
                    (stage / name).write_text(text)

        with ThreadPoolExecutor(8) as threads:
            list(threads.map(write, "01234567"))
        assert len(set(contents(folder).values())) == 1 and sorted(contents(folder)) == ["a", "b", "c"]
        assert [p.name for p in folder.parent.iterdir()] == ["out"]


def test_a_full_disk_is_the_users(tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="cannot be written: No space left on device"), staged(tmp_path / "x"):
        raise OSError(28, "No space left on device")
    with pytest.raises(OSError, match="Bad file descriptor"), staged(tmp_path / "x"):
        raise OSError(9, "Bad file descriptor")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("what", ["file", "read-only", "missing"])
def test_caches_that_cannot_be_written(
    what: str, tmp_path: Path, onnxc: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = tmp_path / "cache"
    if what == "file":
        cache.write_text("mine")
    elif what == "read-only":
        cache.mkdir(mode=0o500)
    monkeypatch.setenv("ONNXC_CACHE_DIR", "/proc/none" if what == "missing" else str(cache))
    result = onnxc("compile", DIGITS, "-o", tmp_path / "out", "--emit", "c", "-q")
    assert (result.code, result.err) == (0, "")
    assert (tmp_path / "out" / "digits_cnn_trained.c").is_file()


def test_no_folder_for_temporary_files(tmp_path: Path) -> None:
    """Outputs are made beside their place; what needs such a folder says so."""
    small = tmp_path / "small.onnx"
    onnx.save(small_model(), small)
    variables = environment(TMPDIR=tmp_path / "missing")
    assert run(["compile", small, "-o", tmp_path / "out", "-q"], env=variables) == (0, "", "")
    setup = "import tempfile; tempfile._candidate_tempdir_list = lambda: ['/proc/none']"
    code, _, err = run(["run", small], setup, env=variables)
    assert code == 1 and err.startswith("error: No usable temporary directory")


def test_no_compiler(tmp_path: Path) -> None:
    setup = "import importlib.util as u; find = u.find_spec\n"
    setup += "u.find_spec = lambda name, *rest: None if name == 'ziglang' else find(name, *rest)"
    variables = dict(environment(PATH=tmp_path))
    variables.pop("CC", None)
    for command in (["compile", DIGITS, "-o", tmp_path / "out"], ["run", DIGITS], ["tune", DIGITS]):
        code, _, err = run(command, setup, env=variables, cwd=tmp_path)
        assert code == 1 and f"no C compiler for target {host().name}" in err and "remedy: 'pip install" in err
    assert list(tmp_path.iterdir()) == []
