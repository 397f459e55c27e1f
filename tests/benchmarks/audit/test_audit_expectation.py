"""The exact analysis of a reward, as reports show it."""

import pytest

from benchmarks.audit.expectation import CHANCES, MOST, N_GT, expectation
from benchmarks.audit.expected import best_plan, compare_plans
from rewards.spec import PRESETS, TVR, TieredSpec, preset_spec


@pytest.mark.parametrize("preset", PRESETS)
def test_curves_are_those_of_the_plans(preset):
    spec = preset_spec(TVR, preset)
    for known in expectation(spec):
        assert len(known.best) == len(CHANCES)
        assert [len(curve) for curve in known.expected] == [len(CHANCES)] * (MOST + 1)
        for at in (0, 33, 50, 100):
            assert known.best[at] == sum(best_plan(spec, N_GT, CHANCES[at], sure=known.sure).named)
        plans = compare_plans(spec, N_GT, [0.5], sure=known.sure)
        two = max(value for named, (value,) in zip(plans.named, plans.expected, strict=True) if sum(named) == 2)
        assert known.expected[2][50] == pytest.approx(two)


def test_knowing_everything_the_exact_number_is_best():
    assert all(known.best[-1] == N_GT for known in expectation(TVR))


def test_silence():
    assert not any(known.silence_pays for known in expectation(TVR))
    assert [known.silence_pays for known in expectation(preset_spec(TVR, "no_underprediction_penalty"))] == [
        True,
        True,
        False,
    ]


def test_every_lower_tier_is_a_row():
    edge = TieredSpec(fields=("source", "target"), tiers={("source", "target"): 2.0, ("source",): 1.0})
    assert [known.sure for known in expectation(edge)] == [None, "source"]
