"""The 1,000 rows of ``golden/star_r1_formula.jsonl.gz``: every reading and ablation of the formula, every column."""

from pathlib import Path

import numpy as np
import pytest

from rewards import score_batch
from rewards.tiered import SMALL_BATCH
from tests.json_lines import read

GOLDEN = Path(__file__).parents[1] / "golden" / "star_r1_formula.jsonl.gz"
POSITIVE = ("exact", "attribute", "object")
READINGS = {
    "literal_E": {"matching": "literal", "incorrect": "not_exact"},
    "literal_N": {"matching": "literal", "incorrect": "no_tier"},
    "one2one_E": {"matching": "one_to_one", "incorrect": "not_exact"},
    "one2one_N": {"matching": "one_to_one", "incorrect": "no_tier"},
}
ABLATIONS = {
    "no_object_tier": {"preset": "no_object_tier"},
    "no_object_tier__miss_from_full_table": {"preset": "no_object_tier", "miss_table": "full"},
    "no_attribute_tier": {"preset": "no_attribute_tier"},
    "no_underprediction_penalty": {"preset": "no_underprediction_penalty"},
    "no_incorrect_penalty": {"preset": "no_incorrect_penalty"},
    "count_difference_only": {"preset": "count_difference"},
    "count_difference_instead_of_n_miss": {"preset": "count_difference", "also_underprediction": True},
}
# What an ablation does not charge, the file still counts: n_miss is seen by charging it again.
CHARGES = {
    "no_incorrect_penalty": {"incorrect_penalty": 1.0},
    "count_difference_only": {"incorrect_penalty": 1.0},
    "count_difference_instead_of_n_miss": {"incorrect_penalty": 1.0},
}


@pytest.fixture(scope="module")
def rows():
    return read(GOLDEN)


def scored(rows, **options):
    return score_batch([row["completion"] for row in rows], [row["ground_truth"] for row in rows], **options)


def agree(rows, expected, options, charge):
    """Compare r_pos, n_miss, r_pun and r_acc of every row."""
    batch = scored(rows, conflicts="each", **options)
    missed = scored(rows, conflicts="each", **(options | charge))
    r_pos = sum(batch.parts[part] for part in POSITIVE)
    r_pun = batch.parts["incorrect"] + batch.parts["underprediction"]
    found = {"r_pos": r_pos, "n_miss": -missed.parts["incorrect"], "r_pun": r_pun, "r_acc": r_pos + r_pun}
    for column, values in found.items():
        assert values.tolist() == [row[column] for row in expected], column
    assert (batch.total - batch.parts["format"]).tolist() == [row["r_acc"] for row in expected]


def test_all_rows_are_there(rows):
    assert len(rows) == 1000
    for row in rows:
        assert set(row["expected"]["readings"]) == set(READINGS)
        assert set(row["expected"]["ablations"]) == set(ABLATIONS)


def test_numbers_of_predictions_and_format(rows):
    batch = scored(rows)
    assert batch.n_pred.tolist() == [row["expected"]["n_pred"] for row in rows]
    assert batch.parts["format"].tolist() == [row["expected"]["r_format"] for row in rows]
    assert not batch.prefilled.any()
    # With nothing right, every true change that is missing is charged: that is n_gt.
    unanswered = score_batch(["<think></think><answer></answer>"] * len(rows), [row["ground_truth"] for row in rows])
    assert (-unanswered.parts["underprediction"]).tolist() == [row["expected"]["n_gt"] for row in rows]


@pytest.mark.parametrize("reading", READINGS)
def test_reading(rows, reading):
    agree(rows, [row["expected"]["readings"][reading] for row in rows], READINGS[reading], {})


@pytest.mark.parametrize("reading", READINGS)
@pytest.mark.parametrize("ablation", ABLATIONS)
def test_ablation(rows, ablation, reading):
    expected = [row["expected"]["ablations"][ablation][reading] for row in rows]
    agree(rows, expected, READINGS[reading] | ABLATIONS[ablation], CHARGES.get(ablation, {}))


@pytest.mark.parametrize(("multiset", "column"), [(False, "exact_set"), (True, "exact_multiset")])
def test_naive_binary(rows, multiset, column):
    batch = scored(rows, preset="naive_binary", multiset=multiset)
    expected = [row["expected"]["naive_binary"][column] for row in rows]
    assert batch.parts["exact"].tolist() == expected
    assert (batch.total - batch.parts["format"]).tolist() == expected
    assert batch.correct.tolist() == [bool(row["expected"]["naive_binary"]["exact_set"]) for row in rows]


@pytest.mark.parametrize("preset", ["default", "paper", "calibrated"])
def test_small_and_large_batches_agree(rows, preset):
    """Rows are counted in plain Python up to SMALL_BATCH of them and by numpy beyond: nobody can tell."""
    whole = scored(rows, preset=preset)
    assert len(rows) > SMALL_BATCH
    for start in range(0, 400, SMALL_BATCH):
        part = scored(rows[start : start + SMALL_BATCH], preset=preset)
        for name, values in part.parts.items():
            assert np.array_equal(values, whole.parts[name][start : start + SMALL_BATCH])


def test_preset_paper_is_the_literal_reading(rows):
    batch = scored(rows, preset="paper")
    assert (batch.total - 1).tolist() == [row["expected"]["readings"]["literal_E"]["r_acc"] for row in rows]
