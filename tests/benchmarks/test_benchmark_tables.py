"""Tables: every cell is a mean over its rows; macro averages have the mean and the error that they should."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import bootstrap_interval, standard_error
from benchmarks.statistics import sum_clusters as summed
from benchmarks.tables import Cell, Measure, average, cross, macro, masks

rows = st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 10)), min_size=1, max_size=40)


@given(rows)
def test_the_mean_of_a_macro_measure_is_the_mean_of_the_kinds_means(pairs):
    kinds, values = np.array([kind for kind, _ in pairs]), np.array([value for _, value in pairs])
    measure = macro(values, kinds, np.ones(len(pairs), dtype=bool))
    expected = np.mean([values[kinds == kind].mean() for kind in set(kinds.tolist())])
    assert measure.values.mean() == pytest.approx(expected)


@given(rows, st.dictionaries(st.sampled_from("abc"), st.sampled_from("xy")))
def test_parts_are_averaged_first_and_count_as_one_kind(pairs, within):
    kinds, values = np.array([kind for kind, _ in pairs]), np.array([value for _, value in pairs])
    wholes = {}
    for kind in set(kinds.tolist()):
        wholes.setdefault(within.get(kind, kind), []).append(values[kinds == kind].mean())
    measure = macro(values, kinds, np.ones(len(pairs), dtype=bool), within)
    assert measure.values.mean() == pytest.approx(np.mean([np.mean(means) for means in wholes.values()]))


@given(rows, st.data())
def test_rows_that_do_not_count_do_not_matter(pairs, data):
    counted = np.array(data.draw(st.lists(st.booleans(), min_size=len(pairs), max_size=len(pairs))))
    kinds, values = np.array([kind for kind, _ in pairs]), np.array([value for _, value in pairs])
    some = macro(values, kinds, counted)
    alone = macro(values[counted], kinds[counted], np.ones(int(counted.sum()), dtype=bool))
    assert some.values[counted].tolist() == pytest.approx(alone.values.tolist())


def test_the_error_of_a_macro_average_is_that_of_its_kinds_means():
    rng = np.random.default_rng(3)
    kinds = np.repeat(["few", "many"], [40, 4000])
    values = np.where(kinds == "few", rng.normal(0, 1, 4040), rng.normal(50, 1, 4040))
    error = standard_error(summed(macro(values, kinds, np.ones(4040, dtype=bool)).values))
    variances = [values[kinds == kind].var(ddof=1) / (kinds == kind).sum() for kind in ("few", "many")]
    assert error == pytest.approx(np.sqrt(sum(variances)) / 2, rel=0.03)  # nothing of the 50 between the kinds


def test_a_macro_average_over_no_rows_has_no_cell():
    none = np.zeros(2, dtype=bool)
    assert average([Cell("High", "score", macro(np.ones(2), np.array(["a", "b"]), none))]) == {}


def test_every_group_by_every_measure():
    groups = {"left": np.array([True, True, False]), "none": np.zeros(3, dtype=bool)}
    measures = {
        "right": Measure(np.array([True, False, True]), np.ones(3, dtype=bool)),
        "some": Measure(np.array([2.0, 4.0, 8.0]), np.array([False, True, True])),
    }
    table = average(cross(groups, measures))
    assert list(table) == ["left"]
    assert {name: (cell.estimate, cell.n) for name, cell in table["left"].items()} == {
        "right": (0.5, 2),
        "some": (4, 1),
    }


def test_clusters_and_intervals_reach_every_cell():
    values = np.array([1.0, 0.0] * 50)
    cells = [Cell("all", "mean", Measure(values, np.ones(100, dtype=bool)))]
    cell = average(cells, clusters=["x", "y"] * 50, interval=partial(bootstrap_interval, seed=1))["all"]["mean"]
    assert (cell.clusters, cell.method) == (2, "bootstrap percentile")
    assert cell.high - cell.low == 1  # of two clusters, a resample may hold one alone
    assert average(cells)["all"]["mean"].clusters == 100


def test_masks_come_in_order():
    names = np.array(["b", "zebra", "a", "b"], dtype=object)
    assert {name: mask.tolist() for name, mask in masks(names, ["a", "b", "c"]).items()} == {
        "a": [False, False, True, False],
        "b": [True, False, False, True],
        "zebra": [False, True, False, False],
    }
