"""Scenes: drawn from a seed, or read from rows."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.reward import AuditedReward, honest, score_candidates
from benchmarks.audit.scenes import (
    OPPOSITE,
    RECORDS,
    chain,
    draw_scenes,
    drop,
    drop_view,
    new_names,
    prompt_text,
    read_scenes,
    rename,
    renamed_scene,
    spell,
    target_text,
)
from parsers.records import parse_records
from rewards.errors import ConfigError, DataError
from rewards.functions import TaskReward
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")


@given(seed=st.integers(0, 2**31), number=st.integers(1, 6))
def test_the_ith_scene_depends_on_the_seed_and_i_only(seed, number):
    few, many = draw_scenes(TVR, number, seed=seed), draw_scenes(TVR, number + 3, seed=seed)
    assert many[:number] == few


@given(seed=st.integers(0, 2**31), changes=st.lists(st.integers(1, 5), min_size=1, max_size=3))
def test_a_scene_has_as_many_cells_as_asked_for(seed, changes):
    for at, scene in enumerate(draw_scenes(TVR, 4, seed=seed, changes=changes)):
        assert len({record[:-1] for record in scene.target}) == len(scene.target) == changes[at % len(changes)]
        assert set(scene.target) <= set(scene.universe)


def test_other_seeds_draw_other_scenes():
    assert draw_scenes(TVR, 4, seed=1) != draw_scenes(TVR, 4, seed=2)


@pytest.mark.parametrize(("task", "size"), [("tvr", 170), ("trance", 330)])
def test_the_universe_is_all_that_can_be_written(task, size):
    (scene,) = draw_scenes(load_task(task), 1)
    assert len(set(scene.universe)) == size
    text = ", ".join(spell(scene.task, record) for record in scene.universe)
    assert parse_records(text, scene.task.record_format).items == scene.universe


@pytest.mark.parametrize("name", ["tvr", "trance", "multiview"])
def test_the_exact_answer_is_right_for_the_tasks_own_reward(name):
    scenes = draw_scenes(load_task(name), 12)
    audited = AuditedReward(TaskReward(name))
    best = score_candidates(audited, [honest(scene) for scene in scenes], scenes)
    question = 1 + load_task("multiview").spec.reference_weight
    expected = [1 + 5 * len(scene.target) if scene.task.record_format else question for scene in scenes]
    assert best == pytest.approx(expected)


def test_questions_have_views_with_more_objects_than_references():
    for scene in draw_scenes(MULTIVIEW, 9):
        assert len(scene.references) == len(scene.visible) >= 2
        assert all(
            0 < len(set(names) & set(seen)) == len(names) < len(seen)
            for names, seen in zip(scene.references, scene.visible, strict=True)
        )
        everywhere = set.intersection(*map(set, scene.references))
        assert everywhere
        assert all(set(names) - everywhere for names in scene.references)  # by which the views can be told apart


@pytest.mark.parametrize(("number", "changes"), [(0, (1,)), (3, ()), (3, (0, 1))])
def test_what_cannot_be_drawn_is_a_config_error(number, changes):
    with pytest.raises(ConfigError, match="cannot be drawn"):
        draw_scenes(TVR, number, changes=changes)


def test_rows_of_a_list_task_become_scenes():
    one, two = read_scenes(TVR, ["2.color.cyan, 0.shape.cube", [{"obj_idx": 42, "attr": "color", "val": "red"}]])
    assert target_text(one) == "2.color.cyan, 0.shape.cube"
    assert two.target == ((42, "color", "red"),)
    assert two.universe[-1] == two.target[0]  # an object beyond those that are drawn
    with pytest.raises(DataError, match="cyna"):
        read_scenes(TVR, ["2.color.cyna"])


def test_rows_of_questions_become_scenes():
    given = [{2: ["Lamps"], 1: ["the sofa", "ball"]}, [["door"]], None]
    choice, number, word = read_scenes(
        MULTIVIEW, ["B", "4 m", "a red chair"], references=given, options=[["left", "right", "behind"], None, None]
    )
    assert choice.universe == (("A",), ("B",), ("C",))
    assert choice.references == (("ball", "sofa"), ("lamp",))
    assert choice.options == ("left", "right", "behind")
    assert ("4 m",) in number.universe
    assert len(number.universe) > 2
    assert word.references == word.visible == ()
    assert all(set(true) < set(seen) for true, seen in zip(choice.references, choice.visible, strict=True))


def test_smaller_scenes():
    (scene,) = draw_scenes(TVR, 1, changes=(3,))
    assert drop(scene, scene.target[1]).target == (scene.target[0], scene.target[2])
    question = draw_scenes(MULTIVIEW, 1)[0]
    assert drop_view(question, 0).references == question.references[1:]
    assert drop_view(question, 0).visible == question.visible[1:]


def test_prompts_name_the_form_and_the_options():
    assert "index.attribute.value" in prompt_text(draw_scenes(TVR, 1)[0])
    assert "(A) to the left (B) to the right" in prompt_text(draw_scenes(MULTIVIEW, 1)[0])


def test_relations_differ_by_pair_and_view_and_hold_the_other_way_round():
    scenes = draw_scenes(MULTIVIEW, 12)
    said = set()
    for scene in scenes:
        for view, names in enumerate(scene.visible):
            for one, other in pairwise(names):
                (triplet,), (turned,) = (chain(scene, view, pair) for pair in ((one, other), (other, one)))
                assert triplet[:2] == turned[1::-1]
                assert OPPOSITE[triplet[2]] == turned[2]
                said.add(triplet[2])
    assert said == set(OPPOSITE)
    assert chain(scenes[0], 0, []) == []
    assert chain(scenes[0], 0, ["sofa"]) == [("sofa", "camera", "front")]


@given(seed=st.integers(0, 1000), name=st.sampled_from(["tvr", "trance", "flowchart", "scene_graph", "multiview"]))
def test_new_names_keep_what_can_be_named_and_change_names(seed, name):
    (scene,) = draw_scenes(load_task(name), 1, seed=seed)
    names = new_names(scene, np.random.default_rng(seed))
    other = renamed_scene(scene, names)
    assert sorted(names, key=str) == sorted(names.values(), key=str)
    assert {rename(record, scene, names) for record in scene.universe} == set(scene.universe)
    assert len(other.target) == len(scene.target)
    assert [len(view) for view in other.references] == [len(view) for view in scene.references[::-1]]
    assert other.turns == scene.turns[::-1]


def test_objects_are_renamed_wherever_they_stand_in_a_record():
    (scene,) = draw_scenes(load_task("scene_graph"), 1)
    names = new_names(scene, np.random.default_rng(1))
    record = scene.target[0]
    renamed = rename(record, scene, names)
    assert renamed == tuple(names.get(value, value) for value in record)
    assert sum(value in names for value in record) == 2  # both objects, and not the relation


def test_where_no_permutation_will_do_names_stay(tmp_path):
    path = tmp_path / "uneven.yaml"
    path.write_text(
        "name: uneven\nkind: records\n"
        "fields: [{name: part, kind: closed, values: [door, wheel]}, {name: state, kind: closed, values: [open, flat]}]\n"
        "forms: ['{part}: {state}']\nreward: {tiers: [{fields: [part, state], pays: 1}]}\n"
    )
    (scene,) = draw_scenes(load_task(str(path)), 1, changes=(1,))
    uneven = replace(scene, universe=scene.universe[:-1], target=scene.universe[:1])
    assert all(new_names(uneven, np.random.default_rng(seed))["door"] == "door" for seed in range(8))


def test_of_many_fields_there_are_not_too_many_records(tmp_path):
    names = [f"f{number}" for number in range(8)]
    fields = ", ".join(f"{{name: {name}, kind: integer}}" for name in names)
    form = ", ".join(f"{{{name}}}" for name in names)
    path = tmp_path / "many.yaml"
    path.write_text(
        f"name: many\nkind: records\nfields: [{fields}]\nforms: ['({form})']\n"
        f"reward: {{tiers: [{{fields: [{', '.join(names)}], pays: 1}}]}}\n"
    )
    scene = draw_scenes(load_task(str(path)), 1)[0]
    assert 2**8 <= len(scene.universe) <= RECORDS
    assert all(len({record[at] for record in scene.universe}) >= 2 for at in range(8))
