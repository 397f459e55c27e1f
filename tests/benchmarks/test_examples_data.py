"""Data of the worked examples: what is drawn is what is true, and it is written and read back without loss."""

import itertools
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.examples import GENERATORS, KINDS, ORDERED_KINDS, draw_rows, write_answer
from parsers.records import parse_records
from rewards import score_batch, score_completion
from rewards.errors import ConfigError
from rewards.tasks import load_task

SVG = "{http://www.w3.org/2000/svg}"
STEPS = {"left": (0, -1), "right": (0, 1), "front": (1, -1), "behind": (1, 1), "below": (2, -1), "above": (2, 1)}
seeds = st.integers(0, 2**32 - 1)


def problem(name, seed):
    return GENERATORS[name](np.random.default_rng(seed))


@pytest.mark.parametrize("name", GENERATORS)
@given(seed=seeds)
def test_every_record_reads_back_as_itself_in_every_form(name, seed):
    record_format = load_task(name).record_format
    target = problem(name, seed).target
    assert len(set(target)) == len(target) >= 1
    names = [field.name for field in record_format.fields]
    for form in record_format.forms:
        text = ", ".join(form.format(**dict(zip(names, record, strict=True))) for record in target)
        assert parse_records(text, record_format).items == target
    lines = "\n".join(map(record_format.render, target))
    assert parse_records(lines, record_format).items == target


def boxes_and_arrows(picture):
    """Read a drawing by its geometry alone."""
    root = ET.fromstring(picture)
    boxes = {}
    for rect, text in itertools.pairwise(root):
        if rect.tag == f"{SVG}rect":
            x, y, width, height = (int(rect.get(name)) for name in ("x", "y", "width", "height"))
            boxes[text.text] = (x, y, x + width, y + height)

    def at(point):
        x, y = map(int, point.split(","))
        (found,) = [box for box, (x0, y0, x1, y1) in boxes.items() if x0 <= x <= x1 and y0 <= y <= y1]
        return found

    arrows = []
    for group in root.iter(f"{SVG}g"):
        points = group.find(f"{SVG}polyline").get("points").split()
        arrows.append((at(points[0]), at(points[-1]), group.find(f"{SVG}text").text))
    return boxes, arrows


@given(seeds)
def test_the_picture_of_a_flowchart_shows_its_arrows(seed):
    drawn = problem("flowchart", seed)
    boxes, arrows = boxes_and_arrows(drawn.columns["picture"])
    assert tuple(arrows) == drawn.target
    assert set(boxes) == {box for arrow in drawn.target for box in arrow[:2]}
    for (_, upper), (lower, _) in itertools.pairwise([(y0, y1) for _, y0, _, y1 in boxes.values()]):
        assert upper < lower


@given(seeds)
def test_the_places_of_a_scene_give_its_relations(seed):
    drawn = problem("scene_graph", seed)
    lines = [
        re.fullmatch(r"(.+): \((-?\d+), (-?\d+), (-?\d+)\)", line) for line in drawn.columns["objects"].split("\n")
    ]
    places = {line[1]: tuple(map(int, line.groups()[1:])) for line in lines}
    assert len(set(places.values())) == len(places) >= 2
    assert [record[:2] for record in drawn.target] == [(later, before) for before, later in itertools.pairwise(places)]
    for subject, other, relation in drawn.target:
        axis, sign = STEPS[relation]
        away = [here - there for here, there in zip(places[subject], places[other], strict=True)]
        assert away[axis] * sign > 0
        assert away.count(0) == 2


@pytest.mark.parametrize("name", GENERATORS)
def test_rows(name):
    rows = list(draw_rows(name, 30, seed=5, samples=4))
    assert len({row["id"] for row in rows}) == 120
    assert len({row["prompt_id"] for row in rows}) == 30
    assert rows[8:12] == list(draw_rows(name, 3, seed=5, samples=4))[8:]
    assert rows != list(draw_rows(name, 30, seed=6, samples=4))
    batch = score_batch([row["completion"] for row in rows], [row["target"] for row in rows], task=name)
    assert 0.2 < batch.correct.mean() < 0.8
    assert batch.parts["format"].mean() < 1
    assert (batch.unit[batch.correct & (batch.parts["format"] == 1)] > batch.unit[~batch.correct].max()).mean() > 0.3


@pytest.mark.parametrize("name", GENERATORS)
@given(seed=seeds)
def test_sample_completions_are_right_or_wrong_in_known_ways(name, seed):
    task = load_task(name)
    rng = np.random.default_rng(seed)
    drawn = GENERATORS[name](rng)
    score = score_completion(write_answer(task.record_format, drawn, rng), drawn.target, task=task)
    best = 1 + task.spec.value(0) * len(drawn.target)
    assert score.total <= best
    assert (score.total == best) == (score.correct and score.parts["incorrect"] == 0)
    assert score.fault is None or score.fault.code == "no_think"


def test_kinds_of_completions():
    assert (len(KINDS), len(ORDERED_KINDS)) == (6, 8)
    with pytest.raises(
        ConfigError, match="no generator of data for task 'tvr'; there are flowchart, route, scene_graph"
    ):
        next(draw_rows("tvr", 1))
