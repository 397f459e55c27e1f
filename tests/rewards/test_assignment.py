"""Matching by optimal assignment, where the tiers are no chain: brute force, tie-breaks, limits of exactness."""

import pytest
from hypothesis import given

from rewards import TVR
from rewards.errors import ConfigError
from rewards.spec import TieredSpec
from rewards.tiered import count_by_assignment
from tests.oracles import tiered as oracle
from tests.strategies import predictions, specs, targets

FIELDS = ("index", "attribute", "value")


def spec_of(tiers, **options):
    return TieredSpec(fields=FIELDS, tiers=tiers, **options)


@given(specs(nested=False), predictions(5), targets())
def test_agrees_with_brute_force(spec, predicted, true):
    assert count_by_assignment(spec, predicted, true) == oracle.counts(spec, predicted, true)


def test_a_greedy_matching_would_earn_less():
    """Taking the best pair first (2.0) leaves nothing for the other; both pairs at 1.5 earn 3.0."""
    spec = spec_of({FIELDS: 5.0, ("index", "value"): 2.0, ("index", "attribute"): 1.5, ("attribute", "value"): 1.5})
    predicted = [(0, "color", "red"), (1, "color", "blue")]
    true = [(0, "shape", "red"), (0, "color", "blue")]
    # (0, color, red) - (0, shape, red): index and value, 2.0; (1, color, blue) - (0, color, blue): attribute and value, 1.5
    assert count_by_assignment(spec, predicted, true) == [0, 0, 1, 1]
    cross = [(0, "size", "red"), (0, "shape", "red")]
    assert count_by_assignment(spec, [(0, "size", "blue"), (0, "shape", "red")], cross) == [1, 1, 0, 0]


def test_ties_go_to_most_exact_matches():
    """One exact match and nothing else is worth the same as two half ones: the exact one is taken."""
    spec = spec_of({FIELDS: 2.0, ("index",): 1.0, ("value",): 1.0})
    predicted, true = [(0, "a", "x"), (1, "a", "y")], [(0, "a", "x"), (0, "b", "y")]
    assert count_by_assignment(spec, predicted, true) == oracle.counts(spec, predicted, true) == [1, 0, 1]
    halves = [(0, "a", "x"), (0, "c", "z")]
    assert count_by_assignment(spec, halves, [(0, "a", "x"), (9, "c", "x")]) == [1, 0, 0]


def test_equal_tiers_are_told_apart_by_their_place_in_the_table():
    spec = spec_of({FIELDS: 5.0, ("index",): 1.0, ("attribute",): 1.0, ("value",): 1.0})
    assert count_by_assignment(spec, [(0, "a", "x")], [(0, "b", "x")]) == [0, 1, 0, 0]
    assert count_by_assignment(spec, [(0, "a", "x")], [(1, "a", "x")]) == [0, 0, 1, 0]


def test_unpaid_tiers_still_count():
    spec = spec_of({FIELDS: 5.0}, table=(FIELDS, ("value",), ("index",)))
    assert count_by_assignment(spec, [(0, "a", "x")], [(0, "b", "y")]) == [0, 1, 0]


def test_the_larger_total_goes_before_the_better_matches():
    """One exact match is worth 3, two half ones are worth 4."""
    spec = spec_of({FIELDS: 3.0, ("index",): 2.0, ("value",): 2.0})
    predicted, true = [(0, "a", "x"), (7, "c", "x")], [(0, "a", "x"), (0, "b", "y")]
    assert count_by_assignment(spec, predicted, true) == oracle.counts(spec, predicted, true) == [0, 1, 1]


@pytest.mark.parametrize("matching", ["one_to_one", "literal"])
def test_nothing_to_match(matching):
    spec = spec_of({FIELDS: 5.0, ("value",): 1.0, ("index",): 1.0}, matching=matching)
    record = (0, "a", "x")
    for predicted, true in (([], []), ([record], []), ([], [record])):
        assert count_by_assignment(spec, predicted, true) == [0, 0, 0]


def test_thirds_and_tenths_are_exact():
    """Three matches at one third are one at one: the tie goes to the better tier, though 1/3 is no float."""
    spec = spec_of({FIELDS: 1.0, ("value",): 1 / 3, ("index",): 0.1})
    predicted, true = [(0, "a", "x")], [(0, "b", "x")]
    assert count_by_assignment(spec, predicted, true) == [0, 0, 1]
    assert spec.parts == ("exact", "object", "value")


@pytest.mark.parametrize("value", [0.123456789, 1e-9, 2**0.5])
def test_values_that_cannot_be_compared_exactly_are_refused(value):
    spec = spec_of({FIELDS: 5.0, ("value",): value, ("index",): 1.0})
    with pytest.raises(ConfigError, match=r"1 matches over 3 tiers of \[5\.0, 1\.0, .*\] cannot be compared exactly"):
        count_by_assignment(spec, [(0, "a", "x")], [(0, "b", "x")])


@pytest.mark.parametrize(("value", "exact"), [(2.0**49 - 1, True), (2.0**49, False), (1e-4, True), (1 / 10_001, False)])
def test_the_limits_of_exactness(value, exact):
    """Values are whole multiples of a step of at least 1/10,000, and their sums with the tie-breaks are below 2**53."""
    spec = spec_of({FIELDS: max(value, 1.0), ("value",): min(value, 1.0), ("index",): 1.0})
    if exact:
        assert count_by_assignment(spec, [(0, "a", "x")], [(0, "a", "x")]) == [1, 0, 0]
    else:
        with pytest.raises(ConfigError) as caught:
            count_by_assignment(spec, [(0, "a", "x")], [(0, "a", "x")])
        assert str(caught.value).startswith("1 matches over 3 tiers of [")
        hint = "] cannot be compared exactly; use tiers that are a chain, or values with few decimals"
        assert str(caught.value).endswith(hint)


def test_too_many_matches_to_compare_exactly_are_refused():
    tiers = {FIELDS: 5.0, ("value",): 0.3333, ("index",): 1.0, ("attribute",): 0.5}
    spec = spec_of(tiers)
    records = [(number, "a", f"v{number}") for number in range(800)]
    with pytest.raises(ConfigError, match="800 matches over 4 tiers"):
        count_by_assignment(spec, records, records)
    assert count_by_assignment(spec, records[:100], records[:100]) == [100, 0, 0, 0]


def test_a_chain_needs_none_of_it():
    assert TVR.nested
    assert not spec_of({FIELDS: 1.0, ("index",): 0.5, ("value",): 0.5}).nested
    assert not spec_of({FIELDS: 1.0, ("index",): 2.0}).nested
