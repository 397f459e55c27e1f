"""Comparing two runs: McNemar, the paired bootstrap, how many rows are needed."""

import numpy as np
import pytest
from scipy import stats

from benchmarks.comparison import mcnemar, paired_bootstrap, rows_needed, sample_size
from benchmarks.statistics import bootstrap_interval


def runs(n, seed=0, better=0.1):
    rng = np.random.default_rng(seed)
    skill = rng.random(n)
    return rng.random(n) < skill, rng.random(n) < np.minimum(skill + better, 1)


@pytest.mark.parametrize(("gained", "lost"), [(0, 0), (1, 0), (9, 2), (30, 31), (4, 40)])
def test_mcnemar_against_the_binomial_sum(gained, lost):
    first = [False] * gained + [True] * lost + [True] * 3 + [False] * 2
    second = [True] * gained + [False] * lost + [True] * 3 + [False] * 2
    tail = sum(stats.binom.pmf(k, gained + lost, 0.5) for k in range(min(gained, lost) + 1))
    result = mcnemar(first, second)
    assert result[:4] == (3, lost, gained, 2)
    assert result.p_value == pytest.approx(min(1, 2 * tail))


def test_paired_difference_is_the_bootstrap_of_differences():
    first, second = runs(200)
    clusters = np.arange(200) // 4
    ours = paired_bootstrap(first, second, clusters=clusters, resamples=500, seed=3)
    gap = second.astype(float) - first
    assert ours.difference == bootstrap_interval(gap, clusters=clusters, resamples=500, seed=3)


def test_p_value_agrees_with_the_t_test_of_differences():
    for seed, better in [(1, 0.0), (2, 0.1), (3, 0.2), (4, 0.05)]:
        first, second = runs(400, seed, better)
        expected = stats.ttest_rel(second.astype(float), first.astype(float)).pvalue
        ours = paired_bootstrap(first, second, resamples=20_000, seed=seed).p_value
        assert ours == pytest.approx(expected, abs=0.02)


def test_runs_that_are_equal_do_not_differ():
    first, _ = runs(50)
    same = paired_bootstrap(first, first)
    assert same.difference[:3] == (0, 0, 0)
    assert same.p_value == 1
    assert mcnemar(first, first).p_value == 1
    assert sample_size(first, first)[:3] == (0, None, None)


def test_a_difference_between_clusters_only_is_not_taken_for_many_rows():
    """Twenty copies of five scenes: what looks sure from 100 rows is not from 5 clusters."""
    first = np.repeat([False, False, False, True, False], 20)
    second = np.repeat([True, False, True, False, True], 20)
    clusters = np.repeat(np.arange(5), 20)
    assert paired_bootstrap(first, second).p_value < 0.01
    assert paired_bootstrap(first, second, clusters=clusters).p_value > 0.2
    assert paired_bootstrap(first[:20], second[:20], clusters=clusters[:20]).p_value == 1


def test_rows_needed_reaches_the_power_that_it_promises():
    n = rows_needed(0.2, 1.0, power=0.8)
    rng = np.random.default_rng(5)
    samples = rng.normal(0.2, 1.0, size=(4000, n))
    found = stats.ttest_1samp(samples, 0, axis=1).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.025)


def test_rows_needed_for_two_shares_agrees_with_the_textbook():
    # Fleiss, (1.96 + 0.84)² (p1 q1 + p2 q2) / (p1 - p2)² for 0.5 against 0.6.
    assert rows_needed(0.1, 0.25 + 0.24) == pytest.approx(7.849 * 0.49 / 0.01, abs=1)
    assert rows_needed(0.0, 1.0) is None
    assert rows_needed(5.0, 0.0) == 2


def test_pairing_saves_rows_and_clusters_cost_them():
    first, second = runs(2000, 6)
    advice = sample_size(first, second)
    assert advice.paired < advice.unpaired
    assert advice.design_effect == pytest.approx(1)
    gap = second.astype(float) - first
    assert advice.paired == rows_needed(gap.mean(), gap.var(ddof=1))
    repeated = sample_size(np.repeat(first, 4), np.repeat(second, 4), clusters=np.repeat(np.arange(2000), 4))
    assert repeated.design_effect == pytest.approx(4, rel=0.01)
    assert repeated.paired == pytest.approx(4 * advice.paired, rel=0.01)
    assert repeated.unpaired == pytest.approx(4 * advice.unpaired, rel=0.01)


def test_runs_of_unequal_length_are_refused():
    for compare in (paired_bootstrap, mcnemar, sample_size):
        with pytest.raises(ValueError, match="equally many"):
            compare([1, 0], [1])
