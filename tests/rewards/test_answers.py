"""R_ans: golden rows of SPAR-Bench, an independent twin, properties, cases, wrong gold."""

import json
import math
import re
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.number import parse_number
from parsers.types import Fault
from rewards.answers import AnswerScore, infer_kind, mra, score_answer, score_region
from rewards.errors import ConfigError, DataError
from rewards.spec import QuestionSpec
from tests.case_names import plain
from tests.json_lines import read
from tests.oracles import question_scores as oracle

TESTS = Path(__file__).parents[1]
FINITE = st.floats(-1e9, 1e9)
PLAIN = re.compile(r"\s*[0-9]+(\.[0-9]+)?\s*", re.ASCII)


def golden():
    rows = read(TESTS / "golden" / "spar.jsonl.gz")
    numeric = [row for row in rows if row["expected"]["metric"].startswith("MRA")]
    return [row for row in numeric if PLAIN.fullmatch(row["answer"])]


def cases():
    return [json.loads(line) for line in (TESTS / "cases" / "answers.jsonl").read_text(encoding="utf-8").splitlines()]


def test_plain_numbers_score_as_spar_bench_scores_them():
    plain = [row for row in golden() if PLAIN.fullmatch(row["prediction"])]
    assert len(plain) > 200
    for row in plain:
        score = score_answer(row["prediction"], row["answer"], kind="number")
        assert score.value == pytest.approx(row["expected"]["score"], abs=1e-9), row


def test_ours_pays_more_than_spar_bench_only_for_numbers_that_it_cannot_read():
    """SPAR-Bench takes any number of the text, a label's too, and reads no `.5`, `-1`, `1,000`, `10^2`, `2e1` or `1/2`."""
    more = [
        row["prediction"]
        for row in golden()
        if score_answer(row["prediction"], row["answer"], kind="number").value > row["expected"]["score"] + 1e-9
    ]
    assert more
    assert all(re.search(r"^\.|[-,^/]|e\d|^image \d+:", prediction) for prediction in more)


@pytest.mark.parametrize("case", cases(), ids=lambda case: f"{plain(case['text'])} for {plain(case['target'])}")
def test_case(case):
    score = score_answer(case["text"], case["target"], options=case.get("options"), kind=case.get("kind"))
    assert score.value == pytest.approx(case["value"])
    assert score.correct == (case["value"] == 1)
    assert (score.fault and score.fault.code) == case["fault"]


@given(FINITE, FINITE)
def test_mra_is_its_twin(prediction, truth):
    assert mra(prediction, truth) == pytest.approx(oracle.mean_relative_accuracy(prediction, truth))


@given(FINITE, st.sampled_from([k / 20 for k in range(11)]), st.sampled_from([-1, 1]))
def test_mra_at_the_edges_is_its_twin(truth, error, sign):
    prediction = truth * (1 + sign * error)
    assert abs(mra(prediction, truth) - oracle.mean_relative_accuracy(prediction, truth)) < 1e-9


@pytest.mark.parametrize(
    ("prediction", "truth", "value"),
    [
        (1, 1, 1),
        (1.05, 1, 1),
        (1.1, 1, 0.9),
        (1.5, 1, 0.1),
        (1.6, 1, 0),
        (0, 1, 0),
        (0, 0, 1),
        (0.3, 0, 0.5),
        (-1, 1, 0),
        (-1, -1.1, 0.9),
        (math.inf, 1, 0),
        (math.nan, 1, 0),
        (1e308, -1e308, 0),
        (1, 1e-320, 0),
    ],
)
def test_mra_of(prediction, truth, value):
    assert mra(prediction, truth) == pytest.approx(value)


@pytest.mark.parametrize("number", [1, True, Fraction(1), 10**30, np.float32(1), "1"])
def test_mra_is_a_float_of_whatever_reads_as_numbers(number):
    assert (mra(number, number), type(mra(number, number))) == (1.0, float)
    assert (mra(0.0, number), mra(number, -1.0)) == (0.0, 0.0)
    assert mra([number], number).dtype == mra(number, [number]).dtype == np.float64


@given(st.lists(st.tuples(st.floats(), FINITE), min_size=1))
def test_mra_of_arrays_is_that_of_each(pairs):
    predictions, truths = np.array(pairs).T
    assert mra(predictions, truths).tolist() == [mra(p, t) for p, t in pairs]
    assert mra(predictions[:, None], truths[None]).shape == (len(pairs), len(pairs))


@given(FINITE, FINITE, FINITE)
def test_mra_never_rises_with_the_error(one, other, truth):
    near, far = sorted([one, other], key=lambda prediction: abs(prediction - truth))
    assert mra(near, truth) >= mra(far, truth)


@pytest.mark.parametrize("truth", [math.nan, math.inf, [1, -math.inf]])
def test_a_true_number_is_finite(truth):
    with pytest.raises(DataError, match="not finite"):
        mra(1.0, truth)


