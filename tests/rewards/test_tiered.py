"""The tiered core: brute force over all matchings, the properties of the default, the known holes of the formula."""

import math
import random
from itertools import product

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from parsers.formats import TVR as FORMAT
from rewards import TVR
from rewards.spec import PRESETS, TieredSpec, preset_spec
from rewards.tiered import (
    SMALL_BATCH,
    _count_sorted,
    _sort_records,
    count_by_assignment,
    count_matches,
    count_row,
    eligible,
    maximum,
    number_records,
    reward_parts,
)
from tests.oracles import tiered as oracle
from tests.strategies import near_records, predictions, records, specs, targets, vocabulary

PAPER = preset_spec(TVR, "paper")


def r_acc(predicted, true, spec=TVR, invalid=0):
    counts = count_matches(spec, [predicted], [invalid], [true])
    return sum(float(values[0]) for values in reward_parts(spec, counts).values())


def row(predicted, invalid, true, spec, *, answered=True):
    counts = count_matches(spec, [predicted], [invalid], [true], [answered])
    return {part: float(values[0]) for part, values in reward_parts(spec, counts).items()}


# --- the slow twin ---------------------------------------------------------------------------------------------------


@given(specs(), predictions(5), st.integers(0, 2), targets())
@example(TVR, [(0, "color", "red"), (0, "color", "blue")], 0, [(0, "color", "blue"), (0, "color", "red")])
@example(TVR.change(scale="n_gt"), [], 0, [])
def test_parts_agree_with_brute_force(spec, predicted, invalid, true):
    found = row(predicted, invalid, true, spec)
    expected = oracle.parts(spec, predicted, invalid, true)
    assert found == pytest.approx(expected, abs=1e-12)
    assert list(found) == [*spec.parts, "incorrect", "underprediction"]
    assert all(
        math.isfinite(value) and math.copysign(1, value + 0.0) == math.copysign(1, value) for value in found.values()
    )
    assert all(value >= 0 for part, value in found.items() if part in spec.parts)
    assert found["incorrect"] <= 0
    assert found["underprediction"] <= 0


@given(specs(), predictions(5), targets())
def test_counts_agree_with_brute_force(spec, predicted, true):
    counts = count_matches(spec, [predicted], [0], [true])
    assert counts.matched.tolist() == [oracle.counts(spec, predicted, true)]
    assert (counts.n_pred.tolist(), counts.n_gt.tolist()) == ([len(predicted)], [len(true)])
    assert list(eligible(spec, predicted, true)) == oracle.can_earn(spec, predicted, true)


@given(specs(nested=True), predictions(8), targets(max_size=6))
def test_counting_and_assignment_agree(spec, predicted, true):
    """Wherever both apply: on every spec whose tiers are a chain, whatever else it asks for."""
    assume(spec.nested)
    assert count_by_assignment(spec, predicted, true) == count_row(spec, predicted, true)


@given(specs(nested=True), st.lists(st.tuples(predictions(), targets()), max_size=8))
def test_plain_rows_and_numpy_batches_agree(spec, rows):
    assume(spec.nested)
    found = _count_sorted(spec, _sort_records(spec, number_records([p for p, _ in rows], [t for _, t in rows])))
    assert found.tolist() == [count_row(spec, p, t) for p, t in rows]
    assert found.shape == (len(rows), len(spec.table))


def test_batches_of_every_size_around_the_switch():
    rng = random.Random(5)
    pairs = vocabulary(FORMAT)

    def draw(most):
        return [(rng.randrange(3), *rng.choice(pairs[:12])) for _ in range(rng.randrange(most))]

    rows = [(draw(8), rng.randrange(3), list(dict.fromkeys(draw(5)))) for _ in range(3 * SMALL_BATCH)]
    for preset, size in product(PRESETS, (1, SMALL_BATCH - 1, SMALL_BATCH, SMALL_BATCH + 1, len(rows))):
        spec = preset_spec(TVR, preset)
        counts = count_matches(spec, *(list(column) for column in zip(*rows[:size], strict=True)))
        found = reward_parts(spec, counts)
        for number, (predicted, invalid, true) in enumerate(rows[:size]):
            assert {part: values[number] for part, values in found.items()} == row(predicted, invalid, true, spec)


