"""``star view``: completions with their images, in a browser."""

from __future__ import annotations

import os
import sys
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from star_cli.console import echo, how_many, progress_bar
from star_cli.options import InputPath, reward_options, reward_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.view.app import View
    from benchmarks.view.index import Run, Scoring

_HELP = """\
Show completions with their images, rewards and faults, group by group, in a browser: FILES are what `star score` reads,
folders of such files (the output folder of a trainer), or rows to train on.

The page is served on this machine alone until Ctrl-C. With --out it is written as one file with the most instructive
groups in it.

\b
Examples:
  star view runs/tvr-7b --images data/train/metadata.jsonl
  star view before.jsonl --against after.jsonl
  star view data/train
  star view runs/tvr-7b --out rollouts.html
"""

_EXPLAINED = ("mode", "think_prefilled", "matching", "conflicts", "weights", "mapping", "targets", "on")
"""Options that `star explain` is told as well."""


@click.command(help=_HELP, short_help="Look at completions and images in a browser.")
@click.argument("files", nargs=-1, required=True, type=InputPath())
@click.option(
    "--against",
    multiple=True,
    metavar="FILE",
    type=InputPath(),
    help="Another run, shown side by side on the same prompts.",
)
@click.option(
    "--images",
    multiple=True,
    metavar="FILE|DIR",
    type=click.Path(exists=True),
    help="Rows that name the images (joined on the id), or a folder where images lie.",
)
@reward_options
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, metavar="N", help="Port to serve on; by default a free one."
)
@click.option("--no-open", is_flag=True, help="Do not open a browser.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write one self-contained file instead.")
@click.option(
    "--groups",
    default="24",
    show_default=True,
    metavar="N|all",
    callback=lambda _ctx, _param, value: _number_of_groups(value),
    help="With --out: how many groups, the most instructive first.",
)
@click.option("-q", "--quiet", is_flag=True, help="No progress bar.")
@click.pass_context
def view(
    ctx: click.Context,
    /,
    *,
    files: tuple[str, ...],
    against: tuple[str, ...],
    images: tuple[str, ...],
    port: int,
    no_open: bool,
    out: Path | None,
    groups: int | None,
    quiet: bool,
    mapping: dict[str, str],
    targets: str | None,
    on: Literal["id", "prompt"],
    **options: Any,
) -> None:
    """Show completions; `_HELP` is what users read."""
    from benchmarks.files.paths import find_files
    from benchmarks.files.write import need_folder, refuse_input
    from benchmarks.view.app import View, check_packages, serve
    from benchmarks.view.images import Images
    from benchmarks.view.index import Scoring
    from benchmarks.view.listing import Partners

    if out is None:
        check_packages()
    else:
        need_folder(out)
        refuse_input(out, [*find_files([*files, *against, *filter(None, [targets])]), *images])
    asked = ctx.get_parameter_source("task") is click.core.ParameterSource.COMMANDLINE
    task = options.pop("task")
    scoring = Scoring(task if asked else None, **reward_settings(**options))
    reading = {"mapping": mapping, "targets": targets, "on": on}
    runs = [_open(names, scoring, reading, quiet=quiet) for names in (files, against) if names]
    partners = Partners.of(*runs) if len(runs) > 1 else None
    shown = View(runs, partners, Images(runs, images, scoring), _command(ctx))
    for run in runs:
        _say(run, shown)
    if out is not None:
        _write(shown, out, groups)
        return

    def begin(address: str) -> None:
        echo(f"{address}  (Ctrl-C ends it)")
        if not no_open and _has_screen():
            webbrowser.open(address)

    with suppress(KeyboardInterrupt):
        serve(shown, port=port, on_start=begin)


def _number_of_groups(value: str) -> int | None:
    if value == "all":
        return None
    if not value.isdecimal() or int(value) < 1:
        raise click.BadParameter("it is a number from 1, or all")
    return int(value)


def _open(names: Sequence[str], scoring: Scoring, reading: dict[str, Any], *, quiet: bool) -> Run:
    from benchmarks.run.score_files import Progress
    from benchmarks.view.index import open_run
    from benchmarks.view.reading import Files

    files = Files(names, **reading)
    name = " ".join(map(_short, names[:2])) + (" …" if len(names) > 2 else "")
    with progress_bar(hidden=quiet) as (advance, _):

        def count(rows: int, share: float | None) -> None:
            if advance is not None:
                advance(Progress(rows, share=share))

        return open_run(name, files, scoring, on_progress=count)


def _short(name: str) -> str:
    """Return how people call a file or folder: of a place from the root on, its end."""
    place = Path(name)
    return str(Path(*place.parts[-2:]) if place.is_absolute() else place)


def _say(run: Run, shown: View) -> None:
    """Tell what was read, what was left out, and where images lie that may not be shown."""
    noun = "completion" if len(run.files.without_completions) < len(run.files.names) else "row"
    echo(f"{run.name}: {how_many(len(run.total), noun)} in {how_many(len(run.groups), 'group')}", err=True)
    for message in run.errors[:3]:
        echo(message, err=True)
    if run.left_out:
        echo(f"{how_many(run.left_out, 'row')} left out; the page lists them", err=True)
    from rewards.errors import DataError

    with suppress(DataError):
        outside = {shown.images.outside(image) for image in shown.images.of(run.rows([0])[0])} - {None}
        for folder in sorted(map(str, outside)):
            echo(f"images lie in {folder}, outside the data's folder; to show them: --images {folder}", err=True)


def _command(ctx: click.Context) -> list[str]:
    """Return the options that were given and that `star explain` must be given too."""
    from benchmarks.files.columns import ROLES

    found: list[str] = []
    for param in ctx.command.params:
        value = ctx.params.get(str(param.name))
        given = ctx.get_parameter_source(str(param.name)) is click.core.ParameterSource.COMMANDLINE
        if param.name in _EXPLAINED and given:
            pairs = value.items() if isinstance(value, dict) else ()
            values = [f"{role}={column}" for role, column in pairs if role in ROLES] if pairs else [value]
            found += [part for each in values for part in (param.opts[0], str(each))]
    return found


def _write(shown: View, out: Path, groups: int | None) -> None:
    from benchmarks.view.onefile import estimated_size, make_onefile

    echo(f"{out}: will have about {_megabytes(estimated_size(shown, groups=groups))}", err=True)
    made = make_onefile(shown, groups=groups)
    of = f" of {made.of_groups:,}" if made.groups < made.of_groups else ""
    try:
        made.write(out)
    except OSError as error:
        raise click.ClickException(f"{out}: {error.strerror}") from error
    echo(
        f"{out}: {made.groups:,}{of} groups, {how_many(made.rows, 'row')}, {how_many(made.images, 'image')}, "
        f"{_megabytes(made.size)}",
        err=True,
    )


def _megabytes(size: int) -> str:
    return f"{size / 2**20:.1f} MB"


def _has_screen() -> bool:
    """Return whether a browser can be shown; elsewhere one that draws on the terminal would be opened."""
    return sys.platform in ("darwin", "win32") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
