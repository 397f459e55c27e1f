"""The inputs of a report: each is recognized by what it holds, with the scores of its rows or its training steps."""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, NotRequired, TypedDict

import msgspec
import numpy as np

from benchmarks.benchmark import PROTOCOLS
from benchmarks.files.blocks import number_of
from benchmarks.files.columns import ROLES
from benchmarks.files.sources import BadRow, read_chunks
from benchmarks.registry import find_benchmark
from benchmarks.run.evaluate import evaluate
from benchmarks.run.made_with import Makers, asked_numbers
from benchmarks.tables import Measure
from rewards.errors import ConfigError, DataError
from rewards.messages import completion_text

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.benchmark import Benchmark, Protocol
    from benchmarks.tables import Stats


@dataclass(frozen=True, slots=True)
class Run:
    """One input.

    Attributes:
        name: how tables call it.
        path: where it was read.
        evaluation: what ``star score --benchmark --json`` (or ``--report-data``) has written, or None.
        rewards: what ``star score --json`` has written, or None.
        scores: what each row scored, where the input itself tells.
        training: what a trainer has logged, or None.
    """

    name: str
    path: str
    evaluation: Mapping[str, Any] | None = None
    rewards: Mapping[str, Any] | None = None
    scores: RowScores | None = None
    training: Training | None = None

    @property
    def protocol(self) -> Protocol:
        """The protocol whose numbers stand for an evaluation: of two, strict."""
        assert self.evaluation is not None
        return "official" if self.evaluation["protocol"] == "official" else "strict"

    @property
    def made_with(self) -> Mapping[str, str]:
        """How the predictions were made, as far as they say, see `benchmarks.run.made_with`."""
        if self.scores is not None and self.scores.made_with:
            return self.scores.made_with
        found: Mapping[str, str] = (self.evaluation or self.rewards or {}).get("made_with", {})
        return found

    @property
    def table(self) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
        """The table of an evaluation: group -> metric -> interval."""
        assert self.evaluation is not None
        found: Mapping[str, Any] = self.evaluation["tables"][self.protocol]
        return found


def read_run(text: str) -> Run:
    """Read an input.

    Args:
        text: ``PATH`` or ``NAME=PATH``. A path is the JSON of ``star score``, with or without ``--benchmark``; a file
            of ``star score --out``; or a file or folder of completions that a trainer has logged.

    Raises:
        ConfigError: there is nothing at that path.
        DataError: it is none of these.
    """
    name, equals, rest = text.partition("=")
    path = Path(rest if equals and Path(rest).exists() else text)
    label = name if equals and path == Path(rest) else path.name.partition(".")[0]
    if not path.exists():
        raise ConfigError(f"{path}: there is no such file or folder")
    run = Run(label, str(path))
    if path.is_dir():
        return replace(run, training=read_training(completion_files(path)))
    if path.suffix == ".json":
        return _of_json(run)
    if not path.name.endswith(SUFFIXES):
        raise DataError(f"{path}: a report is made of .json, .jsonl and .parquet files, see star report --help")
    first = _first_row(str(path))
    if "correct" in first and "error" in first:
        return replace(run, scores=of_scores_file(str(path)))
    return replace(run, training=read_training([str(path)]))


