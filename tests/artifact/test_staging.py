"""Output appears whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from onnxc.artifact.staging import SCRATCH, staged
from onnxc.diagnostics import CompileError


def test_new_folder_with_parents(tmp_path: Path) -> None:
    with staged(tmp_path / "a" / "b") as stage:
        (stage / "model.so").write_text("new")
        (stage / "include").mkdir()
        (stage / "include" / "model.h").write_text("header")
        (stage / f"{SCRATCH}work").write_text("left behind")
        assert not (tmp_path / "a").exists()
    assert (tmp_path / "a" / "b" / "model.so").read_text() == "new"
    assert (tmp_path / "a" / "b" / "include" / "model.h").read_text() == "header"
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["a", "b", "include", "model.h", "model.so"]


def test_other_files_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    (tmp_path / "model.so").write_text("old")
    with staged(tmp_path) as stage:
        (stage / "model.so").write_text("new")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"mine.txt": "mine", "model.so": "new"}


def test_error_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "model.so").write_text("old")
    with pytest.raises(ValueError, match="midway"), staged(tmp_path) as stage:
        (stage / "model.so").write_text("new")
        raise ValueError("midway")
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"model.so": "old"}


def test_output_below_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CompileError, match="is a file"), staged(tmp_path / "file" / "folder"):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_folder_without_permission(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(CompileError, match="Permission denied"), staged(tmp_path / "build"):
        pass


def test_folder_in_the_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "model.so").mkdir()
    with pytest.raises(CompileError, match="cannot be written"), staged(tmp_path) as stage:
        (stage / "model.so").write_text("new")
    assert [path.name for path in tmp_path.iterdir()] == ["model.so"]
