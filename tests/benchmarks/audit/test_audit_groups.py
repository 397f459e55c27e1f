"""Ties and groups without variance."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.groups import contradicting_share, group_totals

ROWS = st.lists(
    st.tuples(st.integers(0, 3), st.sampled_from([0.0, 0.5, 1.0]), st.sampled_from(["a", "b", "c"])), max_size=24
)


@given(ROWS)
def test_it_agrees_with_counting_one_by_one(rows):
    prompts, totals, texts = zip(*rows, strict=True) if rows else ((), (), ())
    found = group_totals(totals, prompts, texts)
    groups = [[row for row in rows if row[0] == prompt] for prompt in sorted(set(prompts))]
    several = [group for group in groups if len(group) > 1]
    pairs = [pair for group in several for pair in combinations(group, 2) if pair[0][2] != pair[1][2]]
    flat = [group for group in several if len({total for _, total, _ in group}) == 1]
    assert found.groups == len(several)
    assert found.zero_variance == pytest.approx(len(flat) / max(1, len(several)))
    assert found.ties == pytest.approx(sum(one[1] == two[1] for one, two in pairs) / max(1, len(pairs)))
    assert found.rows == sum(count for _, count in found.totals) == len(rows)
    best, worst = max(totals, default=0), min(totals, default=0)
    assert found.all_best == pytest.approx(sum(group[0][1] == best for group in flat) / max(1, len(several)))
    assert found.all_worst == pytest.approx(sum(group[0][1] == worst for group in flat) / max(1, len(several)))


def test_nothing():
    found = group_totals([], [], [])
    assert (found.rows, found.groups, found.zero_variance, found.totals) == (0, 0, 0.0, ())


def test_rounding_errors_are_no_differences():
    found = group_totals([0.1 + 0.2, 0.3], ["p", "p"], ["x", "y"])
    assert (found.zero_variance, found.ties, found.distinct) == (1.0, 1.0, 1.0)


def test_answers_that_contradict_the_reasoning_are_counted():
    texts = [
        "<think>Object 2 was gray and is now red.</think><answer>2.color.cyan</answer>",
        "<think>Object 2 was gray and is now cyan.</think><answer>2.color.cyan</answer>",
        "<think>Something changed.</think><answer>2.color.cyan</answer>",
        "broken",
    ]
    assert contradicting_share(texts, ["2.color.cyan"] * 4, "tvr") == 0.25
    choices = [f"<think>The answer is {letter}.</think><answer>A</answer>" for letter in "AB"]
    options = [["left", "right"]] * 2
    assert contradicting_share(choices, ["A", "A"], "multiview", options=options) == 0.5