def test_an_empty_batch():
    for spec in (TVR, TVR.change(tiers={("index", "attribute", "value"): 1.0, ("value",): 2.0}, table=())):
        found = reward_parts(spec, count_matches(spec, [], [], []))
        assert [values.shape for values in found.values()] == [(0,)] * (len(spec.table) + 2)


# --- order -----------------------------------------------------------------------------------------------------------


@given(specs(), predictions(), targets(), st.randoms(use_true_random=False))
def test_the_order_of_the_targets_never_matters(spec, predicted, true, rng):
    shuffled = rng.sample(true, len(true))
    assert row(predicted, 0, true, spec) == row(predicted, 0, shuffled, spec)


@given(specs(), predictions(), targets(), st.randoms(use_true_random=False))
def test_the_order_of_the_predictions_matters_only_between_conflicting_ones(spec, predicted, true, rng):
    shuffled = rng.sample(predicted, len(predicted))
    if spec.conflicts == "last":  # keep the order within each cell
        cells = {cell: iter([r for r in predicted if r[:-1] == cell]) for cell in {r[:-1] for r in predicted}}
        shuffled = [next(cells[record[:-1]]) for record in shuffled]
    assert row(predicted, 1, true, spec) == row(shuffled, 1, true, spec)


# --- the default cannot be gamed -------------------------------------------------------------------------------------


@given(predictions(), targets(), st.integers(0, 3))
def test_the_exact_answer_is_the_unique_maximum(predicted, true, invalid):
    best = 5.0 * len(true)
    assert r_acc(true, true) == best == maximum(TVR, np.array([len(true)]))[0]
    if sorted(predicted) == sorted(true) and (not invalid or not predicted):
        assert r_acc(predicted, true, invalid=invalid) == best
    elif predicted or true:
        assert r_acc(predicted, true, invalid=invalid) < best


@given(targets(), near_records(), st.data())
def test_a_prediction_added_to_the_exact_answer_costs_one(true, extra, data):
    assume(extra[:-1] not in [record[:-1] for record in true])
    place = data.draw(st.integers(0, len(true)))
    assert r_acc([*true[:place], extra, *true[place:]], true) == 5.0 * len(true) - 1


@given(targets(min_size=1), st.data())
def test_a_repeat_or_a_conflict_added_to_the_exact_answer_costs_at_least_one(true, data):
    index, attribute, _ = data.draw(st.sampled_from(true))
    value = data.draw(st.sampled_from(dict(FORMAT.fields[2].values_by)[attribute]))
    place = data.draw(st.integers(0, len(true)))
    assert r_acc([*true[:place], (index, attribute, value), *true[place:]], true) <= 5.0 * len(true) - 1
    assert r_acc([*true, data.draw(st.sampled_from(true))], true) <= 5.0 * len(true) - 1


@given(predictions(5), targets(), near_records(), st.sampled_from(["red", "blue", "cyan", "green"]), st.data())
def test_a_second_value_for_a_cell_never_beats_its_better_single_guess(others, true, record, value, data):
    index, attribute, first = record
    cell = (index, attribute)
    assume(sum(each[:-1] == cell for each in true) <= 1)
    assume(all(each[:-1] != cell for each in others))
    places = sorted((data.draw(st.integers(0, len(others))), data.draw(st.integers(0, len(others)))))
    one, two = (index, attribute, first), (index, attribute, value)
    both = [*others[: places[0]], one, *others[places[0] : places[1]], two, *others[places[1] :]]
    single = max(r_acc([*others[:at], guess, *others[at:]], true) for at in places for guess in (one, two))
    assert r_acc(both, true) <= single


@given(targets(), near_records(), st.data())
def test_beyond_the_true_number_an_object_alone_never_pays(true, extra, data):
    predicted = data.draw(st.lists(near_records(), min_size=len(true), max_size=len(true) + 3))
    assume(all(extra[:2] != record[:2] for record in true))
    place = data.draw(st.integers(0, len(predicted)))
    assert r_acc([*predicted[:place], extra, *predicted[place:]], true) < r_acc(predicted, true)
    assert r_acc(predicted, true, invalid=1) < r_acc(predicted, true) or not predicted


