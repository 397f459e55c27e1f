"""Rows or files of predictions -> a report."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from benchmarks.evaluation.block_scorer import BlockScorer
from benchmarks.evaluation.intervals import Intervals
from benchmarks.evaluation.known import COLUMNS, find_benchmark, find_protocols, output_schema
from benchmarks.evaluation.plan import Plan, make_report
from benchmarks.evaluation.tally import EvaluationTally
from benchmarks.files.blocks import read_block
from benchmarks.files.chunks import CHUNK_ROWS, END, BadRow, Chunk, Position
from benchmarks.files.columns import find_columns
from benchmarks.files.gold import read_gold
from benchmarks.files.output import Output, fingerprint
from benchmarks.files.scoring import Progress, score_files
from rewards.errors import ConfigError, DataError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from benchmarks.evaluation.intervals import Kind
    from benchmarks.evaluation.report import Report
    from benchmarks.files.gold import On


def evaluate(
    rows: str | Path | Sequence[str | Path] | Iterable[Mapping[str, Any]],
    benchmark: str,
    protocol: str = "strict",
    *,
    interval: Kind = "formula",
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
        benchmark: ``tvr``, ``mindcube``, ``mindcube-cogmap``, ``sparbench`` or ``mmsi``.
        protocol: ``strict`` (ours: only the answer section counts), ``official`` (the benchmark's own scorer, decision
            for decision) or ``both``; a row whose gold either refuses is then left out of both.
        interval: ``formula``, ``bootstrap`` or ``bca``, see `benchmarks.evaluation.intervals.Intervals`.
        resamples: of the bootstrap.
        seed: of the bootstrap.
        level: confidence of the intervals.
        group: the column whose values say which rows are not independent; None: the scene or the prompt.
        mapping: role -> column, where columns have other than the usual names.
        targets: a file with the gold, where the predictions come without.
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
    intervals = Intervals(interval, resamples, seed, level)
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
    intervals: Intervals,
    *,
    mapping: Mapping[str, str],
    targets: str | None,
    on: On,
) -> Plan:
    known = find_benchmark(benchmark)
    intervals.function()
    source = {"mapping": mapping, "targets": targets, "on": on}
    gold = None
    if targets is not None:
        joined = [role for role in (*known.reads, "scene") if role not in ("completion", "id")]
        of_gold = {role: column for role, column in mapping.items() if role in (*joined, on)}
        gold = read_gold(targets, on, mapping=of_gold, roles=joined, required=known.required, known=COLUMNS)
        mapping = {role: column for role, column in mapping.items() if role not in joined}
    return Plan(known, find_protocols(protocol), intervals, mapping, gold, source)


def _files(rows: Any) -> list[str] | None:
    """Return the paths, where these are paths and not rows."""
    if isinstance(rows, str | Path):
        return [str(rows)]
    listed = list(rows) if isinstance(rows, tuple | list) else None
    return [str(path) for path in listed] if listed and isinstance(listed[0], str | Path) else None


def _evaluate_files(
    plan: Plan, run: _Run, files: Sequence[str], *, out: str | None, overwrite: bool, resume: bool
) -> Report:
    output = None
    if out is not None:
        inputs = [*files, *([plan.gold.path] if plan.gold else [])]
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
            known=COLUMNS,
            as_text=False,
            mapping=plan.mapping,
            gold=plan.gold,
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


def _evaluate_rows(plan: Plan, run: _Run, rows: Iterable[Mapping[str, Any]]) -> Report:
    tally, progress, columns = EvaluationTally(["rows"]), Progress(), None
    score = BlockScorer(plan.benchmark, plan.protocols)
    for chunk in _chunks(islice(rows, run.limit)):
        if columns is None:
            joined_on = plan.gold.on if plan.gold else None
            columns = find_columns(chunk, needed=plan.needed, mapping=plan.mapping, joined_on=joined_on, known=COLUMNS)
        scored = score(read_block(chunk, columns, gold=plan.gold, required=plan.benchmark.required, as_text=False))
        tally.add(scored)
        for at, message in sorted(scored.block.errors.items()):
            if run.strict_input:
                raise DataError(f"{chunk.place(at)}: {message}")
            run.add_error(tally)(f"{chunk.place(at)}: {message}")
        progress = Progress(progress.rows + len(chunk.rows), progress.errors + len(scored.block.errors))
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
