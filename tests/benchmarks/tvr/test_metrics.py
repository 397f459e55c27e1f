"""The paper's metrics of TVR: lists without a scene, attribute accuracies, groups, tables."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import bootstrap_interval
from benchmarks.tables import average, cross
from benchmarks.tvr.row_stats import row_stats
from benchmarks.tvr.scoring import aggregate, cells, groups, measures, score_rows
from benchmarks.tvr.world import PAIRS
from rewards.errors import DataError
from tests.json_lines import read
from tests.oracles import tvr_state as oracle

GOLDEN = Path(__file__).parents[2] / "golden"
CUBE = {"color": "red", "shape": "cube", "size": "small", "material": "glass", "position": [0, 0]}


def table(stats, **options):
    return average(cells(stats), **options)


@pytest.fixture(scope="module")
def golden_rows():
    return read(GOLDEN / "tvr_state.jsonl.gz")


# Few objects and values, so that lists meet often.
triples = st.tuples(
    st.integers(0, 1),
    st.sampled_from([pair for pair in PAIRS if pair[1] in {"red", "blue", "cube", "left.1", "left.2"}]),
).map(lambda both: (both[0], *both[1]))
nonsense = st.sampled_from([(0, "color", "pink"), (10, "color", "red"), "red", None])
list_rows = st.fixed_dictionaries(
    {
        "target": st.lists(triples, max_size=4),
        "prediction": st.lists(triples | triples | nonsense, max_size=5),
    }
)


@given(st.lists(list_rows, max_size=6))
def test_lists_without_a_scene_agree_with_the_twin(batch):
    expected = [oracle.score_lists(row) for row in batch]
    assert score_rows(batch) == [{**row, "norm_dist": pytest.approx(row["norm_dist"])} for row in expected]


@given(list_rows, st.randoms())
def test_order_between_cells_does_not_matter(row, random):
    cells = {step[:2]: step for step in row["target"]}
    mixed = random.sample(list(cells.values()), len(cells))
    first, second = score_rows([{"target": list(cells.values()), "prediction": p} for p in (mixed, mixed * 2)])
    assert first["correct"]
    assert second["correct"]
    assert first["dist"] == second["dist"] == 0


LIST_CASES = {
    # name: (target, prediction, correct, dist)
    "equal": ([(0, "color", "red")], [(0, "color", "red")], True, 0),
    "both empty": ([], [], True, 0),
    "repeats": ([(0, "color", "red")], [(0, "color", "red")] * 3, True, 0),
    "a second thought": ([(0, "color", "red")], [(0, "color", "blue"), (0, "color", "red")], False, 0),
    "an extra": ([(0, "color", "red")], [(0, "color", "red"), (1, "color", "red")], False, 1),
    "a wrong value is one cell": ([(0, "color", "red")], [(0, "color", "blue")], False, 1),
    "a wrong object is two cells": ([(0, "color", "red")], [(1, "color", "red")], False, 2),
    "one cell changed twice": ([(0, "color", "red"), (0, "color", "blue")], [(0, "color", "blue")], False, 0),
    "nonsense besides": ([(0, "color", "red")], [(0, "color", "red"), "and so on"], False, 0),
    "a move in another form": ([(0, "position", ["left", 2])], [(0, "position", "left.2")], True, 0),
    "a move in two parts": ([(0, "position", "left.2")], [(0, "position", "left.1")] * 2, False, 1),
}


@pytest.mark.parametrize(("target", "prediction", "correct", "dist"), LIST_CASES.values(), ids=LIST_CASES)
def test_list_cases(target, prediction, correct, dist):
    [score] = score_rows([{"target": target, "prediction": prediction}])
    assert (score["correct"], score["dist"]) == (correct, dist)


def test_options_of_a_true_move_are_accepted():
    true = {
        "obj_idx": 3,
        "attr": "position",
        "val": ["left", 2],
        "options": [["left", 1], ["left", 2], ["front", 2]],
    }
    row = {"target": [true, (4, "position", "front.2")]}
    predictions = {"own": "left.2", "other": "left.1", "third": "front.2", "none of them": "right.1"}
    scores = score_rows(
        [row | {"prediction": [(3, "position", move), (4, "position", "front.2")]} for move in predictions.values()]
    )
    assert [score["correct"] for score in scores] == [True, True, True, False]
    assert [score["dist"] for score in scores] == [0, 0, 0, 1]
    [other_object] = score_rows([row | {"prediction": [(3, "position", "left.2"), (4, "position", "left.1")]}])
    assert not other_object["correct"]


def test_a_move_that_is_true_itself_is_not_taken_for_an_option_of_another():
    ways = [["left", 2], ["front", 2], ["up", 9]]
    out = {"obj_idx": 3, "attr": "position", "val": ["left", 2], "options": ways}
    both = [out, (3, "position", "front.2")]
    nothing = {"target": [(0, "size", "small")], "prediction": []}
    _, score = score_rows(
        [nothing, {"target": both, "prediction": [(3, "position", "left.2"), (3, "position", "front.2")]}]
    )
    assert (score["correct"], score["dist"]) == (True, 0)


def test_rows_with_and_without_a_scene_may_be_mixed(golden_rows):
    some = golden_rows[::100]
    lists = [{key: row[key] for key in ("transformations", "prediction", "attributes")} for row in some]
    mixed = [row for pair in zip(lists, some, strict=True) for row in pair]
    assert score_rows(mixed)[::2] == score_rows(lists)
    assert score_rows(mixed)[1::2] == score_rows(some)


PAPER_METRICS = (
    "color", "shape", "size", "material", "TAcc", "Diff", "NDiff", "TAcc/1-3", "TAcc/4-6", "TAcc/7-8", "TAcc/9-10",
)  # fmt: skip


def test_the_first_eleven_are_the_papers():
    names = list(measures(row_stats([])))
    assert tuple(names[:11]) == PAPER_METRICS


def test_every_metric_against_a_loop(golden_rows):
    """All metrics of all groups of the golden rows, counted one by one with the twin."""
    sums = {}
    for row in golden_rows:
        score = oracle.score_row(row)
        after = oracle.carry_out(row["initial_objects"], row["prediction"], row["attributes"])[0]
        wrong = {name for _, name in oracle.differing(after, row["final_objects"])}
        seen = sum(oracle.is_visible(item["position"]) for item in row["initial_objects"])
        crowd = next(name for name, limit in [("1-3", 3), ("4-6", 6), ("7-8", 8), ("9-10", 10)] if seen <= limit)
        values = {name: name not in wrong for name in {step["attr"] for step in row["transformations"]}}
        values |= {
            "TAcc": score["correct"],
            f"TAcc/{crowd}": score["correct"],
            "loose_acc": score["loose_correct"],
        }
        values |= {"Diff": score["dist"], "NDiff": score["norm_dist"], "invalid": False}
        values |= {"step_diff": score["pred_step"] - score["target_step"], "overlap": score["err_overlap"]}
        values |= {"out_of_world": score["err_invalid_position"]}
        if score["loose_correct"]:
            values["order_error"] = not score["correct"]
        domain = "ID" if row["view"] == "center" else "OOD"
        for group in ("all", domain, row["view"], f"step_{len(row['transformations'])}", f"visible_{crowd}"):
            for name, value in values.items():
                sums.setdefault(group, {}).setdefault(name, []).append(value)
    ours = table(row_stats(golden_rows))
    assert set(ours) == set(sums)
    for group, metrics in sums.items():
        assert set(ours[group]) == set(metrics)
        for name, values in metrics.items():
            assert ours[group][name].estimate == pytest.approx(np.mean(values), abs=1e-6), (group, name)
            assert ours[group][name].n == len(values)


def test_table_and_official_aggregate_say_the_same(golden_rows):
    stats = row_stats(golden_rows)
    means = aggregate(stats)["with_position"]
    ours = average(cross({"moves": stats.with_position}, measures(stats)))["moves"]
    assert ours["TAcc"].estimate == pytest.approx(means["acc"], abs=1e-6)
    assert ours["NDiff"].estimate == pytest.approx(means["avg_norm_dist"], abs=1e-6)
    order_error = (means["loose_acc"] - means["acc"]) / means["loose_acc"]
    assert ours["order_error"].estimate == pytest.approx(order_error, abs=1e-6)


def test_attribute_accuracy_counts_only_rows_that_change_it():
    row = {"initial_objects": [CUBE, CUBE | {"position": [20, 20]}], "view": "left"}
    change = [(0, "color", "blue"), (1, "shape", "sphere")]
    predictions = [change, change[:1], [*change, (1, "color", "gray")], [*change, (0, "size", "large")]]
    all_rows = table(row_stats([row | {"transformations": change, "prediction": p} for p in predictions]))["all"]
    assert all_rows["color"].estimate == 0.75  # a change of colour too many is a wrong colour
    assert all_rows["shape"].estimate == 0.75
    assert "size" not in all_rows  # no reference changes a size; the false change shows in TAcc
    assert all_rows["TAcc"].estimate == 0.25


def test_groups_without_rows_are_left_out():
    row = {"target": [(0, "color", "red")], "prediction": []}
    assert list(groups(row_stats([row]))) == ["all", "step_1"]
    assert list(groups(row_stats([row | {"view": "Camera_Right", "n_visible": 9}]))) == [
        "all",
        "OOD",
        "right",
        "step_1",
        "visible_9-10",
    ]
    assert table(row_stats([])) == {}


def test_table_takes_clusters_and_any_interval(golden_rows):
    stats = row_stats(golden_rows)
    scenes = [f"scene {k // 3}" for k in range(len(golden_rows))]
    formula = table(stats, clusters=scenes)["OOD"]
    resampled = table(stats, clusters=scenes, interval=partial(bootstrap_interval, seed=5, resamples=4000))["OOD"]
    for name in PAPER_METRICS:
        assert resampled[name].clusters == formula[name].clusters < resampled[name].n
        assert resampled[name].estimate == formula[name].estimate
        assert resampled[name][1:3] == pytest.approx(formula[name][1:3], abs=0.02)


def test_a_wrong_number_of_visible_objects_is_named():
    with pytest.raises(DataError, match="row 0: n_visible 'four' is not a whole number"):
        row_stats([{"target": [], "prediction": [], "n_visible": "four"}])
