"""Two runs on the same rows: is one better, and how many rows would tell?

Sources: B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993 (16.4, test of a mean);
Q. McNemar, Psychometrika 12, 1947; J. Fleiss et al., *Statistical Methods for Rates and Proportions*, 2003
(sample sizes).
"""

from __future__ import annotations

from math import ceil, inf
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from benchmarks.statistics import Interval, interval_of_means, resampled_means, standard_error, sum_clusters

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchmarks.statistics import Clusters, Floats


class Comparison(NamedTuple):
    """The difference of two means over the same rows, second minus first.

    ``p_value`` is two-sided, of the hypothesis that the means are equal.
    """

    difference: Interval
    p_value: float


class McNemar(NamedTuple):
    """Counts of two runs' right and wrong answers on the same rows, and the exact two-sided p-value."""

    both: int
    only_first: int
    only_second: int
    neither: int
    p_value: float


class SampleSize(NamedTuple):
    """Rows that a difference needs to be seen; None where it is zero.

    Attributes:
        difference: mean of the second run minus mean of the first.
        paired: rows if both runs answer the same rows.
        unpaired: rows for each run if they answer different ones.
        design_effect: of the paired number: so many clustered rows are worth one independent row.
    """

    difference: float
    paired: int | None
    unpaired: int | None
    design_effect: float


def paired_bootstrap(
    first: npt.ArrayLike,
    second: npt.ArrayLike,
    *,
    clusters: Clusters | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> Comparison:
    """Compare two runs on the same rows by the bootstrap of the rows' differences, second minus first.

    The p-value is the share of resamples whose mean is at least as far from the observed difference as that
    is from zero, ``(1 + #{|d* - d| >= |d|}) / (1 + resamples)``.

    Args:
        first: ``(n,)``, values of the first run.
        second: ``(n,)``, values of the second run, in the same order.
        clusters: ``(n,)``, ids of clusters that are resampled together; None: each row is one.
        resamples: number of resamples.
        seed: of the random numbers.

    Raises:
        ValueError: no values, or not as many in both.
    """
    _, _, gap = _paired(first, second)
    data = sum_clusters(gap, clusters)
    means = resampled_means(data, resamples, seed)
    far = np.abs(means - data.mean) >= abs(data.mean) * (1 - 1e-9)  # a tie is a tie in spite of rounding
    p_value = float((1 + far.sum()) / (1 + resamples)) if data.clusters > 1 else 1.0
    return Comparison(interval_of_means(data, means), p_value)


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike) -> McNemar:
    """McNemar's exact test: of the rows on which two runs disagree, is one right more often than by chance?

    Rows count as independent; where they are clustered, `paired_bootstrap` is the test to trust.

    Args:
        first: ``(n,)`` of booleans, whether the first run is right.
        second: ``(n,)`` of booleans, whether the second is, on the same rows.

    Raises:
        ValueError: no rows, or not as many in both.

    >>> mcnemar([1, 1, 1, 1, 1, 1, 0], [0, 0, 0, 0, 0, 0, 0])
    McNemar(both=0, only_first=6, only_second=0, neither=1, p_value=0.03125)
    """
    from scipy.stats import binomtest  # noqa: PLC0415 - 0.8 s to import, and only this function wants it

    one, other, _ = _paired(first, second)
    x, y = one.astype(bool), other.astype(bool)
    gained, lost = int((~x & y).sum()), int((x & ~y).sum())
    p_value = float(binomtest(lost, lost + gained).pvalue) if lost + gained else 1.0
    return McNemar(int((x & y).sum()), lost, gained, int((~x & ~y).sum()), p_value)


def rows_needed(difference: float, variance: float, *, level: float = 0.95, power: float = 0.8) -> int | None:
    """Rows that show a difference of means with the given power: ``(z_level + z_power)² variance / d²``.

    Args:
        difference: the true difference d.
        variance: of one row's contribution: that of the differences of pairs; or, for two runs on different
            rows, the sum of both variances (the answer is then for each run).
        level: one minus the size of the two-sided test.
        power: chance to find it.

    Returns:
        At least 2; None where the difference is zero.

    >>> rows_needed(0.05, 0.25 + 0.25)
    1570
    """
    if difference == 0:
        return None
    z = float(ndtri((1 + level) / 2) + ndtri(power))
    return max(2, ceil(z**2 * variance / difference**2))


def sample_size(first: npt.ArrayLike, second: npt.ArrayLike, *, clusters: Clusters | None = None) -> SampleSize:
    """Say how many rows the observed difference of two runs on the same rows needs, were it the true one.

    Variances are multiplied by the design effect, the ratio of the cluster-robust variance of a mean to that
    of as many independent rows: the differences' for the paired number, each run's for the other.

    Args:
        first: ``(n,)``, values of the first run.
        second: ``(n,)``, values of the second run, in the same order.
        clusters: ``(n,)``, ids of clusters; None: each row is one.

    Raises:
        ValueError: no values, or not as many in both.
    """
    one, other, gap = _paired(first, second)
    difference = float(gap.mean())
    effect = _design_effect(gap, clusters)
    apart = sum(_design_effect(x, clusters) * _variance(x) for x in (one, other))
    return SampleSize(
        difference,
        rows_needed(difference, effect * _variance(gap)),
        rows_needed(difference, apart),
        effect,
    )


def _paired(first: npt.ArrayLike, second: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    x, y = np.asarray(first, dtype=np.float64), np.asarray(second, dtype=np.float64)
    if x.shape != y.shape or x.ndim != 1 or not len(x):
        raise ValueError(f"paired runs have one or more rows and equally many, not {x.shape} and {y.shape}")
    return x, y, y - x


def _variance(x: Floats) -> float:
    return float(x.var(ddof=1)) if len(x) > 1 else 0.0


def _design_effect(x: Floats, clusters: Clusters | None) -> float:
    independent = _variance(x) / len(x)
    error = standard_error(sum_clusters(x, clusters))
    return error**2 / independent if independent > 0 and error < inf else 1.0
