"""The command line: ``onnxc compile | run | tune | tuning-db | inspect | opt | targets``, one file for each command.

The files import click alone at their top, so that help comes at once; what a command needs it imports when it runs.

Exit codes: 0; 1 for what is wrong with the user's model, files or values; 2 for wrong usage; 70 for a bug of onnxc; 128
and a signal's number after it: 130 after Ctrl-C, 143 after SIGTERM. ``ONNXC_DEBUG=1`` shows a bug's traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

import click

from .compile import compile_command
from .inspect import inspect_command
from .opt import opt_command
from .run import run_command
from .signals import EndingSignals
from .targets import targets_command
from .tune import tune_command
from .tuning_db import tuning_db_group

USER_ERROR, USAGE_ERROR, INTERNAL_ERROR = 1, 2, 70


class _Interrupted(BaseException):
    """KeyboardInterrupt under a name that click does not know: it would print an empty line."""


class _Group(click.Group):
    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as error:
            raise _Interrupted(str(error)) from error


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"onnxc {version('onnxc')}")
        context.exit()


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--version", is_flag=True, is_eager=True, expose_value=False, callback=_print_version, help="Show it.")
def cli() -> None:
    """Compile ONNX models ahead of time: to a shared library, a static library or plain C."""


_COMMANDS = (
    compile_command, run_command, tune_command, tuning_db_group, inspect_command, opt_command, targets_command,
)  # fmt: skip
for _command in _COMMANDS:
    cli.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.

    Returns
    -------
    int
        The exit code.
    """
    is_process = arguments is None
    if is_process:
        _open_standard_files()
    with EndingSignals(last=is_process) as signals:
        try:
            result = cli.main(args=arguments, prog_name="onnxc", standalone_mode=False)
            code = result if isinstance(result, int) else 0
            sys.stdout.flush()
        except click.ClickException as error:
            error.show()
            code = USAGE_ERROR
        except (_Interrupted, KeyboardInterrupt, click.Abort) as error:
            detail = f": {error}" if str(error) else ""
            _tell(f"{signals.text}{detail}")
            code = signals.code
        except SystemExit as error:  # of click, when the reader of our output, such as head, has seen enough
            code = error.code if isinstance(error.code, int) else USER_ERROR
        except Exception as error:
            if signals.received is not None:  # such as the end of a child process that got the signal, too
                _tell(signals.text)
                code = signals.code
            else:
                code = _report(error)
        _finish_output()
        return code


def _open_standard_files() -> None:
    """Standard files that the caller has closed go nowhere: the next file that is opened would get their numbers."""
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest number that is free
    for name, number in (("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w", closefd=False))
    if hasattr(sys.stdout, "reconfigure"):  # names of files may be no text, and terminals may not know all text
        sys.stdout.reconfigure(errors="backslashreplace")


def _tell(text: str) -> None:
    """Print on standard error, if anybody listens."""
    with suppress(OSError):
        click.echo(text, err=True)


def _finish_output() -> None:
    """Drop what cannot be printed, on which the interpreter would report at its end."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _report(error: Exception) -> int:
    from ..diagnostics import CompileError
    from ..runtime_stub.errors import InputError, LoadError, RunError

    if isinstance(error, (CompileError, InputError, LoadError, RunError)):
        _tell(f"error: {error}")
        return USER_ERROR
    if isinstance(error, MemoryError):
        _tell(f"error: out of memory{f': {error}' if str(error) else ''}")
        return USER_ERROR
    if isinstance(error, OSError) and error.errno is not None:  # without a name: a full disk behind an open file
        where = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
        _tell(f"error: {where}{error.strerror}")
        return USER_ERROR
    if os.environ.get("ONNXC_DEBUG"):
        raise error
    _tell(f"onnxc has a bug: {type(error).__name__}: {error}")
    _tell("Please report it, with the model if you can, and what ONNXC_DEBUG=1 shows.")
    return INTERNAL_ERROR
