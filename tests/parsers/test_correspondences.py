"""Where a reasoning names a correspondence across views: rows labelled by hand, and what each way is."""

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from parsers import correspondences as module
from parsers.correspondences import find_correspondences

CASES = yaml.safe_load(Path(__file__).parents[1].joinpath("cases", "correspondences.yaml").read_text(encoding="utf-8"))
MEASURED = {"before": (82, 0, 85), "after": (20, 2, 25)}
"""Rows that are found and that name one; that are found and do not; and that name one. docs/evaluation.md says so too."""


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is in view 1. The same one is in view 2.", ["It is in view 1.", "The same one is in view 2."]),
        ("1. One cube. 2. Two cubes.", ["1. One cube.", "2. Two cubes."]),
        ("See fig. 2 and view 3. So.", ["See fig. 2 and view 3.", "So."]),
    ],
)
def test_a_number_ends_a_sentence_and_begins_an_item(text, sentences):
    assert [text[start:end] for start, end in module._sentences(text)] == sentences


def test_rows_are_labelled_once():
    texts = [text for part in CASES.values() for rows in part.values() for text in rows]
    assert len(texts) == len(set(texts)) >= 200


@pytest.mark.parametrize("part", CASES)
def test_labelled_rows(part):
    found = {label: [text for text in rows if find_correspondences(text)] for label, rows in CASES[part].items()}
    assert (len(found["named"]), len(found["not_named"]), len(CASES[part]["named"])) == MEASURED[part]


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("The cube in view 1 is the one behind the ball in view 2.", ["link"]),
        ("Both images show the table.", ["plural"]),
        ("The cube is red in image 1 and blue in image 2.", ["beside"]),
        ("View 1: a vase on the table. In view 2 it is on the floor.", ["beside"]),
        ("| object | image 1 | image 2 |\n|---|---|---|\n| 0 | red cube | red ball |\n| 1 | - | - |", ["beside"]),
        ("Object 3 is at the left in image 2.", ["numbered"]),
        ("Object 3 is at the left in image 1.", []),
        ("View 1: a chair. View 2: the same chair. View 3: the same table.", ["link"]),
        ("The cube of view 1 is the ball of view 2. The ball of view 1 is not the cube of view 2.", ["link"]),
        ("In the initial image (image 1) the cube is red.", []),
        ("A chair stands in view 1. The same chair stands in view 2.", ["link"]),
        ("1. The cube is red in image 1 and blue in image 2.", ["beside"]),
        ("", []),
        ("Finally, I look at image 2 and the cube.", []),
        ("The cube in image １ is the one at the left in image ２。", ["link"]),
    ],
)
def test_ways(text, ways):
    assert [each.kind for each in find_correspondences(text)] == ways


@given(st.lists(st.sampled_from(["view 1", "view 2", "both views", "the same", "cube", "is", "not", ",", ".", ";", ":", "(", "|", "\n", "->", "'s", "object 3", " "])))  # fmt: skip
def test_any_text(words):
    """Whatever the text, sentences are found in their order, each once, with no white space around them."""
    text = " ".join(words)
    end = 0
    for each in find_correspondences(text):
        assert end <= each.start < each.end <= len(text)
        assert text[each.start : each.end] == text[each.start : each.end].strip()
        end = each.end
