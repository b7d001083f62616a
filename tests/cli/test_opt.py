"""``onnxc opt``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.command import DIGITS, Command


def test_text_goes_in_and_out(tmp_path: Path, onnxc: Command) -> None:
    imported = tmp_path / "imported.relay"
    onnxc.succeed("opt", DIGITS, "--passes", "", "-o", imported)
    assert "nn.relu" in imported.read_text()
    assert onnxc.succeed("opt", imported, "--passes", "") == imported.read_text()
    for level in range(4):
        assert onnxc.succeed("opt", imported, f"-O{level}") == onnxc.succeed("opt", DIGITS, f"-O{level}")


def test_passes_run_in_the_given_order(onnxc: Command) -> None:
    result = onnxc("opt", DIGITS, "--passes", "dead_code,fuse", "--print-ir-after", "all")
    assert result.code == 0
    assert [line for line in result.err.splitlines() if line.startswith("# after")] == [
        "# after dead_code",
        "# after fuse",
    ]
    assert "primitive=True" in result.out


def test_types_and_defaults_may_be_left_out(tmp_path: Path, onnxc: Command) -> None:
    path = tmp_path / "short.relay"
    path.write_text(
        'module "short"\n\nfn @main(%x: Tensor[(2, N), float32]) -> Tensor[(2, N), float32] outputs=("y",) {\n'
        "  let %h = nn.relu(%x)\n  let %y = negative(%h)\n  %y\n}\n"
    )
    assert "let %h: Tensor[(2, N), float32] = nn.relu(%x)" in onnxc.succeed("opt", path, "--passes", "")