TARGETS = st.sampled_from(
    ["B", "yes", False, "1.5 m", 2, 0.0, "a red chair", np.float64(3), np.int64(4), np.bool_(True)]
)


@given(
    st.none()
    | st.text()
    | st.sampled_from(["B", "yes and no", "1", "1 m", "A. B.", "nan", "٣", "\ud800", "a red chair"]),
    TARGETS,
)
def test_any_answer_scores_between_nothing_and_one(text, target):
    score = score_answer(text, target)
    assert 0 <= score.value <= 1
    assert score.correct == (score.value == 1)
    assert (score.answer is None) == (score.fault is not None)
    assert score.fault is None or score.value == 0


@given(TARGETS)
def test_the_true_answer_is_right(target):
    text = {True: "yes", False: "no"}[bool(target)] if isinstance(target, bool | np.bool_) else str(target)
    assert score_answer(text, target).correct


@given(st.text(min_size=1))
def test_nothing_is_right_by_being_empty_or_a_part(text):
    try:
        whole = score_answer("", text)
    except DataError:
        return
    assert whole.value == 0
    assert whole.fault.code == "empty"


@pytest.mark.parametrize(
    ("target", "kind", "options"),
    [
        ("", None, None),
        ("  ", "choice", None),
        ("left", "choice", None),
        ("A or B", "choice", None),
        ("maybe", "yes_no", None),
        ("x", "number", None),
        ("1 or 2", "number", None),
        (math.nan, None, None),
        (math.inf, "number", None),
        ("1e999", None, None),
        ("C", None, ["left", "right"]),
        ("up", None, ["left", "right"]),
        ("A. right", None, ["left", "right"]),
        ("...", "text", None),
        (None, None, None),
        (["B"], None, None),
        ({}, "number", None),
        (b"B", None, None),
        (1j, None, None),
    ],
)
def test_wrong_gold_is_a_data_error(target, kind, options):
    with pytest.raises(DataError, match="the target"):
        score_answer("B", target, kind=kind, options=options)


def test_an_unknown_kind_is_a_config_error():
    with pytest.raises(ConfigError, match="choice, yes_no, number, text"):
        score_answer("B", "B", kind="letter")


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        ("B", "choice"),
        ("(c)", "choice"),
        ("D. Above", "choice"),
        ("H", "choice"),
        ("Yes", "yes_no"),
        ("false", "yes_no"),
        (True, "yes_no"),
        (np.bool_(False), "yes_no"),
        (1, "number"),
        (1.5, "number"),
        ("1.5", "number"),
        ("-2 m", "number"),
        ("1,200", "number"),
        (np.int64(3), "number"),
        ("two chairs", "text"),
        ("2 chairs", "text"),
        ("no chairs", "text"),
        ("move_right:0.4,rotate_left:30", "text"),
        ("A chair", "text"),
        ("nan", "text"),
    ],
)
def test_kinds(target, kind):
    assert infer_kind(target) == kind


def test_options_make_a_choice():
    assert infer_kind("1.5", options=["1.5", "2"]) == "choice"


@given(st.floats(0.01, 1e6), st.sampled_from([("m", 1), ("cm", 100), ("mm", 1000), ("km", 0.001)]))
def test_units_are_heeded(value, unit):
    name, factor = unit
    score = score_answer(f"{value * factor!r} {name}", f"{value!r} meters")
    assert score.correct
    assert score.answer == pytest.approx(value)
    assert parse_number(f"{score.answer!r} m").value == pytest.approx(value)


@pytest.mark.parametrize(
    ("target", "kind", "options", "message"),
    [
        (None, None, None, "the target None is a NoneType, expected text, a number or a bool"),
        (["B"], "choice", None, "the target ['B'] is a list, expected text, a number or a bool"),
        ("A or B", "choice", None, "the target 'A or B' cannot be used: both A and B are named"),
        ("C", None, ["left", "right"], "the target 'C' cannot be used: there is no option C (options: A, B)"),
        ("maybe", "yes_no", None, "the target 'maybe' cannot be used: no option is named"),
        ("1 or 2", "number", None, "the target '1 or 2' cannot be used: different numbers are named"),
        ("...", "text", None, "the target '...' cannot be used: it holds no word"),
        ("x" * 61, "number", None, f"the target '{'x' * 60}' cannot be used: there is no number"),
    ],
    ids=plain,
)
def test_words_for_wrong_gold(target, kind, options, message):
    with pytest.raises(DataError) as caught:
        score_answer("B", target, kind=kind, options=options)
    assert str(caught.value) == message


def test_words_for_wrong_settings_and_numbers():
    with pytest.raises(ConfigError) as caught:
        score_answer("B", "B", kind="letter")
    assert (
        str(caught.value)
        == "unknown kind of answer 'letter'; known are choice, yes_no, number, text, set, box, point, map"
    )
    with pytest.raises(DataError) as caught:
        mra(1.0, [1.0, math.inf])
    assert str(caught.value) == "the true number is not finite: [1.0, inf]"


