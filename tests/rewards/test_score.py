"""Scores: the case table of attacks, exact sums, fixed keys, any text, any split of a batch, any hash seed."""

import json
import math
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import rewards
from rewards import TVR, ConfigError, DataError, TieredSpec, score_batch, score_completion
from rewards.batch_score import add_up, answer_text
from rewards.score import parse_completions, resolve, wrong_targets
from rewards.spec import PRESETS, QuestionSpec, preset_spec
from rewards.tasks import load_task
from rewards.tiered import SMALL_BATCH
from tests.oracles import tiered as oracle
from tests.strategies import TAGS, answers, completions, hostile_completions, predictions, targets

CASES = Path(__file__).parents[1] / "cases" / "rewards.jsonl"
ROOT = Path(__file__).parents[2]
PARTS = ["format", "exact", "attribute", "object", "incorrect", "underprediction"]
GOOD = "<think>a</think><answer>{}</answer>"
PRESET = st.sampled_from(list(PRESETS))
MODE = st.sampled_from(["strict", "lenient"])


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_case(case):
    completion = case["completion"]
    if "repeat" in case:
        text, times = case["repeat"]
        completion = completion.format(text * times)
    score = score_completion(completion, case["target"], **case["options"])
    assert list(score.parts.items()) == list(case["parts"].items())
    assert (score.total, score.correct, score.unit) == (case["total"], case["correct"], case["unit"])
    assert (score.fault and score.fault.code) == case["fault"]


def test_case_names_are_unique():
    assert len({case["name"] for case in cases()}) == len(cases())


ATTACKS = {
    "a megabyte of brackets", "a part of the answer", "an answer inside the reasoning", "an answer of two lines",
    "an empty answer", "an opener that the chat template wrote", "an option inside the reasoning", "letters in prose",
    "look-alike letters", "naming every value of a cell", "naming everything", "nested tags",
    "nonsense instead of an answer", "prose in the answer", "repeated tags", "repeats", "several answers", "silence",
    "the prompt echoed", "two values for one cell", "Unicode digits",
}  # fmt: skip


def test_every_attack_is_tried_and_none_earns_the_exact_answer_unearned():
    """What has been seen to fool graders; only harmless forms of a right answer may earn its whole reward."""
    tried = {}
    for case in cases():
        tried.setdefault(case.get("attack"), []).append(case)
    assert tried.keys() - {None} == ATTACKS
    for attack in ATTACKS - {"an answer of two lines", "an opener that the chat template wrote"}:
        for case in tried[attack]:
            honest = case["name"] == "an option in the reasoning"  # its answer is another option, the right one
            assert (case["unit"] == 1) == honest or case["options"].get("mode") == "lenient", case["name"]


# --- what holds for any text -----------------------------------------------------------------------------------------


@given(hostile_completions(), targets(), PRESET, MODE, st.sampled_from([None, "n_gt"]))
def test_any_text_gets_a_score(text, true, preset, mode, scale):
    score = score_completion(text, true, preset=preset, mode=mode, scale=scale)
    assert list(score.parts) == PARTS
    assert sum(score.parts.values()) == score.total
    assert all(type(value) is float and math.isfinite(value) for value in score.parts.values())
    assert not any(
        value == 0 and math.copysign(1, value) < 0 for value in [score.total, score.unit, *score.parts.values()]
    )
    assert score.parts["format"] in (0.0, 1.0)
    assert all(score.parts[part] >= 0 for part in ("exact", "attribute", "object"))
    assert max(score.parts["incorrect"], score.parts["underprediction"]) <= 0
    assert 0 <= score.unit <= 1
    assert type(score.correct) is bool
    assert (score.parts["format"] == 0) <= (score.fault is not None)
    if score.answer is None:
        assert not score.correct
        assert score.parts["incorrect"] == 0
    assert score == score_completion(text, true, preset=preset, mode=mode, scale=scale)


@given(answers(max_size=4), targets(), st.data(), PRESET)
def test_score_is_format_and_the_slow_twins_parts(answer, true, data, preset):
    text, items = answer
    spec = preset_spec(TVR, preset)
    score = score_completion(data.draw(completions(text)), true, preset=preset)
    expected = {"format": 1.0} | oracle.parts(spec, items, 0, true)
    assert dict(score.parts) == pytest.approx(expected, abs=1e-12)
    assert score.correct == (set(items) == set(true))
    best = sum(oracle.parts(spec, true, 0, true).values())
    accuracy = score.total - 1
    assert score.unit == pytest.approx(min(1, max(0, accuracy / best)) if best else float(score.correct), abs=1e-12)
    assert (list(score.answer), score.fault) == (items, None)


