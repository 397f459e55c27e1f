"""Places in an image: overlap and distance by another way, what hedges earn, and every way of scoring alike."""

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.constants import constant_answers
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.scenes import draw_scenes, read_scenes
from rewards import ConfigError, DataError, TaskReward, score_batch, score_columns, score_completion
from rewards.explain import explain_question
from rewards.regions import iou, nearness, shaped
from rewards.score import resolve
from rewards.spec import QuestionSpec
from rewards.tasks import load_task
from star_cli.main import star

sides = st.tuples(st.integers(0, 12), st.integers(0, 12)).filter(lambda ends: ends[0] < ends[1])
boxes = st.builds(lambda x, y: (x[0], y[0], x[1], y[1]), sides, sides)
points = st.tuples(st.integers(0, 1000), st.integers(0, 1000))


def cells(box):
    """The unit squares of a box with whole corners."""
    return {(x, y) for x in range(box[0], box[2]) for y in range(box[1], box[3])}


@given(boxes, boxes)
def test_overlap_agrees_with_counting_squares(one, other):
    expected = len(cells(one) & cells(other)) / len(cells(one) | cells(other))
    assert iou(one, other) == iou(other, one) == pytest.approx(expected, abs=1e-12)
    assert (iou(one, other) == 1.0) == (one == other)


@given(points, points, st.sampled_from([1, 50, 100.0, 2000]))
def test_nearness_agrees_with_complex_numbers(one, other, reach):
    distance = abs(complex(*one) - complex(*other))
    assert nearness(one, other, reach) == pytest.approx(max(0.0, 1 - distance / reach), abs=1e-12)
    assert (nearness(one, other, reach) == 1.0) == (one == other)


@given(st.floats(0, 1))
def test_shapes(worth):
    assert shaped(worth, "linear") == worth
    steps = np.linspace(50, 95, 10).round() / 100
    assert shaped(worth, "thresholds") == (worth >= steps).mean()


def answer(text, target, task="box", **options):
    return score_completion(f"<think>b</think><answer>{text}</answer>", target, task=task, **options)


@given(boxes, boxes)
def test_a_box_around_two_earns_no_more_than_the_likelier(one, other):
    """Where both are as likely and do not overlap: a hedge of any kind is at most one of two."""
    if cells(one) & cells(other):
        return
    around = (min(one[0], other[0]), min(one[1], other[1]), max(one[2], other[2]), max(one[3], other[3]))
    assert (iou(around, one) + iou(around, other)) / 2 <= 0.5 + 1e-12


@given(points, points, st.floats(0, 1))
def test_no_point_between_two_earns_more_than_the_likelier(one, other, share):
    middle = tuple(share * a + (1 - share) * b for a, b in zip(one, other, strict=True))

    def expected(point):
        return (nearness(point, one, 100) + nearness(point, other, 100)) / 2

    assert expected(middle) <= max(expected(one), expected(other)) + 1e-9


def test_what_counts_as_correct():
    assert [answer(f"[0, 0, {width}, 10]", [0, 0, 100, 10]).correct for width in (100, 50, 49)] == [True, True, False]
    assert [answer(f"({x}, 0)", [0, 0], "point").correct for x in (0, 50, 51)] == [True, True, False]
    assert answer("(0, 30)", [0, 0], "point", partial="thresholds").total == 0.5  # .7 reaches .50 to .70
    assert answer("[0, 0, 72, 10]", [0, 0, 100, 10], partial="thresholds").total == 0.5
    assert answer("(0, 200)", [0, 0], "point", reach=400).total == 0.5


@pytest.mark.parametrize(
    "target", [[10, 20, 30, 40], (10, 20, 30, 40), "[10, 20, 30, 40]", {"bbox_2d": [10, 20, 30, 40]}, np.array([10, 20, 30, 40]), '{"bbox_2d": [10, 20, 30, 40]}', {"target": [10, 20, 30, 40]}]
)  # fmt: skip
def test_targets_in_every_form(target):
    assert answer("[10, 20, 30, 40]", target).total == 1.0


