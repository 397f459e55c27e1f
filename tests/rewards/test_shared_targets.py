"""Rows of a group share their gold, which is then read once; what is read is what each row alone would give."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import TVR
from rewards import DataError
from rewards.targets import read_target, read_targets, try_targets

GOLD = st.sampled_from(
    [
        "2.color.cyan",
        "none",
        "2.color.cyna",
        None,
        7,
        [[2, "color", "cyan"]],
        [(2, "color", "cyan")],
        [{"obj_idx": 2, "attr": "color", "val": "cyan"}],
        [{"obj_idx": 2, "attr": "colour", "val": "Cyan"}],
        [{"obj_idx": 2, "attr": "color", "val": "red"}, {"obj_idx": 2, "attr": "color", "val": "red"}],
        np.array([["2", "color", "cyan"]]),
        [np.array(["2", "color", "cyan"])],
    ]
)


def alone(target):
    try:
        return read_target(target, TVR)
    except DataError as error:
        return str(error)


@given(st.lists(st.tuples(GOLD, st.integers(1, 3))))
def test_each_row_as_if_alone(drawn):
    targets = [target for target, repeats in drawn for _ in range(repeats)]
    gold, errors = try_targets(targets, TVR)
    left = iter(gold)
    assert [errors[row] if row in errors else next(left) for row in range(len(targets))] == list(map(alone, targets))
    assert next(left, None) is None
    if errors:
        with pytest.raises(DataError) as raised:
            read_targets(targets, TVR)
        assert raised.value.row == min(errors)
    else:
        assert read_targets(targets, TVR) == gold


def test_neighbours_share_one_object():
    first, second, third = read_targets([["2.color.cyan"], ["2.color.cyan"], ["0.shape.cube"]], TVR)
    assert first is second
    assert third == ((0, "shape", "cube"),)


def test_arrays_are_not_taken_for_equal():
    """Numpy compares them item by item, so that they are neither equal nor different."""
    arrays = [np.array([["2", "color", value], ["0", "shape", "cube"]]) for value in ("cyan", "red")]
    cyan, red = read_targets(arrays, TVR)
    assert (cyan[0], red[0]) == ((2, "color", "cyan"), (2, "color", "red"))
