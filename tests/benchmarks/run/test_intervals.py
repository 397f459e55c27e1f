"""Intervals of means of clustered rows: the textbook's where rows are independent, as wide as they must be where not."""

from math import sqrt
from statistics import NormalDist, fmean, stdev

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import Z_95, mean_of_sums, share_of_sums


def residual(clusters, mean):
    return sum(sum(value - mean for value in cluster) ** 2 for cluster in clusters)


def test_the_point_of_the_normal_distribution():
    assert pytest.approx(NormalDist().inv_cdf(0.975), abs=1e-12) == Z_95


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=50))
def test_clusters_of_one_row_are_the_usual_interval(values):
    mean = fmean(values)
    found = mean_of_sums(mean, rows=len(values), clusters=len(values), residual=residual([[v] for v in values], mean))
    half = Z_95 * stdev(values) / sqrt(len(values))
    assert found.low == pytest.approx(mean - half, abs=1e-9)
    assert found.high == pytest.approx(mean + half, abs=1e-9)


@given(st.lists(st.floats(-20, 20), min_size=2, max_size=20), st.integers(2, 8))
def test_copies_of_a_row_say_nothing_new(values, copies):
    mean = fmean(values)
    alone = mean_of_sums(mean, rows=len(values), clusters=len(values), residual=residual([[v] for v in values], mean))
    clusters = [[value] * copies for value in values]
    copied = mean_of_sums(mean, rows=copies * len(values), clusters=len(values), residual=residual(clusters, mean))
    assert copied.low == pytest.approx(alone.low, abs=1e-9)
    assert copied.high == pytest.approx(alone.high, abs=1e-9)


def test_wilson():
    # 10 of 40 independent draws: variance p(1-p)/(n-1), so n - 1 = 39 draws; Wilson's interval by its own equation.
    values = [1] * 10 + [0] * 30
    found = share_of_sums(0.25, rows=40, clusters=40, residual=residual([[v] for v in values], 0.25))
    for end in (found.low, found.high):
        assert abs(end - 0.25) == pytest.approx(Z_95 * sqrt(end * (1 - end) / 39), abs=1e-12)


@given(st.lists(st.lists(st.booleans(), min_size=1, max_size=8), min_size=2, max_size=30))
def test_a_share_lies_in_its_interval_within_0_and_1(clusters):
    rows = sum(map(len, clusters))
    share = sum(map(sum, clusters)) / rows
    found = share_of_sums(share, rows=rows, clusters=len(clusters), residual=residual(clusters, share))
    assert 0 <= found.low <= share + 1e-12
    assert share - 1e-12 <= found.high <= 1


def test_where_all_rows_agree_clusters_count():
    found = share_of_sums(1.0, rows=80, clusters=10, residual=0.0)
    assert found.high == pytest.approx(1.0)
    assert found.low == pytest.approx(10 / (10 + Z_95 * Z_95))


def test_one_cluster_has_no_interval():
    assert mean_of_sums(2.0, rows=8, clusters=1, residual=0.0) == (2.0, None, None)
    assert share_of_sums(0.5, rows=8, clusters=1, residual=0.0) == (0.5, None, None)


def test_groups_that_balance_are_no_more_than_all_rows():
    found = share_of_sums(0.5, rows=80, clusters=10, residual=0.0)
    assert found.high - found.low == pytest.approx(
        2 * Z_95 / (1 + Z_95 * Z_95 / 80) * sqrt(0.25 / 80 + Z_95 * Z_95 / (4 * 80 * 80))
    )


def test_coverage_of_clustered_rows():
    rng = np.random.default_rng(7)
    covered = 0
    for _ in range(400):
        level = rng.normal(size=60)
        clusters = level[:, None] + rng.normal(size=(60, 8))
        mean = float(clusters.mean())
        found = mean_of_sums(mean, rows=480, clusters=60, residual=float(((clusters - mean).sum(axis=1) ** 2).sum()))
        covered += found.low <= 0 <= found.high
    assert 0.91 <= covered / 400 <= 0.98
