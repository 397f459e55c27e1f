"""Scores of questions: every column of a batch, weights, what is not scored, wrong gold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.completion import parse_completion
from parsers.types import Completion
from rewards import score_batch, score_completion
from rewards.answers import AnswerScore
from rewards.errors import ConfigError, DataError
from rewards.score import grade_answer, grade_references, resolve, score_questions
from rewards.spec import QuestionSpec

SAID = "View 1: [sofa, ball, left]"
PLAIN = resolve("multiview", "paper")[1]  # R_ans + R_ref, with the F1 of each view
# Completion, true answer, true references; then what it earns: answer, reference, correct, unit, read, fault, number.
ROWS = [
    (f"<think>{SAID}</think><answer>B</answer>", "B", [["sofa", "ball"]], 1, 1, True, 1, "B", None, 1),
    (f"<think>{SAID}</think><answer>B</answer>", "A", [["sofa", "ball"]], 0, 1, False, 0.5, "B", None, 1),
    (f"{SAID}</think><answer>9 m</answer>", 10.0, [["sofa"], ["tv"]], 0.9, 1 / 3, False, 0.5 * (0.9 + 1 / 3), 9.0, None, 1),
    (f"<think>{SAID}</think><answer>no</answer>", False, None, 1, 0, True, 1, "no", None, 1),
    (f"<think>{SAID}</think><answer>dunno</answer>", "A", [["sofa", "ball"]], 0, 1, False, 0.5, None, "no_choice", 0),
    (f"{SAID} B", "B", [["sofa", "ball"]], 0, 0, False, 0, None, "no_think", 0),
    (f"<think>{SAID}</think>", "B", None, 0, 0, False, 0, None, "no_answer", 0),
    ("<think></think><answer>a red chair</answer>", "A red  chair.", {1: []}, 1, 1, True, 1, "a red chair", None, 1),
]  # fmt: skip


def envelopes(rows=ROWS):
    return [parse_completion(row[0]) for row in rows]


def scored(spec, rows=ROWS, **more):
    return score_questions(envelopes(rows), [row[1] for row in rows], spec, references=[row[2] for row in rows], **more)


def test_every_column():
    batch = scored(PLAIN)
    _, _, _, answer, reference, correct, unit, read, fault, number = zip(*ROWS, strict=True)
    assert list(batch.parts) == ["format", "answer", "reference"]
    assert batch.parts["format"].tolist() == [0.0] * len(ROWS)
    assert batch.parts["answer"].tolist() == pytest.approx(answer)
    assert batch.parts["reference"].tolist() == pytest.approx(reference)
    assert batch.total.tolist() == pytest.approx([a + r for a, r in zip(answer, reference, strict=True)])
    assert batch.correct.tolist() == list(correct)
    assert batch.unit.tolist() == pytest.approx(unit)
    assert batch.answers == list(read)
    assert [each and each.code for each in batch.faults] == list(fault)
    assert batch.prefilled.tolist() == [text.startswith("View") and "answer>" in text for text, *_ in ROWS]
    assert batch.n_pred.tolist() == list(number)


@pytest.mark.parametrize("weight", [1, 1.0])
def test_types(weight):
    for rows in (ROWS, []):
        spec = QuestionSpec(answer_weight=weight, reference_weight=weight, format_weight=weight)
        batch = scored(spec, rows)
        floats = [batch.total, batch.unit, *batch.parts.values()]
        assert {values.dtype for values in floats} == {np.dtype(np.float64)}
        assert (batch.correct.dtype, batch.prefilled.dtype, batch.n_pred.dtype) == (np.bool_, np.bool_, np.int64)
        assert len(batch) == len(rows)


def test_weights():
    spec = PLAIN.change(answer_weight=2, reference_weight=3, format_weight=0.5)
    plain, weighed = scored(PLAIN), scored(spec)
    assert weighed.parts["answer"].tolist() == (2 * plain.parts["answer"]).tolist()
    assert weighed.parts["reference"].tolist() == (3 * plain.parts["reference"]).tolist()
    assert weighed.parts["format"].tolist() == [0.5, 0.5, 0.5, 0.5, 0.5, 0, 0, 0.5]
    assert weighed.unit.tolist() == pytest.approx([1, 0.6, (1.8 + 1) / 5, 1, 0.6, 0, 0, 1])
    assert weighed.total.tolist() == pytest.approx(sum(weighed.parts.values()).tolist())


def test_where_nothing_is_paid_the_unit_is_whether_the_answer_is_right():
    batch = scored(PLAIN.change(answer_weight=0, reference_weight=0))
    assert batch.unit.tolist() == batch.correct.astype(float).tolist()
    only_references = scored(PLAIN.change(answer_weight=0))
    assert only_references.unit.tolist() == pytest.approx([1, 1, 1 / 3, 1, 1, 0, 0, 1])


def test_options_relations_kinds_and_letters_reach_their_rows():
    rows = [(f"<think>{SAID}</think><answer>{text}</answer>", target, [["sofa", "ball"]]) for text, target in
            (("left", "left"), ("right", "left"), ("B", "left"))]  # fmt: skip
    options = [["left", "right"], ["left", "right"], ["right", "left"]]
    relations = [[[["sofa", "ball", "left"]]], [[["sofa", "ball", "right"]]], None]
    batch = scored(PLAIN.change(relation_weight=0.5), rows[:2], options=options[:2], relations=relations[:2])
    assert batch.parts["reference"].tolist() == [1, 0.5]
    assert batch.parts["answer"].tolist() == [1, 0]
    assert scored(QuestionSpec(), rows, options=options).answers == ["A", "B", "B"]
    assert scored(QuestionSpec(kind="text"), rows).parts["answer"].tolist() == [1, 0, 0]
    bracketed = [("<think></think><answer>(B)</answer>", "B", None)]
    assert scored(QuestionSpec(kind="text"), bracketed).parts["answer"].tolist() == [1]
    assert scored(QuestionSpec(kind="choice"), bracketed).parts["answer"].tolist() == [1]
    letters = scored(QuestionSpec(letters="AB"), [("<think></think><answer>C</answer>", "B", None)])
    assert letters.faults[0].message == "there is no option C (options: A, B)"


@pytest.mark.parametrize("name", ["options", "references", "relations"])
def test_columns_have_one_value_for_each_row(name):
    with pytest.raises(ConfigError) as caught:
        score_questions(envelopes(), [row[1] for row in ROWS], QuestionSpec(), **{name: [None] * 3})
    assert str(caught.value) == f"there are 8 targets and 3 {name}"
    with pytest.raises(ValueError, match="zip"):
        score_questions(envelopes()[:3], [row[1] for row in ROWS], QuestionSpec())


@pytest.mark.parametrize(
    ("target", "names", "message"),
    [
        (None, None, "row 1: the target None is a NoneType, expected text, a number or a bool"),
        ("B", [], "row 1: references: there is no view"),
        ("", [["sofa"]], "row 1: the target '' cannot be used: it holds no word"),
    ],
)
def test_wrong_gold_is_named_by_row_even_where_the_completion_is_broken(target, names, message):
    for text in (ROWS[0][0], ROWS[5][0], ""):
        with pytest.raises(DataError) as caught:
            scored(QuestionSpec(), [ROWS[0], (text, target, names)])
        assert (str(caught.value), caught.value.row) == (message, 1)


def test_one_answer():
    spec = QuestionSpec()
    assert grade_answer(Completion("a", "(b)"), "B", None, spec) == AnswerScore(1.0, correct=True, answer="B")
    assert grade_answer(Completion("a", None), "B", None, spec) == AnswerScore(0.0, correct=False, answer=None)
    assert grade_answer(Completion("a", ""), "B", None, spec).fault.code == "empty"
    assert grade_answer(Completion("a", "right"), "B", ["left", "right"], spec).correct


def test_references_of_one():
    assert grade_references(Completion(SAID, "B"), None, None, PLAIN) is None
    assert grade_references(Completion(SAID, "B"), [["sofa"]], None, PLAIN).value == pytest.approx(2 / 3)
    assert grade_references(Completion(SAID, None), [["sofa"]], None, PLAIN).value == 0
    assert grade_references(Completion(None, "B"), [["sofa"], []], None, PLAIN).value == 0
    assert grade_references(Completion("", "B"), [["sofa"]], None, PLAIN).value == 0
    truth = [[["sofa", "ball", "right"]]]
    assert grade_references(Completion(SAID, "B"), [["sofa", "ball"]], truth, PLAIN).value == 1
    weighed = PLAIN.change(relation_weight=0.25)
    assert grade_references(Completion(SAID, "B"), [["sofa", "ball"]], truth, weighed).value == 0.75


# --- the default -----------------------------------------------------------------------------------------------------

APART = [["sofa", "ball"], ["sofa", "lamp"]]


def total(think, answer, references=APART, target="B", **options):
    text = f"<think>{think}</think><answer>{answer}</answer>"
    return score_completion(text, target, task="multiview", references=references, **options)


def test_references_weigh_less_beside_a_wrong_answer():
    both = "View 1: [sofa, ball, left] View 2: [sofa, lamp, left]"
    swapped = "View 1: [sofa, lamp, left] View 2: [sofa, ball, left]"
    assert [total(think, "B").total for think in (both, SAID, "", swapped)] == [1.5, 1.25, 1.0, 0.5]
    assert [total(think, "A").total for think in (both, SAID, "", swapped)] == [0.25, 0.125, 0.0, -0.25]
    nine = [total(think, "9", target=10).total for think in (both, swapped)]
    assert nine == [0.9 + 0.475, pytest.approx(0.9 - 0.475)]
    assert (total(both, "B").unit, total(both, "A").unit, total(swapped, "A").unit) == (1.0, 0.25 / 1.5, 0.0)


@given(st.text("AB[]sofbalmp, View12:\n", max_size=60), st.text("AB[]sofbalmp, View12:\n", max_size=60))
def test_no_references_lift_a_wrong_answer_to_a_right_one(one, other):
    right, wrong = total(one, "B"), total(other, "A")
    assert right.total > wrong.total
    assert right.total >= 0.5
    assert wrong.total <= 0.25


def test_rows_whose_views_cannot_be_told_apart_are_unlabelled():
    for references in (None, [["sofa", "ball"]], [["sofa"], ["sofa"]], [[], []]):
        score = total(SAID, "B", references)
        assert (score.total, score.unit) == (1.0, 1.0)
    flips = [[["sofa", "ball", "left"]], [["sofa", "ball", "right"]]]
    same = [["sofa", "ball"]] * 2
    assert total(SAID, "B", same, relations=flips).total == 1.25
    assert total(SAID, "B", same, relations=[flips[0]] * 2).total == 1.0
    assert total(SAID, "B", APART, relations=flips).total == 1.25  # names tell the views apart: they alone count


def test_broken_tags_name_nothing():
    swapped = "View 1: [sofa, lamp, left] View 2: [sofa, ball, left]"
    for text in (f"{swapped} B", f"<think>{swapped}</think>"):
        score = score_completion(text, "B", task="multiview", references=APART)
        assert (score.total, score.parts["reference"], score.unit) == (0, 0, 0)


def test_no_negative_zero():
    swapped = "View 1: [sofa, lamp, left] View 2: [sofa, ball, left]"
    assert str(total(swapped, "A", reference_weight=0).parts["reference"]) == "0.0"


def test_labelled_rows_are_told():
    spec = QuestionSpec()
    completions = [parse_completion(f"<think>{SAID}</think><answer>B</answer>"), parse_completion("")] * 2
    labels = [APART, APART, None, [["sofa"]]]
    batch = score_questions(completions, ["B"] * 4, spec, references=labels)
    assert batch.labelled.tolist() == [True, True, False, False]
    assert score_batch(["x"], [[]]).labelled is None
