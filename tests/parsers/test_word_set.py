"""Sets of names: how they are listed says nothing, and what is no list is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.word_set import parse_set
from tests.strategies import hostile_text

SETS = {
    "lamp, sofa": {"lamp", "sofa"},
    "Sofa; LAMP": {"lamp", "sofa"},
    "lamp\nsofa": {"lamp", "sofa"},
    "- lamp\n- sofa": {"lamp", "sofa"},
    "1. lamp\n2. sofa": {"lamp", "sofa"},
    "lamp and sofa": {"lamp", "sofa"},
    "lamp, sofa, and ball.": {"lamp", "sofa", "ball"},
    "The answer is: lamp, sofa": {"lamp", "sofa"},
    '["lamp", "salt and pepper"]': {"lamp", "salt and pepper"},
    '```json\n["lamp", "sofa"]\n```': {"lamp", "sofa"},
    "[lamp, sofa]": {"lamp", "sofa"},
    "{lamp, sofa}": {"lamp", "sofa"},
    "lamp, lamp, sofa,": {"lamp", "sofa"},
    "lamp，sofa": {"lamp", "sofa"},
    "front-left": {"front left"},
    "sandy, candle": {"sandy", "candle"},
    "none": set(),
    "None.": set(),
    "[]": set(),
    "∅": set(),
}


@pytest.mark.parametrize("text", SETS)
def test_forms(text):
    assert parse_set(text).items == SETS[text]


@pytest.mark.parametrize(
    ("text", "code"),
    [("", "empty"), (" \n", "empty"), (",;", "empty"), ("lamp or sofa", "ambiguous"), ("x" * 70_000, "too_long")],
)
def test_faults(text, code):
    found = parse_set(text)
    assert found.items is None
    assert found.fault.code == code


@given(hostile_text("lamp", "sofa", ", ", "; ", "and", "or", "\n", "[", "]", '"', "none", "1. ", "- ", "∅"))
def test_any_text_gives_a_set_or_a_fault(text):
    found = parse_set(text)
    assert (found.items is None) != (found.fault is None)
    assert all(found.items or ["x"])


names = st.sets(st.sampled_from(["lamp", "sofa", "red ball", "clock", "door"]), min_size=1)


@given(names, st.sampled_from([", ", "; ", "\n", " and ", ", and "]), st.randoms(use_true_random=False))
def test_the_order_and_the_way_of_listing_say_nothing(some, separator, rng):
    listed = rng.sample(sorted(some), len(some))
    assert parse_set(separator.join(listed)).items == some
    assert parse_set(json.dumps(listed)).items == some


@pytest.mark.parametrize(
    "text",
    [
        "lamp & sofa", "lamp | sofa", "lamp和sofa", "The objects are lamp and sofa.", "both lamp and sofa", "Set: {lamp, sofa}",
        '{"objects": ["lamp", "sofa"]}', '```json\n{"answer": ["lamp", "sofa"]}\n```', "<b>lamp</b>, <b>sofa</b>", "lamp<br>sofa",
    ],
)  # fmt: skip
def test_other_ways_to_list(text):
    assert parse_set(text).items == {"lamp", "sofa"}


@pytest.mark.parametrize("text", ["No objects.", "none of them", "the empty set", "∅", r"\emptyset", "无", "没有"])
def test_other_words_for_nothing(text):
    assert parse_set(text).items == frozenset()


@pytest.mark.parametrize("text", ["lamp, sofa, ...", "lamp, sofa, etc.", "lamp, ..., sofa", "lamp, …"])
def test_a_set_that_is_left_open_is_none(text):
    assert parse_set(text).fault.code == "ambiguous"


@pytest.mark.parametrize("text", [".", "...", "**", "`", "<b></b>", "<answer>", '""', "["])
def test_an_answer_without_a_word_is_not_the_empty_set(text):
    assert parse_set(text).items is None
