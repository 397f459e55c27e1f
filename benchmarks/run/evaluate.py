"""Rows or files of predictions -> a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, cast

import numpy as np

from benchmarks.attempts import several_attempts
from benchmarks.benchmark import find_protocols, joined_roles, known_columns
from benchmarks.files.paths import find_files
from benchmarks.files.sources import CHUNK_ROWS, END, BadRow, Chunk, Position
from benchmarks.files.targets import read_separate_targets
from benchmarks.registry import find_benchmark
from benchmarks.run.evaluation_report import Report
from benchmarks.run.evaluation_tally import BlockScorer, EvaluationTally
from benchmarks.run.executors import Executor
from benchmarks.run.made_with import signed
from benchmarks.run.parts import PART_BYTES
from benchmarks.run.score_files import Job, Reading, Run, Total, score_files
from benchmarks.run.signature import installed_version
from benchmarks.statistics import bootstrap_interval, mean_interval
from benchmarks.tables import average
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    import numpy.typing as npt

    from benchmarks.attempts import AtK
    from benchmarks.benchmark import Benchmark, Protocol
    from benchmarks.files.targets import On, TargetFile
    from benchmarks.run.executors import Engine
    from benchmarks.run.score_files import Progress
    from benchmarks.statistics import Interval
    from benchmarks.tables import Table

IntervalKind = Literal["formula", "bootstrap", "bca"]
KEPT_ERRORS: Final = 100
"""Rows that could not be scored whose errors are kept."""


class IntervalSettings(NamedTuple):
    """Settings of confidence intervals.

    Attributes:
        kind: ``"formula"`` (Wilson's for shares, Student's for other means, both robust to clusters), ``"bootstrap"``
            (of clusters, percentiles) or ``"bca"`` (likewise, corrected for bias and skewness).
        resamples: number of resamples.
        seed: of the resamples.
        level: confidence, between 0 and 1.
    """

    kind: IntervalKind = "formula"
    resamples: int = 1000
    seed: int = 0
    level: float = 0.95

    def function(self) -> Callable[..., Interval]:
        """Return what turns values and ``clusters=`` into an interval.

        Raises:
            ConfigError: for settings that make no sense.
        """
        if not 0 < self.level < 1:
            raise ConfigError(f"a level is between 0 and 1, as in 0.95, and not {self.level}")
        if self.kind == "formula":
            return partial(mean_interval, level=self.level)
        if self.kind not in ("bootstrap", "bca"):
            raise ConfigError(f"there are no intervals {self.kind!r}; there are formula, bootstrap, bca")
        if self.resamples < 1:
            raise ConfigError(f"a bootstrap has at least 1 resample, not {self.resamples}")
        return partial(
            bootstrap_interval,
            method="percentile" if self.kind == "bootstrap" else "bca",
            resamples=self.resamples,
            seed=self.seed,
            level=self.level,
        )

    def signed(self) -> dict[str, str]:
        """Return the settings that numbers depend on."""
        settings = {"interval": self.kind, "level": f"{self.level:g}"}
        drawn = {"resamples": str(self.resamples), "seed": str(self.seed)}
        return settings if self.kind == "formula" else settings | drawn


class EvaluationPlan(NamedTuple):
    """What is evaluated, and how.

    Attributes:
        benchmark: whose rows they are.
        protocols: under which they are scored; the first one's numbers come first.
        intervals: of the tables.
        mapping: role -> column, of the predictions; the targets' is applied already.
        targets: where they come from, if not from the predictions.
        source: what `benchmarks.evaluate` takes to read the same rows again.
    """

    benchmark: Benchmark
    protocols: tuple[Protocol, ...]
    intervals: IntervalSettings
    mapping: Mapping[str, str]
    targets: TargetFile | None
    source: Mapping[str, Any]

    @property
    def reading(self) -> Reading:
        """How the predictions are read."""
        return Reading(
            needed=("completion", *((self.targets.on,) if self.targets else self.benchmark.required)),
            required=self.benchmark.required,
            known=known_columns(self.benchmark),
            preferred=dict(self.benchmark.columns),  # not as a view, which processes cannot be sent
            as_text=False,
            one_each=self.benchmark.takes_records,
            mapping=self.mapping,
            targets=self.targets,
        )

    def scorer(self, files: Sequence[str]) -> BlockScorer:
        """Return what scores a block of one of these files."""
        return BlockScorer(self.benchmark.name, self.protocols, tuple(files))


def evaluate(
    rows: str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any]],
    benchmark: str,
    protocol: str = "strict",
    *,
    interval: IntervalKind = "formula",
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
    group: str | None = None,
    mapping: Mapping[str, str] | None = None,
    targets: str | None = None,
    on: On = "id",
    limit: int | None = None,
    strict_input: bool = False,
    out: str | None = None,
    overwrite: bool = False,
    workers: int = 1,
    engine: Engine = "here",
    address: str | None = None,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    part_bytes: int = PART_BYTES,
) -> Report:
    """Evaluate predictions on a benchmark.

    Args:
        rows: a file or several, see `benchmarks.files.paths.find_files`, or rows as mappings.
        benchmark: one of `benchmarks.registry.BENCHMARKS`.
        protocol: ``strict`` (ours: only the answer section counts), ``official`` (the benchmark's own scorer, decision
            for decision) or ``both``; a row whose target either refuses is then left out of both.
        interval: ``formula``, ``bootstrap`` or ``bca``, see `IntervalSettings`.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        level: confidence of the intervals.
        group: the column whose values say which rows are not independent; None: the scene or the prompt.
        mapping: role -> column, where columns have other than the usual names.
        targets: a file with the targets, where the predictions come without.
        on: ``id`` or ``prompt``, what it is joined on.
        limit: see `benchmarks.run.score_files.Run`, as all that follows.
        strict_input: likewise.
        out: likewise.
        overwrite: likewise.
        workers: see `benchmarks.run.executors.Executor`.
        engine: likewise.
        address: likewise.
        on_error: see `benchmarks.run.score_files.Run`.
        on_progress: likewise.
        on_notice: likewise.
        part_bytes: likewise.

    Raises:
        DataError: files that cannot be scored at all, no row that could be scored, or with *strict_input* a bad row.
        ConfigError: an unknown benchmark, protocol or option, or columns that are ambiguous.

    >>> report = evaluate([{"response": "<answer>B</answer>", "answer": "B", "category": "MSR"}], "mmsi")
    >>> report.tables["strict"]["overall"]["accuracy"].estimate
    1.0
    """
    intervals = IntervalSettings(interval, resamples, seed, level)
    columns = {**(mapping or {}), **({"scene": group} if group else {})}
    plan = _plan(benchmark, protocol, intervals, mapping=columns, targets=targets, on=on)
    messages: list[str] = []
    run = Run(
        out=out,
        overwrite=overwrite,
        by=Executor(workers, engine, address),
        limit=limit,
        strict_input=strict_input,
        on_error=partial(_add_error, messages, on_error),
        on_progress=on_progress,
        on_notice=on_notice,
        part_bytes=part_bytes,
    )
    files = _files(rows)
    if files is None and (out is not None or not run.by.alone):
        raise ConfigError(
            "`out` goes with files, as `workers` and `engine` do; of rows in memory see `Report.row_scores`"
        )
    if files is None:
        total = _score_rows(plan, run, cast("Iterable[Mapping[str, Any]]", rows))
        return make_report(plan, total, messages, {})
    settings = {"benchmark": plan.benchmark.name, "protocols": plan.protocols, **plan.source}
    total = score_files(files, plan.scorer(files), plan.reading, run, settings=settings)
    source = {"files": files, "given_twice": total.given_twice, "limit": limit, **plan.source}
    return make_report(plan, total, messages, source)


def _add_error(kept: list[str], tell: Callable[[str], None] | None, message: str) -> None:
    if len(kept) < KEPT_ERRORS:
        kept.append(message)
    if tell is not None:
        tell(message)


def _plan(
    benchmark: str,
    protocol: str,
    intervals: IntervalSettings,
    *,
    mapping: Mapping[str, str],
    targets: str | None,
    on: On,
) -> EvaluationPlan:
    known = find_benchmark(benchmark)
    intervals.function()
    source = {"mapping": mapping, "targets": targets, "on": on}
    target_file, mapping = read_separate_targets(
        targets, on, mapping, roles=joined_roles(known), required=known.required, known=known_columns(known)
    )
    return EvaluationPlan(known, find_protocols(protocol), intervals, mapping, target_file, source)


def _files(rows: Any) -> list[str] | None:
    """Return the paths, where these are paths and not rows."""
    if isinstance(rows, str | Path):
        return find_files([str(rows)])
    listed = list(rows) if isinstance(rows, tuple | list) else None
    return find_files(map(str, listed)) if listed and isinstance(listed[0], str | Path) else None


def _score_rows(plan: EvaluationPlan, run: Run, rows: Iterable[Mapping[str, Any]]) -> Total:
    """Score rows in memory."""
    total = Total(run, EvaluationTally())
    job = Job(plan.scorer(["rows"]), plan.reading, {})
    for piece in job.score(_chunks(islice(rows, run.limit)), None, write=False):
        total.add(piece, None)
    return total


def _chunks(rows: Iterable[Mapping[str, Any]]) -> Iterator[Chunk]:
    """Yield rows in memory as a file would be read; a row that is no mapping is a bad one."""
    before = 0
    remaining = iter(rows)
    while some := [
        dict(row) if isinstance(row, Mapping) else BadRow(f"a row is a mapping, and this is {row!r:.60}")
        for row in islice(remaining, CHUNK_ROWS)
    ]:
        lines = range(before + 1, before + len(some) + 1)
        before += len(some)
        yield Chunk("rows", some, lines, None, Position(END, before), None)


def make_report(plan: EvaluationPlan, total: Total, messages: Sequence[str], source: Mapping[str, Any]) -> Report:
    """Average what was tallied; *messages* say what is wrong with the first rows that could not be scored.

    Raises:
        DataError: no row was scored.
    """
    tally: EvaluationTally = total.tally
    columns = tally.columns()
    if not columns:
        raise DataError(f"no row could be scored: {messages[0] if messages else 'there are no rows'}")
    interval = plan.intervals.function()
    prompts = columns["prompt"]
    several = tally.named or len(np.unique(prompts)) <= len(prompts) / 2  # else ids that happen to be used twice
    tables: dict[str, Table] = {}
    attempts: dict[str, dict[str, AtK]] = {}
    signatures: dict[str, str] = {}
    kind = "scene" if "scene" in plan.mapping else tally.kind
    told = tally.makers.told()
    for protocol in plan.protocols:
        stats = {name.partition(".")[2]: values for name, values in columns.items() if name.startswith(f"{protocol}.")}
        clusters = columns["cluster"] if kind else None
        tables[protocol] = average(plan.benchmark.rules[protocol].cells(stats), clusters=clusters, interval=interval)
        attempts[protocol] = {}
        if several:
            of_prompts = clusters if kind == "scene" else None
            attempts[protocol] = several_attempts(
                stats["correct"], prompts, answers=stats.get("said"), clusters=of_prompts, interval=interval
            )
        signatures[protocol] = _signature(plan, protocol, kind, columns) + signed(told)
        if protocol == plan.protocols[0]:
            summarise = plan.benchmark.rules[protocol].aggregate
            aggregate = summarise(stats) if summarise else {}
    return Report(
        benchmark=plan.benchmark.name,
        protocols=plan.protocols,
        rows=len(columns["cluster"]),
        errors=total.progress.errors,
        error_messages=tuple(messages),
        aggregate=aggregate,
        tables=tables,
        attempts=attempts,
        faults={protocol: _by_frequency(found) for protocol, found in tally.faults.items()},
        differing=tally.differing,
        differences=tally.differences,
        signatures=signatures,
        headline=plan.benchmark.headline,
        made_with=told,
        ended=tally.makers.ended,
        source=source,
        row_scores=columns,
    )


def _signature(
    plan: EvaluationPlan, protocol: Protocol, kind: str | None, columns: Mapping[str, npt.NDArray[Any]]
) -> str:
    """Return ``benchmark:tvr|protocol:strict|interval:formula|level:0.95|clusters:scene=512|n:1500|version:0.1.0``."""
    rows, clusters = len(columns["cluster"]), len(np.unique(columns["cluster"]))
    shown = f"{kind}={clusters}" if clusters < rows else "none"
    settings = {"benchmark": plan.benchmark.name, "protocol": protocol, **plan.intervals.signed()}
    settings |= {"clusters": shown, "n": str(rows), "version": installed_version()}
    return "|".join(f"{name}:{value}" for name, value in settings.items())


def _by_frequency(faults: Mapping[str, Any]) -> dict[str, Any]:
    return dict(sorted(faults.items(), key=lambda item: (-item[1]["rows"], item[0])))
