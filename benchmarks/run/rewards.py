"""Files of predictions -> rewards: what ``star score`` runs."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks.files.paths import find_files
from benchmarks.files.targets import read_separate_targets
from benchmarks.run.executors import Executor
from benchmarks.run.parts import PART_BYTES
from benchmarks.run.reward_scorer import RewardScorer
from benchmarks.run.score_files import Reading, Run, score_files
from benchmarks.run.signature import signature
from rewards.errors import ConfigError
from rewards.score import resolve
from rewards.spec import QuestionSpec
from rewards.targets import GIVEN_COLUMNS
from rewards.yaml_files import read_yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from benchmarks.files.targets import On
    from benchmarks.run.executors import Engine
    from benchmarks.run.reward_summary import RewardTally, Summary
    from benchmarks.run.score_files import Progress
    from parsers.completion import Mode, Prefilled


def read_weights(path: str) -> dict[str, Any]:
    """Read a YAML file with fields of `TieredSpec` (or `QuestionSpec`), such as ``tiers: {exact: 5, object: 0}``.

    Raises:
        ConfigError: if it is no such file.
    """
    read = read_yaml(Path(path)).data
    if not isinstance(read, dict) or not all(isinstance(name, str) for name in read):
        raise ConfigError(
            f"{path}: it holds the fields of a reward, as in 'incorrect_penalty: 2', and not {read!r:.60}"
        )
    return read


def score_rewards(
    files: Sequence[str],
    *,
    task: str = "tvr",
    preset: str = "default",
    overrides: Mapping[str, Any] | None = None,
    mode: Mode = "strict",
    think_prefilled: Prefilled = "auto",
    mapping: Mapping[str, str] | None = None,
    targets: str | None = None,
    on: On = "id",
    out: str | None = None,
    overwrite: bool = False,
    workers: int = 1,
    engine: Engine = "here",
    address: str | None = None,
    limit: int | None = None,
    strict_input: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    part_bytes: int = PART_BYTES,
) -> Summary | None:
    """Score files of predictions.

    Args:
        files: JSON Lines, gzip of that, Parquet, or ``-``.
        task: a task's name, or the path of its YAML file.
        preset: a named change of its reward.
        overrides: fields of the reward to change on top of the preset.
        mode: see `parsers.completion.parse_completion`.
        think_prefilled: likewise.
        mapping: role -> column, see `benchmarks.files.columns.ROLES`.
        targets: a file with the targets, for predictions that come without.
        on: the role that both files are joined on.
        out: see `benchmarks.run.score_files.Run`, as all that follows.
        overwrite: likewise.
        workers: see `benchmarks.run.executors.Executor`.
        engine: likewise.
        address: likewise.
        limit: see `benchmarks.run.score_files.Run`.
        strict_input: likewise.
        on_error: likewise.
        on_progress: likewise.
        on_notice: likewise.
        part_bytes: likewise.

    Returns:
        The summary; None where no row could be scored.

    Raises:
        DataError: for files that cannot be scored at all, and with *strict_input* for the first bad row.
        ConfigError: for wrong options, and columns that are ambiguous.
    """
    files = find_files(files)
    found, spec = resolve(task, preset, **(overrides or {}))
    settings = {"mode": mode} | ({} if think_prefilled == "auto" else {"think_prefilled": str(think_prefilled).lower()})
    signed = signature(found.name, preset, spec, resolve(task, preset)[1], **settings)
    mapping = mapping or {}
    target_file, own = read_separate_targets(targets, on, mapping)
    reading = Reading(
        needed=("completion", on if target_file else "target"),
        mapping=own,
        targets=target_file,
        hinted=("task", *GIVEN_COLUMNS) if isinstance(spec, QuestionSpec) else ("task",),
    )
    total = score_files(
        files,
        RewardScorer(found, spec, mode, think_prefilled),
        reading,
        Run(
            out=out,
            overwrite=overwrite,
            by=Executor(workers, engine, address),
            limit=limit,
            strict_input=strict_input,
            on_error=on_error,
            on_progress=on_progress,
            on_notice=on_notice,
            part_bytes=part_bytes,
        ),
        settings={"reward": [signed, asdict(spec)], "mapping": mapping, "on": on if targets else None},
    )
    tally: RewardTally = total.tally
    compared = not isinstance(spec, QuestionSpec)
    summary = tally.summary(spec, total.progress, signature=signed, compared=compared)
    if summary is None:
        return None
    read = {
        "files": list(files),
        "given_twice": total.given_twice,
        "mapping": dict(mapping),
        "targets": targets and str(targets),
        "on": on,
        "limit": limit,
    }
    scored = {"task": str(task), "preset": preset, "mode": mode, "think_prefilled": think_prefilled}
    return replace(summary, source={**read, **scored, "overrides": dict(overrides or {})})
