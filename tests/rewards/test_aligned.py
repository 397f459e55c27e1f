"""Ordered records: the alignment is the best there is, and what is inserted or missing shifts nothing."""

import json
from fractions import Fraction
from itertools import combinations, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.run.rewards import score_rewards
from rewards import ConfigError, DataError, TaskReward, score_batch, score_columns, score_completion
from rewards.explain import explain_completion
from rewards.score import resolve
from rewards.score_table import is_tabular
from rewards.spec import PRESETS, TieredSpec, preset_spec
from rewards.tasks import load_task
from rewards.tiered import SMALL_BATCH, align, count_by_assignment, count_matches, match_by_assignment, reward_parts
from tests.strategies import hostile_text

ROUTE = load_task("route")
TURNS, PLACES = ("left", "right", "back"), ("bakery", "zoo", "bank", "mill")
steps = st.builds(lambda *step: step, st.sampled_from(TURNS), st.integers(1, 2), st.sampled_from(PLACES))
routes = st.lists(steps, max_size=6)

GRAPH = TieredSpec(  # tiers that are no chain
    fields=("turn", "blocks", "landmark"),
    tiers={("turn", "blocks", "landmark"): 2.0, ("turn", "blocks"): 1.0, ("landmark",): 1.0, ("blocks",): 0.25},
    matching="aligned",
    conflicts="each",
)


@st.composite
def ordered_specs(draw):
    values = st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0])
    base = draw(st.sampled_from([ROUTE.spec, GRAPH]))
    part = base.parts[1]
    return base.change(
        tiers={part: draw(values)},
        incorrect=draw(st.sampled_from(["not_exact", f"not_{part}", "no_tier"])),
        incorrect_penalty=draw(values),
        underprediction_penalty=draw(values),
        count=draw(st.sampled_from(["shortfall", "difference"])),
        scale=draw(st.sampled_from([None, "n_gt"])),
    )


def total(spec, counts):
    return float(sum(values[0] for values in reward_parts(spec, counts).values()))


def r_acc(predicted, true, spec=ROUTE.spec, invalid=0):
    return total(spec, count_matches(spec, [predicted], [invalid], [true]))


def every_alignment(rows, columns):
    """Yield every set of matches that increase on both sides."""
    for size in range(min(rows, columns) + 1):
        for mine, theirs in product(combinations(range(rows), size), combinations(range(columns), size)):
            yield list(zip(mine, theirs, strict=True))


def brute_force(spec, predicted, true):
    """Return the most that any alignment earns, exactly, with the counts of each tier: every pair at every tier."""
    agree = {
        (i, j): [level for level, each in enumerate(spec.levels) if all(mine[at] == other[at] for at in each.positions)]
        for i, mine in enumerate(predicted)
        for j, other in enumerate(true)
    }
    best = None
    for matches in every_alignment(len(predicted), len(true)):
        for chosen in product(*(agree[pair] for pair in matches)):
            counts = [chosen.count(level) for level in range(len(spec.table))]
            earned = sum(Fraction(spec.value(level)) * number for level, number in enumerate(counts))
            right = sum(number for level, number in enumerate(counts) if spec.counts_as_correct(level))
            earned -= Fraction(spec.incorrect_penalty) * (len(predicted) - right)
            best = max(best or (earned, counts), (earned, counts))
    return best


@settings(max_examples=60)
@given(ordered_specs(), st.lists(steps, max_size=4), st.lists(steps, max_size=4))
def test_agrees_with_brute_force(spec, predicted, true):
    earned, counts = brute_force(spec, predicted, true)
    assert count_by_assignment(spec, predicted, true) == counts
    short = max(0, len(true) - len(predicted))
    if spec.count == "difference":
        short = abs(len(true) - len(predicted))
    expected = float(
        (earned - Fraction(spec.underprediction_penalty) * short) / (max(len(true), 1) if spec.scale else 1)
    )
    assert r_acc(predicted, true, spec) == pytest.approx(expected, abs=1e-12)


