"""Examples are made as small as they can be."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.beliefs import doubts
from benchmarks.audit.drafts import REASONING, Draft, honest, is_exact
from benchmarks.audit.payment import Payer
from benchmarks.audit.policies import LONG
from benchmarks.audit.scenes import draw_scenes
from benchmarks.audit.showing import Showing, example, expect, gains, is_exploit, known, shrink
from rewards.functions import TaskReward
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")
SCENES = draw_scenes(TVR, 8, changes=(1, 2, 3))
PAPER = Payer(TaskReward("tvr", "paper"))
FREE = Payer(TaskReward("tvr", "no_incorrect_penalty"))


@given(st.integers(0, 500), st.lists(st.integers(0, 169), max_size=12))
def test_what_is_smallest_still_shows_it_and_nothing_can_be_left_out(seed, others):
    (scene,) = draw_scenes(TVR, 1, seed=seed, changes=(2,))
    draft = Draft((*scene.target, *scene.target, *(scene.universe[at] for at in others)), reasoning=LONG)
    start = known(scene, honest(scene), draft)
    if not is_exploit(PAPER, [start])[0]:
        return
    small = shrink(PAPER, start, exploit=True)
    assert is_exploit(PAPER, [small]) == [True]
    assert len(small.worlds[0].target) == 1
    assert len(small.draft.pieces) <= 2
    assert small.draft.reasoning == REASONING


def test_a_long_enumeration_shrinks_to_one_wrong_piece():
    scene = SCENES[1]
    draft = Draft((*(each for each in scene.universe if each not in scene.target), *scene.target))
    small = shrink(FREE, known(scene, honest(scene), draft), exploit=True)
    assert len(small.draft.pieces) == 2
    assert len(small.worlds[0].target) == 1


def test_views_and_names_are_left_out():
    scene = draw_scenes(MULTIVIEW, 1)[0]
    payer = Payer(lambda completions, **_: [1.0] * len(completions))
    draft = replace(honest(scene), named=scene.visible)
    small = shrink(payer, known(scene, honest(scene), draft), exploit=True)
    assert len(small.worlds[0].references) == len(small.draft.named) == 1
    assert not is_exact(small.draft, small.worlds[0])
    assert sum(map(len, small.draft.named)) == 0


def test_what_is_certain_is_left_out_of_a_doubt():
    scene = SCENES[2]
    doubt = next(each for each in doubts(scene, ()) if each.about == "index")
    both = Draft((*doubt.worlds[0].target, doubt.worlds[1].target[-1]))
    start = Showing(doubt.worlds, (0.5, 0.5), honest(scene), both)
    payer = Payer(TaskReward())
    small = shrink(payer, start, exploit=False)
    assert [len(world.target) for world in small.worlds] == [1, 1]
    assert len(small.draft.pieces) == 2
    found = example(payer, small)
    assert (found.paid, found.against) == (5.0, 3.0)
    assert [world.chance for world in found.worlds] == [0.5, 0.5]


def test_expectations_and_gains_agree():
    scene = SCENES[1]
    doubt = next(each for each in doubts(scene, ()) if each.about == "value")
    silent, payer = Draft(), Payer(TaskReward())
    one, other = expect(payer, [honest(scene), silent], doubt.worlds, (0.25, 0.75))
    (gain,) = gains(payer, [Showing(doubt.worlds, (0.25, 0.75), honest(scene), silent)])
    assert gain == pytest.approx(other - one)


def test_an_exact_draft_is_no_exploit_however_much_it_is_paid():
    scene = SCENES[0]
    payer = Payer(lambda completions, **_: [float(len(text)) for text in completions])
    assert is_exploit(payer, [known(scene, honest(scene), replace(honest(scene), reasoning=LONG))]) == [False]


def test_references_stand_in_the_truth_of_an_example():
    scene = draw_scenes(MULTIVIEW, 1)[0]
    found = example(Payer(TaskReward("multiview")), known(scene, honest(scene), Draft()))
    assert found.worlds[0].target == "D; view 1: mirror; view 2: door; view 3: chair, plant"
    assert found.against == 2.0
