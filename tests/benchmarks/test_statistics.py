"""Intervals of means: scipy's bootstrap, closed forms, brute force, coverage."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from benchmarks.statistics import (
    bootstrap_interval,
    cluster_codes,
    mean_interval,
    resampled_means,
    standard_error,
    sum_clusters,
)

numbers = st.floats(-1000, 1000, allow_subnormal=False)


def draw(n, seed=0):
    return np.random.default_rng(seed).exponential(size=n)


@pytest.mark.parametrize(("scipy_name", "method"), [("percentile", "percentile"), ("BCa", "bca")])
@pytest.mark.parametrize(
    "values",
    [draw(40), np.round(draw(300, 1)), draw(300, 2) < 0.3, np.repeat(draw(5, 3), 60)],
    ids=["few and skewed", "counts", "share", "five kinds"],
)
def test_bootstrap_agrees_with_scipy(values, method, scipy_name):
    x = values.astype(float)
    theirs = stats.bootstrap((x,), np.mean, n_resamples=40_000, method=scipy_name, random_state=1).confidence_interval
    ours = bootstrap_interval(x, method=method, resamples=40_000, seed=2)
    width = theirs.high - theirs.low
    assert ours.estimate == x.mean()
    assert ours.low == pytest.approx(theirs.low, abs=0.03 * width)
    assert ours.high == pytest.approx(theirs.high, abs=0.03 * width)


@pytest.mark.parametrize("codes", [np.arange(30), np.arange(30) ** 2 // 40], ids=["rows", "uneven clusters"])
def test_bca_formula_on_given_resamples(codes):
    """With the very same resampled means, the textbook's steps one by one."""
    x = draw(30, 4)
    means = resampled_means(sum_clusters(x, codes), 5000, 7)
    z0 = stats.norm.ppf(np.mean(means < x.mean()))
    left = np.array([x[codes != code].mean() for code in np.unique(codes)])
    gap = left.mean() - left
    a = (gap**3).sum() / (6 * (gap**2).sum() ** 1.5)
    z = stats.norm.ppf([0.05, 0.95])
    tails = stats.norm.cdf(z0 + (z0 + z) / (1 - a * (z0 + z)))
    ours = bootstrap_interval(x, clusters=codes, method="bca", resamples=5000, level=0.9, seed=7)
    assert ours[1:3] == pytest.approx(np.quantile(means, tails), rel=1e-9)


def one_resample(values, codes, rng):
    members = [values[codes == c] for c in np.unique(codes)]
    return np.concatenate([members[k] for k in rng.integers(len(members), size=len(members))]).mean()


@pytest.mark.parametrize("values", [draw(90, 5), draw(90, 5) < 0.5], ids=["each cluster its kind", "few kinds"])
def test_clustered_bootstrap_agrees_with_brute_force(values):
    codes = np.random.default_rng(6).integers(0, 25, size=90)
    rng = np.random.default_rng(7)
    brute = [one_resample(values.astype(float), codes, rng) for _ in range(20_000)]
    ours = resampled_means(sum_clusters(values, codes), 20_000, 8)
    assert ours.mean() == pytest.approx(np.mean(brute), abs=4 * np.std(brute) / 100)
    assert ours.std() == pytest.approx(np.std(brute), rel=0.03)
    assert np.quantile(ours, [0.025, 0.975]) == pytest.approx(np.quantile(brute, [0.025, 0.975]), rel=0.03)


def test_both_ways_to_resample_have_one_distribution():
    """Twelve kinds of clusters are resampled by counts; shaken a little, cluster by cluster."""
    rng = np.random.default_rng(9)
    codes = np.repeat(np.arange(200), 2)
    values = rng.integers(0, 3, size=400).astype(float)
    by_counts = sum_clusters(values, codes)
    one_by_one = sum_clusters(values + rng.normal(scale=1e-6, size=400), codes)
    assert len(by_counts.sums) * 8 <= 200 < len(one_by_one.sums) * 8
    a, b = (np.round(resampled_means(data, 20_000, seed), 4) for seed, data in enumerate([by_counts, one_by_one]))
    assert stats.ks_2samp(a, b).pvalue > 1e-3


def test_wilson_agrees_with_scipy():
    for right, n in [(0, 5), (3, 4), (50, 100), (7, 7), (999, 1000)]:
        theirs = stats.binomtest(right, n).proportion_ci(confidence_level=0.9, method="wilson")
        ours = mean_interval([True] * right + [False] * (n - right), level=0.9)
        assert ours[1:3] == pytest.approx((theirs.low, theirs.high), abs=1e-12)
        assert (ours.method, ours.n, ours.clusters) == ("wilson", n, n)


def test_student_agrees_with_scipy():
    x = draw(25, 10)
    low, high = stats.t.interval(0.95, 24, loc=x.mean(), scale=stats.sem(x))
    assert mean_interval(x)[:4] == (x.mean(), pytest.approx(low), pytest.approx(high), "t")


@given(st.lists(numbers, min_size=2, max_size=30), st.integers(2, 4))
def test_repeating_each_row_in_its_cluster_adds_no_knowledge(values, times):
    repeated = np.repeat(values, times)
    alone = mean_interval(values)
    grouped = mean_interval(repeated, clusters=np.repeat(np.arange(len(values)), times))
    assert grouped[:3] == pytest.approx(alone[:3], rel=1e-6, abs=1e-6)
    assert grouped.clusters == len(values)


