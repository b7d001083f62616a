"""The command line: ``onnxc compile | run | tune | tuning-db | inspect | opt | targets``, one file for each command.

The files import click alone at their top, so that help comes at once; what a command needs it imports when it runs.

Exit codes: 0; 1 for what is wrong with the user's model, files or values; 2 for wrong usage; 70 for a bug of onnxc; 130
after Ctrl-C. ``ONNXC_DEBUG=1`` shows a bug's traceback.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from .compile import compile_command
from .inspect import inspect_command
from .opt import opt_command
from .run import run_command
from .targets import targets_command
from .tune import tune_command
from .tuning_db import tuning_db_group

USER_ERROR, USAGE_ERROR, INTERNAL_ERROR, INTERRUPTED = 1, 2, 70, 130


def _print_version(context: click.Context, parameter: click.Parameter, value: bool) -> None:
    if value and not context.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"onnxc {version('onnxc')}")
        context.exit()


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
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
    try:
        result = cli.main(args=arguments, prog_name="onnxc", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.ClickException as error:
        error.show()
        return USAGE_ERROR
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output, such as head, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return USER_ERROR
    except Exception as error:
        return _report(error)


def _report(error: Exception) -> int:
    from ..diagnostics import CompileError
    from ..runtime_stub.errors import InputError, LoadError, RunError

    if isinstance(error, (CompileError, InputError, LoadError, RunError)):
        click.echo(f"error: {error}", err=True)
        return USER_ERROR
    if isinstance(error, MemoryError):
        click.echo(f"error: out of memory{f': {error}' if str(error) else ''}", err=True)
        return USER_ERROR
    if isinstance(error, OSError) and error.filename is not None:
        click.echo(f"error: {error.filename}: {error.strerror}", err=True)
        return USER_ERROR
    if os.environ.get("ONNXC_DEBUG"):
        raise error
    click.echo(f"onnxc has a bug: {type(error).__name__}: {error}", err=True)
    click.echo("Please report it, with the model if you can, and what ONNXC_DEBUG=1 shows.", err=True)
    return INTERNAL_ERROR
