"""Checks: order, monotonicity, and the same payment again."""

import itertools
import re

import numpy as np
import pytest

from benchmarks.audit.checks import (
    PROSE_ITEMS,
    check_cliff,
    check_isomorphic,
    check_length,
    check_repeatable,
    check_rules,
    compare,
    probes,
)
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
    assert re.fullmatch(r"the reward raises ZeroDivisionError: .* \(test_audit_checks.py:\d+\)", found.says)
    assert 0 < found.share < 1
    assert found.smallest.completion == ""
    assert np.isnan(found.smallest.worlds[0].paid)


def test_a_reward_that_gives_no_number():
    (found,) = check_repeatable(AuditedReward(lambda completions, **_: [float("nan")] * len(completions)), ASKED)
    assert (found.name, found.says) == ("finite", "the reward gives no finite number")


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


def _cliff_of_old(completions, target, **_):
    """An answer of which nothing can be read counts as empty; otherwise each item that cannot be read costs a point."""
    totals = []
    for text, gold in zip(completions, target, strict=True):
        items, true = _answer(text), gold.split(", ")
        valid = [item for item in items if item.count(".") == 2]
        wrong = len([item for item in valid if item not in true]) + (len(items) - len(valid)) * bool(valid)
        named = len(valid) + (len(items) - len(valid)) * bool(valid)
        totals.append(5.0 * len({*valid} & {*true}) - wrong - max(len(true) - named, 0))
    return totals


def test_moving_towards_the_format_may_not_be_punished():
    (found,) = check_cliff(AuditedReward(_cliff_of_old), draw_scenes(TVR, 6, changes=(1,)))
    assert (found.name, found.share) == ("cliff", 1.0)
    assert (found.smallest.paid, found.smallest.against) == (-1.0, -2.0)  # seven items; the same and the right one
    assert found.smallest.completion.count("something") == found.smallest.honest.count("something") == PROSE_ITEMS


def test_a_wrong_record_may_cost_no_more_than_beside_the_right_answer():
    def only_wrong(completions, target, **_):
        """Prose is nothing; of what can be read, right is 5 and wrong is -1; prose beside something wrong costs 3."""
        totals = []
        for text, gold in zip(completions, target, strict=True):
            valid = [item for item in _answer(text) if item.count(".") == 2]
            wrong = len([item for item in valid if item not in gold.split(", ")])
            totals.append(5.0 * (len(valid) - wrong) - wrong - 3.0 * wrong * ("something" in text))
        return totals

    (found,) = check_cliff(AuditedReward(only_wrong), draw_scenes(TVR, 4, changes=(1,)))
    assert found.says.startswith("a wrong record in place of")
    assert (found.smallest.paid, found.smallest.against) == (0.0, -4.0)
    assert check_cliff(AuditedReward(only_wrong), QUESTIONS) == []


@pytest.mark.parametrize("preset", PRESETS)
def test_our_presets_have_no_cliff(preset):
    assert check_cliff(AuditedReward(TaskReward("tvr", preset)), SCENES) == []


@pytest.mark.parametrize("task", ["tvr", "trance", "multiview", "mmsi", "flowchart", "scene_graph", "spar_number"])
def test_our_rewards_do_not_look_at_names(task):
    scenes = draw_scenes(load_task(task), 6)
    assert check_isomorphic(AuditedReward(TaskReward(task)), scenes, POLICIES) == []


def test_nor_at_relations_in_other_views():
    reward = TaskReward("multiview", overrides={"relation_weight": 0.5})
    assert check_isomorphic(AuditedReward(reward), QUESTIONS, POLICIES) == []


@pytest.mark.parametrize(
    ("reward", "scenes"),
    [
        (
            lambda completions, **_: [float(text.partition("<answer>")[2][:1] in "02468") for text in completions],
            SCENES,
        ),
        (lambda completions, **_: [float("[sofa" in text) for text in completions], QUESTIONS),
        (
            lambda completions, references, **_: [float(names[0] == min(names)) for names, *_ in references],
            QUESTIONS,
        ),
    ],
)
def test_a_reward_that_prefers_a_name_is_caught(reward, scenes):
    (found,) = check_isomorphic(AuditedReward(reward), scenes, POLICIES)
    assert found.name == "isomorphic"
    assert found.smallest.paid != found.smallest.against


def _with_length_term(per_character):
    exact = TaskReward()

    def reward(completions, **columns):
        return [
            total - per_character * len(text)
            for total, text in zip(exact(completions, **columns), completions, strict=True)
        ]

    return AuditedReward(reward)


@pytest.mark.parametrize(("per_character", "length"), [(1 / 200, 1200), (1 / 2000, 12_000), (1e-5, None), (0.0, None)])
def test_an_extreme_penalty_of_length_and_a_mild_one_are_told_apart(per_character, length):
    """One change: right earns 6 less than silence, which the reasoning uses up after 6 points' worth of characters."""
    found = check_length(_with_length_term(per_character), draw_scenes(TVR, 3, changes=(1,)))
    if length is None:
        assert found == []
    else:
        ((check),) = found
        said = int(re.search(r"after ([\d,]+) characters", check.says)[1].replace(",", ""))
        assert said == pytest.approx(length, rel=0.07)
        assert check.smallest.paid < check.smallest.against


def test_a_right_answer_that_never_earns_more_than_silence_is_none_of_length():
    reward = AuditedReward(lambda completions, **_: [-float(len(text)) for text in completions])
    assert check_length(reward, SCENES) == []


@pytest.mark.parametrize("task", ["tvr", "multiview"])
def test_our_rewards_do_not_look_at_the_length(task):
    assert check_length(AuditedReward(TaskReward(task)), draw_scenes(load_task(task), 3)) == []
