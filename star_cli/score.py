"""``star score``: what a file of predictions scores."""

from __future__ import annotations

import gc
import json
import sys
from math import isnan
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from star_cli.console import INTERRUPTED, ErrorLines, echo, progress_bar
from star_cli.options import (
    InputPath,
    benchmark_options,
    name_value_pairs,
    reward_options,
    reward_settings,
    take_benchmark_options,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from benchmarks import Report
    from benchmarks.run.reward_summary import Summary

_GC_OBJECTS = 50_000
"""New objects after which Python looks for cycles: rows make many objects, no cycles, and this a tenth of the time."""


def _thresholds(ctx: click.Context, param: click.Parameter, values: Sequence[str]) -> dict[str, float]:
    pairs = name_value_pairs(ctx, param, values)
    for name, value in pairs.items():
        if not _is_number(value):
            raise click.BadParameter(f"{name}={value}: {value!r} is no number; a share is written as in accuracy=0.5")
    return {name: float(value) for name, value in pairs.items()}


def _is_number(text: str) -> bool:
    try:
        return not isnan(float(text))
    except ValueError:
        return False


@click.command(short_help="Score predictions: rewards, or a benchmark.")
@click.argument("files", nargs=-1, required=True, type=InputPath())
@reward_options
@benchmark_options
@click.option(
    "--group",
    metavar="COLUMN",
    help="Column that rows of one prompt share.  [default: prompt_id, uid, group or id, or the prompt and its target; "
    "of benchmarks the scene, with --targets a column of that file]",
)
@click.option(
    "--out",
    metavar="FILE|DIR/",
    help="Write one output row per input row: .jsonl, .parquet, or a folder of parts that the same command completes.",
)
@click.option("--overwrite", is_flag=True, help="Replace --out if it exists.")
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, metavar="N", help="Processes.")
@click.option(
    "--engine",
    type=click.Choice(["here", "ray"]),
    default="here",
    show_default=True,
    help="Who scores: this machine, or Ray Data on a cluster.",
)
@click.option(
    "--address", metavar="HOST:PORT", help="Of a Ray cluster that is running; auto for the one of this machine."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Score the first N rows.")
@click.option("--strict-input", is_flag=True, help="Stop at the first row that cannot be scored.")
@click.option(
    "--fail-under",
    multiple=True,
    callback=_thresholds,
    metavar="NAME=VALUE",
    help="Exit with 1 if a number of the table is smaller, as in accuracy=0.5.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the table as JSON.")
@click.option("--quiet", is_flag=True, help="Print no table and no progress.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
@click.pass_context
def score(
    ctx: click.Context,
    /,
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
    """Score predictions in FILES: JSON Lines, JSON, CSV, TSV, XLSX, Parquet or Arrow, also compressed; folders and
    patterns of these; hf:// and other addresses; or - for standard input.

    Columns are recognized by their usual names, and so are the files of TRL, verl, ms-swift, inspect_ai, lm-eval,
    lmms-eval, VLMEvalKit and OpenAI's batches. A row that cannot be scored is reported as file:line and counted; the
    exit code is then 1.
    """  # noqa: D205  click takes the first paragraph whole
    from benchmarks.files.paths import find_files

    gc.set_threshold(_GC_OBJECTS)
    files = tuple(find_files(files))
    evaluation = take_benchmark_options(ctx, options)
    if evaluation is None:
        from benchmarks.run.reward_summary import FIGURES
        from rewards.tasks import load_task

        _check_names(fail_under, (*FIGURES, *load_task(options["task"]).parts))
    with progress_bar(hidden=quiet) as (advance, print_line):
        errors = ErrorLines(print_line)
        told = {"on_error": errors.add, "on_progress": advance, "on_notice": print_line}
        watched = {"mapping": mapping, "group": group, **told}
        try:
            found = (
                _reward(files, **{**options, **watched})
                if evaluation is None
                else _evaluate(files, **{**evaluation, **watched})
            )
        except KeyboardInterrupt:
            goes_on = options["out"] is not None and Path(options["out"]).is_dir()
            print_line(f"interrupted{'; give the same command again to go on' if goes_on else ''}")
            sys.exit(INTERRUPTED)
        errors.close()
    _show(found, files, options["task"], as_json=as_json, quiet=quiet, no_color=no_color, out=options["out"])
    below = [] if found is None else _below(found.figures(), fail_under)
    for line in below:
        echo(line, err=True)
    if found is None or found.errors or below:
        sys.exit(1)


def _reward(files: Sequence[str], *, mapping: dict[str, str], group: str | None, **options: Any) -> Summary | None:
    from benchmarks.run.rewards import score_rewards

    mapping = mapping | ({"group": group} if group else {})
    return score_rewards(files, mapping=mapping, **reward_settings(**options))


def _evaluate(files: Sequence[str], *, report_data: str | None, **options: Any) -> Report:
    """Evaluate on a benchmark; write the data for reports where they are asked for."""
    from benchmarks import evaluate
    from benchmarks.files.write import need_folder, refuse_input, write_whole

    if report_data is not None:
        need_folder(report_data)
        refuse_input(report_data, [*files, options["targets"]])
        refuse_input(report_data, [options["out"]], named="two outputs have this name")
    report = evaluate(files, **options)
    if report_data is not None:
        write_whole(report_data, json.dumps(report.as_dict(with_rows=True)) + "\n")
    return report


def _check_names(thresholds: Iterable[str], known: Collection[str]) -> None:
    for name in thresholds:
        if name not in known:
            raise click.BadParameter(
                f"there is no number {name!r}; there are {', '.join(known)}", param_hint="--fail-under"
            )


def _below(figures: dict[str, float], thresholds: dict[str, float]) -> list[str]:
    _check_names(thresholds, figures)
    return [
        f"{name} is {figures[name]:.4f}, which is under {least:g}"
        for name, least in thresholds.items()
        if figures[name] < least
    ]


def _show(
    found: Summary | Report | None,
    files: Sequence[str],
    task: str,
    *,
    as_json: bool,
    quiet: bool,
    no_color: bool,
    out: str | None,
) -> None:
    from benchmarks.run.reward_summary import Summary

    if found is None:
        echo(f"no row could be scored as an answer of the task {task}; --task names another (star task list)", err=True)
    if as_json:
        echo(json.dumps(None if found is None else found.as_dict(), indent=2))
    elif isinstance(found, Summary) and not quiet:
        from rewards.tasks import load_task
        from rewards.tasks.readable import meanings
        from star_cli.score_tables import print_rewards

        print_rewards(found, files, meanings=meanings(load_task(task)), out=out, no_color=no_color)
    elif found is not None and not isinstance(found, Summary) and not quiet:
        from star_cli.score_tables import print_report

        print_report(found, files, out=out, no_color=no_color)