@pytest.mark.parametrize(
    "target", [[10, 20, 30], "here", [30, 40, 10, 20], [0, 0, math.nan, 1], 7, None, "", [[1, 2, 3, 4], [5, 6, 7, 8]]]
)
def test_wrong_targets_are_errors(target):
    with pytest.raises(DataError):
        answer("[10, 20, 30, 40]", target)
    with pytest.raises(DataError):  # also where the completion is broken
        score_completion("nothing", target, task="box")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"kind": "box"}, "answers of kind 'box' need coordinates: it is declared and never guessed"),
        ({"kind": "box", "coordinates": "unit"}, "answers of kind 'box' need layout"),
        ({"kind": "point", "coordinates": "unit"}, "answers of kind 'point' need reach"),
        ({"kind": "box", "coordinates": "percent", "layout": "xyxy"}, "coordinates is 'percent'; it is one of 'pixels', 'unit', 'thousand'"),
        ({"kind": "point", "coordinates": "unit", "reach": 0}, "reach is 0; it is a distance greater than 0"),
        ({"kind": "point", "coordinates": "unit", "reach": math.nan}, "reach is nan; it is a distance greater than 0"),
        ({"partial": "giou"}, "partial is 'giou'; it is one of 'linear', 'thresholds'"),
    ],
)  # fmt: skip
def test_declarations_that_are_not_whole_are_refused(changes, message):
    with pytest.raises(ConfigError, match=message):
        QuestionSpec(**changes)


ROWS = [
    ("[10, 20, 30, 40]", [10, 20, 30, 40]),
    ("[10, 20, 30, 50]", [10, 20, 30, 40]),
    ("[10, 20, 30, 40], [1, 2, 3, 4]", [10, 20, 30, 40]),
    ("[0, 0, 640, 480]", [10, 20, 30, 40]),
    ("nowhere", [10, 20, 30, 40]),
]


def test_every_way_of_scoring_agrees(tmp_path):
    texts = [f"<think>b</think><answer>{text}</answer>" for text, _ in ROWS]
    targets = [target for _, target in ROWS]
    batch = score_batch(texts, targets, task="box")
    assert batch.total.tolist() == pytest.approx([1, 2 / 3, 0, 400 / (640 * 480), 0])
    assert TaskReward("box")(texts, target=targets) == batch.total.tolist()
    columns = score_columns({"completion": texts, "target": targets}, task="box")
    assert columns["total"].tolist() == batch.total.tolist()
    assert columns["fault"] == ["", "", "ambiguous", "", "no_region"]
    for text, target, score in zip(texts, targets, batch, strict=True):
        alone = score_completion(text, target, task="box")
        assert (alone.total, alone.answer, alone.fault) == (score.total, score.answer, score.fault)
        assert score.spans.total == score.total
        assert explain_question(text, target, task="box").parts == dict(score.parts)
    path, out = tmp_path / "rows.jsonl", tmp_path / "out.jsonl"
    rows = [{"id": str(at), "completion": texts[at], "target": targets[at]} for at in range(len(texts))]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = CliRunner().invoke(star, ["score", str(path), "--task", "box", "--out", str(out)])
    assert done.exit_code == 0, done.output
    assert [json.loads(line)["total"] for line in out.read_text().splitlines()] == batch.total.tolist()
    done = CliRunner().invoke(star, ["explain", str(path), "--task", "box", "--id", "1"])
    assert "R_ans 0.666667: read (10.0, 20.0, 30.0, 50.0)" in done.output


@pytest.mark.parametrize("task", ["box", "point"])
def test_the_audit_shows_what_answers_earn_that_do_not_look(task):
    reward = AuditedReward(TaskReward(task))
    drawn = draw_scenes(load_task(task), 24)
    assert len({scene.target for scene in drawn}) == 24
    found = {each.name: each for each in constant_answers(reward, drawn)}
    assert set(found) == {"center", "mean", "most frequent", "empty"} | ({"whole image"} if task == "box" else set())
    assert found["empty"].mean == 0.0
    assert all(each.exact == 1.0 and each.mean < 0.3 for each in found.values())
    target = "[0, 0, 500, 500]" if task == "box" else "(500, 500)"
    same = {each.name: each.mean for each in constant_answers(reward, read_scenes(load_task(task), [target] * 3))}
    assert same["most frequent"] == same["mean"] == 1.0  # a data set in which nothing has to be looked at
    assert constant_answers(AuditedReward(TaskReward("tvr")), draw_scenes(load_task("tvr"), 2)) == ()


def test_the_whole_image_earns_its_overlap():
    spec = resolve("box", coordinates="unit")[1]
    assert spec.coordinates == "unit"
    assert answer("[0, 0, 1, 1]", [0.2, 0.2, 0.7, 0.7], coordinates="unit").total == pytest.approx(0.25)
    reward = AuditedReward(TaskReward("box", overrides={"coordinates": "unit"}))
    scenes = read_scenes(load_task("box"), ["[0.2, 0.2, 0.7, 0.7]"])
    assert constant_answers(reward, scenes)[0].exact == 1.0
