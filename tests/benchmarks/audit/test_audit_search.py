"""The learned policy finds by itself what the table's policies try, and respects what it may know."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.audit.findings import Counterexample, known_case
from benchmarks.audit.reward import AuditedReward, Candidate, honest, is_exact
from benchmarks.audit.scenes import draw_scenes, read_scenes
from benchmarks.audit.search import LONGEST, Search, believe, evolve, find_learned
from rewards.functions import TaskReward
from rewards.tasks import load_task

TVR = load_task("tvr")
ACCURACY = ("exact", "attribute", "object", "incorrect", "underprediction")
TWO = read_scenes(TVR, ["2.color.cyan, 0.shape.cube"])
SCENES = draw_scenes(TVR, 2, changes=(1, 2))


def _found(preset, scenes=SCENES, accuracies=(), **overrides):
    return find_learned(AuditedReward(TaskReward("tvr", preset, ACCURACY, overrides)), scenes, accuracies)


def test_it_finds_that_the_literal_formula_pays_for_repeats():
    (found,) = _found("paper", TWO)
    assert found.kind == "exploit"
    assert found.largest.paid >= 20.0
    assert (found.smallest.paid, found.smallest.against) == (10.0, 5.0)


def test_it_finds_that_enumeration_is_free_without_the_incorrect_penalty():
    (found,) = _found("no_incorrect_penalty")
    assert found.share == 1.0
    assert (found.smallest.paid, found.smallest.against) == (5.0, 5.0)


@pytest.mark.parametrize("preset", ["default", "calibrated"])
def test_it_finds_no_exploit_of_ours(preset):
    assert _found(preset) == []


def test_it_finds_no_exploit_of_questions():
    audited, scenes = AuditedReward(TaskReward("multiview")), draw_scenes(load_task("multiview"), 3)
    assert find_learned(audited, scenes, ()) == []


def test_it_learns_to_hedge_between_values_where_each_conflict_earns():
    (scene,) = read_scenes(TVR, ["2.color.cyan"])
    worlds = (scene, read_scenes(TVR, ["2.color.red"])[0])
    audited = AuditedReward(TaskReward("tvr", "default", ACCURACY, {"conflicts": "each"}))
    start = Counterexample(worlds, (0.5, 0.5), honest(scene), honest(scene))
    candidate, gain = evolve(audited, start, Search())
    assert gain == pytest.approx(4 - 2.75)
    assert set(candidate.items) == {(2, "color", "cyan"), (2, "color", "red")}


def test_incentives_have_their_size_and_break_even():
    found = {finding.at: finding for finding in _found("default", draw_scenes(TVR, 4, changes=(1, 2)), (0.95, 0.6))}
    assert 0.95 not in found
    assert found[0.6].size > 0.2
    low, high = found[0.6].pays_between
    assert low < 0.6 < high < 0.9
    assert found[0.6].smallest.paid > found[0.6].smallest.against
    assert found[0.6].about == "each true record known with chance 0.6"


def test_the_search_is_the_same_every_time_and_depends_on_its_seed():
    audited = AuditedReward(TaskReward("tvr", "paper", ACCURACY))
    start = known_case(TWO[0], honest(TWO[0]), honest(TWO[0]))
    one, same, other = (evolve(audited, start, Search(seed=seed), exact=is_exact) for seed in (1, 1, 2))
    assert one == same
    assert one != other
    assert len(one[0].items) <= LONGEST


def test_only_other_answers_count_as_exploits():
    candidate, gain = evolve(
        AuditedReward(TaskReward()), known_case(TWO[0], honest(TWO[0]), Candidate()), Search(rounds=4), exact=is_exact
    )
    assert not is_exact(candidate, TWO[0])
    assert gain < 0


def test_a_reward_that_raises_on_what_it_writes():
    def reward(completions, target, **_):
        return [1.0 / len(text.partition("<answer>")[2]) for text in completions]

    candidate, _ = evolve(
        AuditedReward(reward), known_case(TWO[0], honest(TWO[0]), honest(TWO[0])), Search(rounds=6), exact=is_exact
    )
    assert candidate is not None


@pytest.mark.parametrize("p", [1.0, 0.9, 0.6, 0.3, 0.05])
@pytest.mark.parametrize("seed", range(3))
def test_beliefs_are_chances_and_the_guess_is_the_likeliest(p, seed):
    for scene in draw_scenes(TVR, 2, seed=seed, changes=(1, 2)):
        guess = believe(scene, p, np.random.default_rng(seed))
        chances = guess.chances(p)
        assert sum(chances) == pytest.approx(1.0)
        assert guess.worlds[0].target == scene.target
        assert chances[0] == pytest.approx(max(chances))
        assert len({world.target for world in guess.worlds}) == len(guess.worlds)
        assert p < 0.5 or chances[0] == pytest.approx(p ** len(scene.target))
