"""Calling a reward as a trainer does."""

import math

import numpy as np
import pytest

from benchmarks.audit.drafts import honest
from benchmarks.audit.payment import Payer, columns, pay_drafts, pay_rows, pay_texts
from benchmarks.audit.scenes import draw_scenes
from rewards.functions import TaskReward
from rewards.tasks import load_task

SCENES = draw_scenes(load_task("tvr"), 5)
TEXTS = [f"text {number}" for number in range(5)]


def test_it_is_called_once_by_keyword_with_the_columns():
    seen = []

    def reward(*, prompts, completions, solution, **others):
        seen.append((prompts, completions, solution, others))
        return [float(len(text)) for text in completions]

    paid = pay_texts(Payer(reward, target_column="solution"), TEXTS, SCENES)
    assert paid.tolist() == [6.0] * 5
    ((prompts, completions, solution, others),) = seen
    assert completions == TEXTS
    assert len(prompts) == len(solution) == 5
    assert solution[0] == "4.material.metal"
    assert others == {}


def test_messages_and_few_columns():
    def reward(completions, target):
        return [len(message[0]["content"]) + len(gold) for message, gold in zip(completions, target, strict=True)]

    payer = Payer(reward, messages=True, accepts=("target",))
    assert pay_texts(payer, TEXTS, SCENES)[0] == len("text 0") + len("4.material.metal")


def test_an_asynchronous_reward():
    async def reward(completions, **_):
        return [1.0] * len(completions)

    assert pay_texts(Payer(reward), TEXTS, SCENES).tolist() == [1.0] * 5


def test_a_prefilled_opener_is_not_written():
    payer = Payer(lambda completions, **_: [float("<think>" in text) for text in completions], prefilled=True)
    assert pay_drafts(payer, [honest(scene) for scene in SCENES], SCENES).tolist() == [0.0] * 5


def test_what_is_no_number_is_nan():
    values = [None, math.nan, math.inf, 2, np.float32(0.5)]
    paid = pay_texts(Payer(lambda completions, **_: values), TEXTS, SCENES)
    assert np.isnan(paid).tolist() == [True, True, True, False, False]
    assert paid[3:].tolist() == [2.0, 0.5]


def test_rows_that_raise_are_told_apart():
    def reward(completions, **_):
        return [1 / int(text[-1]) for text in completions]  # the first one is a zero

    paid = pay_texts(Payer(reward), TEXTS, SCENES)
    assert np.isnan(paid).tolist() == [True, False, False, False, False]
    assert paid[4] == 0.25


def test_a_wrong_number_of_numbers_is_no_payment():
    assert np.isnan(pay_texts(Payer(lambda completions, **_: [1.0, 1.0]), TEXTS, SCENES)).all()


def test_columns_of_questions():
    scenes = draw_scenes(load_task("multiview"), 3)
    given = columns(Payer(TaskReward("multiview")), scenes)
    assert set(given) == {"prompts", "target", "references", "relations", "options"}
    assert given["options"][0] == ["to the left", "to the right", "in front", "behind"]
    assert given["options"][1] is None


def test_the_relations_are_those_that_the_honest_draft_writes():
    scenes = draw_scenes(load_task("multiview"), 6)
    payer = Payer(TaskReward("multiview", overrides={"relation_weight": 0.5}))
    assert pay_drafts(payer, [honest(scene) for scene in scenes], scenes) == pytest.approx(2.0)


def test_nothing_to_pay():
    assert pay_texts(Payer(lambda **_: []), [], []).tolist() == []
    assert pay_rows(Payer(lambda **_: []), [], {}).tolist() == []
