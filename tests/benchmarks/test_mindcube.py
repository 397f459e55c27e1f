import pytest
from choice_golden import aggregate, agrees, disagreements, rows, scored
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.mindcube import scoring
from benchmarks.mindcube.scoring import SETTINGS, setting_of
from rewards.errors import DataError

PIECES = st.sampled_from(
    (
        *("A", "B", "C.", "E", "F", "a", ".", " ", "\n", "*", '"', "<Answer>", "<answer>", "</Answer>", "<"),
        *("Answer:", "My answer is ", "the answer is ", "answer is ", "word", "é", "_", "1", "U.S.A."),
    )
)
RESPONSES = st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join))


def test_every_golden_row_agrees():
    assert len(rows("mindcube")) == 1500
    assert disagreements("mindcube", scoring.score_official) == []


def test_the_golden_aggregate_agrees():
    assert agrees(scoring.aggregate(scored("mindcube", scoring.score_official)), aggregate("mindcube"))


@pytest.mark.parametrize(
    ("text", "letter"),
    [
        ("<answer>A. Above</answer>", "A"),
        ("<answer>A</answer>", "A"),
        ("<think>…option B. …</think><answer>A</answer>", "B"),
        ("<think>so it is plan C</think>\n<answer>A</answer>", "A"),
        ("<think>so it is plan C</think><answer>A</answer>", "C"),
        ("In the U.S.A. … <answer>C</answer>", "A"),
        ("<answer>a. left</answer>", None),
        ("", None),
        ("F", None),
        ("<Answer>The answer is B or D</Answer>", "B"),
        ("<Answer>B or D</Answer> C", "D"),
        ("<answer>B or D</answer> C", "B"),  # the lower-case tag is not known: first letter of the line
        ("A\nB\nC", "C"),
        ("**B** and *C*", "C"),
        ("Answer C, answer is D", "C"),
        ("A cat\nno letter", "A"),
        ("éA", None),
    ],
)
def test_quirks_of_the_letter_search(text, letter):
    assert scoring.extract_answer(text) == letter


@pytest.mark.parametrize(
    ("item_id", "setting", "lmms"),
    [
        ("among_group1_q0", "among", "among"),
        ("aroundnew_1", "around", "around"),
        ("ROTATION_1", "rotation", "other"),
        ("translation_2", "translation", "other"),
        ("linear_1", "other", "other"),
        ("among_around_1", "around", "among"),
        ("", "other", "other"),
    ],
)
def test_settings_from_ids(item_id, setting, lmms):
    assert (setting_of(item_id), scoring.lmms_type(item_id)) == (setting, lmms)


def test_lmms_strips_before_it_searches():
    row = {"id": "among_1", "response": '  A\n"B"', "gt_answer": "A"}
    assert scoring.score_official(row)["extracted"] == "B"
    assert scoring.score_official(row)["lmms_extracted"] == "A"


def test_rows_without_a_true_answer_count_only_in_the_unfiltered_total():
    row = {"id": "among_1", "response": "A.", "gt_answer": ""}
    table = scoring.aggregate([{**row, **scoring.score_official(row)}])["official_basic"]
    assert (table["total"], table["unfiltered_total"], table["settings"]["among"]["total"]) == (0, 1, 0)


def test_translation_is_outside_the_overall_number():
    raw = [{"id": f"{name}_1", "response": "A.", "gt_answer": "A"} for name in SETTINGS]
    table = scoring.aggregate([{**row, **scoring.score_official(row)} for row in raw])["official_basic"]
    assert (table["total"], table["unfiltered_total"], table["settings"]["translation"]["total"]) == (3, 4, 1)


def test_nothing_to_aggregate_is_zero_not_nan():
    assert scoring.aggregate([])["lmms"]["overall"] == 0.0


def test_a_missing_column_is_named():
    with pytest.raises(DataError, match="'gt_answer' is missing; the row has 'id', 'response'"):
        scoring.score_official({"id": "x", "response": "A"})


@given(RESPONSES)
def test_any_text_gives_a_letter_of_the_text_or_none(text):
    letter = scoring.extract_answer(text)
    assert letter is None or (letter in "ABCDE" and letter in text)


@pytest.mark.parametrize("text", ["{" * 10**6, "Answer " * 10**5, "A" * 10**6, "<Answer>" * 10**5, "\n" * 10**6])
def test_a_megabyte_is_read(text):
    assert scoring.extract_answer(text) in {None, "A"}
