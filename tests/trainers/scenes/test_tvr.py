"""Generated scenes against TRANCE's rules, written here once more in the plainest way."""

from collections import Counter
from functools import cache
from math import dist

import numpy as np
import pytest

from benchmarks.tvr.codec import encode_scene
from benchmarks.tvr.world import ATTRIBUTES, COLORS, MATERIALS, PAIR_CODE, PAIRS, SHAPES, SIZES
from rewards.errors import ConfigError
from trainers.data.check import check_scene
from trainers.scenes.records import read_tvr_record, tvr_record
from trainers.scenes.solids import bodies_of, id_map
from trainers.scenes.tvr import check_attributes, generate_scene, targets
from trainers.scenes.tvr_plan import PlannedChange, ScenePlan, plan_scene

EVERY = (*ATTRIBUTES, "position")
VECTORS = {"behind": (1, 0), "front": (-1, 0), "right": (0, 1), "left": (0, -1)}
RADIUS = {"large": 6, "medium": 4, "small": 2}


@cache
def records(attributes=ATTRIBUTES, count=150, seed=0):
    return [tvr_record(generate_scene(seed, index, attributes=attributes)) for index in range(count)]


@pytest.fixture(params=[ATTRIBUTES, EVERY], ids=["paper", "moves"])
def made(request):
    return records(request.param)


def in_view(place):
    return max(map(abs, place)) <= 20


def moved(place, value):
    direction, step = value
    x, y = place
    for part in direction.split("-"):
        dx, dy = VECTORS[part]
        x, y = x + 10 * step * dx, y + 10 * step * dy
    return [x, y]


def states_of(record):
    """The objects before the first change, after it, ..., after the last; by plain execution."""
    states = [[dict(item) for item in record["states"][0]["objects"]]]
    for change in record["transformations"]:
        objects = [dict(item) for item in states[-1]]
        target = objects[change["obj_idx"]]
        new = change["val"]
        target[change["attr"]] = moved(target["position"], new) if change["attr"] == "position" else new
        states.append(objects)
    return states


def test_ten_objects_of_known_values_stand_in_the_world(made):
    for record in made:
        for state in record["states"]:
            assert len(state["objects"]) == 10
            for item in state["objects"]:
                assert item["color"] in COLORS
                assert item["shape"] in SHAPES
                assert item["size"] in SIZES
                assert item["material"] in MATERIALS
                assert all(type(part) is int and abs(part) <= 40 for part in item["position"])
                assert 0 <= item["rotation"] <= 2 * np.pi


def test_visible_objects_and_steps_are_as_planned(made):
    attributes = ATTRIBUTES if made is records(ATTRIBUTES) else EVERY
    for index, record in enumerate(made):
        plan = plan_scene(0, index, attributes)
        assert sum(in_view(item["position"]) for item in record["states"][0]["objects"]) == plan.n_visible
        assert len(record["transformations"]) == len(plan.slots)
        assert {change["attr"] for change in record["transformations"]} <= set(attributes)


def test_no_two_objects_are_ever_too_near(made):
    for record in made:
        for objects in states_of(record):
            for k, one in enumerate(objects):
                for other in objects[:k]:
                    reach = RADIUS[one["size"]] + RADIUS[other["size"]] + 1
                    assert dist(one["position"], other["position"]) >= reach


def test_the_final_state_is_what_the_changes_make(made):
    for record in made:
        assert states_of(record)[-1] == record["states"][1]["objects"]


def test_every_change_changes_something_and_no_cell_changes_twice(made):
    for record in made:
        states = states_of(record)
        cells = [(change["obj_idx"], change["attr"]) for change in record["transformations"]]
        assert len(set(cells)) == len(cells)
        for before, after, (index, attribute) in zip(states, states[1:], cells, strict=False):
            assert before[index][attribute] != after[index][attribute]