@given(hostile_completions(), targets(), PRESET)
def test_lenient_earns_the_same_without_a_fault_and_no_format_point_with_one(text, true, preset):
    strict, lenient = (score_completion(text, true, preset=preset, mode=mode) for mode in ("strict", "lenient"))
    assert lenient.parts["format"] == strict.parts["format"]
    if strict.parts["format"]:
        assert lenient == strict
    else:
        assert strict.answer is None
        assert not strict.correct


@given(predictions(), st.integers(0, 3), targets(), PRESET)
def test_faulty_tags_are_an_empty_answer_without_the_format_point(predicted, junk, true, preset):
    text = ", ".join([*map(str, predicted), *["?"] * junk])
    broken = score_completion(f"<answer>{text}</answer>", true, preset=preset)
    empty = score_completion(GOOD.format("none"), true, preset=preset)
    assert dict(broken.parts) == dict(empty.parts) | {
        "format": 0.0,
        "exact": 0.0 if preset == "naive_binary" else empty.parts["exact"],
    }
    assert broken.answer is None
    assert not broken.correct


@given(st.integers(1, 5), targets(min_size=1), PRESET)
def test_nothing_valid_costs_what_silence_costs(junk, true, preset):
    """Where both penalties are the same; a preset that drops one of them says what such an item costs it."""
    nonsense = score_completion(GOOD.format(", ".join(["2.color.cyna"] * junk)), true, preset=preset)
    empty = score_completion(GOOD.format(""), true, preset=preset)
    _, spec = resolve("tvr", preset)
    if spec.incorrect_penalty == spec.underprediction_penalty or spec.rule == "binary":
        assert nonsense.total == empty.total
    assert (nonsense.correct, nonsense.fault.code, len(nonsense.answer.invalid)) == (False, "unknown_value", junk)


def false_records(number):
    """Return records that agree with no true one in anything."""
    return [f"{90 + at}.color.red" for at in range(number)]


@given(predictions(max_size=4), st.integers(0, 8), targets(), PRESET)
def test_each_unparseable_item_is_one_incorrect_prediction_up_to_n_gt(predicted, junk, true, preset):
    """Like a record that agrees with nothing at all; those beyond n_gt are no predictions."""
    assume(true or not junk)
    said = list(map(str, predicted))
    invalid = score_batch([GOOD.format(", ".join(said + ["x"] * junk))], [true], preset=preset)
    foreign = score_batch([GOOD.format(", ".join(said + false_records(min(junk, len(true)))))], [true], preset=preset)
    parts = [{part: values.tolist() for part, values in batch.parts.items()} for batch in (invalid, foreign)]
    if junk and preset == "naive_binary":
        assert not invalid.correct[0]
    else:
        assert parts[0] == parts[1]
    assert invalid.n_pred.tolist() == foreign.n_pred.tolist()


@given(predictions(max_size=4), st.integers(1, 8), targets(min_size=1), PRESET)
def test_a_wrong_record_instead_of_an_unparseable_item_costs_one_prediction_at_most(predicted, junk, true, preset):
    said = list(map(str, predicted))
    before = score_completion(GOOD.format(", ".join(said + ["x"] * junk)), true, preset=preset).total
    after = score_completion(GOOD.format(", ".join([*said, "97.color.red", *["x"] * (junk - 1)])), true, preset=preset)
    _, spec = resolve("tvr", preset)
    assert after.total >= before - max(spec.incorrect_penalty, spec.underprediction_penalty)
    if preset in ("default", "paper"):
        assert after.total >= before - 1


@given(predictions(max_size=4), st.integers(0, 8), targets(min_size=1), PRESET, st.randoms())
def test_the_right_change_more_never_lowers_the_reward(predicted, junk, true, preset, shuffler):
    change = shuffler.choice(true)
    assume(change not in predicted)
    said = [*map(str, predicted), *["x"] * junk]
    shuffler.shuffle(said)
    before, after = (
        score_completion(GOOD.format(", ".join(s)), true, preset=preset) for s in (said, [*said, str(change)])
    )
    assert after.total >= before.total


