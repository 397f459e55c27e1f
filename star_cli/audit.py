"""``star audit``: what a reward is given for."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from star_cli.console import echo
from star_cli.options import InputPath, complete_file, reward_options, reward_settings

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


@click.command(short_help="Audit a reward for reward hacking.")
@click.argument("reward", required=False, metavar="[REWARD]", shell_complete=complete_file)
@reward_options
@click.option("--without-format", is_flag=True, help="Leave out the format point; audit R_acc alone.")
@click.option("--target-column", metavar="NAME", help="The keyword under which REWARD takes the target.")
@click.option("--messages", is_flag=True, help="REWARD takes completions as lists of messages.")
@click.option(
    "--predictions",
    type=InputPath(),
    metavar="FILE",
    help="A predictions file, as `star score` takes: audits its scenes, and reports ties and groups.",
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
@click.option(
    "--against",
    metavar="REWARD",
    help="Compare with this reward: how often one accepts what the other refuses, with the smallest examples.",
)
@click.option(
    "--predict",
    is_flag=True,
    help="State instead what an unsure policy that maximizes the reward will do, from its exact analysis alone.",
)
@click.option(
    "--zoo",
    is_flag=True,
    help="Set published rewards side by side instead: exploits, what policies score, break-even chances, behavior.",
)
@click.option("--no-search", is_flag=True, help="Leave out the learned policy.")
@click.option("--no-cost", is_flag=True, help="Leave out timings, so that the output is reproducible.")
@click.option("--all-presets", is_flag=True, help="Audit every preset of the task; print tables in Markdown.")
@click.option("--curves", type=click.Path(file_okay=False), metavar="DIR", help="Write the exact curves as SVG files.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "openenv"]),
    default="text",
    show_default=True,
    help="openenv: results for OpenEnv's environment validation, as JSON.",
)
@click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
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
    against: str | None,
    predict: bool,
    zoo: bool,
    all_presets: bool,
    curves: str | None,
    form: str,
    as_json: bool,
    html: str | None,
    fail_on: tuple[str, ...],
    no_color: bool,
    **options: Any,
) -> None:
    """Audit a reward for reward hacking: which wrong answers score as high as the right one?

    REWARD is a function of yours, as package.module.function or file.py:function, called as TRL, verl or EasyR1 call
    it, by its signature; or a benchmark's scorer, as mmsi:official or mmsi:strict. Without it, a task's own reward is
    audited. Scenes are those of --predictions or --targets; without either they are drawn from a seed.

    An exploit is one of these: an answer that is not exact and scores at least as high as the exact answer on the same
    scene; an answer that is not right and scores as high as a right one; a policy that sees nothing and scores higher,
    on average, than one that is always right on a part. An incentive is a policy that scores higher under uncertainty
    than the honest best guess.
    """
    own = {name: options.pop(name) for name in _AuditOptions._fields if name != "given"}
    settings = _AuditOptions(given=reward_settings(**options), **own)
    form = "json" if as_json and form == "text" else form
    if html is not None:
        from benchmarks.files.write import need_folder, refuse_input

        need_folder(html)
        refuse_input(html, [predictions, settings.given["targets"]])
    if zoo:
        if settings.reward or predictions or against or predict or all_presets or curves or html or fail_on:
            raise click.UsageError("--zoo goes with --scenes, --no-cost, --json and --no-color alone")
        if form == "openenv" or settings.given["targets"] is not None:
            raise click.UsageError("--zoo prints a table, or JSON, of drawn scenes")
        from star_cli.audit_zoo import show_zoo

        show_zoo(scenes=settings.number, timed=not settings.no_cost, as_json=form == "json", no_color=no_color)
        return
    show = _Shown(form, html, no_color)
    if against is not None or predict:
        if fail_on or html or all_presets or curves or form == "openenv" or (against is not None and predict):
            raise click.UsageError("--against and --predict print a table, or JSON, and go with no other output")
        shown = _predict(settings, predictions, show) if predict else _differ(settings, against, predictions, show)
        echo(shown, nl=False)
        return
    if all_presets or curves:
        _check_presets(settings, predictions, html, form)
        audits = _audit_presets(settings, curves, tables=all_presets)
        if all_presets:
            from star_cli.audit_tables import markdown_table, markdown_thresholds

            echo("\n".join(filter(None, (markdown_table(audits), markdown_thresholds(audits)))), nl=False)
    else:
        audits = [_audit(settings, settings.source(), predictions, show=show)]
    failed = [finding for found in audits for finding in found.findings if finding.kind in fail_on]
    if failed:
        echo(f"failed on {', '.join(dict.fromkeys(finding.name for finding in failed))}", err=True)
        sys.exit(1)


class _Shown(NamedTuple):
    """How an audit is shown: as ``text``, ``json`` or ``openenv``, and as a page, if at all."""

    form: str
    html: str | None
    no_color: bool


class _AuditOptions(NamedTuple):
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


def _audit(
    settings: _AuditOptions,
    source: RewardSource,
    predictions: str | None = None,
    *,
    fresh: bool = True,
    show: _Shown | None = None,
) -> Audit:
    """Audit a reward, and show what was found; *fresh* also asks it in fresh processes."""
    from benchmarks.audit import POLICIES, Search
    from benchmarks.audit import audit as run_audit
    from benchmarks.audit.checks import probes
    from rewards.score import resolve
    from rewards.spec import TieredSpec
    from star_cli.hash_seed import check_hash_seed
    from star_cli.reward_source import load_reward

    audited = load_reward(source)
    scenes, groups = _scenes(settings, predictions, audited)
    spec = resolve(source.task, source.preset, **source.overrides)[1] if source.reference is None else None
    further = check_hash_seed(source, audited, probes(scenes[:8], POLICIES)) if fresh else []
    found = run_audit(
        audited,
        scenes,
        spec=spec if isinstance(spec, TieredSpec) else None,
        accuracies=settings.accuracies,
        search=None if settings.no_search else Search(seed=settings.seed),
        timed=not settings.no_cost,
        further=further,
        groups=groups,
    )
    if show is not None:
        _show(found, audited, scenes, show)
    return found


def _scenes(
    settings: _AuditOptions, predictions: str | None, audited: AuditedReward
) -> tuple[tuple[Scene, ...], Groups | None]:
    """Return the scenes of a file of predictions or of targets, or drawn ones; and the groups of predictions."""
    from benchmarks.audit import draw_scenes
    from rewards.tasks import load_task

    if predictions is not None:
        scenes, groups = _read(predictions, settings.given, audited)
        return scenes[: settings.number], groups
    if settings.given["targets"] is not None:
        return _read_targets(settings.given)[: settings.number], None
    task = load_task(settings.given["task"])
    return draw_scenes(task, settings.number, seed=settings.seed, changes=settings.changes), None


def _read_targets(given: dict[str, Any]) -> tuple[Scene, ...]:
    """Return the scenes of a file of targets, each once.

    Raises:
        DataError: if no row can be read, or a target is wrong.
    """
    from benchmarks.files.targets import read_separate_targets

    gold, _ = read_separate_targets(given["targets"], given["on"], given["mapping"])
    assert gold is not None  # there is such a file
    rows = list(gold.rows.values())
    columns = {role: [row.values[at] for row in rows] for at, role in enumerate(gold.roles)}
    return _distinct(given["task"], columns, [row.place for row in rows], given["targets"])


def _distinct(task: str, columns: dict[str, list[Any]], places: Sequence[str], path: str) -> tuple[Scene, ...]:
    """Return the scenes of rows with a target, each once.

    Raises:
        DataError: if a target is wrong, or all are empty.
    """
    from benchmarks.audit import read_scenes
    from rewards.errors import DataError
    from rewards.tasks import load_task

    others = {role: columns.get(role) for role in ("references", "options")}
    try:
        scenes = read_scenes(load_task(task), columns["target"], **others)
    except DataError as error:
        place = path if error.row is None else places[error.row]
        raise DataError(f"{place}: {error.args[0]}") from error
    distinct = {(scene.target, scene.references, scene.options): scene for scene in scenes if scene.target}
    if not distinct:
        raise DataError(f"{path}: every target is empty")
    return tuple(distinct.values())


def _read(path: str, given: dict[str, Any], audited: AuditedReward) -> tuple[tuple[Scene, ...], Groups]:
    """Return the scenes of a file of predictions, each once, and the rewards of its groups.

    Raises:
        DataError: if no row can be read, or a target is wrong.
    """
    from benchmarks.audit import group_totals
    from benchmarks.audit.groups import contradicting_share
    from benchmarks.audit.reward import score_rows
    from benchmarks.files.predictions import read_predictions
    from benchmarks.files.targets import TARGET_ROLES, read_separate_targets
    from star_cli.console import ErrorLines

    gold, own = read_separate_targets(given["targets"], given["on"], given["mapping"])
    found = read_predictions(path, mapping=own, targets=gold)
    errors = ErrorLines(lambda line: echo(line, err=True))
    for error in found.errors:
        errors.add(error)
    errors.close()
    texts = list(found.columns["completion"])
    columns = {role: list(found.columns[role]) for role in TARGET_ROLES if role in found.columns}
    scenes = _distinct(given["task"], columns, found.places, path)
    named = {audited.target_column if role == "target" else role: values for role, values in columns.items()}
    totals = score_rows(audited, texts, named).tolist()
    paid = [row for row, total in enumerate(totals) if total == total]  # noqa: PLR0124  NaN is not itself
    if len(paid) < len(totals):
        echo(
            f"{path}: for {len(totals) - len(paid)} rows the reward is not a number; the groups leave them out",
            err=True,
        )
    counted = group_totals(
        [totals[row] for row in paid], [found.groups[row] for row in paid], [texts[row] for row in paid]
    )
    reading = {"mode": given["mode"], "think_prefilled": given["think_prefilled"]}
    share = contradicting_share(texts, columns["target"], given["task"], options=columns.get("options"), **reading)
    return scenes, counted._replace(contradicting=share)


def _show(found: Audit, audited: AuditedReward, scenes: Sequence[Scene], show: _Shown) -> None:
    if show.html is not None:
        from benchmarks.audit.page import audit_document
        from benchmarks.files.write import write_whole
        from benchmarks.report.html import html

        write_whole(show.html, html(audit_document(found)))
    if show.form == "json":
        from benchmarks.audit import as_dict

        echo(_json(as_dict(found)), nl=False)
    elif show.form == "openenv":
        from benchmarks.audit.openenv import openenv_report

        echo(_json(openenv_report(found, audited, scenes)), nl=False)
    else:
        from star_cli.audit_tables import print_audit

        print_audit(found, no_color=show.no_color)


def _json(value: Any) -> str:
    return json.dumps(value, indent=2, allow_nan=False) + "\n"


def _differ(settings: _AuditOptions, against: str | None, predictions: str | None, show: _Shown) -> str:
    """Compare two rewards on the same texts; return what is printed."""
    from dataclasses import replace

    from benchmarks.audit import POLICIES
    from benchmarks.audit.differential import compare_rewards
    from star_cli.audit_tables import differential_text
    from star_cli.reward_source import RewardSource, load_reward

    source = settings.source()
    kept = RewardSource(task=source.task, think_prefilled=source.think_prefilled)
    audited = load_reward(source)
    reference = load_reward(replace(kept, reference=against, target_column=source.target_column))
    scenes, _ = _scenes(settings, predictions, audited)
    found = compare_rewards(audited, reference, scenes, POLICIES, seed=settings.seed)
    return _json(found.as_dict()) if show.form == "json" else differential_text(found)


def _predict(settings: _AuditOptions, predictions: str | None, show: _Shown) -> str:
    """Predict what an unsure policy does; return what is printed."""
    from benchmarks.audit.predictions import predict_all
    from rewards.score import resolve
    from rewards.spec import TieredSpec
    from star_cli.audit_tables import predictions_text

    if settings.reward is not None or predictions is not None or settings.given["targets"] is not None:
        raise click.UsageError("--predict analyzes a task's own reward, without scenes: no REWARD and no file")
    source = settings.source()
    spec = resolve(source.task, source.preset, **source.overrides)[1]
    if not isinstance(spec, TieredSpec):
        raise click.UsageError(f"the reward of {source.task} has no tiers, and so no exact analysis")
    found = predict_all(spec, settings.changes)
    if show.form == "json":
        plain = [each._asdict() for each in found]
        return _json({"reward": source.name, "changes": list(settings.changes), "predictions": plain})
    return predictions_text(source.name, found)


def _check_presets(settings: _AuditOptions, predictions: str | None, html: str | None, form: str) -> None:
    if settings.reward is not None or predictions is not None or html is not None or form != "text":
        raise click.UsageError("--all-presets and --curves go over a task's presets: without REWARD, FILEs and --json")


def _audit_presets(settings: _AuditOptions, curves: str | None, *, tables: bool) -> list[Audit]:
    """Audit every preset of a task, or only draw their curves."""
    from benchmarks.audit.expected import analyze_guessing
    from rewards.errors import ConfigError
    from rewards.score import resolve
    from rewards.spec import PRESETS, TieredSpec

    given = settings.source("default")
    resolve(given.task, "default", **given.overrides)  # an unknown task or option is no preset that is passed over
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
    from benchmarks.audit.page import best_chart, expected_chart
    from benchmarks.files.write import write_whole
    from benchmarks.report.svg import chart_file

    folder.mkdir(parents=True, exist_ok=True)
    charts = {"expected": expected_chart(analysis[0], preset), "best": best_chart(analysis, preset)}
    for what, chart in charts.items():
        path = folder / f"audit-{preset}-{what}.svg"
        write_whole(path, chart_file(chart) + "\n")
