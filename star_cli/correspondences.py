"""``star correspondences``: which share of completions name correspondences across views."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import click

from star_cli.console import ErrorLines, echo, how_many, progress_bar, source_name
from star_cli.options import InputPath, name_value_pairs

if TYPE_CHECKING:
    from benchmarks.correspondences import CorrespondenceTally

_HELP = """\
Count the completions in FILES that name a correspondence across views, that is, say which object of one view is which
of another.

FILES are those that `star score` reads; they need no target. Where rows have a `view` (center, left, right), the share
is also given by setting: ID for center, OOD for the others. Only the reasoning counts; rows without any are counted
apart. What counts as naming one, and how often the detector is right, is in docs/evaluation.md.

\b
Examples:
  star correspondences rollouts.jsonl
  star correspondences runs/tvr-7b/completions --examples 3
  star correspondences rollouts.jsonl --out found.jsonl --json > shares.json
  star correspondences rollouts.jsonl --workers 8
"""


@click.command(help=_HELP, short_help="Count completions that name correspondences across views.")
@click.argument("files", nargs=-1, required=True, type=InputPath())
@click.option(
    "--map",
    "mapping",
    multiple=True,
    callback=name_value_pairs,
    metavar="ROLE=COLUMN",
    help="Read ROLE from COLUMN, as in completion=output or view=camera; can be given several times.",
)
@click.option("--whole", is_flag=True, help="Look at whole completions, for those without tags around their reasoning.")
@click.option(
    "--examples",
    type=click.IntRange(min=0),
    default=1,
    show_default=True,
    metavar="N",
    help="Sentences shown of each way to name one.",
)
@click.option(
    "--out",
    metavar="FILE|DIR/",
    help="Write a row for each row: whether it names one, and where. As --out of `star score`.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
def correspondences(
    files: tuple[str, ...],
    *,
    mapping: dict[str, str],
    whole: bool,
    examples: int,
    out: str | None,
    overwrite: bool,
    workers: int,
    as_json: bool,
    no_color: bool,
) -> None:
    """Count completions, see `_HELP`."""
    from benchmarks.correspondences import read_correspondences

    with progress_bar(hidden=as_json) as (advance, print_line):
        errors = ErrorLines(print_line)
        tally = read_correspondences(
            files,
            mapping=mapping,
            whole=whole,
            examples=examples,
            out=out,
            overwrite=overwrite,
            workers=workers,
            on_error=errors.add,
            on_progress=advance,
            on_notice=print_line,
        )
        errors.close()
    if as_json:
        echo(json.dumps(tally.as_dict(), indent=2, ensure_ascii=False))
    else:
        _show(tally, files, out=out, no_color=no_color)
    if tally.errors:
        sys.exit(1)


def _show(tally: CorrespondenceTally, files: tuple[str, ...], *, out: str | None, no_color: bool) -> None:
    from rich.text import Text

    from star_cli.screen import Screen, ruled_table

    told = tally.as_dict()
    every = told["shares"]["all"]
    console = Screen(color=not no_color)
    rows = how_many(every["rows"] + every["without_reasoning"], "row")
    text = Text.assemble((rows, "bold"), f" of {source_name(files)}")
    if every["without_reasoning"]:
        text.append(f", {every['without_reasoning']:,} without reasoning", style="yellow")
    if tally.errors:
        text.append(f", {how_many(tally.errors, 'row')} could not be read", style="red")
    console.print(text, soft_wrap=True)
    table = ruled_table()
    for at, header in enumerate(("rows", "reasoning", "name one", "95% interval")):
        table.add_column(header, justify="right" if at else "left", no_wrap=True)
    for name, row in told["shares"].items():
        ends = "–" if row["share"] is None else f"{100 * row['low']:.1f} to {100 * row['high']:.1f}%"
        share = "–" if row["share"] is None else f"{100 * row['share']:.1f}%"
        table.add_row(name, f"{row['rows']:,}", share, ends, style="bold" if name == "all" else "")
    console.print()
    console.print(table)
    if told["kinds"]:
        kinds = ruled_table()
        for at, header in enumerate(("way", "rows", "first in")):
            kinds.add_column(header, justify="right" if at == 1 else "left", no_wrap=at < 2, overflow="fold")
        for kind, count in told["kinds"].items():
            kinds.add_row(kind, f"{count:,}", "\n".join(told["examples"].get(kind, [])))
        console.print()
        console.print(kinds)
    notes = [f"intervals are clustered by {tally.clustered_by}"] if tally.clustered_by else []
    notes += [f"written to {out}"] if out is not None else []
    for note in notes:
        console.print(Text(note, style="dim"), soft_wrap=True)