def test_nothing_true_scores_as_ever():
    """Nothing valid is an empty answer; beside a record every item is one more incorrect prediction."""
    for text, total in (("none", 1), ("", 1), ("x", 1), ("x, x", 1), ("2.color.cyan", 0), ("2.color.cyan, x, x", -2)):
        assert score_completion(GOOD.format(text), []).total == total


@given(answers(max_size=4), targets(), st.sampled_from(["Perhaps ", "", "no, "]))
def test_what_the_reasoning_says_is_worth_nothing(answer, true, prose):
    text, _items = answer
    said = ", ".join(map(str, true))
    plain = score_completion(GOOD.format(text), true)
    assert score_completion(f"<think>{prose}<answer>{said}</answer></think><answer>{text}</answer>", true) == plain


# --- batches ---------------------------------------------------------------------------------------------------------


def sample(rows):
    """Return invented completions and targets, every kind of fault among them."""
    import random

    rng = random.Random(11)
    pieces = [
        "2.color.cyan",
        "0.shape.cube",
        "2.color.red",
        "1.size.small",
        "0.shape.sphere",
        "3.texture.red",
        "2.size",
        "",
        "?",
    ]
    texts, gold = [], []
    for _ in range(rows):
        answer = ", ".join(rng.choice(pieces) for _ in range(rng.randrange(6)))
        text = GOOD.format(answer)
        if rng.random() < 0.3:
            at = rng.randrange(len(text))
            text = text[:at] + rng.choice([*TAGS, "", " ", "a"]) + text[at + rng.randrange(12) :]
        texts.append(text)
        gold.append(
            [pair for pair in ("2.color.cyan", "0.shape.cube", "1.size.small", "2.color.red") if rng.random() < 0.5]
        )
    return texts, gold


def same(left, right):
    assert left.total.tolist() == right.total.tolist()
    assert {part: values.tolist() for part, values in left.parts.items()} == {
        part: values.tolist() for part, values in right.parts.items()
    }
    for name in ("correct", "unit", "prefilled", "n_pred"):
        assert getattr(left, name).tolist() == getattr(right, name).tolist()
    assert list(left.answers) == list(right.answers)
    assert list(left.faults) == list(right.faults)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 150), min_size=1, max_size=8), PRESET, st.sampled_from([None, "n_gt"]))
def test_any_split_of_a_batch_gives_the_same(sizes, preset, scale):
    texts, gold = sample(200)
    whole = score_batch(texts, gold, preset=preset, scale=scale, mode="lenient")
    start = 0
    for size in [*sizes, 200]:
        part = score_batch(
            texts[start : start + size], gold[start : start + size], preset=preset, scale=scale, mode="lenient"
        )
        for number, score in enumerate(part):
            assert score == whole[start + number]
        start = min(start + size, 200)


@pytest.mark.parametrize("rows", [0, 1, SMALL_BATCH, SMALL_BATCH + 1, 200])
@pytest.mark.parametrize("task", ["tvr", "trance"])
def test_shapes_and_types(rows, task):
    texts, gold = sample(rows)
    batch = score_batch(texts, gold, task=task)
    assert list(batch.parts) == PARTS
    for values in (batch.total, batch.unit, *batch.parts.values()):
        assert (values.shape, values.dtype) == ((rows,), np.float64)
    assert (batch.correct.dtype, batch.prefilled.dtype, batch.n_pred.dtype) == (np.bool_, np.bool_, np.int64)
    assert batch.correct.shape == batch.prefilled.shape == batch.n_pred.shape == (rows,)
    assert len(batch) == len(batch.answers) == len(batch.faults) == len(list(batch)) == rows
    same(batch, score_batch(texts, gold, task=task))


def test_a_batch_of_any_size_is_its_rows():
    texts, gold = sample(SMALL_BATCH * 3)
    batch = score_batch(texts, gold, mode="lenient")
    for number, score in enumerate(batch):
        assert score == score_completion(texts[number], gold[number], mode="lenient")
        assert sum(score.parts.values()) == score.total
    assert len({fault and fault.code for fault in batch.faults}) > 8


