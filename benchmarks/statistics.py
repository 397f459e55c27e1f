"""Confidence intervals of means, with clusters.

Rows that share a scene or a prompt are not independent: they form a cluster, and clusters, not rows, are what
is resampled or summed over. Results are the same for the same seed and, rounding apart, in any order of rows.

Sources: B. Efron and R. Tibshirani, *An Introduction to the Bootstrap*, 1993 (percentile interval 13.3, BCa
14.3); C. Field and A. Welsh, *Bootstrapping clustered data*, JRSS-B 69, 2007; K.-Y. Liang and S. Zeger,
Biometrika 73, 1986 (the cluster-robust variance); E. Wilson, JASA 22, 1927; N. Dean and M. Pagano, JSSAM 3,
2015 (Wilson's interval with an effective sample size); E. Miller, *Adding Error Bars to Evals*,
arXiv:2411.00640 (why all this, for language models).
"""

from __future__ import annotations

from math import floor, inf, log10, sqrt
from typing import TYPE_CHECKING, Final, Literal, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator, Sequence

    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]
    Clusters = Sequence[Hashable] | npt.NDArray[np.generic]

Method = Literal["percentile", "bca"]
Z_95: Final = 1.959963984540054
"""The normal distribution's 97.5% point."""
_CHUNK: Final = 4_000_000  # numbers held at once while resampling


class Interval(NamedTuple):
    """An estimate with the bounds of its confidence interval.

    Attributes:
        estimate: the mean over rows.
        low: lower bound; -inf where one cluster alone tells nothing about the spread.
        high: upper bound; inf in that case.
        method: how the bounds were found, e.g. ``wilson``, ``t, cluster-robust``, ``bootstrap bca``.
        n: number of rows.
        clusters: number of clusters; n where each row is one.
    """

    estimate: float
    low: float
    high: float
    method: str
    n: int
    clusters: int


class Estimate(NamedTuple):
    """A value and its 95% interval; the ends are None where one cluster is all there is."""

    value: float
    low: float | None
    high: float | None


class ClusterSums(NamedTuple):
    """Values summed by cluster. Equal clusters are kept once: a *kind*, with the number of its copies.

    Attributes:
        sums: ``(kinds,)``, sum of a cluster's values.
        sizes: ``(kinds,)``, its number of rows.
        copies: ``(kinds,)``, how many clusters are of that kind.
        mean: of all values.
    """

    sums: Floats
    sizes: Floats
    copies: npt.NDArray[np.int64]
    mean: float

    @property
    def clusters(self) -> int:
        """Number of clusters."""
        return int(self.copies.sum())

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.copies @ self.sizes)


def cluster_codes(ids: Clusters) -> npt.NDArray[np.int64]:
    """Number clusters 0, 1, 2, ... A row whose id is None is a cluster of its own.

    >>> cluster_codes(["b", "a", None, "b", None]).tolist()
    [0, 1, 2, 0, 3]
    """
    if isinstance(ids, np.ndarray) and ids.dtype.kind in "iu":
        return np.unique(ids, return_inverse=True)[1]
    known: dict[Hashable, int] = {}
    lone = object()
    named = ((lone, place) if key is None else key for place, key in enumerate(ids))
    return np.array([known.setdefault(key, len(known)) for key in named], dtype=np.int64)


def sum_clusters(values: npt.ArrayLike, clusters: Clusters | None = None) -> ClusterSums:
    """Sum values by cluster.

    Sums are rounded to 12 significant digits of the largest, so that clusters that differ by rounding errors
    only are of one kind.

    Raises:
        ValueError: no values, or not as many cluster ids as values.
    """
    x = np.asarray(values, dtype=np.float64)
    if x.ndim != 1 or not len(x):
        raise ValueError(f"a mean needs a list of one or more values, not an array of shape {x.shape}")
    if clusters is None:
        sums, sizes = x, np.ones(len(x))
    elif len(clusters) != len(x):
        raise ValueError(f"{len(x)} values have {len(clusters)} cluster ids")
    else:
        codes = cluster_codes(clusters)
        sums = np.bincount(codes, weights=x).astype(np.float64)
        sizes = np.bincount(codes).astype(np.float64)
    return cluster_kinds(sums, sizes, float(x.mean()))


def cluster_kinds(sums: Floats, sizes: Floats, mean: float) -> ClusterSums:
    """Put clusters of equal sums and sizes, ``(clusters,)`` each, together; *mean* is that of all rows."""
    largest = float(np.abs(sums).max())
    if 0 < largest < inf:
        sums = np.round(sums, min(11 - floor(log10(largest)), 300))  # 10**300 is about the largest factor
    kinds, copies = np.unique(sums + 1j * sizes, return_counts=True)  # complex numbers sort by both parts
    return ClusterSums(kinds.real, kinds.imag, copies, mean)