@given(ordered_specs(), routes, routes)
def test_matches_increase_on_both_sides(spec, predicted, true):
    matches = match_by_assignment(spec, predicted, true)
    for one, other in combinations(matches, 2):
        assert one[0] < other[0]
        assert one[1] < other[1]
    counts = [sum(level == at for _, _, level in matches) for at in range(len(spec.table))]
    assert counts == count_by_assignment(spec, predicted, true)


@given(st.lists(st.lists(st.integers(0, 3), min_size=4, max_size=4), min_size=1, max_size=5))
def test_of_equal_alignments_the_first_prediction_is_matched_first(table):
    """Deterministic: the rows that are matched, then their columns, are the first in the order of tuples."""
    score = np.array(table, dtype=np.float64)
    rows, columns = align(score)
    found = list(zip(rows.tolist(), columns.tolist(), strict=True))
    every = [matches for matches in every_alignment(*score.shape) if all(score[pair] > 0 for pair in matches)]
    most = max(sum(score[pair] for pair in matches) for matches in every)
    best = [matches for matches in every if sum(score[pair] for pair in matches) == most]

    def order(matches):  # a row that is matched comes before one that is not
        by_row = dict(matches)
        return [by_row.get(row, len(score[0])) for row in range(len(score))]

    assert found == min(best, key=order)


def test_the_reward_is_maximized_and_not_the_value_of_the_matches():
    """Three half right steps are worth 1.5 and cost 3; one that is exact is worth 1.4 and costs nothing."""
    spec = ROUTE.spec.change(tiers={"exact": 1.4})
    true = [("left", 1, "bakery"), ("left", 2, "bakery"), ("left", 2, "bakery"), ("right", 1, "zoo")]
    predicted = [
        ("right", 1, "zoo"),
        ("left", 1, "bank"),
        ("left", 9, "bakery"),
        ("left", 9, "bakery"),
        ("left", 9, "bakery"),
    ]
    assert count_by_assignment(spec, predicted, true) == [1, 0]
    assert r_acc(predicted, true, spec) == pytest.approx(1.4 - 4)
    assert count_by_assignment(spec.change(incorrect_penalty=0.0), predicted, true) == [0, 3]


# --- what an order is worth ------------------------------------------------------------------------------------------


@given(routes, steps, st.data())
def test_a_step_that_is_inserted_costs_the_same_wherever_it_stands(true, extra, data):
    at = data.draw(st.integers(0, len(true)))
    assert r_acc([*true[:at], extra, *true[at:]], true) == 2.0 * len(true) - 1.0
    assert r_acc([*true[:at], *true[at:]], true, invalid=1) == 2.0 * len(true) - (1.0 if true else 0.0)


@given(routes.filter(bool), st.data())
def test_a_step_that_is_missing_costs_the_same_wherever_it_stood(true, data):
    at = data.draw(st.integers(0, len(true) - 1))
    assert r_acc([*true[:at], *true[at + 1 :]], true) == 2.0 * (len(true) - 1) - 1.0


@given(
    st.permutations(
        [(turn, blocks, place) for turn, blocks, place in zip("abcdef", range(6), PLACES * 2, strict=False)]
    )
)
def test_another_order_gets_no_credit_of_a_set(order):
    """Distinct steps in another order earn what their longest increasing run does."""
    true = sorted(order)
    at = [true.index(step) for step in order]
    longest = max(len(some) for size in range(1, 7) for some in combinations(at, size) if list(some) == sorted(some))
    assert r_acc(order, true) == 2.0 * longest - (6 - longest)
    assert r_acc(order, true, ROUTE.spec.change(matching="one_to_one")) == 12.0
    assert count_matches(ROUTE.spec, [order], [0], [true]).same.tolist() == [list(order) == true]


