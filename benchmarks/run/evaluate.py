"""Rows or files of predictions -> a report."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import numpy as np

from benchmarks.attempts import several_attempts
from benchmarks.benchmark import find_protocols, known_columns, output_schema
from benchmarks.files.blocks import read_block, spread_attempts
from benchmarks.files.columns import find_columns
from benchmarks.files.sources import CHUNK_ROWS, END, BadRow, Chunk, Position
from benchmarks.files.targets import read_target_file
from benchmarks.registry import find_benchmark
from benchmarks.run.evaluation_report import Report
from benchmarks.run.evaluation_tally import BlockScorer, EvaluationTally
from benchmarks.run.made_with import signed
from benchmarks.run.output import Output, fingerprint
from benchmarks.run.score_files import Progress, score_files
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
    from benchmarks.statistics import Interval
    from benchmarks.tables import Table

IntervalKind = Literal["formula", "bootstrap", "bca"]


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
    def needed(self) -> Sequence[str]:
        """Roles that the predictions must have."""
        return ("completion", *((self.targets.on,) if self.targets else self.benchmark.required))


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
    resume: bool = False,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    checkpoint_seconds: float = 2.0,
) -> Report:
    """Evaluate predictions on a benchmark.

    Args:
        rows: a file, several files (JSON Lines, gzip of that, Parquet), or rows as mappings.
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
        limit: rows to score at most.
        strict_input: whether to stop at the first row that cannot be scored.
        out: a file to write one row for each row to, ``.jsonl`` or ``.parquet``.
        overwrite: whether it may be replaced.
        resume: whether to go on with what is left of an earlier run.
        on_error: called with ``file:line: what is wrong`` for each row that cannot be scored.
        on_progress: called now and then.
        checkpoint_seconds: time between two checkpoints of *out*.

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
    run = _Run(limit, strict_input, on_error, on_progress, checkpoint_seconds)
    files = _files(rows)
    if files is not None:
        return _evaluate_files(plan, run, files, out=out, overwrite=overwrite, resume=resume)
    if out is not None:
        raise ConfigError("`out` goes with files; of rows in memory, `Report.row_scores` holds the scores")
    return _evaluate_rows(plan, run, cast("Iterable[Mapping[str, Any]]", rows))


class _Run(NamedTuple):
    """How a run goes on, see `evaluate`."""

    limit: int | None
    strict_input: bool
    on_error: Callable[[str], None] | None
    on_progress: Callable[[Progress], None] | None
    checkpoint_seconds: float

    def add_error(self, tally: EvaluationTally) -> Callable[[str], None]:
        """Return what takes the error of a row."""

        def add(message: str) -> None:
            tally.add_error(message)
            if self.on_error is not None:
                self.on_error(message)

        return add


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
    target_file = None
    if targets is not None:
        joined = [role for role in (*known.reads, "scene") if role not in ("completion", "id")]
        theirs = {role: column for role, column in mapping.items() if role in (*joined, on)}
        target_file = read_target_file(
            targets, on, mapping=theirs, roles=joined, required=known.required, known=known_columns(known)
        )
        mapping = {role: column for role, column in mapping.items() if role not in joined}
    return EvaluationPlan(known, find_protocols(protocol), intervals, mapping, target_file, source)


def _files(rows: Any) -> list[str] | None:
    """Return the paths, where these are paths and not rows."""
    if isinstance(rows, str | Path):
        return [str(rows)]
    listed = list(rows) if isinstance(rows, tuple | list) else None
    return [str(path) for path in listed] if listed and isinstance(listed[0], str | Path) else None


def _evaluate_files(
    plan: EvaluationPlan, run: _Run, files: Sequence[str], *, out: str | None, overwrite: bool, resume: bool
) -> Report:
    output = None
    if out is not None:
        inputs = [*files, *([plan.targets.path] if plan.targets else [])]
        settings = {"benchmark": plan.benchmark.name, "protocols": plan.protocols, "limit": run.limit, **plan.source}
        schema = output_schema(plan.benchmark, plan.protocols)
        output = Output(out, schema=schema, run=fingerprint(inputs, settings), overwrite=overwrite, resume=resume)
    tally = EvaluationTally(
        files,
        spool=Path(f"{out}.partial.rows") if out else None,
        state=output.state["tally"] if output and output.state else None,
    )
    try:
        progress = score_files(
            files,
            BlockScorer(plan.benchmark, plan.protocols),
            tally,
            needed=plan.needed,
            required=plan.benchmark.required,
            known=known_columns(plan.benchmark),
            preferred=plan.benchmark.columns,
            as_text=False,
            one_each=plan.benchmark.takes_records,
            mapping=plan.mapping,
            targets=plan.targets,
            output=output,
            limit=run.limit,
            strict_input=run.strict_input,
            on_error=run.add_error(tally),
            on_progress=run.on_progress,
            checkpoint_seconds=run.checkpoint_seconds,
        )
        if output is not None:
            output.finish()
        report = make_report(plan, tally, progress, {"files": list(files), "limit": run.limit, **plan.source})
    except (DataError, ConfigError):
        if output is not None:
            output.discard()
        raise
    finally:
        if output is not None:
            output.close()
        tally.close(remove=output is None or not output.partial.exists())
    return report


def _evaluate_rows(plan: EvaluationPlan, run: _Run, rows: Iterable[Mapping[str, Any]]) -> Report:
    tally, progress, columns = EvaluationTally(["rows"]), Progress(), None
    score = BlockScorer(plan.benchmark, plan.protocols)
    for chunk in _chunks(islice(rows, run.limit)):
        if columns is None:
            joined_on = plan.targets.on if plan.targets else None
            columns = find_columns(
                chunk,
                needed=plan.needed,
                mapping=plan.mapping,
                joined_on=joined_on,
                known=known_columns(plan.benchmark),
                preferred=plan.benchmark.columns,
            )
        read = len(chunk.rows)
        chunk = chunk if plan.benchmark.takes_records else spread_attempts(chunk, columns)  # noqa: PLW2901
        scored = score(
            read_block(chunk, columns, targets=plan.targets, required=plan.benchmark.required, as_text=False)
        )
        tally.add(scored)
        for at, message in sorted(scored.block.errors.items()):
            if run.strict_input:
                raise DataError(f"{chunk.place(at)}: {message}")
            run.add_error(tally)(f"{chunk.place(at)}: {message}")
        progress = Progress(progress.rows + read, progress.errors + len(scored.block.errors))
    return make_report(plan, tally, progress, {})


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


def make_report(plan: EvaluationPlan, tally: EvaluationTally, progress: Progress, source: Mapping[str, Any]) -> Report:
    """Average what was tallied.

    Raises:
        DataError: no row was scored.
    """
    state, columns = tally.state, tally.columns()
    if not state["rows"]:
        why = state["error_messages"][0] if state["error_messages"] else "there are no rows"
        raise DataError(f"no row could be scored: {why}")
    interval = plan.intervals.function()
    prompts = columns["prompt"]
    several = state["named"] or len(np.unique(prompts)) <= len(prompts) / 2  # else ids that happen to be used twice
    tables: dict[str, Table] = {}
    attempts: dict[str, dict[str, AtK]] = {}
    signatures: dict[str, str] = {}
    kind = "scene" if "scene" in plan.mapping else state["kind"]
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
        rows=state["rows"],
        errors=progress.errors,
        error_messages=tuple(state["error_messages"]),
        aggregate=aggregate,
        tables=tables,
        attempts=attempts,
        faults={protocol: _by_frequency(found) for protocol, found in state["faults"].items()},
        differing=state["differing"],
        differences=state["differences"],
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
