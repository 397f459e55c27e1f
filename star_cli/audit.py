"""``star audit``: what a reward pays for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rewards.audit import Audit, Groups, Payer, Scene
    from star_cli.reward_source import RewardSource

KINDS = ("exploit", "incentive", "check")


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:  # noqa: ARG001
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not of the form 1,2,3") from error


@click.command(short_help="Find out what a reward pays for.")
@click.argument("reward", required=False, metavar="[REWARD]")
@click.option("--task", default="tvr", show_default=True, help="A task's name, or the path of its YAML file.")
@click.option("--preset", default="default", show_default=True, help="A named change of the task's reward: paper, ...")
@click.option("--matching", type=click.Choice(["one_to_one", "literal"]), help="How predictions meet true records.")
@click.option("--conflicts", type=click.Choice(["last", "each"]), help="Which of two values for one cell can earn.")
@click.option("--weights", type=click.Path(exists=True, dir_okay=False), help="YAML with fields of the reward.")
@click.option(
    "--mode", type=click.Choice(["strict", "lenient"]), default="strict", show_default=True, help="As in star score."
)
@click.option("--without-format", is_flag=True, help="Leave out the format point: R_acc alone.")
@click.option("--target-column", metavar="NAME", help="The column in which REWARD takes the gold.")
@click.option("--messages", is_flag=True, help="REWARD takes completions as lists of messages.")
@click.option(
    "--predictions",
    type=click.Path(exists=True, allow_dash=True, dir_okay=False),
    help="A file of predictions: its scenes are audited, and its ties and groups counted.",
)
@click.option("--scenes", "number", type=click.IntRange(min=1), default=24, show_default=True, help="Scenes to draw.")
@click.option("--changes", default="1,2,3,4", show_default=True, callback=_numbers, help="Changes of drawn scenes.")
@click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of the scenes and the search.")
@click.option(
    "--accuracy",
    "accuracies",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    default=(0.9, 0.6, 0.3),
    show_default=True,
    help="Chance that the learned policy knows a change.",
)
@click.option("--no-search", is_flag=True, help="Leave out the learned policy.")
@click.option("--no-cost", is_flag=True, help="Take no times, so that the output is the same every time.")
@click.option("--all-presets", is_flag=True, help="Audit every preset of the task; print tables in Markdown.")
@click.option("--curves", type=click.Path(file_okay=False), metavar="DIR", help="Write the exact curves as SVG files.")
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the audit as a page with plots.")
@click.option("--fail-on", type=click.Choice(KINDS), multiple=True, help="Exit with 1 if there is one.")
@click.option("--no-color", is_flag=True, help="Print plain text (as NO_COLOR does).")
def audit(
    *,
    predictions: str | None,
    all_presets: bool,
    curves: str | None,
    as_json: bool,
    html: str | None,
    fail_on: tuple[str, ...],
    no_color: bool,
    **options: Any,
) -> None:
    """Find out what a reward pays for: which wrong answers it pays as well as the right one.

    REWARD is a function of yours, as package.module.function or file.py:function, called as TRL calls it; without it, a
    task's own reward is audited. Without --predictions, scenes are drawn from a seed.

    An exploit is an answer that is not exact and is paid at least what the exact answer is, on the same scene. An
    incentive is a policy that is paid more under uncertainty than the honest best guess.
    """
    settings = _Settings(**options)
    if all_presets or curves:
        _check_presets(settings, predictions, html, as_json=as_json)
        audits = _audit_presets(settings, curves, tables=all_presets)
        if all_presets:
            from star_cli.audit_tables import markdown_table, markdown_thresholds

            click.echo(f"{markdown_table(audits)}\n{markdown_thresholds(audits)}", nl=False)
    else:
        audits = [_audit(settings, settings.source(), predictions)]
        _show(audits[0], as_json=as_json, html=html, no_color=no_color)
    failed = [finding for found in audits for finding in found.findings if finding.kind in fail_on]
    if failed:
        click.echo(f"failed on {', '.join(dict.fromkeys(finding.name for finding in failed))}", err=True)
        sys.exit(1)


class _Settings(NamedTuple):
    """The options that say what to audit, and on what."""

    reward: str | None
    task: str
    preset: str
    matching: str | None
    conflicts: str | None
    weights: str | None
    mode: Any
    without_format: bool
    target_column: str | None
    messages: bool
    number: int
    changes: tuple[int, ...]
    seed: int
    accuracies: tuple[float, ...]
    no_search: bool
    no_cost: bool

    def source(self) -> RewardSource:
        """Return the reward, with flags before the file of weights."""
        from benchmarks.rollouts.scoring import read_weights
        from star_cli.reward_source import RewardSource

        flags = {"matching": self.matching, "conflicts": self.conflicts}
        overrides = read_weights(self.weights) if self.weights else {}
        overrides |= {name: value for name, value in flags.items() if value is not None}
        own = bool(overrides) or self.preset != "default" or self.mode != "strict" or self.without_format
        if self.reward is not None and own:
            raise click.UsageError("--preset, --mode, --without-format and the reward's options are not for a REWARD")
        if self.reward is None and (self.target_column or self.messages):
            raise click.UsageError("--target-column and --messages are for a REWARD of yours")
        return RewardSource(
            reference=self.reward,
            task=self.task,
            preset=self.preset,
            overrides=overrides,
            mode=self.mode,
            with_format=not self.without_format,
            target_column=self.target_column,
            messages=self.messages,
        )


def _audit(settings: _Settings, source: RewardSource, predictions: str | None = None, *, fresh: bool = True) -> Audit:
    """Audit a reward; *fresh* also asks it in fresh processes."""
    from rewards.audit import POLICIES, Search, draw_scenes
    from rewards.audit import audit as run_audit
    from rewards.audit.checks import probes
    from rewards.score import resolve
    from rewards.spec import TieredSpec
    from rewards.tasks import load_task
    from star_cli.hash_seed import check_hash_seed
    from star_cli.reward_source import load_payer

    task = load_task(source.task)
    payer = load_payer(source)
    groups: Groups | None = None
    if predictions is not None:
        scenes, groups = _read(predictions, payer, source.task)
        scenes = scenes[: settings.number]
    else:
        scenes = draw_scenes(task, settings.number, seed=settings.seed, changes=settings.changes)
    spec = resolve(source.task, source.preset, **source.overrides)[1] if source.reference is None else None
    further = check_hash_seed(source, payer, probes(scenes[:8], POLICIES)) if fresh else []
    return run_audit(
        payer,
        scenes,
        spec=spec if isinstance(spec, TieredSpec) else None,
        accuracies=settings.accuracies,
        search=None if settings.no_search else Search(seed=settings.seed),
        timed=not settings.no_cost,
        further=further,
        groups=groups,
    )


def _read(path: str, payer: Payer, task_name: str) -> tuple[tuple[Scene, ...], Groups]:
    """Return the scenes of a file of predictions, each once, and what its groups are paid.

    Raises:
        DataError: if no row can be read, or gold is wrong.
    """
    from rewards.audit import group_totals, read_scenes
    from rewards.audit.payment import pay_rows
    from rewards.errors import DataError
    from rewards.tasks import load_task

    columns, groups = _read_columns(path)
    texts = columns.pop("completion")
    if not texts:
        raise DataError(f"{path}: there are no rows")
    given = {payer.target_column if role == "target" else role: values for role, values in columns.items()}
    totals = pay_rows(payer, texts, given)
    counted = group_totals(totals.tolist(), groups, texts)
    scenes = read_scenes(
        load_task(task_name),
        columns["target"],
        references=columns.get("references"),
        options=columns.get("options"),
    )
    distinct = {(scene.target, scene.references, scene.options): scene for scene in scenes if scene.target}
    if not distinct:
        raise DataError(f"{path}: no row has a target that says anything")
    return tuple(distinct.values()), counted


def _read_columns(path: str) -> tuple[dict[str, list[Any]], list[Any]]:
    """Return the columns of all rows that can be read, by role, and each row's group; errors go to standard error."""
    from benchmarks.files.blocks import read_block
    from benchmarks.files.columns import find_columns
    from benchmarks.files.rows import BadRow, read_chunks

    roles = ("completion", "target", "references", "relations", "options")
    columns: dict[str, list[Any]] = {}
    groups: list[Any] = []
    found = None
    for chunk in read_chunks(path):
        if found is None and not all(isinstance(row, BadRow) for row in chunk.rows):
            found = find_columns(chunk, needed=("completion", "target"))
        if found is None:
            continue
        block = read_block(chunk, found)
        for at, message in block.errors.items():
            click.echo(f"{chunk.place(at)}: {message}", err=True)
        for role in roles:
            if role in block.columns:
                columns.setdefault(role, []).extend(block.columns[role])
        groups += [
            chunk.place(at) if group is None else group for at, group in zip(block.at, block.groups(), strict=True)
        ]
    return {"completion": [], "target": []} | columns, groups


