"""Exact expectations agree with drawing many worlds and scoring them as text; the analysis as reports show it."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.audit.expected import (
    CHANCES,
    MOST,
    MOST_GUESSES,
    N_GT,
    analyze_guessing,
    best_plan,
    compare_plans,
    expected_reward,
    guess_pays_from,
    hedge,
    successive,
)
from rewards import TVR
from rewards.errors import ConfigError
from rewards.score import score_batch
from rewards.spec import PRESETS, TieredSpec, preset_spec

VALUES = {"color": ["gray", "red", "blue", "green", "brown", "purple"], "shape": ["cube", "sphere", "cylinder"]}
SURE = (None, "object", "attribute")


def _candidate(change, number, sure):
    """Return the *number*-th candidate of a change in TVR, of which a wrong one still reaches the tier *sure*."""
    if sure == "attribute":
        return f"{change}.color.{VALUES['color'][number]}"
    if sure == "object":
        return f"{change}.{['color.red', 'shape.cube', 'size.small', 'material.metal'][number]}"
    return f"{10 * (change + 1) + number}.color.red"


def _text(named, sure):
    items = [_candidate(change, number, sure) for change, many in enumerate(named) for number in reversed(range(many))]
    return f"<think>a</think><answer>{', '.join(items)}</answer>"


def _enumerated(preset, chances, named, sure, **overrides):
    """Score every world there is, as text."""
    outcomes = [[*enumerate(each), (len(each), 1 - sum(each))] for each in chances]
    worlds = list(product(*outcomes))
    targets = [", ".join(_candidate(c, number, sure) for c, (number, _) in enumerate(world)) for world in worlds]
    batch = score_batch([_text(named, sure)] * len(worlds), targets, preset=preset, **overrides)
    weights = [np.prod([chance for _, chance in world]) for world in worlds]
    return float(np.dot(batch.total - batch.parts["format"], weights))


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("sure", SURE)
def test_monte_carlo(preset, sure):
    rng = np.random.default_rng(7)
    chances, named, draws = [(0.5, 0.2, 0.1), (0.3, 0.3)], (2, 1), 6000
    spec = preset_spec(TVR, preset)
    exact = expected_reward(spec, chances, named, sure=sure)
    drawn = [rng.choice(len(each) + 1, size=draws, p=[*each, 1 - sum(each)]) for each in chances]
    targets = [", ".join(_candidate(c, n, sure) for c, n in enumerate(world)) for world in zip(*drawn, strict=True)]
    batch = score_batch([_text(named, sure)] * draws, targets, preset=preset)
    sample = batch.total - batch.parts["format"]
    error = sample.std() / np.sqrt(draws)
    assert abs(sample.mean() - exact) <= 5 * error + 1e-9


@given(
    preset=st.sampled_from(list(PRESETS)),
    sure=st.sampled_from(SURE),
    conflicts=st.sampled_from(["last", "each"]),
    raw=st.lists(st.lists(st.floats(0.01, 1), min_size=1, max_size=3), min_size=1, max_size=3),
    seed=st.integers(0, 99),
)
def test_every_world_enumerated(preset, sure, conflicts, raw, seed):
    chances = [tuple(sorted((value / (sum(each) + 0.1) for value in each), reverse=True)) for each in raw]
    named = [int(n) for n in np.random.default_rng(seed).integers(0, [len(each) + 1 for each in chances])]
    spec = preset_spec(TVR, preset, conflicts=conflicts)
    exact = expected_reward(spec, chances, named, sure=sure)
    assert exact == pytest.approx(_enumerated(preset, chances, named, sure, conflicts=conflicts))


@given(preset=st.sampled_from(list(PRESETS)), sure=st.sampled_from(SURE), p=st.floats(0, 1), n_gt=st.integers(1, 3))
def test_plans_agree_with_expectations(preset, sure, p, n_gt):
    spec = preset_spec(TVR, preset)
    found = compare_plans(spec, n_gt, [p], sure=sure)
    for named, (expected,) in zip(found.named, found.expected, strict=True):
        assert expected == pytest.approx(expected_reward(spec, [successive(p)] * n_gt, named, sure=sure))
    assert best_plan(spec, n_gt, p, sure=sure).expected == pytest.approx(
        found.expected.max(), abs=2e-9
    )  # ties are that near
    assert [sum(named) for named in found.named] == sorted(sum(named) for named in found.named)


@pytest.mark.parametrize(
    ("preset", "beyond"),
    [
        ("paper", 1 / 6),
        ("default", 1 / 6),
        ("calibrated", 1 / 2),
        ("count_difference", 1 / 5),
        ("no_incorrect_penalty", 0),
    ],
)
def test_from_which_chance_a_guess_beyond_the_true_number_pays(preset, beyond):
    assert guess_pays_from(preset_spec(TVR, preset), beyond=True) == pytest.approx(beyond)


def test_whether_silence_pays():
    for preset in PRESETS:
        within = guess_pays_from(preset_spec(TVR, preset), beyond=False)
        assert within == pytest.approx(1 / 6 if preset == "no_underprediction_penalty" else 0.0)


def test_the_binary_reward_never_pays_for_one_more():
    assert guess_pays_from(preset_spec(TVR, "naive_binary"), beyond=True) is None


@given(preset=st.sampled_from(list(PRESETS)), sure=st.sampled_from(SURE), beyond=st.booleans())
def test_the_threshold_is_where_the_gain_turns(preset, sure, beyond):
    """Compare with text: one change is certain, the other may be guessed; beyond, a miss stands in the answer."""
    threshold = guess_pays_from(preset_spec(TVR, preset), beyond=beyond, sure=sure)
    start = ["99.color.red"] + (["77.color.red"] if beyond else [])
    right, wrong = _candidate(0, 0, sure), _candidate(0, 1, sure)
    answers = [start, [*start, right], [*start, wrong]]
    texts = [f"<think>a</think><answer>{', '.join(each)}</answer>" for each in answers]
    silent, hit, miss = score_batch(texts, [f"99.color.red, {right}"] * 3, preset=preset).total
    for p in np.linspace(0, 1, 41):
        gain = p * hit + (1 - p) * miss - silent
        if threshold is None or p < threshold - 1e-9:
            assert gain <= 1e-9
        elif p > threshold + 1e-9:
            assert gain >= -1e-9


@pytest.mark.parametrize(
    ("spec", "sure", "gain", "below"),
    [
        (TVR.change(conflicts="each"), "attribute", 1.25, 7 / 9),
        (TVR, "attribute", -1.0, 0.5),
        (TVR, None, 2.0, 5 / 6),
        (TVR, "object", 1.75, 9 / 11),
        (preset_spec(TVR, "calibrated"), None, 0.0, 0.5),
        (preset_spec(TVR, "paper"), "attribute", 2.75, 1.0),
    ],
)
def test_hedging(spec, sure, gain, below):
    found = hedge(spec, sure=sure)
    assert found.gain == pytest.approx(gain)
    assert found.pays_below == pytest.approx(below)


@given(p=st.floats(0.5, 1), sure=st.sampled_from(SURE), preset=st.sampled_from(list(PRESETS)))
def test_below_its_break_even_hedging_pays(p, sure, preset):
    spec = preset_spec(TVR, preset)
    found = hedge(spec, sure=sure)
    two, one = (expected_reward(spec, [(p, 1 - p)], [many], sure=sure) for many in (2, 1))
    assert two <= one + 1e-9 or p <= found.pays_below + 1e-9
    assert two >= one - 1e-9 or p >= found.pays_below - 1e-9 or found.gain <= 0


def test_tiers_that_are_no_chain():
    edge = TieredSpec(
        fields=("source", "target", "label"),
        tiers={("source", "target", "label"): 4.0, ("source", "target"): 2.0, ("source", "label"): 1.0},
    )
    assert expected_reward(edge, [(0.5, 0.5)], [1], sure="target") == pytest.approx(0.5 * 4 + 0.5 * (2 - 1))
    assert expected_reward(edge, [(0.5, 0.5)], [1], sure="label") == pytest.approx(0.5 * 4 + 0.5 * (1 - 1))


@pytest.mark.parametrize(
    ("chances", "named", "sure"),
    [([(0.7, 0.7)], [1], None), ([(0.5,)], [2], None), ([(-0.1,)], [1], None), ([(0.5,)], [1], "exact")],
)
def test_what_is_no_chance_or_no_tier(chances, named, sure):
    with pytest.raises(ConfigError):
        expected_reward(TVR, chances, named, sure=sure)


def test_scaled_by_the_number_of_changes():
    spec = TVR.change(scale="n_gt")
    plain = expected_reward(TVR, [(0.4, 0.3)] * 3, [1, 2, 0])
    assert expected_reward(spec, [(0.4, 0.3)] * 3, [1, 2, 0]) == pytest.approx(plain / 3)


def test_guesses_are_capped():
    assert best_plan(preset_spec(TVR, "no_incorrect_penalty"), 2, 0.4).named == (MOST_GUESSES, MOST_GUESSES)


@pytest.mark.parametrize("preset", PRESETS)
def test_curves_are_those_of_the_plans(preset):
    spec = preset_spec(TVR, preset)
    for known in analyze_guessing(spec):
        assert len(known.best) == len(CHANCES)
        assert [len(curve) for curve in known.expected] == [len(CHANCES)] * (MOST + 1)
        for at in (0, 33, 50, 100):
            assert known.best[at] == sum(best_plan(spec, N_GT, CHANCES[at], sure=known.sure).named)
        plans = compare_plans(spec, N_GT, [0.5], sure=known.sure)
        two = max(value for named, (value,) in zip(plans.named, plans.expected, strict=True) if sum(named) == 2)
        assert known.expected[2][50] == pytest.approx(two)


def test_knowing_everything_the_exact_number_is_best():
    assert all(known.best[-1] == N_GT for known in analyze_guessing(TVR))


def test_silence():
    assert not any(known.silence_pays for known in analyze_guessing(TVR))
    assert [known.silence_pays for known in analyze_guessing(preset_spec(TVR, "no_underprediction_penalty"))] == [
        True,
        True,
        False,
    ]


def test_every_lower_tier_is_a_row():
    edge = TieredSpec(fields=("source", "target"), tiers={("source", "target"): 2.0, ("source",): 1.0})
    assert [known.sure for known in analyze_guessing(edge)] == [None, "source"]
