"""``star audit``: what a reward pays for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from star_cli.options import reward_options, reward_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.audit import Audit, AuditedReward, Groups, Scene
    from star_cli.reward_source import RewardSource

KINDS = ("exploit", "incentive", "check")


def _numbers(ctx: click.Context, param: click.Parameter, value: str) -> tuple[int, ...]:  # noqa: ARG001
    try:
        return tuple(int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not of the form 1,2,3") from error


@click.command(short_help="Find out what a reward pays for.")
@click.argument("reward", required=False, metavar="[REWARD]")
@reward_options
@click.option("--without-format", is_flag=True, help="Leave out the format point; audit R_acc alone.")
@click.option("--target-column", metavar="NAME", help="The keyword under which REWARD takes the gold.")
@click.option("--messages", is_flag=True, help="REWARD takes completions as lists of messages.")
@click.option(
    "--predictions",
    type=click.Path(exists=True, allow_dash=True, dir_okay=False),
    help="A predictions file: audits its scenes, and reports ties and groups.",
)
@click.option(
    "--scenes", "number", type=click.IntRange(min=1), default=24, show_default=True, help="Number of scenes to draw."
)
@click.option(
    "--changes", default="1,2,3,4", show_default=True, callback=_numbers, help="Numbers of changes in the drawn scenes."
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Seed of the scenes and the search."
)
@click.option(
    "--accuracy",
    "accuracies",
    type=click.FloatRange(0, 1, min_open=True),
    multiple=True,
    default=(0.9, 0.6, 0.3),
    show_default=True,
    help="Probability that the learned policy knows a change.",
)
@click.option("--no-search", is_flag=True, help="Leave out the learned policy.")
@click.option("--no-cost", is_flag=True, help="Leave out timings, so that the output is reproducible.")
@click.option("--all-presets", is_flag=True, help="Audit every preset of the task; print tables in Markdown.")
@click.option("--curves", type=click.Path(file_okay=False), metavar="DIR", help="Write the exact curves as SVG files.")
@click.option("--json", "as_json", is_flag=True, help="Print the audit as JSON.")
@click.option("--html", type=click.Path(dir_okay=False), metavar="FILE", help="Write the audit as a page with plots.")
@click.option(
    "--fail-on",
    type=click.Choice(KINDS),
    multiple=True,
    help="Exit with 1 if there is such a finding; can be given several times.",
)
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
    """Find out what a reward pays for: which wrong answers earn as much as the right one.

    REWARD is a function of yours, as package.module.function or file.py:function, called as TRL calls it; without it, a
    task's own reward is audited. Without --predictions, scenes are drawn from a seed.

    An exploit is an answer that is not exact and is paid at least what the exact answer is, on the same scene. An
    incentive is a policy that is paid more under uncertainty than the honest best guess.
    """
    own = {name: options.pop(name) for name in _Settings._fields if name != "given"}
    settings = _Settings(given=reward_settings(**options), **own)
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
    given: dict[str, Any]
    without_format: bool
    target_column: str | None
    messages: bool
    number: int
    changes: tuple[int, ...]
    seed: int
    accuracies: tuple[float, ...]
    no_search: bool
    no_cost: bool

    def source(self, preset: str | None = None) -> RewardSource:
        """Return the reward, under another preset if one is named."""
        from star_cli.reward_source import RewardSource

        source = RewardSource(
            reference=self.reward,
            task=self.given["task"],
            preset=preset or self.given["preset"],
            overrides=self.given["overrides"],
            mode=self.given["mode"],
            think_prefilled=self.given["think_prefilled"],
            with_format=not self.without_format,
            target_column=self.target_column,
            messages=self.messages,
        )
        ours = RewardSource(task=source.task, think_prefilled=source.think_prefilled)
        if self.reward is None and (self.target_column or self.messages):
            raise click.UsageError("--target-column and --messages are for a REWARD of yours")
        if self.reward is not None and source.settings != ours.settings:
            raise click.UsageError("--preset, --mode, --without-format and the like are for our rewards, not a REWARD")
        return source


def _audit(settings: _Settings, source: RewardSource, predictions: str | None = None, *, fresh: bool = True) -> Audit:
    """Audit a reward; *fresh* also asks it in fresh processes."""
    from benchmarks.audit import POLICIES, Search, draw_scenes
    from benchmarks.audit import audit as run_audit
    from benchmarks.audit.checks import probes
    from rewards.score import resolve
    from rewards.spec import TieredSpec
    from rewards.tasks import load_task
    from star_cli.hash_seed import check_hash_seed
    from star_cli.reward_source import load_reward

    task = load_task(source.task)
    audited = load_reward(source)
    groups: Groups | None = None
    if predictions is not None:
        scenes, groups = _read(predictions, settings.given, audited)
        scenes = scenes[: settings.number]
    else:
        scenes = draw_scenes(task, settings.number, seed=settings.seed, changes=settings.changes)
    spec = resolve(source.task, source.preset, **source.overrides)[1] if source.reference is None else None
    further = check_hash_seed(source, audited, probes(scenes[:8], POLICIES)) if fresh else []
    return run_audit(
        audited,
        scenes,
        spec=spec if isinstance(spec, TieredSpec) else None,
        accuracies=settings.accuracies,
        search=None if settings.no_search else Search(seed=settings.seed),
        timed=not settings.no_cost,
        further=further,
        groups=groups,
    )


def _read(path: str, given: dict[str, Any], audited: AuditedReward) -> tuple[tuple[Scene, ...], Groups]:
    """Return the scenes of a file of predictions, each once, and what its groups are paid.

    Raises:
        DataError: if no row can be read, or gold is wrong.
    """
    from benchmarks.audit import group_totals, read_scenes
    from benchmarks.audit.reward import score_rows
    from benchmarks.files.predictions import read_predictions
    from benchmarks.files.targets import TARGET_ROLES, read_target_file
    from rewards.errors import DataError
    from rewards.tasks import load_task
    from star_cli.console import ErrorLines

    mapping, targets, on = given["mapping"], given["targets"], given["on"]
    of_gold = {role: column for role, column in mapping.items() if role in (*TARGET_ROLES, on)}
    gold = read_target_file(targets, on, mapping=of_gold) if targets else None
    own = {role: column for role, column in mapping.items() if not (gold and role in TARGET_ROLES)}
    found = read_predictions(path, mapping=own, targets=gold)
    errors = ErrorLines(lambda line: click.echo(line, err=True))
    for error in found.errors:
        errors.add(error)
    errors.close()
    texts = list(found.columns["completion"])
    columns = {role: list(found.columns[role]) for role in TARGET_ROLES if role in found.columns}
    others = {role: columns.get(role) for role in ("references", "options")}
    try:
        scenes = read_scenes(load_task(given["task"]), columns["target"], **others)
    except DataError as error:
        place = path if error.row is None else found.places[error.row]
        raise DataError(f"{place}: {error.args[0]}") from error
    distinct = {(scene.target, scene.references, scene.options): scene for scene in scenes if scene.target}
    if not distinct:
        raise DataError(f"{path}: every target is empty")
    named = {audited.target_column if role == "target" else role: values for role, values in columns.items()}
    totals = score_rows(audited, texts, named).tolist()
    paid = [row for row, total in enumerate(totals) if total == total]  # noqa: PLR0124  NaN is not itself
    if len(paid) < len(totals):
        click.echo(
            f"{path}: for {len(totals) - len(paid)} rows the reward is not a number; the groups leave them out",
            err=True,
        )
    counted = group_totals(
        [totals[row] for row in paid], [found.groups[row] for row in paid], [texts[row] for row in paid]
    )
    return tuple(distinct.values()), counted


def _show(found: Audit, *, as_json: bool, html: str | None, no_color: bool) -> None:
    if html is not None:
        from benchmarks.audit.page import html_page

        Path(html).write_text(html_page(found), encoding="utf-8")
    if as_json:
        from benchmarks.audit import as_dict

        click.echo(json.dumps(as_dict(found), indent=2, allow_nan=False))
    else:
        from star_cli.audit_tables import print_audit

        print_audit(found, no_color=no_color)


def _check_presets(settings: _Settings, predictions: str | None, html: str | None, *, as_json: bool) -> None:
    if settings.reward is not None or predictions is not None or html is not None or as_json:
        raise click.UsageError("--all-presets and --curves go over a task's presets: without REWARD, FILEs and --json")


def _audit_presets(settings: _Settings, curves: str | None, *, tables: bool) -> list[Audit]:
    """Audit every preset of a task, or only draw their curves."""
    from benchmarks.audit.expected import analyze_guessing
    from rewards.errors import ConfigError
    from rewards.score import resolve
    from rewards.spec import PRESETS, TieredSpec

    audits = []
    for preset in PRESETS:
        source = settings.source(preset)
        try:
            spec = resolve(source.task, preset, **source.overrides)[1]
        except ConfigError:
            continue  # a preset that this task does not have
        if curves is not None:
            if not isinstance(spec, TieredSpec):
                raise click.UsageError(f"the reward of {source.task} has no tiers, and so no curves")
            _write_curves(Path(curves), preset, analyze_guessing(spec))
        if tables:
            audits.append(_audit(settings, source, fresh=False))  # one code for all presets
    return audits


def _write_curves(folder: Path, preset: str, analysis: Sequence[Any]) -> None:
    from benchmarks.audit.page import best_chart, expected_chart, line_chart

    folder.mkdir(parents=True, exist_ok=True)
    charts = {"pays": expected_chart(analysis[0], preset), "best": best_chart(analysis, preset)}
    for what, chart in charts.items():
        path = folder / f"audit-{preset}-{what}.svg"
        path.write_text(line_chart(chart, standalone=True) + "\n", encoding="utf-8")
