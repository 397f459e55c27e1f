"""``star data prepare``: real data sets as training rows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.data_progress import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

TEST_SETS = {"mindcube": "mindcube", "sparbench": "sparbench", "spar7m": "sparbench"}
"""Data set -> the benchmark that it must not leak into, unless --test names another."""


def _patterns(_ctx: click.Context, _param: click.Parameter, value: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in value.split(",") if part.strip())


@click.command()
@click.argument("name", type=click.Choice(list(TEST_SETS)))
@click.argument("path", type=click.Path(path_type=Path), metavar="PATH")
@click.option(
    "--out", type=click.Path(path_type=Path), required=True, metavar="DIR", help="A folder that does not exist yet."
)
@click.option("--sft", type=click.IntRange(min=0), default=4_100, show_default=True, metavar="N", help="Rows for SFT.")
@click.option("--rl", type=click.IntRange(min=0), default=19_200, show_default=True, metavar="N", help="Rows for RL.")
@click.option(
    "--test",
    "tests",
    multiple=True,
    metavar="[NAME=]PATH",
    help="A test set whose images and questions are left out; can be given several times.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True)
@click.option(
    "--categories",
    callback=_patterns,
    default="*",
    show_default=True,
    help="Patterns of categories, such as rotation,*_mv.",
)
@click.option(
    "--relation-weight",
    type=click.FloatRange(0, 1),
    metavar="W",
    help="Share of R_ref that relations decide.  [default: depends on what names alone would earn]",
)
@click.option("--image-root", type=click.Path(path_type=Path), help="Folder of the images.  [default: near PATH]")
@click.option(
    "--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Worker processes."
)
@click.option("--json", "as_json", is_flag=True, help="Print the data card as JSON.")
def prepare(
    name: str, path: Path, *, out: Path, tests: Sequence[str], workers: int, as_json: bool, **options: Any
) -> None:
    """Sample training rows from a published data set, and write them into DIR.

    The rows are balanced over categories and have reference labels for each view; SFT and RL share no scene and no
    image; what a test set holds is left out. Invalid records are reported and left out. DIR/card.json records what was
    done.
    """
    from benchmarks.datasets.files import local_copy
    from star_cli.score import ErrorLines
    from trainers.data.prepare import Settings
    from trainers.data.prepare import prepare as prepare_data

    pairs = [test.split("=", 1) if "=" in test else (TEST_SETS[name], test) for test in tests]
    settings = Settings(
        name=name, path=local_copy(path), tests=tuple((kind, local_copy(where)) for kind, where in pairs), **options
    )
    with counted(hidden=as_json) as (on_progress, print_line):
        errors = ErrorLines(print_line)
        card = prepare_data(
            settings,
            out,
            workers=workers,
            on_error=lambda error: errors.add(str(error)),
            on_progress=on_progress,
        )
        errors.close()
    if as_json:
        click.echo(json.dumps(card))
    else:
        _print(card, out)


def _print(card: Mapping[str, Any], out: Path) -> None:
    for part, rows in card["rows"].items():
        kinds = ", ".join(f"{count} {kind}" for kind, count in card["categories"][part].items())
        click.echo(f"{out / part}: {rows} rows from {card['groups'][part]} scenes ({kinds or 'nothing'})")
    for reason, count in card["left_out"].items():
        click.echo(f"  {count:>7}  left out: {reason.replace('_', ' ')}")
    for part, blind in card["blind_reference_reward"].items():
        figures = ", ".join(f"{name} {value:.2f}" for name, value in blind.items() if value is not None)
        if figures:
            click.echo(f"{part}: R_ref without a look at the images, by names alone: {figures}")
    for warning in card["warnings"]:
        click.echo(f"note: {warning}", err=True)
