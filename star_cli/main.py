"""The ``star`` command: its subcommands are loaded when they are asked for."""

from __future__ import annotations

import io
import os
import sys
from difflib import get_close_matches
from functools import partial
from importlib import import_module
from importlib.machinery import PathFinder
from pathlib import Path
from traceback import format_exc
from typing import TYPE_CHECKING, Any

import click

from star_cli.console import INTERRUPTED, printable

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

PACKAGES = ("parsers", "rewards", "benchmarks", "trainers", "star_cli")
"""Our top-level packages that other people's files may be named like."""

COMMANDS = {
    "audit": "star_cli.audit",
    "correspondences": "star_cli.correspondences",
    "data": "star_cli.data",
    "doctor": "star_cli.doctor",
    "explain": "star_cli.explain",
    "report": "star_cli.report",
    "score": "star_cli.score",
    "serve": "star_cli.serve",
    "task": "star_cli.task",
    "train": "star_cli.train",
    "predict": "star_cli.predict",
    "view": "star_cli.view",
}
"""Name of a subcommand -> the module that holds a function of that name."""

_HOME = Path(__file__).resolve().parent.parent


def foreign_packages(path: Sequence[str] | None = None) -> dict[str, str]:
    """Return the files that Python imports instead of a package of ours, each with the package's name.

    Args:
        path: folders to look in; the import path by default.
    """
    specs = (PathFinder.find_spec(name, path) for name in PACKAGES)
    found = {spec.origin: spec.name for spec in specs if spec is not None and spec.origin is not None}
    return {file: name for file, name in found.items() if Path(file).resolve().parent.parent != _HOME}


class WrongInput(click.ClickException):
    """An error in the user's files: one line, no traceback."""

    exit_code = 1


class WrongOptions(click.ClickException):
    """An error in the user's options, likewise."""

    exit_code = 2


class Commands(click.Group):
    """The group of subcommands. `star --help` must not import what only one of them needs.

    Attributes:
        debug: whether an error of the system shows its traceback.
    """

    debug = False

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command; whatever ends it, but for a fault of our own, is one line and an exit code."""
        run: Callable[..., Any] = partial(super().main, *args, standalone_mode=False, **extra)
        if not standalone_mode:
            return run()
        self.debug = False
        try:
            ended = run()
        except click.Abort as error:
            interrupted = isinstance(error.__cause__, KeyboardInterrupt)  # click has ended the line with ^C
            click.echo("interrupted" if interrupted else "Aborted!", err=True)
            ended = INTERRUPTED if interrupted else 1
        except click.ClickException as error:
            error.show(said := io.StringIO())
            click.echo(printable(said.getvalue()), err=True, nl=False)
            ended = error.exit_code
        except ModuleNotFoundError as error:
            if self.debug or (error.name or "").partition(".")[0] in PACKAGES:
                raise
            click.echo(f"Error: this needs the package of {error.name}; star doctor lists what is missing", err=True)
            ended = 1
        except (OSError, RecursionError, UnicodeError, MemoryError) as error:
            click.echo(printable(format_exc() if self.debug else f"Error: {in_one_line(error)}"), err=True)
            ended = 1
        sys.exit(ended if isinstance(ended, int) else 0)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """Return the names of the subcommands."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a subcommand."""
        if cmd_name not in COMMANDS:
            if near := get_close_matches(cmd_name, COMMANDS, n=1):
                ctx.fail(f"No such command {cmd_name!r}. Did you mean {near[0]!r}?")
            return None
        command: click.Command = getattr(import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        """Find the subcommand, unless somebody else's file is in its way; `star doctor` lists all such files."""
        for file, name in foreign_packages().items() if args[0] != "doctor" else ():
            raise WrongOptions(
                f"{file} is in the way: Python takes it for the package {name!r} of star-r1; rename it, or run this "
                "from another folder"
            )
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a subcommand; the library's errors become one line."""
        try:
            return super().invoke(ctx)
        except ValueError as error:
            from rewards.errors import ConfigError, DataError

            if isinstance(error, DataError):
                raise WrongInput(" ".join(str(error).splitlines())) from error
            if isinstance(error, ConfigError):
                raise WrongOptions(" ".join(str(error).splitlines())) from error
            raise


def in_one_line(error: BaseException) -> str:
    """Say what the system could not do, and with which file.

    >>> in_one_line(FileNotFoundError(2, "No such file or directory", "rows.jsonl"))
    'rows.jsonl: No such file or directory'
    """
    if isinstance(error, RecursionError):
        return "something in the input is nested too deeply; star --debug COMMAND ... shows where"
    if isinstance(error, MemoryError):
        return "there is not enough memory"
    said = " ".join(str(error).split())[:500] or type(error).__name__
    if not isinstance(error, OSError) or not error.strerror:
        return said
    names = [
        os.fsdecode(name) if isinstance(name, bytes) else str(name)
        for name in (error.filename, error.filename2)
        if name
    ]
    shown = " -> ".join(name if len(name) <= 200 else f"{name[:200]}..." for name in names)
    return f"{shown}: {error.strerror}" if shown else error.strerror


def _print_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    if not asked or ctx.resilient_parsing:
        return
    from benchmarks.run.signature import installed_version

    click.echo(f"star-r1 {installed_version()}")
    for file, name in foreign_packages().items():
        warning = f"warning: `import {name}` finds {file}, not {_HOME / name}; import from `star_r1` instead"
        click.echo(printable(warning), err=True)
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option(
    "-V",
    "--version",
    is_flag=True,
    expose_value=False,
    is_eager=True,
    callback=_print_version,
    help="Show the version.",
)
@click.option("--debug", is_flag=True, help="Show the traceback of an error of the system, such as a full disk.")
@click.pass_context
def star(ctx: click.Context, *, debug: bool) -> None:
    """STAR-R1: verifiable rewards for multi-view spatial reasoning."""
    assert isinstance(ctx.command, Commands)
    ctx.command.debug = debug


def main() -> None:
    """Run the command."""
    if sys.stdout is not None and hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")  # a terminal that cannot show a character is no reason to stop
    star(prog_name="star")
