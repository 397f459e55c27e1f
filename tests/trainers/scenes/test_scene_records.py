"""Training rows: the prompt lists what the index means; targets and references are true."""

import re

import numpy as np
import pytest

from benchmarks.tvr.codec import encode_scene
from benchmarks.tvr.world import ATTRIBUTES, VALUES, VIEWS
from parsers.types import Relation
from rewards import reference_reward, score_completion
from trainers.scenes.cameras import CAMERA_PLACES
from trainers.scenes.prompts import prompt_template, tvr_prompt
from trainers.scenes.records import tvr_record, tvr_rows
from trainers.scenes.solids import MIN_PIXELS, Sight, bodies_of, id_map, nearest_seen, placed, relation_in_view
from trainers.scenes.tvr import generate_scene, generate_seen

EVERY = (*ATTRIBUTES, "position")
CENTER, LEFT, RIGHT = (np.array(place) for place in CAMERA_PLACES)


def bodies(*places):
    things = [
        {"color": "red", "shape": "sphere", "size": "small", "material": "rubber", "position": list(p)} for p in places
    ]
    return bodies_of(encode_scene(things), np.zeros(10))


@pytest.mark.parametrize(
    ("place", "camera", "relation"),
    [
        ((0, 10), CENTER, "right"),
        ((0, -10), CENTER, "left"),
        ((10, 0), CENTER, "in front of"),
        ((-10, 0), CENTER, "behind"),
        ((10, 10), LEFT, "right"),  # the diagonal lies across the picture of a camera turned by 41 degrees
        ((10, 10), RIGHT, "in front of"),
        ((10, -10), LEFT, "in front of"),
        ((10, -10), RIGHT, "left"),
    ],
)
def test_relations_are_those_of_the_picture(place, camera, relation):
    assert relation_in_view(bodies(place, (0, 0)), 0, 1, camera) == relation


def test_relations_are_antisymmetric():
    opposite = {"left": "right", "right": "left", "behind": "in front of", "in front of": "behind"}
    for item in range(30):
        scene = generate_scene(2, item)
        solids = bodies_of(scene.initial, scene.rotations)
        for one in range(9):
            there = relation_in_view(solids, one, one + 1, scene.stage.cameras[1])
            assert relation_in_view(solids, one + 1, one, scene.stage.cameras[1]) == opposite[there]


def test_references_go_by_the_nearest_object_in_the_picture():
    scene = bodies((0, 0), (0, 10), (0, 15), (0, 25))
    assert nearest_seen(Sight(scene, [CENTER]), 1) == 2
    assert placed(Sight(scene, [CENTER]), [0, 1, 3]) == [
        Relation("object 0", "object 1", "left"),
        Relation("object 1", "object 2", "left"),
    ]
    assert placed(Sight(bodies((0, 0), (0, 25)), [CENTER]), [0]) == []


@pytest.mark.parametrize("attributes", [ATTRIBUTES, EVERY, ("color",), ("position",), ("size", "position")])
def test_the_prompt_names_what_can_change_and_nothing_else(attributes):
    prompt = tvr_prompt(generate_scene(0, 7, attributes=attributes), attributes)
    for name in ATTRIBUTES:
        line = f"- {name}: {', '.join(VALUES[name])}"
        assert (line in prompt) == (name in attributes)
    assert ("direction.steps" in prompt) == ("position" in attributes)
    assert "{" not in prompt
    for step in ("<think>", "1. References", "2. Mapping", "3. Comparison", "<answer>", "View 1"):
        assert step in prompt
    example = re.findall(r"<answer>(.+)</answer>", prompt)[-1]
    assert {part.split(".")[1] for part in example.split(", ")} <= set(attributes)


def test_the_prompt_lists_the_objects_of_the_first_image_where_they_are():
    size = (320, 240)
    for item in range(20):
        scene = generate_scene(4, item)
        listed = re.findall(r"^(\d): (.*), at \((\d+), (\d+)\)$", tvr_prompt(scene, size=size), re.MULTILINE)
        solids = bodies_of(scene.initial, scene.rotations)
        assert [int(number) for number, *_ in listed] == np.flatnonzero(solids.shown).tolist()
        for number, _, x, y in listed:
            alone = solids._replace(shown=np.arange(10) == int(number))
            rows, columns = np.nonzero(id_map(alone, scene.stage.cameras[0], size) >= 0)
            assert abs(columns.mean() / 3.2 - int(x)) < 2
            assert abs(rows.mean() / 2.4 - int(y)) < 2


