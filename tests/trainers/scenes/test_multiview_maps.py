"""Maps of generated scenes: where the cameras say that things are, and rows that the rewards take."""

import json
import math

import numpy as np
import pytest

from rewards import TaskReward, score_completion
from trainers.data.check import check_file
from trainers.data.generate import GenerationSettings, generate
from trainers.scenes.cameras import frame_at
from trainers.scenes.multiview import direction_from_middle, seen_in
from trainers.scenes.multiview_maps import asked_of_map, map_of_scene
from trainers.scenes.multiview_questions import multiview_item

TOWARD = {"in front": (0, -1), "right": (1, 0), "behind": (0, 1), "left": (-1, 0)}


@pytest.mark.parametrize("index", range(12))
def test_the_map_is_what_the_cameras_see(index):
    scene, _ = multiview_item(5, index)
    drawn = map_of_scene(scene)
    assert list(drawn.objects) == list(scene.names)
    assert all(0 <= place <= 9 for thing in drawn.things.values() for place in thing[:2])
    first = frame_at(scene.stage.cameras[0])
    for number, (view, camera) in enumerate(zip(drawn.views.values(), scene.stage.cameras, strict=True)):
        # A camera looks across the middle, and along its facing, to within what cameras stand beside their direction.
        looks = frame_at(camera).forward[:2]
        across, ahead = float(looks @ first.right[:2]), float(looks @ first.forward[:2])
        assert round(math.atan2(across, ahead) / (math.pi / 2)) % 4 == view.facing
        step = [(0, -1), (1, 0), (0, 1), (-1, 0)][view.facing]
        assert np.sign(np.round(np.array([4.5, 4.5]) - view[:2], 0)).tolist() == list(step)
        for name in (scene.names[at] for at in seen_in(scene, number)):  # what an image shows lies ahead of it
            apart = np.array(drawn.objects[name][:2]) - view[:2]
            assert apart @ step > abs(apart @ (step[1], step[0]))
    for at, name in enumerate(scene.names[2:], start=2):
        apart = np.array(drawn.objects[name][:2]) - 4.5
        way = TOWARD[direction_from_middle(scene, 0, at)]
        assert apart @ way > abs(apart @ (way[1], way[0]))


@pytest.mark.parametrize("task", ["cogmap", "trajectory"])
def test_rows_that_can_be_trained_on(task, tmp_path):
    path = generate(tmp_path / "set", GenerationSettings(count=12, seed=3, task=task))
    rows = [json.loads(line) for line in (path.parent / "metadata.jsonl").read_text().splitlines()]
    assert [*check_file(path.parent)] == []
    assert len({row["id"] for row in rows}) == 12
    for index, row in enumerate(rows):
        scene, _ = multiview_item(3, index)
        assert row["task"] == task
        assert row["target"] == asked_of_map(task, map_of_scene(scene))["target"]
        right = f"<think>b</think><answer>{row['target']}</answer>"
        assert score_completion(right, row["target"], task=task).correct
        assert score_completion(right, row["target"], task=task).unit == 1.0
        assert row["target"] not in row["prompt"]
        if task == "cogmap":
            listed = row["prompt"].split("Place these objects: ")[1].split(". ")[0].split(", ")
            assert listed == sorted(scene.names)


def test_what_does_not_look_earns_nothing_on_generated_scenes():
    """A camera stands in one of the three other quarters, so a constant facing is right of one view in three."""
    targets = [asked_of_map("trajectory", map_of_scene(multiview_item(0, index)[0]))["target"] for index in range(60)]
    views = [target.count("View") for target in targets]
    for facings in (("right", "down", "left"), ("down", "down", "down"), ("up", "up", "up"), ("left", "down", "right")):
        said = [
            ", ".join(f"View {number}: {facing}" for number, facing in enumerate(facings[:count], start=2))
            for count in views
        ]
        paid = TaskReward("trajectory")([f"<think>b</think><answer>{each}</answer>" for each in said], target=targets)
        assert np.mean(paid) - 1 < 0.15 * np.mean(views)  # beside the point for the form
    maps = [map_of_scene(multiview_item(0, index)[0]) for index in range(60)]
    targets = [asked_of_map("cogmap", each)["target"] for each in maps]
    # The places of one scene for the names of each, as its prompt lists them.
    constant = []
    for each in maps:
        other = next(other for other in maps if len(other.views) == len(each.views))
        objects = dict(zip(sorted(each.objects), (other.objects[name] for name in sorted(other.objects)), strict=True))
        constant.append(asked_of_map("cogmap", each._replace(objects=objects, views=other.views))["target"])
    paid = TaskReward("cogmap")([f"<think>b</think><answer>{each}</answer>" for each in constant], target=targets)
    looked = [one != other for one, other in zip(constant, targets, strict=True)]
    assert np.mean(np.array(paid)[looked]) < 0.05