def test_prefilled_is_told():
    batch = score_batch(["a</think><answer></answer>", GOOD, "a"], [[], [], []])
    assert batch.prefilled.tolist() == [True, False, False]


def test_a_total_is_pythons_own_sum():
    """Python 3.12 and later add floats with less rounding than adding them one by one."""
    parts = {"a": np.array([0.1, 1e100]), "b": np.array([0.2, 1.0]), "c": np.array([0.3, -1e100])}
    assert add_up(parts).tolist() == [sum([0.1, 0.2, 0.3]), sum([1e100, 1.0, -1e100])]
    texts, gold = sample(100)
    batch = score_batch(texts, gold, scale="n_gt", incorrect_penalty=0.1, tiers={"attribute": 1 / 3})
    assert [sum(score.parts.values()) for score in batch] == batch.total.tolist()


@pytest.mark.slow
def test_any_hash_seed_gives_the_same():
    """Parsing, faults, matching and tie-breaks, in processes whose sets iterate in different orders."""
    program = (
        "import sys, json\n"
        "from tests.rewards.test_score import sample\n"
        "from rewards import score_batch\n"
        "texts, gold = sample(120)\n"
        "rows = []\n"
        "for options in ({}, {'preset': 'paper'}, {'tiers': {('index', 'attribute', 'value'): 5, ('value',): 1, ('index',): 1}, 'table': ()}):\n"
        "    batch = score_batch(texts, gold, mode='lenient', **options)\n"
        "    rows += [[score.total, list(score.parts.items()), repr(score.answer), repr(score.fault)] for score in batch]\n"
        "print(json.dumps(rows))\n"
    )
    seen = set()
    for seed in ("0", "1", "4242"):
        environment = os.environ | {"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)}
        done = subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert done.returncode == 0, done.stderr
        seen.add(done.stdout)
    assert len(seen) == 1


# --- settings and gold -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"task": "tvrr"}, "unknown task 'tvrr'"),
        ({"preset": "papers"}, "unknown preset 'papers'"),
        ({"incorect": "no_tier"}, "unknown reward option 'incorect'"),
        ({"mode": "Strict"}, r"^mode is 'Strict'; it is 'strict' or 'lenient'$"),
        ({"think_prefilled": "yes"}, r"^think_prefilled is 'yes'; it is True, False or 'auto'$"),
        ({"think_prefilled": None}, "^think_prefilled is None"),
        (
            {"task": "multiview", "preset": "calibrated"},
            r"^preset 'calibrated' is for list tasks; questions have 'default' and 'paper'$",
        ),
        ({"task": "multiview", "matching": "literal"}, "unknown reward option 'matching'"),
    ],
)
def test_wrong_settings(options, message):
    with pytest.raises(ConfigError, match=message):
        score_batch([GOOD], [[]], **options)


def test_lengths_must_agree():
    with pytest.raises(ConfigError, match=r"^there are 2 completions and 1 targets$"):
        score_batch([GOOD, GOOD], [[]])


def test_wrong_rows_are_named():
    with pytest.raises(DataError, match=r"^row 1: target\[0\]\.value 'cyna' is not a color") as caught:
        score_batch([GOOD] * 3, [[], [(2, "color", "cyna")], None])
    assert caught.value.row == 1
    with pytest.raises(DataError, match=r"^row 2: a completion is text or a list of messages, not int 5$") as caught:
        score_batch([GOOD, GOOD, 5], [[], [], []])
    assert caught.value.row == 2
    assert caught.value.args == ("a completion is text or a list of messages, not int 5",)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.row) == (str(caught.value), 2)


def test_errors_are_value_errors():
    assert issubclass(DataError, ValueError)
    assert issubclass(ConfigError, ValueError)
    assert str(DataError("x")) == "x"
    assert (DataError("x").row, str(DataError("x", row=0))) == (None, "row 0: x")
    assert (DataError("x", row=0).message, DataError("x").message) == ("x", "x")


