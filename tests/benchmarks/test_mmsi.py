import numpy as np
import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mmsi import scoring
from benchmarks.mmsi.scoring import TYPES, canonical_type, circular_measures, read_index
from rewards.errors import DataError

PIECES = st.sampled_from(["A", "B ", "C.", "d", "F", "`", "``", "{", "}", " ", "\n", "word", "(", "é", "K"])
RESPONSES = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


def test_every_golden_row_agrees():
    assert len(rows("mmsi")) == 1200
    assert disagreements("mmsi", scoring.score_official) == []


def test_the_golden_aggregate_agrees():
    assert agrees(scoring.aggregate(scored("mmsi", scoring.score_official)), aggregate("mmsi"))


def test_eleven_types_with_en_dashes():
    assert len(set(TYPES)) == 11
    assert {row["category"] for row in rows("mmsi")} == set(TYPES)
    assert canonical_type("Positional Relationship (Reg.-Reg.)") in TYPES
    assert canonical_type("MSR-2") == "MSR-2"


@pytest.mark.parametrize(
    ("text", "letter", "readme", "lmms"),
    [
        ("<think>Option A, or B</think><answer>C</answer>", "A", "A", "A"),
        ("A bike is left, so ``C``", "C", "C", "C"),
        ("A bike is left, so C", "C", "C", "C"),
        ("`B` or ``D``", "D", "D", "D"),
        ("`` `` A", None, None, None),
        ("`x` A", None, None, None),
        ("`{B} A`", "B", "B", "B"),
        ("A {B}", "A", "B", "B"),
        ("{ A", "A", "A", "A"),
        ("c", None, None, "C"),
        ("E", None, None, "E"),
        ("a. bike", None, None, "A"),
        ("", None, None, None),
    ],
)
def test_quirks_of_the_letter_search(text, letter, readme, lmms):
    assert scoring.extract_official(text) == letter
    assert scoring.extract_readme(text) == readme
    assert scoring.extract_lmms(text) == lmms


def test_none_is_an_empty_response_and_numbers_are_text():
    assert scoring.score_official({"response": None, "answer": "A"})["readme_score"] is None
    assert scoring.score_official({"response": 7, "answer": "A"})["lmms_note"] == "cannot find answer"


def test_an_answer_that_is_no_text_is_an_error_of_the_file():
    with pytest.raises(DataError, match="answer must be a letter, not 3"):
        scoring.score_official({"response": "A", "answer": 3})


def test_rows_without_category_have_only_the_average():
    row = {"response": "A", "answer": "A"}
    table = scoring.aggregate([{**row, **scoring.score_official(row)}])
    assert table == {"official": {"overall": 1.0, "categories": {}}, "lmms": {"average": 1.0}}


@given(RESPONSES)
def test_any_text_gives_a_letter_or_none(text):
    assert scoring.extract_official(text) in {None, *"ABCD"}
    assert scoring.extract_lmms(text) in {None, *"ABCDEF"}


@pytest.mark.parametrize("text", ["{" * 10**6, "`" * 10**6, "{}" * 10**5, "A b " * 10**5, "``x" * 10**5])
def test_a_megabyte_is_read(text):
    assert scoring.score_official({"response": text, "answer": "A"})["official_score"] == 0.0


def circular(pairs):
    index, correct = zip(*pairs, strict=True)
    found = circular_measures(np.array(index), np.array(correct))
    return {name: measure.values[measure.counts].tolist() for name, measure in found.items()}


def test_circular_accuracy_needs_every_rotation():
    found = circular([(3, True), (1_000_003, True), (2_000_003, False), (4, True)])
    assert found == {"circular": [False, True], "vanilla": [True, True]}


def test_the_plain_accuracy_is_that_of_the_unrotated_question():
    assert circular([(1_000_001, True), (1, False)]) == {"circular": [False], "vanilla": [False]}


def test_an_index_that_is_no_number_is_named():
    assert read_index("4") == 4
    with pytest.raises(DataError, match="index 'q7' is not a whole number"):
        read_index("q7")
