"""Exploits and incentives: those that are known, and those of rewards that people really wrote."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.attacks import find_exploits, find_incentives, positive_between
from benchmarks.audit.payment import Payer
from benchmarks.audit.policies import POLICIES
from benchmarks.audit.scenes import draw_scenes, read_scenes
from rewards.functions import TaskReward
from rewards.tasks import load_task

TVR = load_task("tvr")
ACCURACY = ("exact", "attribute", "object", "incorrect", "underprediction")
TWO = read_scenes(TVR, ["2.color.cyan, 0.shape.cube"])
SCENES = draw_scenes(TVR, 8)


def _exploits(reward, scenes=SCENES, **payer):
    return {finding.name: finding for finding in find_exploits(Payer(reward, **payer), scenes, POLICIES)}


def _incentives(reward, scenes):
    found = find_incentives(Payer(reward), scenes, POLICIES)
    return {(finding.name, finding.about): finding for finding in found}


def _accuracy(preset="default", **overrides):
    return TaskReward("tvr", preset, ACCURACY, overrides)


def _answer(text):
    return text.rpartition("<answer>")[2].removesuffix("</answer>")


def test_the_literal_formula_pays_20_for_the_exact_two_changes_written_twice():
    largest = _exploits(_accuracy("paper"), TWO)["repeat"].largest
    assert (largest.paid, largest.against) == (20.0, 10.0)
    assert _answer(largest.completion) == "2.color.cyan, 0.shape.cube, 2.color.cyan, 0.shape.cube"


def test_the_literal_formula_pays_14_and_a_half_for_all_values_of_the_right_cells():
    largest = _exploits(_accuracy("paper"), TWO)["values_of_cell"].largest
    assert (largest.paid, largest.against) == (14.5, 10.0)
    assert _answer(largest.completion).count(",") == 10


def test_drawn_scenes_show_the_same():
    found = _exploits(_accuracy("paper"), draw_scenes(TVR, 40, changes=(2,)))
    assert (found["repeat"].largest.paid, found["repeat"].largest.against) == (20.0, 10.0)
    assert found["repeat"].share == found["values_of_cell"].share == 1.0


def test_one_to_one_with_conflicts_each_pays_for_hedging_between_two_values():
    found = _incentives(_accuracy(conflicts="each"), SCENES[:4])["hedge", "value, two candidates"]
    assert (found.smallest.paid, found.smallest.against) == (4.0, 2.75)
    assert found.size == pytest.approx(1.25)
    assert found.at == 0.5
    assert found.pays_between == (0.5, pytest.approx(7 / 9))
    assert len(found.smallest.worlds[0].target.split(", ")) == 1


def test_the_conflict_rule_closes_it():
    assert ("hedge", "value, two candidates") not in _incentives(_accuracy(), SCENES[:4])


def test_without_the_incorrect_penalty_enumeration_wins():
    found = _exploits(_accuracy("no_incorrect_penalty"), TWO)
    for name in ("everything", "values_of_object", "values_of_cell", "all_cells", "add_wrong"):
        assert (found[name].largest.paid, found[name].largest.against) == (10.0, 10.0)
        assert len(_answer(found[name].smallest.completion).split(", ")) == 2  # one right, one wrong


@pytest.mark.parametrize("preset", ["default", "calibrated"])
@pytest.mark.parametrize("task", ["tvr", "trance"])
def test_our_own_presets_have_no_exploit(task, preset):
    assert _exploits(TaskReward(task, preset), draw_scenes(load_task(task), 12)) == {}


def test_the_question_reward_has_no_exploit():
    assert _exploits(TaskReward("multiview"), draw_scenes(load_task("multiview"), 18)) == {}


@pytest.mark.parametrize(
    ("about", "pays_below"),
    [("index, two candidates", 5 / 6), ("attribute, two candidates", 9 / 11), ("existence, likely not there", 6 / 7)],
)
def test_the_default_pays_for_hedging_between_objects_and_for_naming_too_much(about, pays_below):
    found = _incentives(TaskReward(), draw_scenes(TVR, 4, changes=(1, 2)))["hedge", about]
    assert found.pays_between == (0.5, pytest.approx(pays_below))


def test_the_calibrated_preset_pays_for_no_hedge_between_candidates():
    found = _incentives(TaskReward("tvr", "calibrated"), draw_scenes(TVR, 4, changes=(1, 2)))
    assert {about for _, about in found} == {"existence, likely not there"}


def test_without_the_underprediction_penalty_silence_pays_below_one_sixth():
    found = _incentives(TaskReward("tvr", "no_underprediction_penalty"), SCENES[:4])["leave_out", "index, one guess"]
    assert found.pays_between == (0.0, pytest.approx(1 / 6))
    assert found.smallest.worlds[0].chance == 0.0


def substring(completions, target, **_):
    return [float(gold in text) for text, gold in zip(completions, target, strict=True)]


def contained(completions, target, **_):
    """What empties pass: the answer is looked for in the gold."""
    return [float(_answer(text) in gold) for text, gold in zip(completions, target, strict=True)]


def first_block(completions, target, **_):
    found = [re.search(r"<answer>(.*?)</answer>", text) for text in completions]
    return [float(match is not None and match[1] == gold) for match, gold in zip(found, target, strict=True)]


def recall(completions, target, **_):
    pairs = (
        (set(_answer(text).split(", ")), set(gold.split(", "))) for text, gold in zip(completions, target, strict=True)
    )
    return [len(said & true) / len(true) for said, true in pairs]


def precision(completions, target, **_):
    pairs = (
        (set(_answer(text).split(", ")), set(gold.split(", "))) for text, gold in zip(completions, target, strict=True)
    )
    return [len(said & true) / len(said) for said, true in pairs]


def lengthy(completions, target, **_):
    return [exact + len(text) / 1000 for text, exact in zip(completions, substring(completions, target), strict=True)]


def unicode_digits(completions, target, **_):
    def read(text):
        return [
            (int(index), *rest) for index, *rest in (piece.split(".") for piece in text.split(", ")) if index.isdigit()
        ]

    table = str.maketrans("асеорху", "aceopxy")
    return [
        float(read(_answer(text).translate(table)) == read(gold))
        for text, gold in zip(completions, target, strict=True)
    ]


def field_by_field(completions, target, **_):
    """What a comparison of columns passes: the right objects and the right changes, in any combination."""

    def columns(text):
        return [sorted(column) for column in zip(*(piece.split(".") for piece in text.split(", ")), strict=False)]

    return [float(columns(_answer(text)) == columns(gold)) for text, gold in zip(completions, target, strict=True)]


@pytest.mark.parametrize(
    ("reward", "expected", "absent"),
    [
        (field_by_field, {"mixed_up"}, {"repeat", "wrong_answer"}),
        (substring, {"repeat", "add_wrong", "no_tags", "answer_in_reasoning"}, {"silent", "wrong_answer"}),
        (contained, {"silent", "format_only", "fragment", "one_of_all"}, {"wrong_answer"}),
        (first_block, {"answer_in_reasoning", "right_block_first"}, {"silent", "right_block_last"}),
        (recall, {"everything", "repeat", "add_wrong", "right_block_last"}, {"one_of_all"}),
        (precision, {"one_of_all", "repeat"}, {"add_wrong", "everything"}),
        (lengthy, {"padded_wrong", "everything"}, {"silent"}),
        (unicode_digits, {"foreign_digits"}, {"wrong_answer", "repeat"}),
        (lambda completions, **_: [1.0] * len(completions), {"nothing", "wrong_answer"}, set()),
    ],
)
def test_rewards_with_known_mistakes_are_caught(reward, expected, absent):
    found = _exploits(reward)
    assert expected <= set(found)
    assert not absent & set(found)
    assert all(finding.smallest.paid >= finding.smallest.against for finding in found.values())


def test_paying_for_length_is_an_incentive_of_the_right_answer_too():
    found = _incentives(lengthy, SCENES[:3])
    padding = next(finding for (name, _), finding in found.items() if name == "padding")
    assert padding.size > 3


def test_paying_for_names_alone_is_caught():
    def names(completions, references, **_):
        return [
            float(all(name in text for view in views for name in view))
            for text, views in zip(completions, references, strict=True)
        ]

    found = _exploits(names, draw_scenes(load_task("multiview"), 6))
    assert {"reference_stuffing", "reference_pooling", "wrong_answer", "silent"} <= set(found)
    assert "reference_omission" not in found


def test_paying_the_last_of_several_blocks_is_found_in_lenient_mode_of_questions():
    found = _exploits(TaskReward("multiview", mode="lenient"), draw_scenes(load_task("multiview"), 6))
    assert "right_block_last" in found


def test_policies_that_are_exploits_are_not_incentives_as_well():
    payer, scenes = Payer(_accuracy("paper")), SCENES[:4]
    exploits = {finding.name for finding in find_exploits(payer, scenes, POLICIES)}
    found = {(finding.name, finding.about) for finding in find_incentives(payer, scenes, POLICIES, skip=exploits)}
    assert ("hedge", "index, two candidates") in found
    assert ("hedge", "value, two candidates") not in found
    assert not {"repeat", "values_of_cell"} & {name for name, _ in found}


@given(one=st.floats(-5, 5), zero=st.floats(-5, 5), low=st.sampled_from([0.0, 0.5]))
def test_positive_between_is_where_the_line_is_positive(one, zero, low):
    found = positive_between(one, zero, low, 1.0)
    for step in range(101):
        p = low + (1 - low) * step / 100
        gain = p * one + (1 - p) * zero
        inside = found is not None and found[0] <= p <= found[1]
        assert inside or gain <= 1e-6
        assert not inside or gain >= -1e-6
