"""Findings in words and numbers."""

import pytest

from benchmarks.audit.findings import Example, Finding, World


@pytest.mark.parametrize(
    ("about", "between", "says"),
    [
        ("value, two candidates", (0.5, 7 / 9), "while the guess is right with chance < 0.778"),
        ("index, one guess", (0.0, 1 / 6), "while the guess is right with chance < 0.167"),
        ("index, one guess", (0.25, 1.0), "while the guess is right with chance > 0.25"),
        ("index, one guess", (0.0, 1.0), "at every chance"),
        ("existence, likely not there", (0.5, 6 / 7), "while it is there with chance > 0.143"),
        ("existence, likely not there", (0.5, 1.0), "however unlikely it is there"),
        ("", None, ""),
    ],
)
def test_where_an_incentive_pays(about, between, says):
    assert Finding("incentive", "hedge", "", about=about, pays_between=between).pays_while == says


def test_an_example_is_paid_in_expectation():
    example = Example("a", "b", (World("x", 0.25, 4.0, 0.0), World("y", 0.75, 0.0, 2.0)))
    assert (example.paid, example.against) == (1.0, 1.5)
