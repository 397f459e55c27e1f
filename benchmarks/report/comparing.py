"""Two runs on the same rows -> differences with tests, and the rows that changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.comparison import McNemar, SampleSize, mcnemar, paired_bootstrap, sample_size
from benchmarks.report.row_scores import pair_rows
from benchmarks.report.runs import row_scores

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.comparison import Comparison
    from benchmarks.report.row_scores import Pairs, RowScores
    from benchmarks.report.runs import Run


class Compared(NamedTuple):
    """Two runs compared.

    Attributes:
        names: of the runs.
        scores: of the rows of both.
        pairs: the rows that they share.
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
    clusters = None if one.clusters is None else one.clusters[pairs.first]
    means, differences = {}, {}
    for metric in [name for name in one.values if name in other.values and not name.startswith("parts/")]:
        x, y = one.values[metric][pairs.first], other.values[metric][pairs.second]
        means[metric] = float(x.mean()), float(y.mean())
        differences[metric] = paired_bootstrap(x, y, clusters=clusters, resamples=resamples, seed=seed)
    x, y = _right(one)[pairs.first], _right(other)[pairs.second]
    shared = len(pairs.first)
    groups = shared if clusters is None else len(np.unique(clusters))
    return Compared(
        (first.name, second.name),
        (one, other),
        pairs,
        means,
        differences,
        mcnemar(x, y),
        sample_size(x, y, clusters=clusters),
        (np.flatnonzero(x & ~y).tolist(), np.flatnonzero(~x & y).tolist()),
        f"paired bootstrap|resamples:{resamples}|seed:{seed}|level:0.95|n:{shared}|clusters:{groups}",
    )


def _right(scores: RowScores) -> Any:
    return next(iter(scores.values.values()))
