"""Tables of means: every metric is the mean of a per-row number over some of the rows.

Because of that, every group of rows and every interval of `benchmarks.statistics` applies to every metric.
"""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.metric_names import PLAIN, SIGNED
from benchmarks.statistics import cluster_codes, mean_interval

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from benchmarks.statistics import Clusters, Floats, Interval

    Bools = npt.NDArray[np.bool_]
    Table = dict[str, dict[str, Interval]]
    Stats = Mapping[str, npt.NDArray[Any]]


class Measure(NamedTuple):
    """One metric before it is averaged.

    Attributes:
        values: ``(n,)``, one number or, where the mean is a share, one boolean a row.
        counts: ``(n,)``, which rows the mean is over.
    """

    values: npt.NDArray[Any]
    counts: Bools


class Cell(NamedTuple):
    """One number of a table: a measure over a group of rows, with the names of both."""

    group: str
    metric: str
    measure: Measure


def cross(groups: Mapping[str, Bools], measures: Mapping[str, Measure]) -> Iterator[Cell]:
    """Yield every measure over every group of rows; groups are masks ``(n,)``."""
    for group, mask in groups.items():
        for metric, measure in measures.items():
            yield Cell(group, metric, Measure(measure.values, measure.counts & mask))


def masks(names: npt.NDArray[Any], order: Sequence[str]) -> dict[str, Bools]:
    """Return which rows have which name, ``(n,)``; names in *order* first, those without rows left out.

    >>> list(masks(np.array(["b", "x", "a"], dtype=object), ["a", "b", "c"]))
    ['a', 'b', 'x']
    """
    seen = set(names.tolist())
    return {name: names == name for name in [*order, *sorted(seen - set(order))] if name in seen}


def by_kind(stats: Stats, order: Sequence[str]) -> Iterator[Cell]:
    """Yield accuracy and the share of unparsed rows, over all rows and by kind of question.

    Args:
        stats: ``correct``, ``parsed`` and ``kind``, ``(n,)`` each.
        order: kinds that come first.
    """
    every = np.ones(len(stats["correct"]), dtype=bool)
    measures = {"accuracy": Measure(stats["correct"], every), "unparsed": Measure(~stats["parsed"], every)}
    return cross({"overall": every, **masks(stats["kind"], order)}, measures)


def macro(
    values: npt.NDArray[Any], kinds: npt.NDArray[Any], rows: Bools, within: Mapping[str, str] = MappingProxyType({})
) -> Measure:
    """Return a measure whose mean is the mean over kinds of their mean values, each kind counting the same.

    Row i of kind k gets ``m + (w_k n / n_k) (x_i - m_k)`` with n_k of n rows of kind k, means m_k, weights w_k = 1/K
    and the mean m of the m_k. The mean of these is m, and their spread is the sampling error of m with the kinds held
    fixed (each kind's mean has its own rows' variance, nothing comes from the differences between kinds), so intervals
    apply as to any mean.

    Args:
        values: ``(n,)``, numbers.
        kinds: ``(n,)``, the kind of each row.
        rows: ``(n,)``, which rows count.
        within: kind -> the kind that it is a part of: parts are averaged first, and count together as one kind.

    >>> measure = macro(np.array([1, 0, 0, 0.5]), np.array(["a", "a", "a", "b"]), np.ones(4, dtype=bool))
    >>> round(float(measure.values.mean()), 6)
    0.416667
    >>> parts, kinds = {"easy": "direction", "hard": "direction"}, np.array(["easy", "hard", "size"])
    >>> float(macro(np.array([1, 0, 1]), kinds, np.ones(3, dtype=bool), parts).values.mean())
    0.75
    """
    spread: Floats = np.zeros(len(values))
    if rows.any():
        names, codes = np.unique(kinds[rows].astype(str), return_inverse=True)
        x = values[rows].astype(np.float64)
        counts = np.bincount(codes)
        means = np.bincount(codes, weights=x) / counts
        _, whole, parts = np.unique(
            [within.get(name, name) for name in names.tolist()], return_inverse=True, return_counts=True
        )
        weights = 1 / (len(parts) * parts[whole])
        spread[rows] = (weights * means).sum() + (weights / counts)[codes] * len(x) * (x - means[codes])
    return Measure(spread, rows)


def average(
    cells: Iterable[Cell], *, clusters: Clusters | None = None, interval: Callable[..., Interval] = mean_interval
) -> Table:
    """Average the cells of a table.

    Args:
        cells: over n rows.
        clusters: ``(n,)``, ids of rows that belong together, e.g. to one scene.
        interval: `benchmarks.statistics.mean_interval`, or ``partial(bootstrap_interval, seed=...)``; called with the
            values, ``clusters=`` and ``share=``.

    Returns:
        group -> metric -> interval, within [0, 1] unless the metric is one of `PLAIN` or `SIGNED`. A cell that no row
        counts for is left out.
    """
    codes = None if clusters is None else cluster_codes(clusters)
    table: Table = {}
    for group, metric, (values, counts) in cells:
        if counts.any():
            some = None if codes is None else codes[counts]
            table.setdefault(group, {})[metric] = interval(
                values[counts], clusters=some, share=metric.rpartition("/")[2] not in PLAIN | SIGNED
            )
    return table