@given(predictions(), targets(min_size=1))
def test_calibrated_is_in_step_with_the_distance(predicted, true):
    """With one value for each cell and no silence, R_acc is 5 (n_gt - Diff): Diff counts the cells that differ at the end."""
    cells = {record[:-1]: record for record in predicted}
    wanted = {record[:-1]: record for record in true}
    assume(len(wanted) == len(true))
    differing = sum(cells.get(cell) != wanted.get(cell) for cell in cells.keys() | wanted.keys())
    found = r_acc(list(cells.values()), list(wanted.values()), preset_spec(TVR, "calibrated"))
    if len(cells) >= len(wanted):
        assert found == 5.0 * (len(wanted) - differing)
    else:  # each cell left out costs as much as a wrong one: a guess instead never earns less
        silent = next(record for cell, record in wanted.items() if cell not in cells)
        guess = (silent[0], silent[1], "another value")
        assert r_acc([*cells.values(), guess], true, preset_spec(TVR, "calibrated")) > found


# --- the literal formula can be --------------------------------------------------------------------------------------

PAIRS = vocabulary(FORMAT)
GOLD = [(0, "color", "red"), (1, "shape", "cube")]
# The table of what lists earn under the printed formula: E and N, summed over predictions or each true change once.
HOLES = {
    "exact": (GOLD, 10, 10, 10, 10),
    "empty": ([], -2, -2, -2, -2),
    "1 of 2 exact": (GOLD[:1], 4, 4, 4, 4),
    "right object and attribute, wrong values": ([(0, "color", "blue"), (1, "shape", "sphere")], 1, 3, 1, 3),
    "right objects, wrong attributes": ([(0, "size", "small"), (1, "size", "small")], -1, 1, -1, 1),
    "both objects wrong": ([(5, "color", "red"), (6, "shape", "cube")], -2, -2, -2, -2),
    "exact and 1 false object": ([*GOLD, (5, "color", "red")], 9, 9, 9, 9),
    "exact list written twice": (GOLD * 2, 20, 20, 8, 8),
    "all values of the right objects and attributes": (
        [(index, attribute, value) for index, attribute, _ in GOLD for key, value in PAIRS if key == attribute],
        14.5, 23.5, 1, 1,
    ),
    "all 17 triples of the 2 right objects": ([(index, *pair) for index in (0, 1) for pair in PAIRS], 3, 35, -22, -22),
    "all 170 triples": ([(index, *pair) for index in range(10) for pair in PAIRS], -133, -101, -158, -158),
}  # fmt: skip


@pytest.mark.parametrize("name", HOLES)
def test_known_holes_of_the_printed_formula(name):
    predicted, *expected = HOLES[name]
    readings = product(("literal", "one_to_one"), ("not_exact", "no_tier"))
    found = [r_acc(predicted, GOLD, PAPER.change(matching=m, incorrect=i)) for m, i in readings]
    assert found == expected


def test_holes_have_the_sizes_they_are_named_by():
    sizes = [len(predicted) for predicted, *_ in HOLES.values()]
    assert sizes == [2, 0, 1, 2, 2, 2, 3, 4, 11, 34, 170]


@pytest.mark.parametrize("name", HOLES)
def test_the_default_closes_them(name):
    """What is no honest answer earns less than the exact one, and less than naming one of two changes right."""
    predicted = HOLES[name][0]
    assert r_acc(predicted, GOLD) == (10 if name == "exact" else pytest.approx(min(9, r_acc(predicted, GOLD))))
    if len(predicted) > 4:
        assert r_acc(predicted, GOLD) < r_acc(GOLD[:1], GOLD)


def test_hedging_between_two_values():
    """One change, two candidate values: naming both is worth 4 where each may earn, and what the last one is where not."""
    gold, wrong = [(0, "color", "red")], (0, "color", "blue")
    each = TVR.change(conflicts="each")
    assert (r_acc([*gold, wrong], gold, each), r_acc([wrong, *gold], gold, each)) == (4, 4)
    assert (r_acc([wrong, *gold], gold), r_acc([*gold, wrong], gold)) == (4, -0.5)
    assert (r_acc(gold, gold) + r_acc([wrong], gold)) / 2 == 2.75


