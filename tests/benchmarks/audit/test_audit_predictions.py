"""Predictions agree with every plan tried, with every world enumerated, and with sampled worlds scored as text."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks import evaluate
from benchmarks.audit.expected import MOST_GUESSES, expected_reward, successive
from benchmarks.audit.predictions import CHANCES, LEVELS, SPREADS, _knowledge_levels, predict, predict_all
from rewards import TVR
from rewards.errors import ConfigError
from rewards.score import score_batch
from rewards.spec import PRESETS, TieredSpec, preset_spec

SURE = (None, "object", "attribute")
NDIFF = TVR.change(
    tiers={"attribute": 0.0, "object": 0.0},
    incorrect="not_attribute",
    incorrect_penalty=5.0,
    underprediction_penalty=0.0,
)
"""Five times the change of Diff, negated: right +5, wrong value of a true cell 0, anything else -5."""


def _brute_force(spec, n_gt, levels, sure):
    """Try every plan for every way that the records may be known, with `expected_reward`; measure the best plan."""
    measured = []
    for known in product(levels, repeat=n_gt):
        plans = []
        for plan in product(range(MOST_GUESSES + 1), repeat=n_gt):
            total = expected_reward(spec, [successive(c) for c in known], plan, sure=sure)
            plans.append((round(total, 9), -sum(plan), plan))
        best = max(total for total, *_ in plans)
        total, _, plan = max(each for each in plans if each[0] > best - 1e-9)
        exact = float(np.prod([c if k == 1 else 0.0 for c, k in zip(known, plan, strict=True)]))
        diff = 0.0
        for c, k in zip(known, plan, strict=True):
            hits = [c * (1 - c) ** at for at in range(k)]
            one_cell = sure == "attribute"
            # by which guess is right: the others are wrong cells, and a cell that nobody names rightly is wrong too
            outcomes = [(hit, (at > 0) if one_cell else k - 1) for at, hit in enumerate(hits)]
            outcomes.append((1 - sum(hits), 1 if one_cell or not k else k + 1))
            diff += sum(chance * cells for chance, cells in outcomes)
        measured.append((sum(plan), exact, diff, diff / n_gt, plan.count(0) / n_gt, sum(plan) == 0, total))
    return np.mean(measured, axis=0)


@settings(max_examples=25, deadline=None)
@given(
    preset=st.sampled_from([*PRESETS, "ndiff"]),
    sure=st.sampled_from(SURE),
    n_gt=st.integers(1, 2),
    levels=st.lists(st.floats(0.01, 0.99), min_size=1, max_size=2),
)
def test_every_plan_tried(preset, sure, n_gt, levels, monkeypatch_levels):
    spec = NDIFF if preset == "ndiff" else preset_spec(TVR, preset)
    expected = _brute_force(spec, n_gt, levels, sure)
    with monkeypatch_levels(levels):
        found = predict(spec, 0.5, [n_gt], spread=0.5, sure=sure)
    # Of plans that earn the same with as many guesses, another may be taken: only these may differ in what follows.
    assert found.reward == pytest.approx(expected[6])
    assert found.predictions == pytest.approx(expected[0])
    if len(set(np.round(levels, 3))) == len(levels):
        assert [found.exact, found.silence, found.empty] == pytest.approx([expected[1], expected[4], expected[5]])
        assert [found.diff, found.ndiff] == pytest.approx([expected[2], expected[3]])


@pytest.fixture(scope="module")
def monkeypatch_levels():
    """Return a context in which records are known at these levels, equally likely."""
    from contextlib import contextmanager

    from benchmarks.audit import predictions as module

    @contextmanager
    def levels_are(levels):
        given_levels = module._knowledge_levels
        module._knowledge_levels = lambda *_: (np.array(levels), np.full(len(levels), 1 / len(levels)))
        try:
            yield
        finally:
            module._knowledge_levels = given_levels

    return levels_are


VALUES = {"color": ["gray", "red", "blue", "green"], "size": ["small", "medium", "large"]}


def _plan_of(spec, known, sure):
    plans = product(range(MOST_GUESSES + 1), repeat=len(known))
    scored = [
        (round(expected_reward(spec, [successive(c) for c in known], k, sure=sure), 9), -sum(k), k) for k in plans
    ]
    return max(scored)[2]


def _guess(record, number):
    """Return the *number*-th guess at a record: of another object each time, and never what already exists."""
    return f"{record + 3 * number}.color.{'red' if record == 0 else 'blue'}"


@pytest.mark.parametrize("preset", ["default", "paper", "calibrated", "naive_binary", "no_underprediction_penalty"])
@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_sampled_worlds_scored_as_text_and_executed(preset, spread):
    """Draw what is known and what is true; score the answers as text and carry them out, as TVR's own scorer does."""
    rng = np.random.default_rng(3)
    spec, p, n_gt, draws = preset_spec(TVR, preset), 0.6, 2, 3000
    levels, weights = _knowledge_levels(p, spread)
    plans = {known: _plan_of(spec, known, None) for known in product(levels.tolist(), repeat=n_gt)}
    scene = [
        {"color": "gray", "shape": "cube", "size": "small", "material": "rubber", "position": [4 * at - 18, at]}
        for at in range(10)
    ]
    rows, n_pred = [], []
    for _ in range(draws):
        known = tuple(rng.choice(levels, size=n_gt, p=weights).tolist())
        truth, said = [], []
        for record, (c, k) in enumerate(zip(known, plans[known], strict=True)):
            misses = int(rng.geometric(c)) - 1 if c > 0 else 9
            truth.append(_guess(record, misses) if misses < 3 else f"{9}.{['color.green', 'size.large'][record]}")
            said += [_guess(record, number) for number in reversed(range(min(k, 3)))]
            assert k <= 3
        n_pred.append(len(said))
        changes = [each.split(".") for each in truth]
        rows.append(
            {
                "completion": f"<think>a</think><answer>{', '.join(said)}</answer>",
                "target": ", ".join(truth),
                "initial_objects": scene,
                "transformations": [{"obj_idx": int(i), "attr": a, "val": v} for i, a, v in changes],
            }
        )
    batch = score_batch([row["completion"] for row in rows], [row["target"] for row in rows], preset=preset)
    scores = evaluate([{k: v for k, v in row.items() if k != "target"} for row in rows], "tvr", "official").row_scores
    found = predict(spec, p, [n_gt], spread=spread)
    sampled = {
        "predictions": np.array(n_pred),
        "exact": batch.correct,
        "diff": scores["official.dist"],
        "ndiff": scores["official.norm_dist"],
        "empty": np.array(n_pred) == 0,
        "reward": batch.total - batch.parts["format"],
    }
    for name, values in sampled.items():
        error = 5 * np.std(values) / np.sqrt(draws) + 1e-6
        assert np.mean(values) == pytest.approx(getattr(found, name), abs=error), name
    assert np.mean(scores["official.correct"]) == pytest.approx(found.exact, abs=0.05)


