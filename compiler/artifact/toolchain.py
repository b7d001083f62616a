"""C compilers: finding one for a target, and what the compiler asks of it.

A compiler is searched in this order: what the user named; ``$CC``, then cc, gcc and clang, where the target is for
machines like this one; a GNU cross compiler; Zig, when it is installed (``pip install onnxc[cross]``).
"""

from __future__ import annotations

import errno
import os
import platform
import shlex
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from ..diagnostics import CompileError
from ..target import Target

#: Oldest glibc that what Zig links runs with: Debian 10, RHEL 8, Ubuntu 18.10.
GLIBC = "2.28"

#: Lines of a compiler's complaint that an error shows.
_SHOWN_LINES = 12

_NATIVE_COMMANDS = ("cc", "gcc", "clang")


class Kind(Enum):
    """A family of compilers with the same flags."""

    GCC = "gcc"
    CLANG = "clang"
    ZIG = "zig"


@dataclass(frozen=True)
class Compiler:
    """A C compiler, with what makes it produce code for a target.

    Its methods work inside a folder with relative names, so that no path gets into what they make: same input, same
    bytes.

    Attributes
    ----------
    command : tuple of str
        The program and its first arguments.
    kind : Kind
    version : str
        What it says of itself, on one line.
    target : Target
    """

    command: tuple[str, ...]
    kind: Kind
    version: str
    target: Target

    def compile(
        self,
        folder: Path,
        source: str,
        output: str,
        *,
        baseline: bool = False,
        optimize: str = "2",
    ) -> None:
        """Compile a C file (``.c``), or assemble one (``.S``), into an object file.

        Parameters
        ----------
        folder : Path
            Where source and output are.
        source, output : str
            Names relative to folder.
        baseline : bool
            Use no more than what every processor of the target's family has.
        optimize : str
            What follows ``-O``.
        """
        arguments = self.flags(baseline, optimize)
        self._run(folder, [*arguments, "-c", source, "-o", output], f"could not compile {source}")

    def flags(self, baseline: bool, optimize: str) -> list[str]:
        """Flags that C is compiled with: see `compile`."""
        return [*self._cpu_flags(baseline), f"-O{optimize}", "-g0", "-std=c11", *self._code_flags()]

    def link_shared(
        self, folder: Path, objects: Sequence[str], output: str, *, soname: str, exports: Sequence[str]
    ) -> None:
        """Link a shared library that needs the C library alone.

        Parameters
        ----------
        folder : Path
            Where objects and output are.
        objects : sequence of str
            Names relative to folder.
        output : str
            Name relative to folder.
        soname : str
            The name that it will have. Any: commas are none between options.
        exports : sequence of str
            Patterns of the symbols that others see, such as ``onnxc_*``.
        """
        if not self.target.hosted:
            raise CompileError(
                f"target {self.target.name} has no shared libraries",
                expected="a static library or C source",
                remedy="use --emit=a or --emit=c",
            )
        script = "exports.map"
        (folder / script).write_text("{ global: " + " ".join(f"{p};" for p in exports) + " local: *; };\n")
        linker = [
            f"--version-script={script}",
            "--gc-sections",
            "--build-id=none",
            "--as-needed",
            "-z,defs",
            "-z,noexecstack",
            "-z,relro",
            "-z,now",
        ]
        # -s leaves the exported names only.
        arguments = [*self._cpu_flags(baseline=False), "-O2", "-shared", "-fPIC", "-s", *objects]
        arguments += ["-Xlinker", f"-soname={soname}", *(f"-Wl,{option}" for option in linker)]
        arguments += ["-lm", "-lpthread", "-o", output]
        if self.kind is not Kind.ZIG:
            arguments.append("-static-libgcc")
        self._run(folder, arguments, f"could not link {soname}")

    def link_program(self, folder: Path, inputs: Sequence[str], output: str, libraries: Sequence[str] = ()) -> None:
        """Link a program (for measuring and testing on the target) from objects and static libraries.

        Parameters
        ----------
        folder : Path
        inputs : sequence of str
            Names relative to folder.
        output : str
            Name relative to folder.
        libraries : sequence of str
            What ``-l`` takes, beyond the C and the mathematics library.
        """
        assert self.target.hosted, self.target.name
        arguments = [*self._cpu_flags(baseline=False), "-O2", *inputs, *(f"-l{name}" for name in libraries)]
        self._run(folder, [*arguments, "-lm", "-lpthread", "-o", output], f"could not link {output}")

    def _cpu_flags(self, baseline: bool) -> list[str]:
        toolchain = self.target.toolchain
        flags = list(toolchain.baseline_flags if baseline else toolchain.flags)
        if self.kind is Kind.CLANG:
            return [f"--target={self.target.triple}", *flags]
        if self.kind is Kind.GCC:
            return flags
        # Zig names processors in its own way; flags that are not about them are clang's.
        suffix = f".{GLIBC}" if toolchain.zig_target.endswith(("-gnu", "-gnueabihf")) else ""
        cpu = toolchain.zig_baseline_cpu if baseline else toolchain.zig_cpu
        result = ["-target", toolchain.zig_target + suffix, f"-mcpu={cpu}"]
        result += [flag for flag in flags if not flag.startswith("-m")]
        if toolchain.zig_headers:
            root = _zig_library(self.command)
            for name in (toolchain.zig_headers, "generic-musl"):
                result += ["-isystem", str(root / "libc" / "include" / name)]
        return result

    def _code_flags(self) -> list[str]:
        flags = ["-ffunction-sections", "-fdata-sections", "-fvisibility=hidden"]
        # The arena's memory holds tensors of one type after those of another; kernels want FMA and square roots inline.
        flags += ["-fno-strict-aliasing", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math"]
        return [*flags, "-fPIC"] if self.target.hosted else flags

    def _run(self, folder: Path, arguments: Sequence[str], failure: str) -> None:
        command = [*self.command, *arguments]
        try:
            done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", check=False)
        except OSError as error:
            raise CompileError(f"{failure}: cannot run '{self.command[0]}': {error.strerror}") from error
        if done.returncode == 0:
            return
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        shown = lines[:_SHOWN_LINES] + (["..."] if len(lines) > _SHOWN_LINES else [])
        status = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
        is_full = any(os.strerror(errno.ENOSPC) in line for line in lines)
        raise CompileError(
            "\n    ".join([f"{failure}: {shlex.join(self.command)} ended with {status}", *shown]),
            expected="room on the disks of the output and of TMPDIR"
            if is_full
            else f"a C11 compiler for {self.target.name}",
            remedy="make room, or set TMPDIR to another folder" if is_full else "name another compiler with --cc",
        )


def find_compiler(target: Target, cc: str | None = None) -> Compiler:
    """A compiler for a target.

    Parameters
    ----------
    target : Target
    cc : str, optional
        A command, possibly with arguments, that the user wants to be taken.

    Raises
    ------
    CompileError
        The command is no compiler for the target, or none was found.
    """
    if cc is not None and cc.strip():
        return _named(target, cc, "--cc")
    if _is_native(target):
        if os.environ.get("CC", "").strip():
            return _named(target, os.environ["CC"], "the environment variable CC")
        for command in _NATIVE_COMMANDS:
            if shutil.which(command) is not None:
                compiler = _probe(target, (command,))
                if compiler is not None and _machine_error(compiler) is None:
                    return compiler
    for prefix in target.toolchain.gcc_prefixes:
        if shutil.which(f"{prefix}gcc") is not None:
            compiler = _probe(target, (f"{prefix}gcc",))
            if compiler is not None:
                return compiler
    zig = _installed_zig()
    if zig is not None and target.toolchain.zig_target:
        compiler = _probe(target, (zig, "cc"))
        if compiler is not None:
            return compiler
    package = "gcc" if _is_native(target) else target.toolchain.package
    raise CompileError(
        f"no C compiler for target {target.name} was found",
        expected=" or ".join(
            [*_NATIVE_COMMANDS[: 3 * _is_native(target)], *(f"{p}gcc" for p in target.toolchain.gcc_prefixes), "Zig"]
        ),
        remedy=f"'pip install onnxc[cross]' (every target), or 'apt install {package}'; or name one with --cc",
    )


def _named(target: Target, text: str, origin: str) -> Compiler:
    """The compiler that the user chose, checked."""
    try:
        command = tuple(shlex.split(text))
    except ValueError as error:
        raise CompileError(f"{origin} is no command: {error}: {text}") from error
    if not command or shutil.which(command[0]) is None:
        raise CompileError(f"{origin} names '{text}', which is not installed", expected="a C compiler's command")
    compiler = _probe(target, command)
    if compiler is None:
        raise CompileError(
            f"{origin} names '{text}', which is no C compiler that onnxc knows", expected="gcc, clang or 'zig cc'"
        )
    error_text = _machine_error(compiler)
    if error_text is not None:
        raise CompileError(
            f"{origin} names '{text}', {error_text}",
            expected=f"a compiler for target {target.name}",
            remedy=f"leave it out, or install one: 'apt install {target.toolchain.package}'",
        )
    return compiler


def _probe(target: Target, command: tuple[str, ...]) -> Compiler | None:
    """What kind of compiler a command is; None when it is not one."""
    kind_and_version = _identify(command)
    return None if kind_and_version is None else Compiler(command, *kind_and_version, target)


@cache
def _identify(command: tuple[str, ...]) -> tuple[Kind, str] | None:
    text = _output((*command, "--version"))
    version = text.splitlines()[0].strip() if text else ""
    if any(Path(part).stem in ("zig", "ziglang") for part in command):
        zig = _output((*_zig_program(command), "version")).strip()
        return (Kind.ZIG, f"zig {zig} ({version})") if zig and "clang" in text else None
    if "clang" in text:
        return Kind.CLANG, version
    return (Kind.GCC, version) if "Free Software Foundation" in text else None


def _machine_error(compiler: Compiler) -> str | None:
    """Does a compiler for one kind of processor make code for the target's? Clang and Zig make it for all."""
    if compiler.kind is not Kind.GCC:
        return None
    found = _output((*compiler.command, "-dumpmachine")).strip()
    wanted = compiler.target.triple
    bare = "-none-" in found
    if _architecture(found) == _architecture(wanted) and bare != compiler.target.hosted:
        return None
    return f"which makes code for {found or 'an unknown machine'}, not for {wanted}"


def _architecture(triple: str) -> str:
    """What two names of a kind of processor have in common."""
    name = triple.split("-", 1)[0].lower()
    if name in ("amd64", "x86_64"):
        return "x86_64"
    if name in ("arm64", "aarch64"):
        return "aarch64"
    return "arm" if name.startswith(("arm", "thumb")) else name


def _is_native(target: Target) -> bool:
    """Do programs for the target run here, apart from what the processor may lack?"""
    return (
        target.hosted
        and platform.system() == "Linux"
        and _architecture(platform.machine()) == _architecture(target.triple)
    )


def _installed_zig() -> str | None:
    """The program of Python's package ziglang."""
    spec = find_spec("ziglang")
    if spec is None or spec.origin is None:
        return None
    program = Path(spec.origin).parent / ("zig.exe" if os.name == "nt" else "zig")
    return str(program) if program.is_file() else None


def _zig_program(command: tuple[str, ...]) -> tuple[str, ...]:
    """The part of a command before its ``cc`` (and flags)."""
    return command[: command.index("cc")] if "cc" in command else command


@cache
def _zig_library(command: tuple[str, ...]) -> Path:
    """The folder with Zig's headers."""
    program = _zig_program(command)
    for line in _output((*program, "env")).splitlines():
        key, _, value = line.partition("=" if "=" in line else ":")
        if key.strip(' ."') == "lib_dir":
            return Path(value.strip(' ,"')).absolute()  # Zig shortens paths below the current folder
    raise CompileError(f"'{shlex.join(program)} env' does not say where its files are", expected="lib_dir")


def _output(command: Sequence[str]) -> str:
    """Standard output of a command; empty when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    except OSError:
        return ""
    return done.stdout if done.returncode == 0 else ""
