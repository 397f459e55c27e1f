"""Candidates are written out and judged in parts; a reward under audit is asked as a trainer asks it."""

from __future__ import annotations

import inspect
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
    call_convention,
    columns,
    exactness,
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
    score = score_completion(write(candidate, scene), ", ".join(map(str, scene.target)))
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
    found = parse_completion(write(Candidate(tuple(items)), SCENES[0]))
    assert found.fault is None
    assert parse_records(found.answer, TVR.record_format).items == tuple(items)


@given(
    named=st.lists(st.lists(st.sampled_from(["sofa", "lamp", "ball", "door"]), unique=True).map(tuple), max_size=2),
    relations=st.sampled_from(["true", "left", "reversed", "both"]),
)
def test_references_read_back(named, relations):
    candidate = Candidate((("A",),), tuple(named), relations=relations)
    read = parse_references(parse_completion(write(candidate, QUESTIONS[0])).think)
    for view, names in enumerate(named, start=1):
        assert read.names(view) - {"camera"} == set(names)
        assert len(read.relations.get(view, ())) == (1 + (relations == "both")) * max(len(names) - 1, len(names) == 1)


def test_relations_are_written_as_asked():
    scene = QUESTIONS[0]
    true, reversed_, both = (
        write(replace(honest(scene), relations=relations), scene) for relations in ("true", "reversed", "both")
    )
    audited = AuditedReward(TaskReward("multiview", overrides={"relation_weight": 1.0}))
    scores = score_texts(audited, [true, reversed_, both], [scene] * 3)
    assert scores[0] > max(scores[1], scores[2])
    assert not is_exact(replace(honest(scene), relations="both"), scene)


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
    best = 1 + load_task("multiview").spec.reference_weight
    assert score_candidates(audited, [honest(scene) for scene in scenes], scenes) == pytest.approx(best)


def test_nothing_to_pay():
    assert score_texts(AuditedReward(lambda **_: []), [], []).tolist() == []
    assert score_rows(AuditedReward(lambda **_: []), [], {}).tolist() == []


GOLDS = ["4.material.metal", "2.color.cyan"]


def verl(data_source, solution_str, ground_truth, extra_info=None):
    return {"score": float(solution_str == ground_truth), "acc": 1, "extra": bool(extra_info)}


async def verl_plain(data_source, solution_str, ground_truth, extra_info=None, **settings):
    return float(solution_str == ground_truth)


def verl_batch(data_sources, solution_strs, ground_truths, extra_infos):
    return [float(text == gold) for text, gold in zip(solution_strs, ground_truths, strict=True)]


def easyr1(reward_inputs, format_weight=0.1):
    return [{"overall": float(item["response"] == item["ground_truth"]), "format": 1.0} for item in reward_inputs]


def easyr1_item(reward_input):
    assert reward_input["response_length"] == len(reward_input["response"])
    return {"overall": float(reward_input["response"] == reward_input["ground_truth"])}


@pytest.mark.parametrize(
    ("function", "convention"),
    [
        (verl, "verl"),
        (verl_plain, "verl"),
        (verl_batch, "verl_batch"),
        (easyr1, "easyr1"),
        (easyr1_item, "easyr1_item"),
        (lambda completions, target: [float(a == b) for a, b in zip(completions, target, strict=True)], "trl"),
    ],
)
def test_rewards_of_other_trainers_are_called_as_those_call_them(function, convention):
    assert call_convention(inspect.signature(function).parameters) == convention
    accepts = ("target",) if convention == "trl" else None
    audited = AuditedReward(function, convention=convention, accepts=accepts)
    found = score_rows(audited, [GOLDS[0], "nonsense"], {"prompts": ["?", "?"], "target": GOLDS})
    assert found.tolist() == [1.0, 0.0]


def test_other_columns_of_questions_reach_other_trainers_rewards():
    seen = []

    def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        seen.append((ground_truth, extra_info))
        return 1.0

    scene = QUESTIONS[0]
    score_candidates(AuditedReward(compute_score, convention="verl"), [honest(scene)], [scene])
    ((gold, extra),) = seen
    assert gold == scene.target[0][0]
    assert extra["references"] == [list(names) for names in scene.references]
    assert extra["options"] == list(scene.options)


def test_a_result_without_its_key_is_no_number():
    audited = AuditedReward(lambda reward_inputs: [{"score": 1.0} for _ in reward_inputs], convention="easyr1")
    assert np.isnan(score_texts(audited, TEXTS, FIVE)).all()


def test_what_makes_no_difference_is_no_part_of_what_is_exact():
    scenes = draw_scenes(MULTIVIEW, 8)
    scene = scenes[1]
    common = set.intersection(*map(set, scene.references))
    seen = {name for names in scene.references for name in names}
    foreign = next(name for name in scene.visible[0] if name not in seen)
    changes = {
        "relations": replace(honest(scene), relations="reversed"),
        "foreign": replace(honest(scene), named=((*scene.references[0], foreign), *scene.references[1:])),
        "common": replace(
            honest(scene),
            named=tuple(tuple(name for name in names if name not in common) for names in scene.references),
        ),
    }
    ignored = {
        "default": {"relations", "foreign", "common"},  # informedness looks at what tells views apart
        "paper": {"relations"},
    }
    for preset, expected in ignored.items():
        exact = exactness(AuditedReward(TaskReward("multiview", preset)), scenes)
        assert exact(honest(scene), scene)
        assert {name for name, candidate in changes.items() if exact(candidate, scene)} == expected
        assert not exact(replace(honest(scene), named=scene.references[::-1]), scene)
    weighted = TaskReward("multiview", overrides={"relation_weight": 0.5})
    exact = exactness(AuditedReward(weighted), scenes)
    assert not exact(changes["relations"], scene)


def test_another_tag_is_reasoning_where_the_template_has_opened_it():
    odd = replace(honest(SCENES[0]), layout="<thinking>{reasoning}</think><answer>{answer}</answer>")
    for prefilled in (True, False):
        exact = exactness(AuditedReward(TaskReward(think_prefilled=prefilled), prefilled=prefilled), SCENES)
        assert exact(odd, SCENES[0]) is prefilled
