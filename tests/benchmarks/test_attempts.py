"""pass@k and mean@k against brute force over all choices of k completions."""

from collections import Counter
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.attempts import consistency, majority_at_k, mean_at_k, pass_at_k
from benchmarks.statistics import bootstrap_interval

samples = st.lists(st.lists(st.booleans(), min_size=1, max_size=7), min_size=1, max_size=5)


@given(samples, st.integers(1, 8))
def test_against_every_choice_of_k(prompts, k):
    correct = [flag for flags in prompts for flag in flags]
    ids = [f"p{i}" for i, flags in enumerate(prompts) for _ in flags]
    enough = [flags for flags in prompts if len(flags) >= k]
    passed, share = pass_at_k(correct, ids, k), mean_at_k(correct, ids, k)
    assert passed.left_out == share.left_out == len(prompts) - len(enough)
    if not enough:
        assert passed.mean is share.mean is None
        return
    choices = [list(combinations(flags, k)) for flags in enough]
    assert passed.mean.estimate == pytest.approx(np.mean([np.mean([any(c) for c in cs]) for cs in choices]))
    assert share.mean.estimate == pytest.approx(np.mean([np.mean([np.mean(c) for c in cs]) for cs in choices]))
    assert passed.mean.n == len(enough)


@given(samples)
def test_pass_at_one_is_mean_at_one(prompts):
    correct = [flag for flags in prompts for flag in flags]
    ids = [i for i, flags in enumerate(prompts) for _ in flags]
    assert pass_at_k(correct, ids, 1).mean.estimate == pytest.approx(mean_at_k(correct, ids, 1).mean.estimate)


def test_large_counts_stay_exact():
    correct = [True] + [False] * 9999
    assert pass_at_k(correct, ["p"] * 10_000, 5000).mean.estimate == pytest.approx(0.5)


def test_prompts_need_not_stand_together():
    assert pass_at_k([1, 0, 0, 1], ["a", "b", "a", "b"], 2).mean.estimate == 1
    assert pass_at_k([1, 0, 0, 1], [None] * 4, 1).mean.n == 4


def test_certain_prompts_keep_an_interval():
    low, high = pass_at_k([1] * 8, [0, 0, 1, 1, 2, 2, 3, 3], 2).mean[1:3]
    assert low < 0.6 < high == 1


def test_another_interval():
    result = pass_at_k([1, 0, 0, 0, 1, 1], [0, 0, 1, 1, 2, 2], 1, interval=bootstrap_interval)
    assert result.mean.method == "bootstrap percentile"


def test_wrong_calls_are_named():
    with pytest.raises(ValueError, match="k is at least 1"):
        pass_at_k([1], ["a"], 0)
    with pytest.raises(ValueError, match="1 rows have 2 prompt ids"):
        mean_at_k([1], ["a", "b"], 1)


# What was said


@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=6), min_size=1, max_size=5), st.integers(1, 6))
def test_majority_and_consistency_against_a_slow_twin(prompts, k):
    """Answers are 0 (none) to 3, and 1 is right."""
    said = np.array([answer for answers in prompts for answer in answers], dtype=np.uint64)
    ids = [f"p{i}" for i, answers in enumerate(prompts) for _ in answers]
    majority, agreement = majority_at_k(said == 1, ids, said, k), consistency(ids, said)
    won = [_majority(answers) for answers in prompts if len(answers) >= k]
    agreed = [_agreement(answers) for answers in prompts if len(answers) > 1]
    for found, values in ((majority, won), (agreement, agreed)):
        assert found.left_out == len(prompts) - len(values)
        assert (found.mean is None) == (not values)
        if values:
            assert found.mean.estimate == pytest.approx(np.mean(values))
            assert 0 <= found.mean.low <= found.mean.high <= 1


def _majority(answers):
    votes = Counter(answer for answer in answers if answer)
    leading = [answer for answer, count in votes.items() if count == max(votes.values())]
    return leading.count(1) / len(leading) if leading else 0.0


def _agreement(answers):
    pairs = list(combinations(answers, 2))
    return sum(one == other != 0 for one, other in pairs) / len(pairs)


@given(samples, st.integers(1, 4))
def test_intervals_stay_within_what_a_share_can_be(prompts, k):
    correct = [flag for flags in prompts for flag in flags]
    ids = [i for i, flags in enumerate(prompts) for _ in flags]
    for found in (pass_at_k(correct, ids, k), mean_at_k(correct, ids, k)):
        if found.mean is not None:
            assert 0 <= found.mean.low <= found.mean.estimate + 1e-12
            assert found.mean.estimate - 1e-12 <= found.mean.high <= 1
