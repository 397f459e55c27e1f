"""Choices and yes/no: the case tables, properties, limits."""

import json
from pathlib import Path
from string import ascii_uppercase

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from parsers import choice as module
from parsers.choice import Choice, parse_choice, parse_yes_no
from parsers.types import Fault
from tests.case_names import plain

CASES = Path(__file__).parents[1] / "cases"
PIECES = [
    "A",
    "b",
    "C",
    ".",
    ")",
    "(",
    " ",
    "\n",
    ",",
    "or",
    "and",
    "**",
    "`",
    "\\boxed{",
    "}",
    "Answer:",
    "the",
    "not",
]
PIECES += ["option", "is", "wrong", "left", "right", "U.S.A.", "'", "$", "_", "é", "\u2028", "\ud800", "\x00", "→", "-"]
TEXTS = st.text() | st.lists(st.sampled_from(PIECES)).map("".join) | st.lists(st.sampled_from(PIECES)).map(" ".join)
OPTIONS = ["left", "right", "left, front", "on the left", "A", "", "no"]
FAULTS = {"empty", "too_long", "no_choice", "unknown_letter", "ambiguous", "contradiction"}


def cases(name):
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", cases("choice.jsonl"), ids=lambda case: plain(case["text"]))
def test_choice_case(case):
    found = parse_choice(case["text"], options=case.get("options"))
    assert (found.letter, found.fault and found.fault.code) == (case["letter"], case["fault"])


@pytest.mark.parametrize("case", cases("yes_no.jsonl"), ids=lambda case: plain(case["text"]))
def test_yes_no_case(case):
    found = parse_yes_no(case["text"])
    assert (found.letter, found.fault and found.fault.code) == (case["letter"], case["fault"])


@given(TEXTS, st.sampled_from([None, OPTIONS, {"A": "left", "q": "right"}]))
@example("A" * 600, OPTIONS)
def test_any_text_gives_a_known_letter_or_a_fault(text, options):
    found = parse_choice(text, options=options)
    if found.fault is None:
        assert found.letter in ("ABCDEF" if options is None else ascii_uppercase)
    else:
        assert found.letter is None
        assert found.fault.code in FAULTS
        assert found.fault.offset is None or 0 <= found.fault.offset <= len(text)


@given(TEXTS)
def test_yes_no_gives_one_of_them_or_a_fault(text):
    found = parse_yes_no(text)
    assert (found.letter in ("yes", "no")) == (found.fault is None)


@given(
    st.sampled_from("ABCDEF"),
    st.sampled_from("ABCDEF"),
    st.sampled_from([" or ", ", ", "/", " and ", "\n", " or maybe "]),
)
def test_two_letters_are_no_answer(one, other, between):
    found = parse_choice(f"{one}{between}{other}.")
    assert found.letter == (one if one == other else None)


@given(
    st.sampled_from("ABCDEF"),
    st.text(st.sampled_from(" \n\t")),
    st.sampled_from(["{}", "({})", "**{}**", "`{}`", "{}."]),
)
def test_wrapping_changes_nothing(letter, space, form):
    assert parse_choice(space + form.format(letter) + space) == Choice(letter)
    assert parse_choice(space + form.format(letter.lower()) + space) == Choice(letter)


WORDS = ["left", "right", "front", "behind", "chair", "sofa", "1.5", "meters", "turn", "90", "degrees", "no"]


@given(
    st.lists(st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(tuple), min_size=2, max_size=6, unique=True)
)
def test_an_options_own_text_chooses_it(options):
    texts = [" ".join(words) for words in options]
    for letter, other, text in zip(ascii_uppercase, ascii_uppercase[1:], texts, strict=False):
        assert parse_choice(text, options=texts) == Choice(letter)
        assert parse_choice(f"The answer is **{text.upper()}**.", options=texts) == Choice(letter)
        assert parse_choice(f"{letter}. {text}", options=texts) == Choice(letter)
        if len(texts) > ord(other) - ord("A"):
            assert parse_choice(f"{other}. {text}", options=texts).fault.code == "contradiction"


def test_an_answer_has_a_greatest_length():
    assert parse_choice("B." + " " * 63_998) == Choice("B")
    assert parse_choice("B." + " " * 63_999).fault.code == "too_long"
    assert parse_yes_no("y" * 64_001).fault.code == "too_long"


def test_a_long_answer_is_read_like_a_short_one():
    tail = " because the chair is near" * 100
    assert parse_choice("B" + tail) == Choice("B")
    assert parse_choice("A" + tail + "\nB").fault.code == "ambiguous"


EMPTY = ("empty", "the answer is empty", 0)
TOO_LONG = ("too_long", "the answer has 64,001 characters; 64,000 are read", 64_000)
NO_CHOICE = ("no_choice", "no option is named", None)