def test_the_prompt_with_moves_lists_the_objects_outside_too():
    prompt = tvr_prompt(generate_scene(0, 7, attributes=EVERY), EVERY)
    assert len(re.findall(r"^\d: ", prompt, re.MULTILINE)) == 10
    assert ", outside" in prompt


def test_rows_are_one_a_view_and_agree_but_for_the_view():
    scene = generate_scene(0, 2)
    rows = tvr_rows(scene)
    assert [row["view"] for row in rows] == list(VIEWS)
    assert len({row["prompt"] for row in rows}) == len({row["target"] for row in rows}) == 1
    assert rows[0]["target"] == ", ".join(
        f"{c['obj_idx']}.{c['attr']}.{c['val']}" for c in tvr_record(scene)["transformations"]
    )
    assert rows[1]["images_file_names"] == ["image/img_000002-init.C.png", "image/img_000002-fin.L.png"]
    changed = {f"object {change.obj_idx}" for change in scene.changes}
    for row in rows:
        assert (row["id"], row["scene"], row["task"]) == (f"tvr-2-{row['view']}", "tvr-2", "tvr")
        assert len(row["relations"]) == len(row["references"]) == 2
        assert all({triplet[0] for triplet in view} <= changed for view in row["relations"])
        assert row["relations"][0] == rows[0]["relations"][0]
        for names, triplets in zip(row["references"], row["relations"], strict=True):
            assert set(names) == {name for triplet in triplets for name in triplet[:2]}
            assert len(set(names)) == len(names)


@pytest.mark.parametrize("attributes", [ATTRIBUTES, EVERY])
def test_what_was_seen_while_a_scene_was_made_changes_no_row(attributes):
    for item in range(40):
        scene, before, after = generate_seen(8, item, attributes=attributes)
        rows = tvr_rows(scene, attributes=attributes)
        assert tvr_rows(scene, attributes=attributes, seen=(before, after)) == rows
        # Nor does what the labels found out change the answers of those who ask again.
        assert tvr_rows(scene, attributes=attributes, seen=(before, after)) == rows


@pytest.mark.parametrize("attributes", [ATTRIBUTES, EVERY])
def test_the_rewards_pay_the_labels_of_every_row_in_full(attributes):
    made = [row for item in range(30) for row in tvr_rows(generate_scene(6, item, attributes=attributes))]

    def written(row):
        views = [
            f"View {k}: " + " ".join(f"[{', '.join(triplet)}]" for triplet in triplets)
            for k, triplets in enumerate(row["relations"], start=1)
        ]
        return "<think>" + "\n".join(views) + f"</think><answer>{row['target']}</answer>"

    completions = [written(row) for row in made]
    steps = [len(row["target"].split(", ")) for row in made]
    task = "tvr" if attributes == ATTRIBUTES else "trance"
    for completion, row, count in zip(completions, made, steps, strict=True):
        score = score_completion(completion, row["target"], task=task)
        assert score.correct
        assert score.total == 1 + 5 * count
    columns = {name: [row[name] for row in made] for name in ("references", "relations", "target")}
    assert reference_reward(completions, **columns, preset="paper") == [1.0] * len(made)
    assert set(reference_reward(completions, **columns)) <= {0.5, None}  # None: both images show the same objects


def test_references_can_be_seen():
    """No label names an object that is hidden in its image, so that who looks can name all of them."""
    hidden = 0
    for item in range(60):
        scene = generate_scene(6, item)
        for row in tvr_rows(scene):
            cameras = (scene.stage.cameras[0], scene.stage.cameras[VIEWS.index(row["view"])])
            for state, camera, names in zip((scene.initial, scene.final), cameras, row["references"], strict=True):
                sight = Sight(bodies_of(state, scene.rotations), [camera])
                assert all(sight.seen_pixels(int(name.split()[1])) >= MIN_PIXELS for name in names)
                shown = np.flatnonzero(sight.bodies.shown).tolist()
                hidden += sum(sight.seen_pixels(index) < MIN_PIXELS for index in shown)
    assert hidden > 20


def test_prompt_files_end_without_a_blank_line():
    for name in ("tvr.v1", "tvr-moves.v1"):
        assert prompt_template(name) == prompt_template(name).rstrip()