def _show(found: Audit, *, as_json: bool, html: str | None, no_color: bool) -> None:
    if html is not None:
        from rewards.audit.page import html_page

        Path(html).write_text(html_page(found), encoding="utf-8")
    if as_json:
        from rewards.audit import as_dict

        click.echo(json.dumps(as_dict(found), indent=2, allow_nan=False))
    else:
        from star_cli.audit_tables import print_audit

        print_audit(found, no_color=no_color)


def _check_presets(settings: _Settings, predictions: str | None, html: str | None, *, as_json: bool) -> None:
    if settings.reward is not None or predictions is not None or html is not None or as_json:
        raise click.UsageError("--all-presets and --curves go over a task's presets: without REWARD, FILEs and --json")


def _audit_presets(settings: _Settings, curves: str | None, *, tables: bool) -> list[Audit]:
    """Audit every preset of a task, or only draw their curves."""
    from rewards.audit.expectation import expectation
    from rewards.errors import ConfigError
    from rewards.score import resolve
    from rewards.spec import PRESETS, TieredSpec

    audits = []
    for preset in PRESETS:
        source = settings._replace(preset=preset).source()
        try:
            spec = resolve(source.task, preset, **source.overrides)[1]
        except ConfigError:
            continue  # a preset that this task does not have
        if curves is not None:
            if not isinstance(spec, TieredSpec):
                raise click.UsageError(f"the reward of {source.task} has no tiers, and so no curves")
            _write_curves(Path(curves), preset, expectation(spec))
        if tables:
            audits.append(_audit(settings, source, fresh=False))  # one code for all presets
    return audits


def _write_curves(folder: Path, preset: str, analysis: Sequence[Any]) -> None:
    from rewards.audit.figures import best_chart, expected_chart
    from rewards.audit.svg import line_chart

    folder.mkdir(parents=True, exist_ok=True)
    charts = {"pays": expected_chart(analysis[0], preset), "best": best_chart(analysis, preset)}
    for what, chart in charts.items():
        path = folder / f"audit-{preset}-{what}.svg"
        path.write_text(line_chart(chart, standalone=True) + "\n", encoding="utf-8")