@given(st.lists(records(), max_size=12), targets())
def test_tiers_are_worth_what_they_say(predicted, true):
    found = row(predicted, 0, true, TVR)
    assert found["exact"] % 5 == found["attribute"] % 1.5 == found["object"] % 0.5 == 0
    n = found["exact"] / 5 + found["attribute"] / 1.5 + found["object"] / 0.5
    assert n <= min(len(predicted), len(true))
    assert found["incorrect"] == found["exact"] / 5 - len(predicted)
    assert found["underprediction"] == -max(0, len(true) - len(predicted))


def test_a_tier_dropped_from_the_middle_is_paid_as_the_next():
    spec = preset_spec(TVR, "no_attribute_tier")
    assert row([(0, "color", "blue")], 0, [(0, "color", "red")], spec)["object"] == 0.5


def test_counts_do_not_see_each_other():
    """A record of another row, with the same key, is another row's."""
    rows = [
        ([(0, "color", "red")], [(0, "color", "red")]),
        ([], [(0, "color", "red")]),
        ([(0, "color", "red")], []),
    ] * 40
    counts = count_matches(TVR, [p for p, _ in rows], [0] * 120, [t for _, t in rows])
    assert counts.matched.tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0]] * 40


@pytest.mark.parametrize("size", [1, 2 * SMALL_BATCH])
def test_whether_the_sets_are_the_same(size):
    """With *multiset*, also the numbers of each; never where there is no answer or a piece is invalid."""
    red, cube = (0, "color", "red"), (1, "shape", "cube")
    plain, counted = preset_spec(TVR, "naive_binary"), preset_spec(TVR, "naive_binary", multiset=True)
    for predicted, true, same, multiset in (
        ([red, cube], [cube, red], True, True),
        ([red, red], [red], True, False),
        ([red], [red, cube], False, False),
        ([red, cube], [red], False, False),
        ([], [], True, True),
    ):
        for spec, expected in ((plain, same), (counted, multiset)):
            rows = ([predicted] * size, [0] * size, [true] * size)
            assert count_matches(spec, *rows).same.tolist() == [expected] * size
            assert count_matches(spec, *rows, [False] * size).same.tolist() == [False] * size
            assert count_matches(spec, rows[0], [1] * size, rows[2]).same.tolist() == [False] * size


@pytest.mark.parametrize("size", [1, 2 * SMALL_BATCH])
def test_rows_without_any_record(size):
    rows = [([(0, "color", "red")], [(0, "color", "red")]), *[([], [])] * size]
    counts = count_matches(TVR, [p for p, _ in rows], [0] * len(rows), [t for _, t in rows])
    assert counts.matched.tolist() == [[1, 0, 0], *[[0, 0, 0]] * size]
    assert counts.same.tolist() == [True] * len(rows)


def test_records_need_not_be_tvr():
    spec = TieredSpec(fields=("name",), tiers={("name",): 2.0})
    assert spec.nested
    assert r_acc([("a",), ("b",), ("c",)], [("a",), ("c",)], spec) == 4.0 - 1.0
    assert r_acc([("a",), ("b",)], [("a",)], spec) == 2.0 - 1.0  # names of things do not take each other's place
    assert count_matches(spec, [[("a",), ("b",)]] * 60, [0] * 60, [[("a",)]] * 60).matched.tolist() == [[1]] * 60
    assert r_acc([("a",), ("a",)], [("a",)], spec) == 1.0


@given(specs(nested=True), st.booleans(), st.lists(st.tuples(predictions(), targets()), min_size=1, max_size=8))
def test_sets_are_compared_alike_in_batches_of_every_size(spec, multiset, rows):
    spec = spec.change(multiset=multiset)
    rows *= SMALL_BATCH
    few = [count_matches(spec, [p], [0], [t]).same[0] for p, t in rows[:8]]
    many = count_matches(spec, [p for p, _ in rows], [0] * len(rows), [t for _, t in rows]).same
    assert many[:8].tolist() == few
    assert few == [(sorted(p) == sorted(t)) if multiset else (set(p) == set(t)) for p, t in rows[:8]]