def _of_json(run: Run) -> Run:
    try:
        found = json.loads(Path(run.path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{run.path}: not JSON: {error}") from error
    if isinstance(found, dict) and {"benchmark", "tables", "protocol"} <= found.keys():
        _check_shape(run, found, _Evaluation)
        scores = None
        if "row_scores" in found:
            new = replace(run, evaluation=found)
            scores = of_evaluation(found["row_scores"], new)
        return replace(run, evaluation=found, scores=scores)
    if isinstance(found, dict) and {"total", "parts", "signature"} <= found.keys():
        _check_shape(run, found, _Rewards)
        return replace(run, rewards=found)
    raise DataError(f"{run.path}: this is not what star score --json writes, with or without --benchmark")


class _Source(TypedDict, total=False):
    """Where rows came from and how they were read; empty of rows in memory."""

    files: list[str]
    mapping: dict[str, str]
    targets: str | None
    on: str | None
    limit: int | None
    preset: str
    overrides: dict[str, Any]


class _Evaluation(TypedDict):
    rows: int
    tables: Any
    source: _Source


class _Rewards(TypedDict):
    rows: int
    total: dict[str, float | None]
    parts: dict[str, float]
    source: NotRequired[_Source]


def _check_shape(run: Run, found: Any, shape: type) -> None:
    """Name what was changed by hand in a summary, of what the report reads on its way to other files."""
    try:
        msgspec.convert(found, shape)
    except msgspec.ValidationError as error:
        raise DataError(f"{run.path}: this is not as star score --json writes it: {error}") from error


def _first_row(path: str) -> Mapping[str, Any]:
    for chunk in read_chunks(path):
        for row in chunk.rows:
            if not isinstance(row, BadRow):
                return row
    raise DataError(f"{path}: there are no rows")


def row_scores(run: Run) -> RowScores:
    """Return what each row of a run scored: from the input itself, or by evaluating again what it was made from.

    Raises:
        DataError: neither is possible.
    """
    if run.scores is not None:
        return run.scores
    if run.evaluation is None:
        raise DataError(row_scores_missing(run))
    source = run.evaluation["source"]
    files = source_files(run)
    if files is None:
        raise DataError(
            f"{run.path} was made from {', '.join(source.get('files', ())) or 'rows in memory'}, which is not here; "
            "write it with --report-data, which holds the scores of every row"
        )
    report = evaluate(
        files,
        run.evaluation["benchmark"],
        run.evaluation["protocol"],
        mapping=source["mapping"],
        targets=source["targets"],
        on=source["on"],
        limit=source["limit"],
    )
    assert run.protocol in PROTOCOLS[run.evaluation["protocol"]]
    if report.rows != run.evaluation["rows"]:
        raise DataError(
            f"{run.path} is about {run.evaluation['rows']:,} rows, and {', '.join(files)} now has {report.rows:,}; "
            "score it again"
        )
    return of_evaluation(report.row_scores, run)


def row_scores_missing(run: Run) -> str:
    """Say that the summary of a run holds no scores of rows, and what does."""
    return f"{run.path} holds a summary without the score of each row; give the file of star score --out instead"


def source_files(run: Run) -> Sequence[str] | None:
    """Return the files that an evaluation was made from, if all are here: where they were, or beside the results."""
    source = run.evaluation["source"] if run.evaluation is not None else {}
    beside = Path(run.path).parent
    found = []
    for file in source.get("files", ()):
        places = [place for place in (Path(file), beside / file, beside / Path(file).name) if place.is_file()]
        if not places:
            return None
        found.append(str(places[0]))
    gold = source.get("targets")
    return found if found and (gold is None or Path(gold).is_file()) else None


class RowScores(NamedTuple):
    """Scores of n rows.

    Attributes:
        keys: what tells a row from others: its id, or its line, and the how many-th of that it is.
        values: metric -> ``(n,)``; the first is whether a row is right.
        clusters: ``(n,)``, rows with the same number are not independent; None where that is unknown.
        places: ``(n,)``, number of the file and line, where the rows can be read; None where nobody knows.
        written: id, answer and fault of each row where only those are known; None otherwise.
        measures: makes of the places of some rows the benchmark's own numbers of these, by group of rows, see
            `benchmark_measures`; None where only `values` are known.
        asked: ``(n,)``, rows with the same number were asked the same, 0 where that is not known; None likewise.
        made_with: how the predictions were made, where the rows tell, see `benchmarks.run.made_with`.
    """

    keys: Sequence[Hashable]
    values: Mapping[str, npt.NDArray[Any]]
    clusters: npt.NDArray[np.uint64] | None = None
    places: Sequence[tuple[int, int]] | None = None
    written: Sequence[Mapping[str, Any]] | None = None
    measures: Callable[[npt.NDArray[np.int64]], dict[str, dict[str, Measure]]] | None = None
    asked: npt.NDArray[np.uint64] | None = None
    made_with: Mapping[str, str] = MappingProxyType({})


def of_evaluation(columns: Mapping[str, Any], run: Run) -> RowScores:
    """Take the scores of rows out of `benchmarks.Report.row_scores`, or what JSON has made of it."""
    assert run.evaluation is not None
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    stats = {name.removeprefix(f"{run.protocol}."): values for name, values in arrays.items() if "." in name}
    headline = run.evaluation["headline"]
    values = {"TAcc" if headline == "TAcc" else "accuracy": stats["correct"].astype(bool)}
    values |= {"score": stats["score"].astype(float)} if headline == "score" else {}
    ids, lines = columns["id"], columns["line"]
    places = list(zip(arrays["file"].tolist(), arrays["line"].tolist(), strict=True))
    names = [int(number) or f"line {line}" for number, line in zip(ids, lines, strict=True)]
    return RowScores(
        _numbered(names),
        values,
        np.array(columns["cluster"], dtype=np.uint64),
        places,
        measures=partial(benchmark_measures, find_benchmark(run.evaluation["benchmark"]), run.protocol, stats),
        asked=np.array(columns["asked"], dtype=np.uint64) if "asked" in columns else None,
    )


def benchmark_measures(
    benchmark: Benchmark, protocol: Protocol, stats: Stats, at: npt.NDArray[np.int64]
) -> dict[str, dict[str, Measure]]:
    """Return the numbers of a benchmark over some rows, before they are averaged.

    Args:
        benchmark: whose rows they are.
        protocol: under which they were scored.
        stats: what is kept of n rows.
        at: the places of those that count, ``(k,)``.

    Returns:
        group -> metric -> its values over the k rows and which of these it is about; all rows first, and in each group
        whether a row is right, then the metrics that the benchmark shows. Groups that no row counts for are left out;
        that of all rows is empty then.
    """
    some = {name: values[at] for name, values in stats.items()}
    tables: dict[str, dict[str, Measure]] = {}
    for group, metric, measure in benchmark.rules[protocol].cells(some):
        tables.setdefault(group, {})[metric] = measure
    right = "TAcc" if benchmark.headline == "TAcc" else "accuracy"
    found = {}
    for group, metrics in tables.items():
        counts = metrics[benchmark.headline].counts
        if counts.any():
            first = {right: metrics.get(right, Measure(some["correct"], counts))}
            shown = (metric for metric in benchmark.shown if metric in metrics and metric != right)
            found[group] = first | {metric: metrics[metric] for metric in shown}
        elif not found:
            found[group] = {}  # of all rows, which stay the first group
    return found


def of_scores_file(path: str) -> RowScores:
    """Read what ``star score --out`` has written, of rewards or of a benchmark. Rows with errors are left out.

    Raises:
        DataError: it is no such file, or holds no scores.
    """
    rows: list[dict[str, Any]] = []
    for chunk in read_chunks(path):
        for at, row in enumerate(chunk.rows):
            if isinstance(row, BadRow) or "correct" not in row:
                reason = row.message if isinstance(row, BadRow) else "there is no column 'correct'"
                raise DataError(f"{chunk.place(at)}: {reason}; star score --out writes such a file")
            if row.get("error") is None:
                rows.append(row)
    if not rows:
        raise DataError(f"{path}: there are no scores in it")
    values: dict[str, npt.NDArray[Any]] = {"accuracy": np.array([bool(row["correct"]) for row in rows])}
    for name in ("score", "total"):
        if name in rows[0]:
            values[name] = np.array([float(row[name]) for row in rows])
    for part in rows[0].get("parts") or ():
        values[f"parts/{part}"] = np.array([float(row["parts"][part]) for row in rows])
    # A scene has several prompts; a row without one is of its group, whatever that is called.
    told = [None if row.get("scene") is None else ("scene", row["scene"]) for row in rows]
    groups = [row.get("group") if scene is None else scene for row, scene in zip(rows, told, strict=True)]
    clusters = None if all(group is None for group in groups) else _cluster_numbers(groups)
    hashes = [row.get("prompt_hash") for row in rows]
    makers = Makers()
    makers.add({"made_with": [row.get("made_with") for row in rows], "prompt_hash": hashes})
    return RowScores(
        _numbered([number_of(row["id"]) for row in rows]),
        values,
        clusters,
        written=rows,
        asked=np.array(asked_numbers(hashes), dtype=np.uint64),
        made_with=makers.told(),
    )


def _cluster_numbers(groups: Iterable[Any]) -> npt.NDArray[np.uint64]:
    numbers = [row if group is None else number_of(group) for row, group in enumerate(groups)]
    return np.array(numbers, dtype=np.uint64)


def _numbered(names: Iterable[Hashable]) -> list[Hashable]:
    """Tell rows of one name apart by the order in which they come."""
    seen: Counter[Hashable] = Counter()
    keys: list[Hashable] = []
    for name in names:
        keys.append((name, seen[name]))
        seen[name] += 1
    return keys


class Pairs(NamedTuple):
    """Rows that two runs share: their places in the first and in the second, and how many each has alone."""

    first: npt.NDArray[np.int64]
    second: npt.NDArray[np.int64]
    only_first: int
    only_second: int


def pair_rows(first: RowScores, second: RowScores) -> Pairs:
    """Find the rows that two runs share, by id (or line).

    Raises:
        DataError: they share none.
    """
    places = {key: at for at, key in enumerate(second.keys)}
    both = [(at, places[key]) for at, key in enumerate(first.keys) if key in places]
    if not both:
        raise DataError("the two runs share no row: no id (or line, where rows have no id) is in both")
    one, other = (np.array(each, dtype=np.int64) for each in zip(*both, strict=True))
    return Pairs(one, other, len(first.keys) - len(both), len(second.keys) - len(both))


SUFFIXES: Final = (".parquet", ".jsonl", ".jsonl.gz")
_NOT_REWARDS: Final = frozenset({"step", "gen_step", "advantage", "advantages", "epoch", "id", "prompt_id", "index"})


class Spread(NamedTuple):
    """Numbers of one step: their mean, and the 10th and 90th percentile."""

    mean: float
    low: float
    high: float


class Training(NamedTuple):
    """A training run.

    Attributes:
        steps: in order.
        lengths: of the completions, in characters, for each step.
        rewards: name of a column -> its numbers for each step; a step without any has NaN-free zeros left out.
        completions: number of completions.
    """

    steps: Sequence[int]
    lengths: Sequence[Spread]
    rewards: Mapping[str, Mapping[int, Spread]]
    completions: int


def completion_files(path: Path) -> list[str]:
    """Return the files of a run's completions: those of a folder, in order of their names, or the file itself."""
    if not path.is_dir():
        return [str(path)]
    return sorted(str(file) for file in path.rglob("*") if file.name.endswith(SUFFIXES))


def read_training(files: Sequence[str]) -> Training:
    """Read the completions that a trainer has logged: rows with a step, a completion and columns of rewards.

    Raises:
        DataError: there are no such rows.
    """
    lengths: defaultdict[int, list[int]] = defaultdict(list)
    rewards: defaultdict[str, defaultdict[int, list[float]]] = defaultdict(lambda: defaultdict(list))
    for path in files:
        for chunk in read_chunks(path):
            for row in chunk.rows:
                if not isinstance(row, BadRow):
                    _add(row, lengths, rewards)
    if not lengths:
        raise DataError(f"{', '.join(files)}: no row has a step and a completion, as tables of completions have")
    steps = sorted(lengths)
    return Training(
        steps,
        [_spread(lengths[step]) for step in steps],
        {name: {step: _spread(column[step]) for step in sorted(column)} for name, column in rewards.items()},
        sum(map(len, lengths.values())),
    )


def _add(
    row: Mapping[str, Any],
    lengths: defaultdict[int, list[int]],
    rewards: defaultdict[str, defaultdict[int, list[float]]],
) -> None:
    step = row.get("step", row.get("gen_step"))
    completion = next((row[name] for name in ROLES["completion"] if row.get(name) is not None), None)
    if completion is None or not isinstance(step, int | float):
        return
    lengths[int(step)].append(len(completion_text(completion)))
    for name, value in row.items():
        if name not in _NOT_REWARDS and type(value) in (int, float) and np.isfinite(value):
            rewards[name][int(step)].append(float(value))


def _spread(values: Sequence[float]) -> Spread:
    low, high = np.percentile(values, [10, 90]).tolist()
    return Spread(float(np.mean(values)), low, high)