@given(routes, routes)
def test_only_the_route_itself_is_the_best_answer(predicted, true):
    assert r_acc(true, true) == 2.0 * len(true)
    assert (r_acc(predicted, true) == 2.0 * len(true)) == (predicted == true)
    same = count_matches(ROUTE.spec, [predicted], [0], [true]).same
    assert same.tolist() == [predicted == true]


@given(routes.filter(bool), st.integers(2, 4))
def test_repeats_and_every_step_at_once_never_pay(true, times):
    assert r_acc(true * times, true) == 2.0 * len(true) - (times - 1) * len(true)
    everything = [*product(TURNS, (1, 2), PLACES)] * len(true)  # every order is in it
    assert r_acc(everything, true) <= 2.0 * len(true) - 20 * len(true)


def test_numbers_of_steps_that_are_off_by_one_say_nothing():
    """With the number as a field, and as a set, the right route earned what a wrong one does."""
    steps_of = "left 3 to bakery", "right 1 to zoo", "left 2 to bank"
    target = ", ".join(steps_of)
    for number in ("{}. ", "{}) ", "({}) ", "Step {}: ", "**Step {}:** ", "step #{}. ", "Step {} - "):
        for separator in ("\n", ", "):
            answer = separator.join(number.format(at + 2) + step for at, step in enumerate(steps_of))
            score = score_completion(f"<think>b</think><answer>{answer}</answer>", target, task="route")
            assert (score.total, score.correct, score.fault) == (7.0, True, None), answer


# --- the same on every way -------------------------------------------------------------------------------------------


def written(steps_of):
    return ", ".join(ROUTE.record_format.render(step) for step in steps_of)


ANSWERS = routes.map(written) | hostile_text(
    "left 3 to bakery", ", ", "\n", "Step 1: ", "right", "1", "to", "zoo", "[", "]"
)
ROWS = st.lists(st.tuples(ANSWERS, routes.map(written)), min_size=1, max_size=6)


@settings(max_examples=40)
@given(ROWS, st.sampled_from(["default", "paper", "calibrated", "naive_binary", "no_incorrect_penalty"]))
def test_batch_single_function_columns_spans_and_lines_agree(rows, preset):
    texts = [f"<think>b</think><answer>{answer}</answer>" for answer, _ in rows]
    true = [target for _, target in rows]
    batch = score_batch(texts, true, task="route", preset=preset)
    assert TaskReward("route", preset=preset)(texts, target=true) == batch.total.tolist()
    columns = score_columns({"completion": texts, "target": true}, task="route", preset=preset)
    assert columns["total"].tolist() == batch.total.tolist()
    for text, target, score in zip(texts, true, batch, strict=True):
        alone = score_completion(text, target, task="route", preset=preset)
        assert (alone.parts, alone.correct, alone.fault) == (score.parts, score.correct, score.fault)
        assert score.spans.total == score.total
        explained = explain_completion(text, target, task="route", preset=preset)
        assert explained.parts == dict(score.parts)


def test_large_batches_and_small_ones_agree():
    rng = np.random.default_rng(1)

    def draw():
        return [(TURNS[a], int(b), PLACES[c]) for a, b, c in rng.integers(0, (3, 3, 4), size=(rng.integers(0, 9), 3))]

    rows = [(draw(), int(rng.integers(3)), draw()) for _ in range(3 * SMALL_BATCH)]
    counts = count_matches(ROUTE.spec, *map(list, zip(*rows, strict=True)))
    for at, row in enumerate(rows):
        alone = count_matches(ROUTE.spec, *([each] for each in row))
        assert [values[at].tolist() for values in counts] == [values[0].tolist() for values in alone]