@given(p=st.floats(0.001, 0.999), spread=st.floats(0.01, 0.99))
def test_levels_have_the_mean_and_less_than_the_variance_of_the_distribution(p, spread):
    levels, weights = _knowledge_levels(p, spread)
    assert len(levels) == LEVELS
    assert weights.sum() == pytest.approx(1)
    assert weights @ levels == pytest.approx(p, abs=1e-5)
    variance = weights @ (levels - p) ** 2
    assert variance <= spread * p * (1 - p) + 1e-4
    assert (np.diff(levels) >= -1e-6).all()


@pytest.mark.parametrize("p", [0.2, 0.5, 0.7])
def test_levels_come_near_the_variance(p):
    levels, weights = _knowledge_levels(p, 0.5)
    assert weights @ (levels - p) ** 2 == pytest.approx(0.5 * p * (1 - p), rel=0.15)
    assert [each.tolist() for each in _knowledge_levels(p, 1.0)] == [[0.0, 1.0], [1 - p, p]]
    assert _knowledge_levels(p, 0.0)[0].tolist() == [p]


@given(p=st.floats(0, 1), spread=st.sampled_from(SPREADS), n_gt=st.integers(1, 3), sure=st.sampled_from(SURE))
@settings(max_examples=40, deadline=None)
def test_what_holds_of_any_prediction(p, spread, n_gt, sure):
    for preset in ("default", "calibrated", "naive_binary"):
        found = predict(preset_spec(TVR, preset), p, [n_gt], spread=spread, sure=sure)
        assert 0 <= found.empty <= found.silence + 1e-9 <= 1 + 2e-9
        assert 0 <= found.exact <= max(p, 1e-9) + 1e-9
        assert found.ndiff == pytest.approx(found.diff / n_gt)
        assert found.predictions <= n_gt + 1e-9 or preset == "default"  # only there guesses beyond the true number gain
        assert found.true == n_gt


def test_the_best_plan_turns_where_the_second_guess_is_right_with_chance_one_sixth():
    turn = 0.5 + np.sqrt(0.25 - 1 / 6)  # p (1 - p) = 1/6
    for p, many in ((turn - 0.01, 4.0), (turn + 0.01, 2.0)):
        assert predict(TVR, p, [2]).predictions == many


def test_knowing_everything_and_nothing():
    for preset in PRESETS:
        spec = preset_spec(TVR, preset)
        sure = predict(spec, 1.0)
        assert (sure.predictions, sure.exact, sure.diff, sure.silence) == (2.5, 1.0, 0.0, 0.0)
        nothing = predict(spec, 0.0)
        assert nothing.exact == 0.0
        if preset not in ("no_incorrect_penalty", "count_difference"):  # there a wrong guess costs less than silence
            assert (nothing.predictions, nothing.ndiff, nothing.empty) == (0.0, 1.0, 1.0)


def test_numbers_of_changes_are_averaged():
    one, two = (predict(TVR, 0.7, [n_gt], spread=0.5) for n_gt in (1, 2))
    both = predict(TVR, 0.7, [1, 2], spread=0.5)
    assert both.exact == pytest.approx((one.exact + two.exact) / 2)
    assert (both.true, both.ndiff) == (1.5, pytest.approx((one.ndiff + two.ndiff) / 2))


def test_all_predictions_are_those_asked_for():
    spec = TieredSpec(fields=("source", "target"), tiers={("source", "target"): 2.0, ("source",): 1.0})
    found = predict_all(spec, [1])
    assert [(each.sure, each.spread, each.p) for each in found] == list(product([None, "source"], SPREADS, CHANCES))
    assert found[30] == predict(spec, CHANCES[9], [1], spread=SPREADS[1])


@pytest.mark.parametrize(
    ("p", "changes", "options"),
    [(1.2, [1], {}), (0.5, [], {}), (0.5, [0], {}), (0.5, [1], {"spread": -0.1}), (0.5, [1], {"sure": "value"})],
)
def test_what_cannot_be_predicted(p, changes, options):
    with pytest.raises(ConfigError):
        predict(TVR, p, changes, **options)
