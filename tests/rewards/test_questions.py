"""What a question's reward pays for: the paper's weights, bounds, wrong settings."""

import pickle

import pytest

from rewards.errors import ConfigError
from rewards.spec import QuestionSpec

WEIGHTS = ("answer_weight", "reference_weight", "format_weight", "relation_weight", "wrong_reference_share")


def test_defaults():
    assert QuestionSpec() == QuestionSpec(
        answer_weight=1.0,
        reference_weight=0.5,
        wrong_reference_share=0.5,
        format_weight=0.0,
        reference_rule="informedness",
        relation_weight=0.0,
        kind=None,
        letters=None,
    )
    assert [QuestionSpec().reference_weight_of(r_ans) for r_ans in (0.0, 0.5, 1.0)] == [0.25, 0.375, 0.5]
    with pytest.raises(TypeError):
        QuestionSpec(2.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((name, value) for name in WEIGHTS for value in (0, 1, 0.5)),
        *((name, 1e9) for name in WEIGHTS[:3]),
        ("reference_rule", "f1"),
        *(("kind", kind) for kind in ("choice", "yes_no", "number", "text", None)),
        *(("letters", letters) for letters in ("AB", "ZA", "ABCDEFGHIJKLMNOPQRSTUVWXYZ", None)),
    ],
)
def test_what_is_allowed(field, value):
    assert getattr(QuestionSpec(**{field: value}), field) == value
    assert getattr(QuestionSpec().change(**{field: value}), field) == value


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        *((name, -0.1, f"{name} is -0.1; it is a number from 0") for name in WEIGHTS[:3]),
        *((name, 1e9 + 0.5, f"{name} is 1000000000.5; it is a number from 0") for name in WEIGHTS[:3]),
        ("answer_weight", "1", "answer_weight is '1'; it is a number from 0"),
        ("answer_weight", None, "answer_weight is None; it is a number from 0"),
        ("reference_weight", True, "reference_weight is True; it is a number from 0"),
        ("format_weight", float("nan"), "format_weight is nan; it is a number from 0"),
        ("relation_weight", 1.1, "relation_weight is 1.1; it is a number from 0 to 1"),
        ("relation_weight", -0.1, "relation_weight is -0.1; it is a number from 0 to 1"),
        ("wrong_reference_share", 1.5, "wrong_reference_share is 1.5; it is a number from 0 to 1"),
        ("reference_rule", "F1", "reference_rule is 'F1'; it is 'informedness' or 'f1'"),
        ("reference_rule", [], "reference_rule is []; it is 'informedness' or 'f1'"),
        ("kind", "letter", "kind is 'letter'; it is one of choice, yes_no, number, text, set, box, point, map"),
        ("kind", "", "kind is ''; it is one of choice, yes_no, number, text, set, box, point, map"),
        *(
            ("letters", letters, f"letters is {letters!r}; it is two or more capital letters, such as ABCD")
            for letters in ("", "A", "ABA", "ab", "A1", "ÄB", 5, ["A", "B"])
        ),
    ],
)
def test_what_is_not(field, value, message):
    for make in (lambda: QuestionSpec(**{field: value}), lambda: QuestionSpec().change(**{field: value})):
        with pytest.raises(ConfigError) as caught:
            make()
        assert str(caught.value) == message


def test_a_change_keeps_the_rest():
    spec = QuestionSpec(answer_weight=2, letters="AB")
    assert spec.change(format_weight=1) == QuestionSpec(answer_weight=2, letters="AB", format_weight=1)
    assert spec.change() == spec == pickle.loads(pickle.dumps(spec))
    with pytest.raises(ConfigError) as caught:
        spec.change(format_weight=1, anwser_weight=2)
    assert str(caught.value) == "unknown reward option 'anwser_weight' (did you mean 'answer_weight'?)"
