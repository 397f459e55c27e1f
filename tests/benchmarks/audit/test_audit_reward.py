"""Candidates are written out and judged in parts; a reward under audit is asked as a trainer asks it."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.reward import (
    COMMA,
    OR,
    AuditedReward,
    Candidate,
    columns,
    honest,
    is_exact,
    score_candidates,
    score_rows,
    score_texts,
    write,
)
from benchmarks.audit.scenes import draw_scenes
from parsers.completion import parse_completion
from parsers.records import parse_records
from parsers.references import parse_references
from rewards.functions import TaskReward
from rewards.score import score_completion
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")
SCENES, QUESTIONS = draw_scenes(TVR, 8), draw_scenes(MULTIVIEW, 8)


@pytest.mark.parametrize("scene", [*SCENES, *QUESTIONS])
def test_the_honest_candidate_is_exact_and_any_order_of_it(scene):
    candidate = honest(scene)
    assert is_exact(candidate, scene)
    assert is_exact(
        replace(candidate, items=candidate.items[::-1], named=tuple(names[::-1] for names in candidate.named)), scene
    )
    assert is_exact(replace(candidate, reasoning="word " * 1000), scene)


@given(items=st.lists(st.sampled_from(SCENES[1].universe[:6] + SCENES[1].target), max_size=5))
def test_an_answer_is_exact_iff_it_is_right_and_has_no_repeats(items):
    scene = SCENES[1]
    candidate = Candidate(tuple(items))
    score = score_completion(write(candidate, TVR), ", ".join(map(str, scene.target)))
    assert is_exact(candidate, scene) == (score.correct and len(items) == len(set(items)))


@pytest.mark.parametrize(
    "change",
    [
        {"layout": "{answer}"},
        {"separator": "</answer><answer>"},
        {"items": ()},
        {"items": ("2.color.cyan",)},
    ],
)
def test_other_forms_are_not_exact(change):
    assert not is_exact(replace(honest(SCENES[1]), **change), SCENES[1])


def test_a_question_may_say_the_same_answer_twice_but_not_in_two_blocks():
    scene = QUESTIONS[0]
    twice = replace(honest(scene), items=scene.target * 2)
    assert is_exact(replace(twice, separator=COMMA), scene)
    assert is_exact(replace(twice, separator=OR), scene)
    assert not is_exact(replace(twice, separator="</answer><answer>"), scene)
    assert is_exact(replace(honest(scene), separator="</answer><answer>"), scene)  # there is nothing to join
    assert not is_exact(replace(twice, named=scene.references[:-1]), scene)
    assert not is_exact(replace(twice, named=((*scene.references[0], "zebra"), *scene.references[1:])), scene)


@given(st.lists(st.sampled_from(SCENES[0].universe), max_size=6))
def test_what_is_written_reads_back(items):
    found = parse_completion(write(Candidate(tuple(items)), TVR))
    assert found.fault is None
    assert parse_records(found.answer, TVR.record_format).items == tuple(items)


@given(st.lists(st.lists(st.sampled_from(["sofa", "lamp", "ball", "door"]), unique=True).map(tuple), max_size=3))
def test_references_read_back(named):
    read = parse_references(parse_completion(write(Candidate((("A",),), tuple(named)), MULTIVIEW)).think)
    for view, names in enumerate(named, start=1):
        assert read.names(view) - {"camera"} == set(names)


FIVE = draw_scenes(TVR, 5)
TEXTS = [f"text {number}" for number in range(5)]


def test_it_is_called_once_by_keyword_with_the_columns():
    seen = []

    def reward(*, prompts, completions, solution, **others):
        seen.append((prompts, completions, solution, others))
        return [float(len(text)) for text in completions]

    paid = score_texts(AuditedReward(reward, target_column="solution"), TEXTS, FIVE)
    assert paid.tolist() == [6.0] * 5
    ((prompts, completions, solution, others),) = seen
    assert completions == TEXTS
    assert len(prompts) == len(solution) == 5
    assert solution[0] == "4.material.metal"
    assert others == {}


def test_messages_and_few_columns():
    def reward(completions, target):
        return [len(message[0]["content"]) + len(gold) for message, gold in zip(completions, target, strict=True)]

    audited = AuditedReward(reward, messages=True, accepts=("target",))
    assert score_texts(audited, TEXTS, FIVE)[0] == len("text 0") + len("4.material.metal")


def test_an_asynchronous_reward():
    async def reward(completions, **_):
        return [1.0] * len(completions)

    assert score_texts(AuditedReward(reward), TEXTS, FIVE).tolist() == [1.0] * 5


def test_a_prefilled_opener_is_not_written():
    audited = AuditedReward(lambda completions, **_: [float("<think>" in text) for text in completions], prefilled=True)
    assert score_candidates(audited, [honest(scene) for scene in FIVE], FIVE).tolist() == [0.0] * 5


def test_what_is_no_number_is_nan():
    values = [None, math.nan, math.inf, 2, np.float32(0.5)]
    paid = score_texts(AuditedReward(lambda completions, **_: values), TEXTS, FIVE)
    assert np.isnan(paid).tolist() == [True, True, True, False, False]
    assert paid[3:].tolist() == [2.0, 0.5]


def test_rows_that_raise_are_told_apart():
    def reward(completions, **_):
        return [1 / int(text[-1]) for text in completions]  # the first one is a zero

    paid = score_texts(AuditedReward(reward), TEXTS, FIVE)
    assert np.isnan(paid).tolist() == [True, False, False, False, False]
    assert paid[4] == 0.25


def test_a_wrong_number_of_numbers_is_no_payment():
    assert np.isnan(score_texts(AuditedReward(lambda completions, **_: [1.0, 1.0]), TEXTS, FIVE)).all()


def test_columns_of_questions():
    scenes = draw_scenes(load_task("multiview"), 3)
    given = columns(AuditedReward(TaskReward("multiview")), scenes)
    assert set(given) == {"prompts", "target", "references", "relations", "options"}
    assert given["options"][0] == ["to the left", "to the right", "in front", "behind"]
    assert given["options"][1] is None


def test_the_relations_are_those_that_the_honest_candidate_writes():
    scenes = draw_scenes(load_task("multiview"), 6)
    audited = AuditedReward(TaskReward("multiview", overrides={"relation_weight": 0.5}))
    assert score_candidates(audited, [honest(scene) for scene in scenes], scenes) == pytest.approx(2.0)


def test_nothing_to_pay():
    assert score_texts(AuditedReward(lambda **_: []), [], []).tolist() == []
    assert score_rows(AuditedReward(lambda **_: []), [], {}).tolist() == []
