"""The charts show the numbers of the analysis."""

import pytest

from benchmarks.audit.expectation import CHANCES, expectation
from benchmarks.audit.figures import best_chart, expected_chart, incentive_chart, knowing
from benchmarks.audit.findings import Example, Finding, World
from rewards.spec import TVR

ANALYSIS = expectation(TVR)


def test_the_curves_are_those_of_the_analysis():
    chart = expected_chart(ANALYSIS[0], "default")
    assert [line.label for line in chart.lines[:3]] == ["0 predictions", "1 prediction", "2 predictions"]
    assert chart.lines[2].ys[-1] == 10.0
    best = best_chart(ANALYSIS, "default")
    assert best.steps
    assert [line.ys for line in best.lines] == [known.best for known in ANALYSIS]
    assert all(line.xs == CHANCES for line in best.lines)


def test_an_incentive_is_two_lines_that_cross_at_the_break_even():
    worlds = (World("a", 0.5, 4.0, 5.0), World("b", 0.5, 4.0, 0.5))
    finding = Finding(
        "incentive",
        "hedge",
        "",
        smallest=Example("x", "y", worlds),
        about="value, two candidates",
        pays_between=(0.5, 0.75),
    )
    chart = incentive_chart(finding)
    assert [line.ys for line in chart.lines] == [(4.0, 4.0), (0.5, 5.0)]
    assert chart.marks[0][0] == pytest.approx(7 / 9)
    assert chart.title == "hedge, unsure of the value"


def test_what_cannot_be_drawn_over_one_chance():
    worlds = tuple(World("a", 1 / 3, 1.0, 0.0) for _ in range(3))
    assert incentive_chart(Finding("incentive", "learned", "", smallest=Example("x", "y", worlds))) is None
    assert incentive_chart(Finding("incentive", "learned", "")) is None


def test_two_lines_that_do_not_cross_have_no_mark():
    worlds = (World("a", 0.5, 4.0, 3.0), World("b", 0.5, 4.0, 0.5))
    finding = Finding(
        "incentive", "learned", "", smallest=Example("x", "y", worlds), about="each", pays_between=(0.0, 1.0)
    )
    assert incentive_chart(finding).marks == []


def test_words():
    assert [knowing(sure) for sure in (None, "object", "attribute")] == [
        "nothing for sure",
        "the object",
        "up to the attribute",
    ]