def standard_error(data: ClusterSums) -> float:
    """Cluster-robust standard error of the mean; inf for one cluster.

    ``se² = G/(G-1) · Σ_g (Σ_{i in g} (x_i - mean))² / n²`` for G clusters of n rows in all. With one row a
    cluster that is the usual one, ``Σ (x_i - mean)² / (n (n-1))``.
    """
    if data.clusters < 2:
        return inf
    residuals = data.sums - data.mean * data.sizes
    return sqrt(_robust_sum(float(data.copies @ residuals**2), data.clusters)) / data.rows


def _robust_sum(residual: float, clusters: int) -> float:
    """Return ``G/(G-1) · Σ_g (Σ_{i in g} (x_i - mean))²``, which is n² times the variance of a mean."""
    return clusters / (clusters - 1) * residual


def mean_interval(
    values: npt.ArrayLike, *, clusters: Clusters | None = None, level: float = 0.95, share: bool = False
) -> Interval:
    """Interval of a mean by formula, without resampling: Wilson's for booleans, Student's for numbers.

    Booleans have a share p. Its interval is Wilson's; with clusters, with the effective size
    ``p (1 - p) / se²``, at most n, in place of n, where se is the cluster-robust standard error. Where se
    says nothing, because p is 0 or 1, the effective size is the number of clusters.
    Numbers: ``mean ± t · se`` with Student's t of (clusters - 1) degrees of freedom.

    Args:
        values: ``(n,)``, booleans or finite numbers.
        clusters: ``(n,)``, ids; None: each row is one.
        level: confidence, between 0 and 1.
        share: whether numbers within [0, 1] are shares of their own; then their mean is treated as one, and its
            interval stays within [0, 1].

    Raises:
        ValueError: no values.

    >>> [round(x, 4) for x in mean_interval([True, True, True, False])[:3]]
    [0.75, 0.3006, 0.9544]
    """
    from scipy.special import stdtrit  # noqa: PLC0415  as in `_z`

    x = np.asarray(values)
    data = sum_clusters(x, clusters)
    if (share and 0 <= data.mean <= 1) or x.dtype.kind == "b":
        return share_interval(data, clustered=clusters is not None or x.dtype.kind != "b", level=level)
    error, groups, mean = standard_error(data), data.clusters, data.mean
    reach = float(stdtrit(groups - 1, (1 + level) / 2)) * error if groups > 1 else inf
    name = "t" if clusters is None else "t, cluster-robust"
    return Interval(mean, mean - reach, mean + reach, name, data.rows, groups)


def share_interval(data: ClusterSums, *, clustered: bool, level: float = 0.95) -> Interval:
    """Wilson's interval of a share, as `mean_interval` has it.

    Args:
        data: sums of booleans, or of shares.
        clustered: whether the effective size takes the place of the number of rows.
        level: confidence, between 0 and 1.
    """
    mean, size, name = data.mean, float(data.rows), "wilson"
    if clustered:
        error, spread, name = standard_error(data), mean * (1 - mean), "wilson, effective size"
        informed = spread > 0 and error < inf
        size = min(size, spread / max(error**2, spread / size)) if informed else float(data.clusters)
    return Interval(mean, *_wilson(mean, size, _z(level)), name, data.rows, data.clusters)


def mean_of_sums(mean: float, *, rows: int, clusters: int, residual: float) -> Estimate:
    """Interval of a mean of which only sums are kept: ``mean ± z · se``, with the `standard_error` above.

    Args:
        mean: of all rows.
        rows: their number, n.
        clusters: the number of clusters, G.
        residual: ``Σ_g (Σ_{i in g} (x_i - mean))²``.
    """
    if clusters < 2:
        return Estimate(mean, None, None)
    reach = Z_95 * sqrt(_robust_sum(residual, clusters) / rows**2)
    return Estimate(mean, mean - reach, mean + reach)


def share_of_sums(share: float, *, rows: int, clusters: int, residual: float) -> Estimate:
    """Wilson's interval of a share of which only sums are kept, with the effective size of `mean_interval`.

    The arguments are those of `mean_of_sums`.
    """
    if clusters < 2:
        return Estimate(share, None, None)
    variance, size = _robust_sum(residual, clusters) / rows**2, float(clusters)
    if 0 < share < 1:
        size = min(float(rows), share * (1 - share) / variance) if variance > 0 else float(rows)
    return Estimate(share, *_wilson(share, size, Z_95))