def test_types_and_options_of_moves():
    seen = Counter()
    for record in records(EVERY):
        states = states_of(record)
        changed = set()
        for before, after, change in zip(states, states[1:], record["transformations"], strict=False):
            index = change["obj_idx"]
            if change["attr"] != "position":
                assert in_view(before[index]["position"])
                assert change["options"] == [change["val"]]
                assert "type" not in change
                changed.add(index)
                continue
            old, new = before[index]["position"], after[index]["position"]
            kind = {(True, True): "inner", (True, False): "out", (False, True): "in"}[in_view(old), in_view(new)]
            assert change["type"] == kind
            seen[kind] += 1
            assert not (kind == "out" and index in changed)
            changed.add(index)
            if kind != "out":
                assert change["options"] == [change["val"]]
                continue
            for direction in [*VECTORS, "front-left", "front-right", "behind-left", "behind-right"]:
                for step in (1, 2):
                    place = moved(old, (direction, step))
                    right = max(map(abs, place)) <= 40 and not in_view(place)
                    assert ([direction, step] in change["options"]) == right
    assert set(seen) == {"inner", "out", "in"}


def test_changed_objects_are_well_in_view_at_the_start_and_after_every_change(made):
    for record in made[:60]:
        scene = read_tvr_record(record)
        first = bodies_of(scene.initial, scene.rotations)
        ids = id_map(first, scene.stage.cameras[0])
        changed = set()
        for objects, change in zip(states_of(record)[1:], record["transformations"], strict=True):
            index = change["obj_idx"]
            if first.shown[index]:
                assert (ids == index).sum() >= 150
            changed.add(index)
            bodies = bodies_of(encode_scene(objects), scene.rotations)
            for camera in scene.stage.cameras:
                now = id_map(bodies, camera)
                assert all((now == k).sum() >= 150 for k in changed if bodies.shown[k])


def test_the_checker_finds_nothing_wrong_with_them(made):
    assert [check_scene(record, repeats=False) for record in made] == [[]] * len(made)


def test_records_are_read_back_exactly(made):
    for record in made:
        assert tvr_record(read_tvr_record(record)) == record


def test_item_i_depends_on_seed_and_i_only():
    alone = [tvr_record(generate_scene(0, index)) for index in (149, 3, 77)]
    assert alone == [records()[index] for index in (149, 3, 77)]
    assert tvr_record(generate_scene(1, 3)) != records()[3]
    assert len({str(record["states"]) for record in records()}) == 150


def test_values_of_the_changes_are_balanced_and_objects_are_not_favoured():
    changes = [change for record in records() for change in record["transformations"]]
    pairs = Counter((change["attr"], change["val"]) for change in changes)
    assert len(pairs) == 17
    assert max(pairs.values()) - min(pairs.values()) <= 6  # 150 items are no whole number of blocks
    objects = Counter(change["obj_idx"] for change in changes)
    assert len(objects) == 10
    assert max(objects.values()) < 3 * min(objects.values())


def test_repeats_can_be_allowed_as_upstream_does():
    scenes = [generate_scene(0, index, repeats=True) for index in range(150)]
    written = [tvr_record(scene) for scene in scenes]
    twice = [
        [(c["obj_idx"], c["attr"]) for c in record["transformations"]]
        for record in written
        if any("changed_twice" in text for text in check_scene(record, repeats=False))
    ]
    assert twice
    assert all(len(set(found)) < len(found) for found in twice)
    assert all(check_scene(record) == [] for record in written)


def test_targets_are_canonical():
    scene = read_tvr_record(records(EVERY)[5])
    for target, change in zip(targets(scene), records(EVERY)[5]["transformations"], strict=True):
        value = change["val"]
        text = ".".join(map(str, value)) if change["attr"] == "position" else value
        assert str(target) == f"{change['obj_idx']}.{change['attr']}.{text}"


def test_attributes_are_checked():
    assert check_attributes(["position", "color"]) == ("color", "position")
    with pytest.raises(ConfigError, match="'colour' is not one of color, shape"):
        check_attributes(["colour"])
    with pytest.raises(ConfigError, match="no attribute"):
        check_attributes([])


def test_the_same_move_can_be_made_by_two_objects(monkeypatch):
    slot = PlannedChange(PAIR_CODE["position", "behind.1"], "in")
    monkeypatch.setattr("trainers.scenes.tvr.plan_scene", lambda *_: ScenePlan(3, (slot, slot)))
    scene = generate_scene(0, 0, attributes=("position",))
    assert [(PAIRS[change.pair], change.move) for change in scene.changes] == [(("position", "behind.1"), "in")] * 2
    assert scene.changes[0].obj_idx != scene.changes[1].obj_idx