def test_wrong_targets_of_every_kind_of_task():
    """One place finds them, and says what scoring would raise at that row."""
    records = ["2.color.cyan", "2.color.cyna", None, [(2, "color", "cyan")]]
    answers = {
        "targets": ["B", "E", "A", "B"],
        "options": [["left", "right"]] * 4,
        "references": [[["sofa"]], None, "{", [["a"]]],
        "relations": [None, None, None, {"1": [["a", "b"]]}],
    }
    for task, columns in (("tvr", {"targets": records}), ("multiview", answers)):
        found = wrong_targets(load_task(task), **columns)
        for row in range(4):
            one = {name: column[row : row + 1] for name, column in columns.items()}
            try:
                score_batch(["x"], one.pop("targets"), task=task, **one)
            except DataError as error:
                assert found.pop(row) == error.message
        assert found == {}


def test_resolve():
    task = load_task("tvr")
    assert resolve("tvr") == resolve(task) == (task, TVR)
    assert resolve(task, "paper", scale="n_gt") == (task, preset_spec(TVR, "paper", scale="n_gt"))
    question = load_task("multiview")
    assert resolve("multiview") == resolve(question) == (question, question.spec) == (question, QuestionSpec())
    plain = {"reference_rule": "f1", "reference_weight": 1.0, "wrong_reference_share": 1.0}
    assert resolve("multiview", "paper") == (question, QuestionSpec(**plain))
    assert resolve("multiview", "paper", reference_weight=0.25)[1] == QuestionSpec(**plain | {"reference_weight": 0.25})
    assert resolve("mmsi", "paper")[1].reference_weight == 0
    assert resolve("multiview", answer_weight=2)[1].answer_weight == 2


def test_a_spec_that_is_no_chain_scores_too():
    tiers = {("index", "attribute", "value"): 5.0, ("attribute", "value"): 2.0, ("index",): 1.0}
    score = score_completion(GOOD.format("3.color.cyan, 2.size.small"), "2.color.cyan", tiers=tiers, table=())
    assert dict(score.parts) == {
        "format": 1,
        "exact": 0,
        "value": 2,
        "object": 0,
        "incorrect": -2,
        "underprediction": 0,
    }
    assert isinstance(resolve("tvr", tiers=tiers, table=())[1], TieredSpec)


def test_questions_go_elsewhere():
    completion = "<think>View 1: [sofa, ball, behind]</think><answer>B</answer>"
    score = score_completion(completion, "B", task="multiview", references=[["sofa", "ball"], ["lamp"]])
    assert dict(score.parts) == {"format": 0.0, "answer": 1.0, "reference": 0.5 * 2 / 3}
    assert (score.total, score.correct, score.unit) == (1 + 1 / 3, True, (1 + 1 / 3) / 1.5)
    plain = score_completion(completion, "B", task="multiview", references=[["sofa", "ball"], ["lamp"]], preset="paper")
    assert dict(plain.parts) == {"format": 0.0, "answer": 1.0, "reference": 0.5}
    assert score_completion(completion, "left", task="multiview", options=["right", "left"]).total == 1.0
    named = {"task": "multiview", "preset": "paper", "references": [["sofa", "ball"]], "relation_weight": 0.5}
    assert score_completion(completion, "A", relations=[[["sofa", "ball", "behind"]]], **named).total == 1.0
    assert score_completion(completion, "A", relations=[[["sofa", "ball", "front"]]], **named).total == 0.5


def test_answers_as_people_write_them():
    assert answer_text(None) is None
    assert (
        answer_text(score_completion(GOOD.format("(2, colour, CYAN)\n0.shape.cube, x"), []).answer)
        == "2.color.cyan, 0.shape.cube"
    )
    assert answer_text(score_completion(GOOD.format("none"), []).answer) == ""
    assert answer_text("B") == "B"
    assert answer_text(1.5) == "1.5"


def test_envelopes_are_read_in_order():
    read = parse_completions([GOOD, {"content": "a</think><answer>b</answer>"}], mode="strict", think_prefilled=False)
    assert [each.answer for each in read] == ["{}", None]


def test_scores_are_values():
    score = score_completion(GOOD.format("2.color.cyan, x"), "2.color.cyan")
    assert pickle.loads(pickle.dumps(score)) == score
    with pytest.raises(AttributeError):
        score.total = 1.0
    batch = score_batch([GOOD], [[]])
    same(pickle.loads(pickle.dumps(batch)), batch)


def test_public_names():
    assert len(set(rewards.__all__)) == len(rewards.__all__)
    assert all(hasattr(rewards, name) for name in rewards.__all__)