def bootstrap_interval(
    values: npt.ArrayLike,
    *,
    clusters: Clusters | None = None,
    method: Method = "percentile",
    resamples: int = 1000,
    level: float = 0.95,
    seed: int = 0,
    share: bool = False,
) -> Interval:
    """Interval of a mean by the bootstrap over clusters (rows, where there are none).

    Each resample draws as many clusters as there are, with replacement, and takes the mean over their rows.
    ``percentile``: quantiles of the resampled means. ``bca``: quantiles corrected for bias and skewness,
    ``α' = Φ(z0 + (z0 + z_α) / (1 - a (z0 + z_α)))``, z0 from the share of resampled means below the estimate
    (ties count half), a from the jackknife over clusters.
    The bootstrap of a share that is 0 or 1 has no width; `mean_interval` then says more.

    Args:
        values: ``(n,)``, finite.
        clusters: ``(n,)``, ids; None: each row is one.
        method: ``percentile`` or ``bca``.
        resamples: number of resamples.
        level: confidence, between 0 and 1.
        seed: of `numpy.random.default_rng`.
        share: whether the mean is a share; of weighted rows a resample can leave [0, 1], and is brought back.

    Raises:
        ValueError: no values.
    """
    data = sum_clusters(values, clusters)
    means = resampled_means(data, resamples, seed)
    found = interval_of_means(data, means, method=method, level=level)
    if not (share and 0 <= found.estimate <= 1 and np.isfinite(found.low)):
        return found
    return found._replace(low=max(found.low, 0.0), high=min(found.high, 1.0))


def interval_of_means(
    data: ClusterSums, means: Floats, *, method: Method = "percentile", level: float = 0.95
) -> Interval:
    """Turn `resampled_means` into the interval that `bootstrap_interval` describes.

    Args:
        data: what was resampled.
        means: of the resamples, ``(resamples,)``.
        method: ``percentile`` or ``bca``.
        level: confidence, between 0 and 1.
    """
    low, high = -inf, inf
    if data.clusters > 1:
        tails = np.array([(1 - level) / 2, (1 + level) / 2])
        tails = _bca_tails(data, means, tails) if method == "bca" else tails
        low, high = np.quantile(means, tails).tolist()
    return Interval(data.mean, low, high, f"bootstrap {method}", data.rows, data.clusters)


def resampled_means(data: ClusterSums, resamples: int, seed: int) -> Floats:
    """Means of bootstrap resamples of the clusters, ``(resamples,)``.

    The copies of each kind in a resample are multinomial. Scores take few values, so kinds are few and this
    is fast; where nearly every cluster is a kind of its own, drawing the clusters one by one is. Both hold a
    few million numbers at a time.
    """
    rng = np.random.default_rng(seed)
    table = np.stack([data.sums, data.sizes], axis=1)
    if len(table) * 8 <= data.clusters:
        chances = data.copies / data.clusters
        totals = [
            rng.multinomial(data.clusters, chances, size=count) @ table for count in _chunks(resamples, len(table))
        ]
    else:
        each = np.repeat(table, data.copies, axis=0).T
        totals = []
        for count in _chunks(resamples, data.clusters):
            drawn = rng.integers(data.clusters, size=(count, data.clusters), dtype=np.uint32)
            totals.append(np.stack([row.take(drawn, mode="clip").sum(axis=1) for row in each], axis=1))
    sums, sizes = np.concatenate(totals).T
    means: Floats = sums / sizes
    return means


def _chunks(resamples: int, width: int) -> Iterator[int]:
    step = max(1, _CHUNK // width)
    for start in range(0, resamples, step):
        yield min(step, resamples - start)


def _z(level: float) -> float:
    """Return the normal distribution's point with half of what *level* leaves above it."""
    from scipy.special import ndtri  # noqa: PLC0415  0.1 s that `star score` does without

    return float(ndtri((1 + level) / 2))


def _wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return the roots of ``(p - π)² = z² π (1 - π) / n``."""
    center = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z / (1 + z**2 / n) * sqrt(p * (1 - p) / n + z**2 / (4 * n**2))
    return max(0.0, center - reach), min(1.0, center + reach)


def _bca_tails(data: ClusterSums, means: Floats, tails: Floats) -> Floats:
    """Replace the two tail probabilities by BCa's."""
    from scipy.special import ndtr, ndtri  # noqa: PLC0415  as in `_z`

    offset = means - data.mean
    offset[np.abs(offset) < 1e-9 * np.abs(means).max()] = 0  # a tie is a tie in spite of rounding
    below = (np.mean(offset < 0) + np.mean(offset <= 0)) / 2
    edge = 0.5 / len(means)
    shift = float(ndtri(np.clip(below, edge, 1 - edge)))
    rest_sums = data.copies @ data.sums - data.sums
    rest_sizes = data.rows - data.sizes
    without_one = rest_sums / rest_sizes
    gap = np.average(without_one, weights=data.copies) - without_one
    spread = float(data.copies @ gap**2)
    skew = float(data.copies @ gap**3) / (6 * spread**1.5) if spread > 0 else 0.0
    z = shift + ndtri(tails)
    corrected: Floats = ndtr(shift + z / (1 - skew * z))
    return corrected
