"""Checks: order, monotonicity, and the same payment again."""

import itertools

import numpy as np
import pytest

from benchmarks.audit.checks import check_repeatable, check_rules, compare, probes
from benchmarks.audit.policies import POLICIES
from benchmarks.audit.reward import AuditedReward
from benchmarks.audit.scenes import draw_scenes
from rewards.functions import TaskReward
from rewards.spec import PRESETS
from rewards.tasks import load_task

TVR, MULTIVIEW = load_task("tvr"), load_task("multiview")
SCENES, QUESTIONS = draw_scenes(TVR, 6), draw_scenes(MULTIVIEW, 6)
ASKED = probes(SCENES[:2], POLICIES)


def _names(findings):
    return [finding.name for finding in findings]


def _answer(text):
    return [item for item in text.rpartition("<answer>")[2].removesuffix("</answer>").split(", ") if item]


@pytest.mark.parametrize("preset", PRESETS)
def test_our_presets_pass_all_but_those_that_do_not_charge_for_what_is_wrong(preset):
    found = _names(check_rules(AuditedReward(TaskReward("tvr", preset)), SCENES))
    assert found == (["more_wrong"] if preset in ("no_incorrect_penalty", "count_difference") else [])


@pytest.mark.parametrize("reward", [TaskReward("tvr"), TaskReward("tvr", "paper"), TaskReward("tvr", mode="lenient")])
def test_our_rewards_pay_the_same_again(reward):
    assert check_repeatable(AuditedReward(reward), ASKED) == []


def test_the_question_reward_passes_all():
    audited = AuditedReward(TaskReward("multiview"))
    assert check_rules(audited, QUESTIONS) == check_repeatable(audited, probes(QUESTIONS, POLICIES)) == []


def test_of_a_small_vocabulary_a_record_that_is_half_right_is_no_wrong_one(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text(
        "name: small\nkind: records\nfields: [{name: act, kind: closed, values: [click, drag]}, {name: x, kind: integer}]\n"
        "forms: ['{act}({x})']\nreward: {tiers: [{fields: [act, x], pays: 5}, {fields: [act], pays: 1}]}\n"
    )
    small = AuditedReward(TaskReward(str(path)))
    assert check_rules(small, draw_scenes(load_task(str(path)), 24)) == []

    def pays_for_every_piece(completions, **_):
        return [float(len(_answer(text))) for text in completions]

    assert "more_wrong" in _names(
        check_rules(AuditedReward(pays_for_every_piece), draw_scenes(load_task(str(path)), 24))
    )


def test_an_order_that_matters_is_caught_with_a_small_example():
    def first_counts(completions, target, **_):
        return [
            float(_answer(text)[:1] == gold.split(", ")[:1]) for text, gold in zip(completions, target, strict=True)
        ]

    (found, *_) = check_rules(AuditedReward(first_counts), SCENES)
    assert found.name == "permutation"
    (world,) = found.smallest.worlds
    assert world.paid != world.against
    assert len(world.target.split(", ")) <= 2
    assert sorted(_answer(found.smallest.completion)) == sorted(_answer(found.smallest.honest))


def test_paying_less_for_more_right_is_caught():
    def brevity(completions, **_):
        return [-float(len(text)) for text in completions]

    assert "more_right" in _names(check_rules(AuditedReward(brevity), SCENES))
    assert "more_right" in _names(check_rules(AuditedReward(brevity), QUESTIONS))


def test_paying_more_for_more_names_is_caught():
    def length(completions, **_):
        return [float(len(text)) for text in completions]

    assert "more_wrong" in _names(check_rules(AuditedReward(length), QUESTIONS))


def test_a_reward_that_counts_its_calls():
    calls = itertools.count()
    found = check_repeatable(AuditedReward(lambda completions, **_: [float(next(calls))] * len(completions)), ASKED)
    assert _names(found) == ["deterministic"]  # the order of the batch and the like cannot be told from it


def test_a_reward_that_looks_at_its_neighbours():
    def relative(completions, **_):
        lengths = np.array([len(text) for text in completions], dtype=float)
        return (lengths - lengths.mean()).tolist()

    assert _names(check_repeatable(AuditedReward(relative), ASKED)) == ["batch_alone"]


def test_a_reward_that_depends_on_the_place_in_the_batch():
    found = check_repeatable(
        AuditedReward(lambda completions, **_: [float(row % 2) for row in range(len(completions))]), ASKED
    )
    assert {"batch_order", "batch_alone"} & set(_names(found))


def test_a_reward_that_raises_on_an_empty_answer():
    def reward(completions, **_):
        return [1 / len(_answer(text)) for text in completions]

    (found,) = check_repeatable(AuditedReward(reward), ASKED)
    assert found.name == "finite"
    assert 0 < found.share < 1
    assert found.smallest.completion == ""
    assert np.isnan(found.smallest.worlds[0].paid)


def test_comparing_two_runs():
    first = np.zeros(len(ASKED.texts))
    assert compare("same", "", ASKED, first, first + 1e-12) == []
    assert compare("same", "", ASKED, first * np.nan, first * np.nan) == []
    second = first.copy()
    second[3] = 0.5
    (found,) = compare("hash_seed", "says", ASKED, first, second)
    assert (found.name, found.says) == ("hash_seed", "says")
    assert found.share == pytest.approx(1 / len(first))
    assert found.smallest.completion == ASKED.texts[3]
    assert (found.smallest.paid, found.smallest.against) == (0.0, 0.5)
