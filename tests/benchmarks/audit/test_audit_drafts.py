"""Drafts: what is exact is decided from the parts, never from text."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.drafts import COMMA, OR, Draft, honest, is_exact, write
from benchmarks.audit.scenes import draw_scenes
from parsers.completion import parse_completion
from parsers.records import parse_records
from parsers.references import parse_references
from rewards.score import score_completion
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")
SCENES, QUESTIONS = draw_scenes(TVR, 8), draw_scenes(MULTIVIEW, 8)


@pytest.mark.parametrize("scene", [*SCENES, *QUESTIONS])
def test_the_honest_draft_is_exact_and_any_order_of_it(scene):
    draft = honest(scene)
    assert is_exact(draft, scene)
    assert is_exact(replace(draft, pieces=draft.pieces[::-1], named=tuple(names[::-1] for names in draft.named)), scene)
    assert is_exact(replace(draft, reasoning="word " * 1000), scene)


@given(pieces=st.lists(st.sampled_from(SCENES[1].universe[:6] + SCENES[1].target), max_size=5))
def test_an_answer_is_exact_iff_it_is_right_and_has_no_repeats(pieces):
    scene = SCENES[1]
    draft = Draft(tuple(pieces))
    score = score_completion(write(draft, TVR), ", ".join(map(str, scene.target)))
    assert is_exact(draft, scene) == (score.correct and len(pieces) == len(set(pieces)))


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "{answer}"},
        {"joint": "</answer><answer>"},
        {"pieces": ()},
        {"pieces": ("2.color.cyan",)},
    ],
)
def test_other_forms_are_not_exact(change):
    assert not is_exact(replace(honest(SCENES[1]), **change), SCENES[1])


def test_a_question_may_say_the_same_answer_twice_but_not_in_two_blocks():
    scene = QUESTIONS[0]
    twice = replace(honest(scene), pieces=scene.target * 2)
    assert is_exact(replace(twice, joint=COMMA), scene)
    assert is_exact(replace(twice, joint=OR), scene)
    assert not is_exact(replace(twice, joint="</answer><answer>"), scene)
    assert is_exact(replace(honest(scene), joint="</answer><answer>"), scene)  # there is nothing to join
    assert not is_exact(replace(twice, named=scene.references[:-1]), scene)
    assert not is_exact(replace(twice, named=((*scene.references[0], "zebra"), *scene.references[1:])), scene)


@given(st.lists(st.sampled_from(SCENES[0].universe), max_size=6))
def test_what_is_written_reads_back(pieces):
    found = parse_completion(write(Draft(tuple(pieces)), TVR))
    assert found.fault is None
    assert parse_records(found.answer, TVR.record_format).items == tuple(pieces)


@given(st.lists(st.lists(st.sampled_from(["sofa", "lamp", "ball", "door"]), unique=True).map(tuple), max_size=3))
def test_references_read_back(named):
    read = parse_references(parse_completion(write(Draft((("A",),), tuple(named)), MULTIVIEW)).think)
    for view, names in enumerate(named, start=1):
        assert read.names(view) - {"camera"} == set(names)