def test_files_are_scored_alike_however_they_are_cut(tmp_path, monkeypatch):
    from benchmarks.run import score_files

    rng = np.random.default_rng(2)
    lines = []
    for row in range(60):
        true = [
            (TURNS[a], int(b) + 1, PLACES[c]) for a, b, c in rng.integers(0, (3, 3, 4), size=(rng.integers(1, 7), 3))
        ]
        said = [step for step in true if rng.random() < 0.8] + ([true[0]] if rng.random() < 0.3 else [])
        text = f"<think>b</think><answer>{written(said)}</answer>"
        lines.append({"id": str(row), "prompt_id": str(row // 4), "completion": text, "target": written(true)})
    path = tmp_path / "routes.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    expected = score_batch([line["completion"] for line in lines], [line["target"] for line in lines], task="route")
    summaries = []
    for size in (score_files.BLOCK_ROWS, 7):
        monkeypatch.setattr(score_files, "BLOCK_ROWS", size)
        out = tmp_path / f"{size}.jsonl"
        summaries.append(score_rewards([str(path)], task="route", out=str(out)).as_dict())
        found = [json.loads(line) for line in out.read_text().splitlines()]
        assert [row["total"] for row in found] == expected.total.tolist()
        assert [row["correct"] for row in found] == expected.correct.tolist()
    assert summaries[0] == summaries[1]
    assert "matching:aligned" in summaries[0]["signature"]


def test_spans_say_what_stands_at_the_wrong_place():
    text = "<think>b</think><answer>left 2 to bank, right 1 to zoo, back 1 to mill, right 1 to zoo</answer>"
    spans = score_completion(text, "right 1 to zoo, left 2 to bank", task="route").spans
    tiers = [(text[span.start : span.end], span.tier, span.share) for span in spans.records]
    assert tiers == [
        ("left 2 to bank", "exact", 2.0),
        ("right 1 to zoo", "misplaced", -1.0),
        ("back 1 to mill", "incorrect", -1.0),
        ("right 1 to zoo", "misplaced", -1.0),
    ]
    text = "<think>b</think><answer>left 2 to bank, left 2 to bank</answer>"
    tiers = [span.tier for span in score_completion(text, "left 2 to bank", task="route").spans.records]
    assert tiers == ["exact", "excess"]


# --- declarations and targets ----------------------------------------------------------------------------------------


def test_a_step_may_be_true_twice_and_a_change_may_not():
    target = "left 1 to zoo, right 1 to zoo, left 1 to zoo"
    assert score_completion(f"<think>b</think><answer>{target}</answer>", target, task="route").correct
    once = "left 1 to zoo, right 1 to zoo"
    score = score_completion(f"<think>b</think><answer>{once}</answer>", target, task="route")
    assert (score.total, score.correct) == (4.0, False)
    # As a set, on which the table of scores agrees with what is computed.
    reward = TaskReward("route", overrides={"matching": "one_to_one"})
    score = score_completion(f"<think>b</think><answer>{once}</answer>", target, task="route", matching="one_to_one")
    assert reward([f"<think>b</think><answer>{once}</answer>"], target=[target]) == [score.total] == [4.0]
    assert score.correct
    with pytest.raises(DataError, match="twice"):
        score_completion("", "2.color.red, 2.color.red")


def test_what_does_not_go_together_is_refused():
    message = "matching 'aligned' takes conflicts 'each': the order of the records tells them apart"
    with pytest.raises(ConfigError, match=message):
        resolve("tvr", matching="aligned")
    spec = resolve("tvr", matching="aligned", conflicts="each")[1]
    assert spec.ordered
    assert not spec.nested
    assert not is_tabular(spec)
    for preset in PRESETS:
        if preset not in ("no_object_tier", "no_attribute_tier"):
            assert preset_spec(ROUTE.spec, preset).ordered == (preset != "paper")


@pytest.mark.parametrize("length", [10, 400, 2000])
def test_long_answers_take_no_longer_than_they_are(length):
    true = [("left", at % 90 + 1, PLACES[at % 4]) for at in range(12)]
    predicted = [("back", 7, "mill")] * length + true
    assert r_acc(predicted, true) == 24.0 - length
