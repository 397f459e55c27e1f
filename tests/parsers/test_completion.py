"""The envelope: cases, a slow twin, every short sequence of tags, properties."""

import json
from itertools import product
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from lark.exceptions import UnexpectedInput

from parsers import completion as module
from parsers.completion import MAX_COMPLETION, parse_completion
from tests.oracles.envelope import last_answer, read_strict
from tests.strategies import TAGS, answers, completions, hostile_completions

CASES = Path(__file__).parents[1] / "cases" / "completion.jsonl"
CODES = {*module._FAULTS, "missing_think_open", "wrong_think_open", "too_long"}
PREFILLED = st.sampled_from(["auto", True, False])


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_case(case):
    settings = {name: case[name] for name in ("mode", "think_prefilled") if name in case}
    found = parse_completion(case["text"] * case.get("times", 1), **settings)
    assert [found.think, found.answer, found.prefilled] == [case["think"], case["answer"], case["prefilled"]]
    assert (found.fault and [found.fault.code, found.fault.offset, found.fault.message]) == case["fault"]


def test_cases_show_every_fault():
    assert {case["fault"][0] for case in cases() if case["fault"]} == CODES
    assert len({case["name"] for case in cases()}) == len(cases())


def test_every_fault_has_a_message_of_one_line():
    assert all(message and "\n" not in message for message, _ in module._FAULTS.values())


def check(text):
    """Compare with the slow twin, in both modes."""
    strict, lenient = parse_completion(text), parse_completion(text, mode="lenient")
    expected = read_strict(text)
    if expected is not None:
        assert (strict.think, strict.answer, strict.prefilled) == expected
        assert strict.fault is None
        assert lenient == strict
    else:
        assert (strict.think, strict.answer, strict.prefilled) == (None, None, False)
        assert strict.fault.code in CODES
        assert 0 <= strict.fault.offset <= len(text)
        assert lenient.fault == strict.fault
        assert lenient.answer == last_answer(text)


@pytest.mark.parametrize("length", range(6))
def test_every_short_sequence_of_tags(length):
    for parts in product([*TAGS, "a", " "], repeat=length):
        check("".join(parts))


OTHER_TAGS = st.lists(
    st.sampled_from(
        [*TAGS, "<thinking>", "</thinking>", "<Think>", "</THINK>", "<Reasoning>", "</Reasoning>", "<ANSWER>", "</Answer>", "<b>", "a", " "]
    )
).map("".join)  # fmt: skip


@given(hostile_completions() | OTHER_TAGS)
@example("<answer></answer></think><answer></answer>")
@example("\x1c<think></think>\x85<answer>\u2028</answer>\u3000")
@example("<think></think><answer>" + "a" * 70_000 + "</answer>")
def test_agrees_with_the_slow_twin(text):
    check(text)


@given(hostile_completions())
@example("<answer></answer></think><answer></answer>")
@example("<think></think><answer></answer>\x1c")
def test_strict_and_outline_are_one_language(text):
    outline, _ = module._outline()
    try:
        outline(text)
    except UnexpectedInput:
        assert module._strict()(text) is None
    else:
        assert module._strict()(text) is not None


@given(hostile_completions())
@example("<think>" * 40)
@example("<think></think>" + "<answer>" * 20)
@example("<think>" + "<answer> </answer>a" * 4)
@example("<think>" + "<answer> </answer>a" * 9)
@example("\x1c \u2028<think>a</think>  \n</think>")
@example(" a <think>")
def test_a_fault_looked_up_by_shape_is_the_grammars(text):
    fault = parse_completion(text).fault
    if fault is not None and fault.code != "wrong_think_open":
        code, offset = module._outline_fault(text)
        assert (fault.code, fault.offset) == (code, 0 if code == "no_think" else offset)
        assert fault.message == module._FAULTS[code][0]


@given(hostile_completions() | OTHER_TAGS, PREFILLED)
def test_never_raises_and_never_answers_from_reasoning(text, think_prefilled):
    found = parse_completion(text, mode="lenient", think_prefilled=think_prefilled)
    assert parse_completion(text, mode="lenient", think_prefilled=think_prefilled) == found
    if found.answer is not None:
        assert not any(tag in found.answer for tag in TAGS)
        expected = None if found.fault else read_strict(text, anything_first=think_prefilled is True)
        assert found.answer == (expected[1] if expected else last_answer(text, prefilled=think_prefilled is True))
    assert (found.answer is None) <= (found.fault is not None)
    assert found.prefilled <= ("<think>" not in text and "</" in text)


@given(
    answers().flatmap(lambda answer: st.tuples(st.just(answer[0]), completions(answer[0], prefilled=True))), PREFILLED
)
def test_a_missing_opener(pair, think_prefilled):
    """It is taken as prefilled, or a fault where the caller says that the template does not write it."""
    answer, text = pair
    found = parse_completion(text, think_prefilled=think_prefilled)
    if think_prefilled is False:
        assert (found.fault.code, found.fault.offset, found.answer) == ("missing_think_open", 0, None)
        lenient = parse_completion(text, mode="lenient", think_prefilled=False)
        assert (lenient.answer, lenient.fault, lenient.prefilled) == (answer, found.fault, False)
    else:
        assert (found.fault, found.answer, found.prefilled) == (None, answer, True)


@given(
    answers().flatmap(lambda answer: st.tuples(st.just(answer[0]), completions(answer[0], prefilled=False))), PREFILLED
)
def test_a_written_opener(pair, think_prefilled):
    """It is a fault only where the caller says that the template wrote it already."""
    answer, text = pair
    found = parse_completion(text, think_prefilled=think_prefilled)
    if think_prefilled is True:
        assert (found.fault.code, found.fault.offset) == ("nested_think", text.index("<think>"))
        assert parse_completion(text, mode="lenient", think_prefilled=True).answer == answer
    else:
        assert (found.fault, found.answer, found.prefilled) == (None, answer, False)


def test_the_limit_is_exact():
    start, end = "<think>", "</think><answer>none</answer>"
    longest = start + "a" * (MAX_COMPLETION - len(start) - len(end)) + end
    assert parse_completion(longest).answer == "none"
    found = parse_completion(longest + " ", mode="lenient")
    assert (found.answer, found.fault.code, found.fault.offset) == (None, "too_long", MAX_COMPLETION)
    assert found.fault.message == "the completion has 10,000,001 characters; 10,000,000 are read"