@pytest.mark.parametrize(
    ("text", "target", "kind", "score"),
    [
        ("b", "B", None, AnswerScore(1.0, correct=True, answer="B")),
        ("(A)", "B", None, AnswerScore(0.0, correct=False, answer="A")),
        ("Yes.", True, None, AnswerScore(1.0, correct=True, answer="yes")),
        ("no", True, None, AnswerScore(0.0, correct=False, answer="no")),
        ("110 cm", "1 m", None, AnswerScore(0.9, correct=False, answer=1.1)),
        ("100 cm", "1 m", None, AnswerScore(1.0, correct=True, answer=1.0)),
        (" A  Red\nchair! ", "a red chair", None, AnswerScore(1.0, correct=True, answer="a red chair")),
        ("sofa", "a red chair", None, AnswerScore(0.0, correct=False, answer="sofa")),
        ("", "a red chair", None, AnswerScore(0.0, False, None, Fault("empty", "the answer is empty", 0))),
        (None, "B", None, AnswerScore(0.0, False, None, Fault("empty", "the answer is empty", 0))),
        ("two", 2, None, AnswerScore(1.0, True, 2.0)),
        ("about half", 2, None, AnswerScore(0.0, False, None, Fault("no_number", "there is no number", None))),
        (
            "3 degrees",
            "3 m",
            None,
            AnswerScore(
                0.0, False, None, Fault("wrong_unit", "the answer is in degrees, which does not convert to m", None)
            ),
        ),
    ],
    ids=plain,
)
def test_everything_about_an_answer(text, target, kind, score):
    assert score_answer(text, target, kind=kind) == score


def test_letters_beyond_f_are_known_where_the_truth_is_one():
    assert score_answer("H", "H").correct
    assert score_answer("Z", "G").answer == "Z"
    assert score_answer("G", "F").fault.message == "there is no option G (options: A, B, C, D, E, F)"
    assert score_answer("C", "B", letters="AB").fault.message == "there is no option C (options: A, B)"
    with pytest.raises(DataError, match=r"there is no option C \(options: A, B\)"):
        score_answer("A", "C", kind="choice", letters="AB")


def test_text_beyond_the_limit_is_not_compared():
    assert score_answer("sofa" + " " * 63_996, "sofa").correct
    assert score_answer("sofa" + " " * 63_997, "sofa").fault.code == "too_long"


@pytest.mark.parametrize("mark", " .,;:!?'\"`*")
def test_marks_around_a_text_are_no_part_of_it(mark):
    assert score_answer(f"{mark}X chair x{mark}", "x Chair X").answer == "x chair x"


def test_text_is_compared_in_compatible_form():
    assert score_answer("\uff21 Ｓtraße", "a STRASSE").correct


@pytest.mark.parametrize(
    "around",
    ["<answer>{}</answer>", "<think>A chair, 2 sofas: no.</think>\n<answer> {} </answer>\n", "2 or 3</think> {}"],
)
@pytest.mark.parametrize(
    ("target", "said", "wrong", "options"),
    [
        ("B", "(B)", "A", None), ("B. right", "right", "left", ["left", "right"]), ("yes", "Yes.", "no", None),
        ("3", "3.0", "2", None), ("1.5 m", "150 cm", "2 m", None), ("front-left", "Front left", "left", None),
    ],
)  # fmt: skip
def test_a_target_may_be_a_whole_completion(around, target, said, wrong, options):
    """open-r1 and its heirs keep solutions in tags; the kind is that of the answer, and the reasoning is none of it."""
    for each in (target, around.format(target)):
        assert score_answer(said, each, options=options).correct
        assert not score_answer(wrong, each, options=options).correct
        assert infer_kind(each, options=options) == infer_kind(target, options=options)


@pytest.mark.parametrize("target", ["<answer>A</answer><answer>B</answer>", "<think>B", "<answer>B", "B</answer> then"])
@pytest.mark.parametrize("kind", ["choice", "text", None, "set"])
def test_tags_without_one_answer_are_wrong_targets(target, kind):
    with pytest.raises(DataError, match="holds tags"):
        score_answer("B", target, kind=kind)


@pytest.mark.parametrize("text", ["\\boxed{3}", "Answer: 3", "**3**", "### Answer: 3", "The answer is 3 m."])
def test_an_announced_number_is_a_number(text):
    assert infer_kind(text) == "number"
    assert score_answer("three", text).correct


def test_a_set_and_a_box_may_stand_in_tags():
    assert score_answer("sofa, lamp", "<think>a, b</think><answer>lamp, sofa</answer>", kind="set").correct
    spec = QuestionSpec(kind="box", coordinates="pixels", layout="xyxy")
    assert score_region("[0, 0, 4, 4]", "<answer>[0, 0, 4, 4]</answer>", spec).correct
