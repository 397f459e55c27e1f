import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.spar import scoring
from benchmarks.spar.scoring import CHOICE, HIGH, LOW, MIDDLE, NUMERIC, TASKS
from rewards.errors import DataError

VCI = "view_change_infer"
PIECES = st.sampled_from(
    [
        "A",
        "b",
        "1",
        "0.5",
        "-",
        "^",
        ",",
        ".",
        " ",
        "move_right",
        "rotate_left",
        ":",
        "nan",
        "inf",
        "1e400",
        "٣",
        "²",
    ]
)
PREDICTIONS = st.one_of(st.text(), st.lists(PIECES, max_size=10).map("".join))


def score(task, prediction, answer):
    return scoring.score_official({"task": task, "prediction": prediction, "answer": answer})["score"]


def test_every_golden_row_agrees():
    assert len(rows("spar")) == 1680
    assert disagreements("spar", scoring.score_official) == []


def test_the_golden_aggregate_agrees():
    assert agrees(scoring.aggregate(scored("spar", scoring.score_official)), aggregate("spar"))


def test_twenty_tasks_in_three_levels():
    assert len(set(TASKS)) == len(TASKS) == 20
    assert (len(LOW), len(MIDDLE), len(HIGH)) == (8, 3, 9)
    assert NUMERIC | CHOICE | {VCI} == set(TASKS)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        ("", "B", 1.0),
        ("Because", "B", 1.0),
        ("AB", "A", 1.0),
        ("b", "B", 1.0),
        (" A", "A", 0.0),
        ("\nA", "A", 0.0),
        ("(A)", "A", 0.0),
        ("The answer is A", "A", 0.0),
        ("<answer>A</answer>", "A", 0.0),
    ],
)
def test_quirks_of_choices(prediction, answer, expected):
    assert score("position_matching", prediction, answer) == expected


@pytest.mark.parametrize(
    ("prediction", "answer", "single", "several"),
    [
        ("1.5 or 2", "2", 0.6, 1.0),
        ("1,200", "1", 1.0, 0.0),
        ("-1.2", "1.2", 1.0, 1.0),
        ("10^2", "10", 1.0, 1.0),
        ("^123", "23", 1.0, 1.0),
        ("none", "1", 0.0, 0.0),
        ("none", "-1", 0.0, 1.0),
        ("", "2", 0.0, 0.0),
        ("2", "x", 0.0, 0.0),
        ("2 and " + "9" * 5000, "2", 0.0, 0.0),
        ("2 and " + "9" * 400, "2", 1.0, 0.0),  # too large for a float, but only the one that counts becomes one
        ("9" * 400 + " and 2", "2", 0.0, 1.0),
        ("٣", "3", 1.0, 1.0),
        ("0.3", "0", 0.5, 0.5),
    ],
)
def test_quirks_of_numbers(prediction, answer, single, several):
    assert score("depth_prediction_oc", prediction, answer) == pytest.approx(single)
    assert score("depth_prediction_oc_mv", prediction, answer) == pytest.approx(several)


@pytest.mark.parametrize(
    ("value", "truth", "expected"),
    [(1.1, 1, 0.9), (1.05, 1, 1.0), (1.5, 1, 0.1), (1.6, 1, 0.0), (0.2, 0, 0.6)],
)
def test_thresholds_of_the_relative_accuracy(value, truth, expected):
    assert scoring.relative_accuracy(value, truth) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("prediction", "answer", "expected"),
    [
        ("move_right:0.4,rotate_left:30", "move_right:0.4,rotate_left:30", 1.0),
        ("rotate_left:30,move_right:0.4", "move_left:-0.4,rotate_right:-30", 1.0),
        (
            "rotate_left:30",
            "move_right:4",
            0.6,
        ),  # three untouched axes are free, none of the two touched is near
        ("move_right:1", "move_right:2", 0.8),  # divided by the model's 1: 100 % off
        ("move_right:2", "move_right:1", 0.82),  # divided by the model's 2: 50 % off
        ("move_right:0.4, rotate_left:30", "move_right:0.4,rotate_left:30", 0.8),
        ("move_right 0.4", "move_right:0.4", 0.0),
        ("move_right:0.4.", "move_right:0.4", 0.0),  # one bad item loses the row
        ("", "move_right:0.4", 0.0),
        ("move_right:nan", "move_right:0.4", 0.8),
    ],
)
def test_quirks_of_view_changes(prediction, answer, expected):
    assert score(VCI, prediction, answer) == pytest.approx(expected)


def test_the_middle_mean_leaves_view_changes_out_but_overall_does_not():
    raw = [
        {"task": VCI, "prediction": "", "answer": "move_up:1"},
        {"task": "position_matching", "prediction": "A", "answer": "A"},
    ]
    table = scoring.aggregate([{**row, **scoring.score_official(row)} for row in raw])
    output = table["official"]["output"]
    assert (output["Middle"], output["overall"], output["Low"]) == (1.0, 0.5, None)
    assert table["lmms_eval_upstream"]["output"]["low"] == 0.0


def test_an_unknown_task_is_named():
    with pytest.raises(DataError, match=r"task 'depth' is not one of SPAR-Bench's twenty \(depth_prediction_oc, ..."):
        score("depth", "1", "1")
    with pytest.raises(DataError, match=r"twenty \(did you mean 'depth_prediction_oo_mv'\?\)"):
        score("depth_predicton_oo_mv", "1", "1")


@given(st.sampled_from(TASKS), PREDICTIONS, st.sampled_from(["A", "1.5", "0", "move_up:1,rotate_left:3", "x"]))
def test_any_text_scores_between_zero_and_one(task, prediction, answer):
    assert 0.0 <= score(task, prediction, answer) <= 1.0


@given(st.floats(1e-3, 1e3), st.floats(0, 1e3), st.floats(0, 1e3))
def test_relative_accuracy_falls_with_distance(truth, near, far):
    near, far = sorted((near, far))
    assert scoring.relative_accuracy(truth + near, truth) >= scoring.relative_accuracy(truth + far, truth)


@pytest.mark.parametrize("text", ["1" * 10**6, "^" * 10**6, "1.5 " * 10**5, "move_up:1," * 10**5])
@pytest.mark.parametrize("task", ["depth_prediction_oo_mv", "position_matching", VCI])
def test_a_megabyte_is_read(task, text):
    assert 0.0 <= score(task, text, "A") <= 1.0
