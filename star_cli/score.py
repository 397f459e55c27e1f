"""``star score``: what a file of predictions earns."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from benchmarks.rollouts.summary import Summary

SHOWN_ERRORS = 20
"""Bad rows that are shown one by one."""


def _pairs(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, str]:  # noqa: ARG001
    """Read options of the form NAME=VALUE."""
    for value in values:
        if "=" not in value.strip("="):
            raise click.BadParameter(f"{value!r} is not of the form NAME=VALUE")
    return dict(value.split("=", 1) for value in values)


def _thresholds(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    pairs = _pairs(ctx, param, values)
    try:
        return {name: float(value) for name, value in pairs.items()}
    except ValueError as error:
        raise click.BadParameter(f"{error}") from error


@click.command(short_help="Score files of predictions.")
@click.argument("files", nargs=-1, required=True, type=click.Path(exists=True, allow_dash=True, dir_okay=False))
@click.option("--task", default="tvr", show_default=True, help="A task's name, or the path of its YAML file.")
@click.option("--preset", default="default", show_default=True, help="A named change of the task's reward: paper, ...")
@click.option("--matching", type=click.Choice(["one_to_one", "literal"]), help="How predictions meet true records.")
@click.option("--conflicts", type=click.Choice(["last", "each"]), help="Which of two values for one cell can earn.")
@click.option(
    "--weights", type=click.Path(exists=True, dir_okay=False), help="YAML with fields of the reward (TieredSpec)."
)
@click.option(
    "--mode",
    type=click.Choice(["strict", "lenient"]),
    default="strict",
    show_default=True,
    help="lenient also takes the last complete answer of a completion whose tags are broken.",
)
@click.option(
    "--think-prefilled",
    type=click.Choice(["auto", "true", "false"]),
    default="auto",
    show_default=True,
    help="Whether the chat template already wrote <think>.",
)
@click.option("--map", "mapping", multiple=True, callback=_pairs, metavar="ROLE=COLUMN", help="completion=output, ...")
@click.option(
    "--group",
    metavar="COLUMN",
    help="What the completions of one prompt share  [default: prompt_id, or prompt and step]",
)
@click.option(
    "--targets", type=click.Path(exists=True, dir_okay=False), help="A file with the gold, if the FILEs come without."
)
@click.option(
    "--on", type=click.Choice(["id", "prompt"]), default="id", show_default=True, help="What --targets is joined on."
)
@click.option("--out", metavar="FILE", help="Write a row for each row: .jsonl or .parquet.")
@click.option("--overwrite", is_flag=True, help="Replace --out if it is there.")
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Score the first N rows.")
@click.option("--strict-input", is_flag=True, help="Stop at the first row that cannot be scored.")
@click.option(
    "--fail-under",
    multiple=True,
    callback=_thresholds,
    metavar="NAME=VALUE",
    help="Exit with 1 where a number of the table is smaller: accuracy=0.5",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--quiet", is_flag=True, help="Print no table and no progress.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
def score(
    files: tuple[str, ...],
    *,
    mapping: dict[str, str],
    group: str | None,
    fail_under: dict[str, float],
    as_json: bool,
    quiet: bool,
    no_color: bool,
    **options: Any,
) -> None:
    """Score FILEs of predictions: JSON Lines, gzip of that, Parquet, or - for standard input.

    Columns are recognised by their usual names, and so are the files of TRL, verl, ms-swift and lmms-eval. A row that
    cannot be scored is reported as file:line and counted; the exit code is then 1.
    """
    from benchmarks.rollouts.scoring import score_rewards
    from star_cli.progress import progress_bar

    _check_thresholds(fail_under, options["task"])
    with progress_bar(hidden=quiet) as (advance, print_line):
        errors = ErrorLines(print_line)
        try:
            summary = score_rewards(
                files,
                mapping=mapping | ({"group": group} if group else {}),
                on_error=errors.add,
                on_progress=advance,
                **_settings(**options),
            )
        except KeyboardInterrupt:
            goes_on = "; the same command with --resume instead of --overwrite goes on" if options["out"] else ""
            print_line(f"interrupted{goes_on}")
            sys.exit(130)
        errors.close()
    _show(summary, files, as_json=as_json, quiet=quiet, no_color=no_color, out=options["out"])
    below = [] if summary is None else _below(summary.figures(), fail_under)
    for line in below:
        click.echo(line, err=True)
    if summary is None or summary.errors or below:
        sys.exit(1)


class ErrorLines:
    """Prints the first errors, and at the end how many more there were."""

    def __init__(self, print_line: Callable[[str], None]) -> None:
        self.count = 0
        self._print_line = print_line

    def add(self, message: str) -> None:
        """Take one error."""
        self.count += 1
        if self.count <= SHOWN_ERRORS:
            self._print_line(message)

    def close(self) -> None:
        """Say how many were not shown."""
        if self.count > SHOWN_ERRORS:
            self._print_line(f"... and {self.count - SHOWN_ERRORS:,} more")


def _settings(
    *, matching: str | None, conflicts: str | None, weights: str | None, think_prefilled: str, **others: Any
) -> dict[str, Any]:
    """Return the library's arguments: flags count more than the file of weights."""
    from benchmarks.rollouts.scoring import read_weights

    flags = {"matching": matching, "conflicts": conflicts}
    overrides = {
        **(read_weights(weights) if weights else {}),
        **{name: v for name, v in flags.items() if v is not None},
    }
    prefilled = {"auto": "auto", "true": True, "false": False}[think_prefilled]
    return {**others, "overrides": overrides, "think_prefilled": prefilled}


def _check_thresholds(thresholds: Iterable[str], task: str) -> None:
    from benchmarks.rollouts.summary import FIGURES
    from rewards.tasks import load_task

    known = (*FIGURES, *load_task(task).parts)
    for name in thresholds:
        if name not in known:
            raise click.BadParameter(
                f"there is no number {name!r}; there are {', '.join(known)}", param_hint="--fail-under"
            )


def _below(figures: dict[str, float], thresholds: dict[str, float]) -> list[str]:
    return [
        f"{name} is {figures[name]:.4f}, which is under {least:g}"
        for name, least in thresholds.items()
        if figures[name] < least
    ]


def _show(
    summary: Summary | None, files: Sequence[str], *, as_json: bool, quiet: bool, no_color: bool, out: str | None
) -> None:
    if summary is None:
        click.echo("no row could be scored", err=True)
    if as_json:
        click.echo(json.dumps(None if summary is None else summary.as_dict(), indent=2))
    elif summary is not None and not quiet:
        from star_cli.score_table import print_table

        print_table(summary, files, out=out, no_color=no_color)
