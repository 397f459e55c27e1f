"""``star data``: make training data and look at it."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.data_cot import cot
from star_cli.data_export import export
from star_cli.data_filter import filter_rows
from star_cli.data_prepare import prepare

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress


@click.group()
def data() -> None:
    """Make training data and look at it."""


for _command in (prepare, cot, filter_rows, export):
    data.add_command(_command)


def _names(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    """Read names separated by commas."""
    return tuple(part.strip() for part in value.split(",") if part.strip())


def _size(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[int, int]:
    """Read ``128`` as a square, ``320x240`` as width and height."""
    try:
        sides = [int(part) for part in value.lower().split("x")]
        width, height = (sides[0], sides[0]) if len(sides) == 1 else sides
    except ValueError:
        wrong = f"{value!r} is neither a side like 128 nor a width and height like 320x240"
        raise click.BadParameter(wrong) from None
    return width, height


@data.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False), metavar="DIR")
@click.option(
    "--task",
    type=click.Choice(["tvr", "multiview"]),
    default="tvr",
    show_default=True,
    help="Changes between two images, or questions about several views.",
)
@click.option("--count", type=click.IntRange(min=1), default=1000, show_default=True, help="Number of scenes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--images",
    type=click.Choice(["none", "mitsuba", "raycast"]),
    default="none",
    show_default=True,
    help="Renderer of the images, if any.",
)
@click.option("--size", callback=_size, default="128", show_default=True, help="Pixels: 128, or 320x240.")
@click.option(
    "--views", callback=_names, default="center,left,right", show_default=True, help="Views of the final images."
)
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Worker processes."
)
@click.option(
    "--attributes",
    callback=_names,
    default="color,shape,size,material",
    show_default=True,
    help="Attributes that may change; `position` can be added.",
)
@click.option("--repeats", is_flag=True, help="Let an attribute of an object change twice, as in TRANCE.")
@click.option("--start", type=click.IntRange(min=0), default=0, show_default=True, help="Index of the first scene.")
def generate(directory: Path, workers: int, attributes: tuple[str, ...], **options: Any) -> None:
    """Generate scenes, with or without images, and their training rows into DIR.

    Scene i depends only on the seed, i and the options. An interrupted run resumes when the same command is given
    again.
    """
    from trainers.data.generate import Settings
    from trainers.data.generate import generate as generate_data
    from trainers.data.mitsuba_render import denoises
    from trainers.data.scenes import check_attributes

    settings = Settings(attributes=check_attributes(attributes), **options)
    if settings.images == "mitsuba" and not denoises():
        click.echo("note: pyoidn is not installed, so the images stay grainy", err=True)
    try:
        with _files_named(), _progress() as bar:
            task = bar.add_task("scenes", total=settings.count)
            path = generate_data(
                directory,
                settings,
                workers=workers,
                on_progress=lambda done, total: bar.update(task, completed=done, total=total),
            )
    except KeyboardInterrupt:
        click.echo("interrupted; give the same command again to resume", err=True)
        sys.exit(130)
    click.echo(f"{path}: {settings.count} scenes")


@contextmanager
def _files_named() -> Iterator[None]:
    """Turn an error of the file system into one line that names the file."""
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None


def _progress() -> Progress:
    """Return a bar on standard error, with the number done and the time left."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, disable=not console.is_terminal)


def _data_file(path: Path) -> Path:
    """Return a ``data.jsonl``: of the folder that holds it, or itself."""
    return path / "data.jsonl" if path.is_dir() else path


@data.command(short_help="Draw one sample with its changes, or its question, as a PNG.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--index", type=int, default=0, show_default=True, help="Index of the sample in the file, from 0.")
@click.option("--out", type=click.Path(path_type=Path), help="PNG file to write.  [default: scene-INDEX.png]")
def show(file: Path, index: int, out: Path | None) -> None:
    """Draw one sample of FILE (a data.jsonl, or its folder) with its changes, or its question, as a PNG."""
    from trainers.data.show import read_sample, show_sample

    data_file, target = _data_file(file), out or Path(f"scene-{index}.png")
    sheet = show_sample(read_sample(data_file, index), data_file.parent)
    with _files_named():
        try:
            sheet.save(target)
        except ValueError as error:  # a suffix that is no image's
            raise click.ClickException(f"{target}: {error}") from None
    click.echo(str(target))


@data.command(short_help="Name every line that breaks a rule, and the rule.")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
def check(file: Path) -> None:
    """Name every line of FILE (a data.jsonl, or its folder) that breaks a rule, and the rule.

    Scenes must follow the rules of TRANCE; for multi-view questions, the images must show what they should and the
    answer must be right.
    """
    from trainers.data.check import check_file

    file, count = _data_file(file), 0
    for line in check_file(file):
        count += 1
        click.echo(line)
    if count:
        raise click.ClickException(f"{file}: broken rules: {count}")
    click.echo(f"{file}: no rule is broken")
