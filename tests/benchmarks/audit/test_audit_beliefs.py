"""What a policy may be unsure of."""

import pytest

from benchmarks.audit.beliefs import RANGES, doubts, majority_answer
from benchmarks.audit.scenes import draw_scenes
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")


@pytest.mark.parametrize("scene", draw_scenes(TVR, 8))
def test_doubts_of_a_list(scene):
    found = {(doubt.about, doubt.model): doubt for doubt in doubts(scene, ())}
    assert {model for _, model in found} <= set(RANGES)
    for at, field in enumerate(("index", "attribute", "value")):
        doubt = found[field, "two candidates"]
        right, wrong = (world.target[-1] for world in doubt.worlds)
        assert doubt.worlds[0] is doubt.belief.scene is scene
        assert doubt.belief.otherwise is doubt.worlds[1]
        assert right[:at] == wrong[:at]
        assert right[at] != wrong[at]
        guess = found[field, "one guess"]
        assert guess.belief.otherwise.target == scene.target[:-1]
        assert guess.worlds == doubt.worlds
    assert (("existence", "likely there") in found) == (len(scene.target) > 1)


def test_existence_is_believed_in_the_likelier_way():
    scene = draw_scenes(TVR, 1, changes=(2,))[0]
    found = {doubt.model: doubt for doubt in doubts(scene, ()) if doubt.about == "existence"}
    there, absent = found["likely there"], found["likely not there"]
    assert there.belief.scene.target == absent.belief.otherwise.target == scene.target
    assert there.worlds == absent.worlds[::-1]


def test_a_wrong_object_is_none_of_the_true_ones():
    for scene in draw_scenes(TVR, 12, changes=(4,)):
        doubt = next(each for each in doubts(scene, ()) if each.about == "index")
        assert doubt.worlds[1].target[-1][0] not in {record[0] for record in scene.target}


def test_doubts_of_a_question():
    for scene in draw_scenes(MULTIVIEW, 12):
        found = [(doubt.about, doubt.model) for doubt in doubts(scene, ())]
        assert ("answer", "two candidates") in found
        assert (("answer", "one guess") in found) == (len(scene.universe) > 2)
        assert (("reference", "likely there") in found) == (len(scene.references[0]) > 1)


def test_nothing_true_leaves_no_doubt():
    from dataclasses import replace

    assert list(doubts(replace(draw_scenes(TVR, 1)[0], target=()), ())) == []


def test_the_majority_is_the_most_frequent_answer():
    one, two, *_ = draw_scenes(TVR, 4)
    assert majority_answer([one, two, two]) == two.target
    assert majority_answer([one, two]) == one.target
