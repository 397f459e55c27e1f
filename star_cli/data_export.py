"""``star data export``: rows in the formats of other trainers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import click

from star_cli.data_progress import counted


@click.command()
@click.argument("source", type=click.Path(path_type=Path), metavar="SOURCE")
@click.option("--to", required=True, type=click.Choice(["trl", "verl", "openrlhf", "swift", "easyr1"]))
@click.option("--out", type=click.Path(path_type=Path), required=True, help="JSON Lines, or .parquet.")
@click.option("--stage", type=click.Choice(["sft", "rl"]), help="[default: sft if the rows have a completion]")
@click.option("--task", help="Task of rows without a column `task`: tvr, trance or multiview.")
@click.option("--overwrite", is_flag=True, help="Replace OUT if it exists.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def export(
    source: Path, *, to: str, out: Path, stage: str | None, task: str | None, overwrite: bool, as_json: bool
) -> None:
    """Write the rows of SOURCE in the format of a trainer.

    SOURCE is a file of rows, or a folder of `star data generate` or `star data prepare`. If the trainer passes its
    reward only one string, that string holds all the gold.
    """
    from star_cli.score import ErrorLines
    from trainers.data.export import export as export_rows
    from trainers.data.lines import refuse_existing

    refuse_existing(out, overwrite=overwrite)
    with counted(hidden=as_json) as (on_progress, print_line):
        errors = ErrorLines(print_line)
        done = export_rows(
            source,
            out,
            to=to,
            stage=stage,
            task=task,
            on_error=lambda error: errors.add(str(error)),
            on_progress=on_progress,
        )
        errors.close()
    if as_json:
        click.echo(json.dumps({**done._asdict(), "out": str(out)}))
    else:
        click.echo(f"{out}: {done.written} of {done.read} rows for {to}")
    if done.failed:
        sys.exit(1)
