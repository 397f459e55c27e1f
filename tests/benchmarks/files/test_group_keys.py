"""Which rows answer one prompt: the first key that a file has, and never one that its rows contradict."""

import json

import pytest

from benchmarks.files.blocks import read_block
from benchmarks.files.columns import find_columns
from benchmarks.files.sources import START, Chunk
from benchmarks.run.rewards import score_rewards

CYAN, CUBE = "2.color.cyan", "0.shape.cube"


def block_of(*rows, **options):
    rows = [{"completion": "c", "target": "t", **row} for row in rows]
    chunk = Chunk("f.jsonl", rows, range(1, len(rows) + 1), None, START, None)
    return read_block(chunk, find_columns(chunk, needed=("completion", "target"), **options))


def groups(block):
    """Return the groups as small numbers in order of appearance, None for rows on their own."""
    seen = {}
    return [None if number is None else seen.setdefault(number, len(seen)) for number in block.groups()]


def write(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return str(path)


def row(target=CYAN, **columns):
    return {"completion": f"<think>a</think><answer>{CYAN}</answer>", "target": target, **columns}


@pytest.mark.parametrize("name", ["uid", "group", "group_id", "problem_id", "prompt_index", "id", "doc_id"])
def test_an_id_that_repeats_within_a_step_tells_prompts(name):
    rows = [{name: "a", "prompt": "p", "step": 1}, {name: "a", "prompt": "p", "step": 1}, {name: "b", "prompt": "p"}]
    block = block_of(*rows, {name: "a", "prompt": "p", "step": 2})
    assert groups(block) == [0, 0, 1, 2]
    assert block.group_name == f"{name} and step"
    assert block.group_labels() == ["a", "a", "b", "a"]


@pytest.mark.parametrize("name", ["uid", "group", "id"])
@pytest.mark.parametrize("differ", [{"prompt": "q"}, {"target": "u"}])
def test_an_id_whose_rows_are_asked_different_things_is_not_the_prompt(name, differ):
    """A column `group` may name a scene, and ids of two data sets may be the same."""
    rows = [{name: "a", "prompt": "p"}, {name: "a", "prompt": "p"}, {name: "a", "prompt": "p", **differ}]
    block = block_of(*rows)
    assert groups(block) == [0, 0, 1]
    assert block.group_name == "prompt and target"


@pytest.mark.parametrize("name", ["images", "image", "image_path", "image_paths"])
def test_images_tell_prompts_that_are_worded_alike(name):
    rows = [{"prompt": "p", name: image} for image in ("1.png", "1.png", "2.png", "2.png")]
    assert groups(block_of(*rows)) == [0, 0, 1, 1]


def test_an_id_that_never_repeats_is_not_the_prompt():
    block = block_of({"id": 1, "uid": "x", "prompt": "p"}, {"id": 2, "uid": "y", "prompt": "p"})
    assert groups(block) == [0, 0]
    assert block.ids() == [1, 2]


def test_an_id_that_repeats_only_over_steps_is_not_the_prompt():
    rows = [{"id": n, "prompt": "p", "step": step} for step in (1, 2) for n in (1, 2)]
    assert groups(block_of(*rows)) == [0, 0, 1, 1]


def test_an_id_that_is_used_again_for_another_question_is_another_prompt(tmp_path):
    """What the first rows show does not hold for all of a file: here a second log follows the first."""
    logs = [[row(target, id=n, pad="x" * 400) for n in range(2000) for _ in range(2)] for target in (CYAN, CUBE)]
    found = score_rewards([write(tmp_path / "p.jsonl", [*logs[0], *logs[1]])])
    assert (found.grouped_by, found.groups.groups, found.groups.mixed) == (("id",), 4000, 0)
    assert (found.groups.smallest, found.groups.largest) == (2, 2)


def test_a_prompt_id_and_the_users_word_are_trusted():
    rows = [{"prompt_id": 1, "uid": "a", "prompt": p, "scene": "s"} for p in "pq"] * 2
    assert block_of(*rows).group_name == "prompt_id"
    assert groups(block_of(*rows)) == [0, 0, 0, 0]
    asked = block_of({**rows[0], "prompt_id": 2}, *rows, mapping={"group": "scene"})
    assert (groups(asked), asked.group_name) == ([0] * 5, "scene")


def test_a_prompt_id_within_a_step():
    rows = [{"prompt_id": 1, "step": step} for step in (1, 1, 2, None)]
    assert groups(block_of(*rows)) == [0, 0, 1, 2]


def test_prompts_of_one_wording_are_told_apart_by_target_and_images():
    rows = [
        {"prompt": "p", "images": ["a.png"]},
        {"prompt": "p", "images": ["a.png"]},
        {"prompt": "p", "images": ["b.png"]},
        {"prompt": "p", "images": ["a.png"], "target": "u"},
    ]
    block = block_of(*rows)
    assert groups(block) == [0, 0, 1, 2]
    assert block.group_name == "prompt, target and images"
    assert "images" not in block_of({"prompt_id": 1, "images": [b"large"]}).columns


def test_a_log_of_verl(tmp_path):
    """One prompt for all images, told apart by uid alone."""
    rows = [
        {"input": "What changed?", "output": f"<think>a</think><answer>{CYAN}</answer>", "gts": target, "score": 1.0}
        | {"step": 5, "uid": uid}
        for uid, target in (("a", CYAN), ("b", CUBE))
        for _ in range(4)
    ]
    found = score_rewards([write(tmp_path / "v.jsonl", rows)])
    assert (found.groups.groups, found.groups.zero_variance, found.grouped_by) == (2, 2, ("uid and step",))
    assert found.groups.smallest == found.groups.largest
    assert found.accuracy.value == 0.5


def test_groups_of_different_sizes_are_said(tmp_path):
    path = write(tmp_path / "p.jsonl", [row(prompt_id=n) for n in (1, 1, 1, 2)])
    found = score_rewards([path])
    assert (found.groups.smallest, found.groups.largest) == (1, 3)
    shown = found.as_dict()
    assert (shown["groups"]["smallest"], shown["groups"]["largest"], shown["grouped_by"]) == (1, 3, ("prompt_id",))


def test_files_may_have_different_keys(tmp_path):
    paths = [
        write(tmp_path / "a.jsonl", [row(prompt_id=1), row(prompt_id=1)]),
        write(tmp_path / "b.jsonl", [row(prompt="p"), row(prompt="p")]),
    ]
    found = score_rewards(paths)
    assert found.grouped_by == ("prompt_id", "prompt and target")
    assert found.groups.groups == 2


# Scenes


def scenes(tmp_path, count=12, **options):
    """Three views of each scene; a scene's rows are all right or all wrong."""
    rows = [
        row(CYAN if scene % 2 else CUBE, prompt_id=f"{scene}-{view}", scene=scene)
        for scene in range(count)
        for view in "clr"
    ]
    return score_rewards([write(tmp_path / "s.jsonl", rows)], **options)


def test_intervals_are_clustered_by_scene(tmp_path):
    found = scenes(tmp_path)
    apart = score_rewards([write(tmp_path / "a.jsonl", [row(CYAN if n % 2 else CUBE, prompt_id=n) for n in range(12)])])
    assert (found.rows, found.scenes, apart.scenes) == (36, 12, None)
    for name in ("total", "accuracy"):
        one, two = getattr(found, name), getattr(apart, name)
        assert (one.value, one.low, one.high) == pytest.approx((two.value, two.low, two.high))
    assert found.signature.endswith("|clusters:scene=12|n:36")
    assert "clusters" not in apart.signature
    assert found.groups.groups == 0  # each prompt has one row


def test_scenes_may_come_with_the_targets(tmp_path):
    predictions = [{"id": n, "completion": row()["completion"]} for n in range(6)]
    gold = [{"id": n, "target": CYAN if n < 3 else CUBE, "scene": n // 3} for n in range(6)]
    paths = write(tmp_path / "p.jsonl", predictions), write(tmp_path / "g.jsonl", gold)
    assert score_rewards([paths[0]], targets=paths[1]).scenes == 2


def test_a_row_without_a_scene_is_its_own(tmp_path):
    rows = [row(scene=1), row(scene=1), row(), row(scene=None)]
    assert score_rewards([write(tmp_path / "p.jsonl", rows)]).scenes == 3


def test_groups_stay_whole_in_scenes(tmp_path):
    rows = [row(CYAN if n % 3 else CUBE, prompt_id=n % 6, scene=n % 2) for n in range(24)]
    with_scene = score_rewards([write(tmp_path / "p.jsonl", rows)])
    without = score_rewards([write(tmp_path / "q.jsonl", [{**each, "scene": None} for each in rows])])
    names = ("groups", "rows", "zero_variance", "mixed", "outranked", "smallest", "largest")
    assert [getattr(with_scene.groups, name) for name in names] == [getattr(without.groups, name) for name in names]
    assert (with_scene.scenes, without.scenes) == (2, None)
