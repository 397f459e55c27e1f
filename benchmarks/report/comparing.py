"""Two runs on the same rows -> differences with tests, and the rows that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.comparison import McNemar, SampleSize, mcnemar, paired_bootstrap, sample_size
from benchmarks.report.row_scores import pair_rows
from benchmarks.report.runs import row_scores
from benchmarks.tables import macro

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from benchmarks.comparison import Comparison
    from benchmarks.report.row_scores import Pairs, RowScores
    from benchmarks.report.runs import Run


class Compared(NamedTuple):
    """Two runs compared.

    Attributes:
        names: of the runs.
        scores: of the rows of both.
        pairs: the rows that they share.
        counted: how many of these the numbers are about: those that the benchmark's overall numbers are about.
        means: metric -> means of the first and of the second.
        differences: metric -> second minus first.
        right: right and wrong answers of both.
        advice: rows that the difference in right answers needs.
        changed: places among the pairs of rows that are right in one run only: lost ones, gained ones.
        settings: of the bootstrap.
    """

    names: tuple[str, str]
    scores: tuple[RowScores, RowScores]
    pairs: Pairs
    counted: int
    means: dict[str, tuple[float, float]]
    differences: dict[str, Comparison]
    right: McNemar
    advice: SampleSize
    changed: tuple[Sequence[int], Sequence[int]]
    settings: str


def compare(first: Run, second: Run, *, resamples: int = 10_000, seed: int = 0) -> Compared:
    """Compare two runs on the rows that they share.

    Raises:
        DataError: they share none, or nobody knows what each row scored.
    """
    one, other = row_scores(first), row_scores(second)
    pairs = pair_rows(one, other)
    places = _counted(one, pairs)
    rows = pairs.first[places], pairs.second[places]
    known = [run.clusters[at] for run, at in zip((one, other), rows, strict=True) if run.clusters is not None]
    clusters = known[0] if known else None
    tasks = None if one.tasks is None or other.tasks is None else one.tasks[rows[0]]
    means, differences = {}, {}
    for metric, columns in _shared(one, other).items():
        x, y = (_overall(values[at], tasks) for values, at in zip(columns, rows, strict=True))
        means[metric] = float(x.mean()), float(y.mean())
        differences[metric] = paired_bootstrap(x, y, clusters=clusters, resamples=resamples, seed=seed)
    x, y = _right(one)[pairs.first], _right(other)[pairs.second]
    groups = len(places) if clusters is None else len(np.unique(clusters))
    return Compared(
        (first.name, second.name),
        (one, other),
        pairs,
        len(places),
        means,
        differences,
        mcnemar(x[places], y[places]),
        sample_size(_overall(x[places], tasks), _overall(y[places], tasks), clusters=clusters),
        (np.flatnonzero(x & ~y).tolist(), np.flatnonzero(~x & y).tolist()),
        f"paired bootstrap|resamples:{resamples}|seed:{seed}|level:0.95|n:{len(places)}|clusters:{groups}",
    )


def _counted(scores: RowScores, pairs: Pairs) -> npt.NDArray[np.int64]:
    """Return the places of the pairs that count; all where none would."""
    if scores.counted is None or not scores.counted[pairs.first].any():
        return np.arange(len(pairs.first))
    return np.flatnonzero(scores.counted[pairs.first])


def _shared(one: RowScores, other: RowScores) -> dict[str, tuple[npt.NDArray[Any], npt.NDArray[Any]]]:
    """Return the metrics of both; whether a row is right is the first of each, whatever it is called."""
    right = {next(iter(other.values)): (_right(one), _right(other))}
    names = [name for name in one.values if name in other.values and not name.startswith("parts/")]
    return right | {name: (one.values[name], other.values[name]) for name in names}


def _right(scores: RowScores) -> npt.NDArray[Any]:
    return next(iter(scores.values.values()))


def _overall(values: npt.NDArray[Any], tasks: npt.NDArray[Any] | None) -> npt.NDArray[Any]:
    """Return numbers whose mean is the benchmark's: with tasks, the mean over these of their means."""
    return values if tasks is None else macro(values, tasks, np.ones(len(values), dtype=bool)).values