@pytest.mark.parametrize(
    ("text", "options", "fault"),
    [
        ("", None, EMPTY),
        (" \n", ["left"], EMPTY),
        ("x" * 64_001, None, TOO_LONG),
        ("the chair", None, NO_CHOICE),
        ("up", ["left", "right"], NO_CHOICE),
        ("the chair, C", None, NO_CHOICE),
        ("1 5 meters", ["1.5 meters", "2 meters"], NO_CHOICE),
        ("C or B or A", None, ("ambiguous", "both C and B are named", 2)),
        (" A. b\nC: x", None, ("ambiguous", "both A and C are named", 6)),
        ("left\nright", ["right", "left"], ("ambiguous", "options A, B are named", None)),
        ("left. up. right", ["left", "right"], ("ambiguous", "options A, B are named", None)),
        ("left", ["left", "right", "left"], ("ambiguous", "options A, C are named", None)),
        ("G", None, ("unknown_letter", "there is no option G (options: A, B, C, D, E, F)", 0)),
        ("  (q)", ["left", "right"], ("unknown_letter", "there is no option Q (options: A, B)", 2)),
        (
            " B. left",
            ["right", "up", "left", "left"],
            ("contradiction", "the letter is B, but the text is that of option C", 1),
        ),
    ],
    ids=plain,
)
def test_words_and_places_of_faults(text, options, fault):
    assert parse_choice(text, options=options) == Choice(None, Fault(*fault))


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", EMPTY),
        ("y" * 64_001, TOO_LONG),
        ("maybe", NO_CHOICE),
        (" (x)", ("unknown_letter", "there is no option X (options: Y, N)", 1)),
        ("yes\nno", ("ambiguous", "options N, Y are named", None)),
    ],
    ids=plain,
)
def test_words_and_places_of_faults_of_yes_no(text, fault):
    assert parse_yes_no(text) == Choice(None, Fault(*fault))


def test_an_abbreviation_is_its_letters():
    assert parse_choice("u s flag", options=["the U.S. flag", "left"]) == Choice("A")


def test_only_short_answers_are_remembered():
    module._cached_reading.cache_clear()
    for length in (511, 512, 513, 1000):
        assert parse_choice("A" + " " * (length - 1)) == Choice("A")
    assert module._cached_reading.cache_info()[2:] == (4096, 2)


# --- letters that are ruled out ---------------------------------------------------------------------------------------

MARKED = ["{}", "({})", "**{}**", "Option {}", "The answer {}", "Answer: {}", r"\boxed{{{}}}", "{})", "{}."]
VERDICTS = [
    *(
        "{}: incorrect",
        "{} - wrong",
        "{} is not right",
        "{} (incorrect)",
        "{} is wrong",
        "{}, which is wrong",
        "{}: not correct",
    ),
    *(
        "{} isn't right",
        "{} is clearly wrong",
        "{}: ruled out",
        "{} is not the answer",
        "{}: the wrong option",
        "{} ✗",
        "{}: ❌",
    ),
    *(
        "{} cannot be right",
        "{} would be wrong",
        "{} is false",
        "{}: 错误",
        "{}是错的",
        "{} is Incorrect.",
        "{}: WRONG, because it is left",
    ),
]


@pytest.mark.parametrize("verdict", VERDICTS)
@pytest.mark.parametrize("mark", MARKED)
@pytest.mark.parametrize("options", [None, ["left", "right", "front", "back"]], ids=["unknown", "known"])
def test_a_letter_that_is_ruled_out_is_no_answer(mark, verdict, options):
    said = verdict.format(mark.format("B"))
    assert parse_choice(said, options=options).letter is None
    assert parse_choice(f"{said}\nAnswer: C", options=options).letter == "C"


@pytest.mark.parametrize("option", ["wrong", "incorrect", "not correct", "ruled out", "it is wrong", "Wrong."])
@pytest.mark.parametrize("form", ["B: {}", "B. {}", "(B) {}", "**B** - {}"])
def test_unless_that_is_what_the_option_says(option, form):
    assert parse_choice(form.format(option), options=["right", option]).letter == "B"
    assert parse_choice(form.format(option), options=[option, "right"]).letter is None


@pytest.mark.parametrize(
    "said",
    [
        *(
            "B: correct",
            "B - right",
            "B: false",
            "B: no",
            "B. Incorrect options are A and C",
            "B, not A",
            "B. Not a chair",
        ),
        *(
            "B: wrong way round",
            "B is right",
            "B: not possible to see it",
            "B (the others are wrong)",
            "B: out of view",
        ),
    ],
)
def test_what_only_begins_like_a_verdict_is_none(said):
    assert parse_choice(said).letter == "B"


def test_a_no_that_is_called_wrong_is_no():
    assert [parse_yes_no(text).letter for text in ("No: wrong", "N - incorrect", "no, incorrect")] == ["no"] * 3
