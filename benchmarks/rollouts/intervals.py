"""95 % intervals of means, for rows that come in clusters: the completions of one prompt are no independent draws."""

from __future__ import annotations

from math import sqrt
from typing import NamedTuple

Z = 1.959963984540054
"""The normal distribution's 97.5 % point."""


class Estimate(NamedTuple):
    """A value and its 95 % interval; the ends are None where one cluster is all there is."""

    value: float
    low: float | None
    high: float | None


def mean_interval(mean: float, *, rows: int, clusters: int, residual: float) -> Estimate:
    """Return the normal interval of a mean, robust to clusters: variance = G/(G−1) · Σ_g (Σ_i (x_i − mean))² / n².

    With clusters of one row this is the usual s²/n.

    Args:
        mean: of all rows.
        rows: their number, n.
        clusters: the number of clusters, G.
        residual: the sum over g in the formula.
    """
    variance = _variance(rows, clusters, residual)
    if variance is None:
        return Estimate(mean, None, None)
    return Estimate(mean, mean - Z * sqrt(variance), mean + Z * sqrt(variance))


def share_interval(share: float, *, rows: int, clusters: int, residual: float) -> Estimate:
    """Return Wilson's interval of a share, with the number of rows that independent draws of its variance would have.

    That is share · (1 − share) / variance and at most *rows*, the variance being that of `mean_interval`. Where all
    rows agree, nothing can be said about how they depend on each other, and it is the number of clusters.
    """
    variance = _variance(rows, clusters, residual)
    if variance is None:
        return Estimate(share, None, None)
    n = float(clusters)
    if 0 < share < 1:
        n = min(float(rows), share * (1 - share) / variance) if variance > 0 else float(rows)
    middle = (share + Z * Z / (2 * n)) / (1 + Z * Z / n)
    half = Z / (1 + Z * Z / n) * sqrt(share * (1 - share) / n + Z * Z / (4 * n * n))
    return Estimate(share, max(0.0, middle - half), min(1.0, middle + half))


def _variance(rows: int, clusters: int, residual: float) -> float | None:
    return clusters / (clusters - 1) * residual / rows**2 if clusters > 1 else None
