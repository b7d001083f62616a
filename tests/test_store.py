"""The store: what is put comes back, whatever happens to the files."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from onnxc.store import Store, digest_of, user_store

NAME = digest_of(["a kernel"])


def entries(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def test_what_is_put_comes_back(tmp_path: Path) -> None:
    store = Store(tmp_path / "new" / "cache")
    assert store.get(NAME) is None
    assert not (tmp_path / "new").exists()
    for content in (b"code", b"", b"other code"):
        store.put(NAME, content)
        assert Store(tmp_path / "new" / "cache").get(NAME) == content
    assert (tmp_path / "new" / "cache").stat().st_mode & 0o77 == 0, "others may read it"


def test_names_tell_facts_apart() -> None:
    facts = [["ab", "c"], ["a", "bc"], ["abc"], ["abc", ""], [], [""], ["c", "ab"]]
    assert len({digest_of(f) for f in facts}) == len(facts)
    assert digest_of(["\udcff", b"abc"]) == digest_of([b"\xed\xb3\xbf", "abc"])


@pytest.mark.parametrize("keep", [0, 1, 31, 32, 33, 35])
def test_a_truncated_entry_is_none(tmp_path: Path, keep: int) -> None:
    store = Store(tmp_path)
    store.put(NAME, b"code")
    (path,) = entries(tmp_path)
    path.write_bytes(path.read_bytes()[:keep])
    assert store.get(NAME) is None
    store.put(NAME, b"code")
    assert store.get(NAME) == b"code"


@pytest.mark.parametrize("position", [0, 31, 32, 35])
def test_a_damaged_entry_is_none(tmp_path: Path, position: int) -> None:
    store = Store(tmp_path)
    store.put(NAME, b"code")
    (path,) = entries(tmp_path)
    data = bytearray(path.read_bytes())
    data[position] ^= 1
    path.write_bytes(data)
    assert store.get(NAME) is None


def test_what_was_not_used_goes_first(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=256 * 1000)  # 1000 bytes for names that begin alike
    names = [f"ab{i:062}" for i in range(4)]
    for age, name in enumerate(names[:3]):
        store.put(name, bytes(250))
        os.utime(tmp_path / "ab" / name[2:], (age, age))
    assert store.get(names[0]) is not None  # used now
    store.put(names[3], bytes(250))
    assert [store.get(name) is not None for name in names] == [True, False, True, True]
    store.put("cd" + names[0][2:], bytes(250))
    assert len(entries(tmp_path)) == 4, "other folders have their own share"


def test_what_is_too_large_is_not_kept(tmp_path: Path) -> None:
    store = Store(tmp_path, limit=256 * 1000)
    store.put(NAME, bytes(1000))
    assert store.get(NAME) is None
    assert entries(tmp_path) == []


def test_a_file_in_the_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("mine")
    store = Store(tmp_path / "cache")
    store.put(NAME, b"code")
    assert store.get(NAME) is None
    assert (tmp_path / "cache").read_text() == "mine"


def test_a_folder_in_the_place_of_an_entry(tmp_path: Path) -> None:
    store = Store(tmp_path)
    (tmp_path / NAME[:2] / NAME[2:] / "inside").mkdir(parents=True)
    store.put(NAME, b"code")
    assert store.get(NAME) is None
    assert entries(tmp_path) == []


def test_many_at_the_same_time(tmp_path: Path) -> None:
    """Readers see nothing, or one of the entries that were put, whole; what is over the limit is no error."""
    store = Store(tmp_path, limit=256 * 4000)
    contents = [bytes([i]) * 900 for i in range(32)]

    def put_and_get(content: bytes) -> bool:
        name = f"ab{content[0] % 8:062}"
        store.put(name, content)
        found = store.get(name)
        return found is None or found in contents

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(put_and_get, contents * 8))
    assert sum(path.stat().st_size for path in entries(tmp_path)) <= 4000


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"ONNXC_CACHE_DIR": "/some/where"}, "/some/where"),
        ({"ONNXC_CACHE_DIR": "here"}, "{cwd}/here"),
        ({"ONNXC_CACHE_DIR": ""}, None),
        ({"XDG_CACHE_HOME": "/caches"}, "/caches/onnxc"),
        ({"XDG_CACHE_HOME": "relative"}, "/home/me/.cache/onnxc"),
        ({"XDG_CACHE_HOME": ""}, "/home/me/.cache/onnxc"),
        ({}, "/home/me/.cache/onnxc"),
    ],
)
def test_where_it_is(
    variables: dict[str, str], folder: str | None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ONNXC_CACHE_DIR", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"HOME": "/home/me", **variables}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    store = user_store()
    if folder is None:
        assert store is None
    else:
        assert store is not None and store.folder == Path(folder.format(cwd=tmp_path))


def test_nobody_has_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.delenv("ONNXC_CACHE_DIR", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setattr(Path, "home", no_home)
    assert user_store() is None
