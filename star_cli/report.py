"""``star report``: results -> a document that people publish."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from star_cli.console import echo
from star_cli.options import complete_file

if TYPE_CHECKING:
    from benchmarks.report.make import Format

_HELP = """\
Make a report of results: of one or several INPUTs, each of which may be given a name.

\b
An INPUT is one of these:
  results.json    what `star score --benchmark ... --json` printed, or --report-data wrote
  rewards.json    what `star score --json` printed
  scores.jsonl    what `star score --out` wrote, with or without --benchmark
  completions/    the completions of a training run: Parquet or JSON Lines with a step

The HTML is one file that opens offline. Two results of one benchmark are also compared row by row; the rows are read
again from the predictions, if these are still there.

\b
Examples:
  star report results.json -o report.html
  star report before=a.json after=b.json completions/ -o report.html
  star report --compare a.json b.json
  star report --blind-gap with.json without.json
  star report --paper table3 full=full.json no_object_tier=ablation.json --format latex
"""


@click.command(help=_HELP, short_help="Make a report of results.")
@click.argument("inputs", nargs=-1, required=True, metavar="[NAME=]INPUT...", shell_complete=complete_file)
@click.option(
    "-o", "--output", metavar="FILE", shell_complete=complete_file, help="File to write.  [default: standard output]"
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["html", "markdown", "latex", "json"]),
    help="[default: by the suffix of FILE, else markdown]",
)
@click.option("--compare", "comparing", is_flag=True, help="Only compare the second input with the first.")
@click.option(
    "--blind-gap",
    is_flag=True,
    help="Only say how much better the first input, with images, is than the second, without.",
)
@click.option(
    "--paper",
    multiple=True,
    type=click.Choice(["table1", "table3", "main"]),
    help="Only this table of the paper, with the published figures and yours.",
)
@click.option("--title", help="Title of the document.")
@click.option(
    "--resamples",
    type=click.IntRange(min=1),
    default=10_000,
    show_default=True,
    help="Resamples of the paired bootstrap.",
)
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the paired bootstrap.")
def report(
    inputs: tuple[str, ...],
    *,
    output: str | None,
    form: Format | None,
    comparing: bool,
    blind_gap: bool,
    paper: tuple[str, ...],
    title: str | None,
    resamples: int,
    seed: int,
) -> None:
    """Make a report, see `_HELP`."""
    from benchmarks.files.write import need_folder, refuse_input, write_whole
    from benchmarks.report.make import SUFFIXES, make_report, write
    from rewards.errors import ConfigError

    suffix = "" if output is None else Path(output).suffix
    chosen = form or SUFFIXES.get(suffix, None if output is not None else "markdown")
    if chosen is None:
        raise ConfigError(f"{output}: say what to write, --format html|markdown|latex|json")
    if output is not None:
        need_folder(output)
        refuse_input(output, [name for each in inputs for name in (each, each.partition("=")[2])])
    document = make_report(
        inputs, comparing=comparing, blind_gap=blind_gap, paper=paper, title=title, resamples=resamples, seed=seed
    )
    text = write(document, chosen)
    if output is None:
        echo(text, nl=False)
        return
    write_whole(output, text)
    echo(f"written to {output}", err=True)
