"""``star data filter``: which chains to learn from, which prompts to practise on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from star_cli.data_progress import counted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from trainers.data.chain_filter import Tally


def _share(_ctx: click.Context, _param: click.Parameter, value: str | None) -> tuple[float, float] | None:
    """Read ``0.1:0.9``."""
    if value is None:
        return None
    try:
        low, high = (float(part) for part in value.split(":"))
    except ValueError:
        low, high = 1.0, 0.0
    if not 0 <= low <= high <= 1:
        raise click.BadParameter(f"{value!r} is not two shares like 0.1:0.9, the smaller one first")
    return low, high


@click.command("filter")
@click.argument("file", type=click.Path(path_type=Path), metavar="FILE")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="File for the rows that are kept.")
@click.option(
    "--dropped", type=click.Path(path_type=Path), help="File for the others, with reasons.  [default: beside OUT]"
)
@click.option("--task", help="Task of rows without a column `task`: tvr, trance or multiview.")
@click.option("--min-reference-score", type=click.FloatRange(0, 1), metavar="X", help="Minimum R_ref of a chain.")
@click.option(
    "--relation-weight",
    type=click.FloatRange(0, 1),
    default=0.0,
    show_default=True,
    metavar="W",
    help="Share of that R_ref that relations decide.",
)
@click.option(
    "--pass-rate",
    callback=_share,
    metavar="LOW:HIGH",
    help="Keep prompts, not chains: those for which this share of the samples is right.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
def filter_rows(
    file: Path,
    *,
    out: Path,
    dropped: Path | None,
    task: str | None,
    min_reference_score: float | None,
    relation_weight: float,
    pass_rate: tuple[float, float] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Keep the rows of FILE that are worth training on.

    A chain of thought is kept if it has the strict format, shows the three steps and has a right answer. With
    --pass-rate, FILE has several samples per prompt, and prompts are kept that are neither too hard nor too easy.
    """
    from trainers.data.chain_filter import RULES as CHAIN_RULES
    from trainers.data.chain_filter import filter_chains
    from trainers.data.difficulty import RULES as PROMPT_RULES
    from trainers.data.difficulty import filter_prompts
    from trainers.data.lines import refuse_existing

    if pass_rate is not None and min_reference_score is not None:
        raise click.UsageError("--min-reference-score is about chains, --pass-rate about prompts: filter twice")
    aside = dropped or out.with_suffix(f".dropped{out.suffix}")
    refuse_existing(out, aside, overwrite=overwrite)
    with counted(hidden=as_json) as (on_progress, _):
        if pass_rate is None:
            tally = filter_chains(
                file,
                out,
                aside,
                task=task,
                min_reference_score=min_reference_score,
                relation_weight=relation_weight,
                on_progress=on_progress,
            )
        else:
            low, high = pass_rate
            tally = filter_prompts(file, out, aside, low=low, high=high, task=task, on_progress=on_progress)
    what = "chains" if pass_rate is None else "prompts"
    _print(tally, out, aside, what, CHAIN_RULES if pass_rate is None else PROMPT_RULES, as_json=as_json)


def _print(tally: Tally, out: Path, aside: Path, what: str, rules: Mapping[str, str], *, as_json: bool) -> None:
    if as_json:
        summary = {**tally._asdict(), "dropped": dict(tally.dropped), "out": str(out), "dropped_out": str(aside)}
        click.echo(json.dumps(summary))
        return
    click.echo(f"{out}: {tally.kept} of {tally.read} {what} kept")
    click.echo(f"{aside}: {tally.read - tally.kept} dropped")
    for rule, count in tally.dropped.items():
        click.echo(f"  {count:>7}  {rule}: broke the rule that {rules[rule]}")