def test_cluster_robust_error_by_hand():
    # Cluster sums of residuals from the mean 2: a (1-2) + (2-2) = -1, b 3-2 = 1; c (2-2) = 0.
    data = sum_clusters([1, 2, 3, 2], ["a", "a", "b", "c"])
    assert standard_error(data) == pytest.approx(math.sqrt(3 / 2 * (1 + 1 + 0)) / 4)


def test_share_of_clusters_that_agree_has_few_effective_rows():
    flags = np.repeat([True, False, True, True], 25)
    grouped = mean_interval(flags, clusters=np.repeat([0, 1, 2, 3], 25))
    alone = mean_interval(flags)
    assert grouped.low < alone.low < alone.high < grouped.high
    # p(1-p)/se² with se² = G/(G-1) Σ residual² / n² is G - 1 rows.
    expected = stats.binomtest(3, 4).proportion_ci(method="wilson")
    assert grouped.low < expected.low
    assert grouped.high > expected.high


def test_all_right_in_few_clusters_is_not_certain():
    everything = mean_interval([True] * 40, clusters=[k % 4 for k in range(40)])
    expected = stats.binomtest(4, 4).proportion_ci(method="wilson")
    assert everything[1:3] == pytest.approx((expected.low, expected.high))


def test_clusters_of_equal_shares_count_as_all_their_rows():
    flags = [True, False] * 10
    assert mean_interval(flags, clusters=np.repeat(np.arange(10), 2))[1:3] == mean_interval(flags)[1:3]


def test_one_cluster_says_nothing_of_the_spread():
    assert mean_interval([1.0, 2.0], clusters=["a", "a"])[:3] == (1.5, -math.inf, math.inf)
    assert bootstrap_interval([1.0, 2.0], clusters=["a", "a"])[:3] == (1.5, -math.inf, math.inf)
    low, high = mean_interval([True, False], clusters=["a", "a"])[1:3]
    assert 0 <= low < 0.1
    assert 0.9 < high <= 1


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_equal_values_have_no_width(method):
    assert bootstrap_interval([0.25] * 9, method=method)[:3] == (0.25, 0.25, 0.25)


@given(st.lists(st.tuples(numbers, st.integers(0, 3)), min_size=1, max_size=20), st.randoms())
def test_order_of_rows_does_not_matter(rows, random):
    values, clusters = zip(*rows, strict=True)
    mixed_values, mixed_clusters = zip(*random.sample(rows, len(rows)), strict=True)
    for interval in (mean_interval, bootstrap_interval):
        first = interval(values, clusters=clusters)
        second = interval(mixed_values, clusters=mixed_clusters)
        assert first[:3] == pytest.approx(second[:3], rel=1e-6, abs=1e-6)
        assert first.low <= first.estimate + 1e-6


def test_seed_decides():
    x = draw(50, 11)
    assert bootstrap_interval(x, seed=3) == bootstrap_interval(x, seed=3)
    assert bootstrap_interval(x, seed=3) != bootstrap_interval(x, seed=4)


def test_chunks_change_nothing(monkeypatch):
    x, few = draw(50, 12), np.round(draw(50, 12)) > 0
    whole = [bootstrap_interval(x, seed=3), bootstrap_interval(few, seed=3)]
    monkeypatch.setattr("benchmarks.statistics._CHUNK", 120)
    assert [bootstrap_interval(x, seed=3), bootstrap_interval(few, seed=3)] == whole


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    """400 samples of 40 clusters with strong correlation inside; nominal 90 %, ignoring clusters far less."""
    rng = np.random.default_rng(13)
    hits = {"formula": 0, "bootstrap": 0, "ignoring clusters": 0}
    codes = np.repeat(np.arange(40), 5)
    for seed in range(400):
        p = rng.beta(1, 1, size=40)
        flags = rng.random(200) < p[codes]
        found = {
            "formula": mean_interval(flags, clusters=codes, level=0.9),
            "bootstrap": bootstrap_interval(flags, clusters=codes, level=0.9, seed=seed),
            "ignoring clusters": mean_interval(flags, level=0.9),
        }
        for name, interval in found.items():
            hits[name] += interval.low <= 0.5 <= interval.high
    assert 0.85 < hits["formula"] / 400 < 0.95
    assert 0.84 < hits["bootstrap"] / 400 < 0.95
    assert hits["ignoring clusters"] / 400 < 0.83


def test_cluster_ids_of_every_kind():
    assert cluster_codes(np.array([7, 3, 7])).tolist() == [1, 0, 1]
    assert cluster_codes([None, None]).tolist() == [0, 1]
    assert cluster_codes(np.array(["x", "y", "x"])).tolist() == [0, 1, 0]
    assert cluster_codes([("a", 1), ("a", 2), ("a", 1)]).tolist() == [0, 1, 0]


def test_wrong_calls_are_named():
    with pytest.raises(ValueError, match="one or more values"):
        mean_interval([])
    with pytest.raises(ValueError, match="2 values have 1 cluster ids"):
        bootstrap_interval([1, 2], clusters=["a"])
