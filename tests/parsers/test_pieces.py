"""No row of pieces that a grammar knows is beyond it: what one terminal looks ahead to, the next one must take."""

import random
from itertools import product

import pytest

from parsers.choice import parse_yes_no
from parsers.completion import parse_completion
from parsers.formats import TVR
from parsers.records import parse_records
from tests.measure.families import ANSWER_FAMILIES, COMPLETION_FAMILIES, QUESTION_FAMILIES
from tests.measure.growth import QUESTIONS

ODD = ("２", "߈", "½", "³", "'s", "-", ".", "é", " ")
NUMBERS = (
    "minus ",
    "negative ",
    "images ",
    "three",
    "three-",
    "12",
    "e5",
    "E-",
    "^3",
    "/4",
    "m²",
    "hundred",
    "no.",
    "图",
)
READ = {
    **{kind: (read, QUESTION_FAMILIES[kind]) for kind, (read, _) in QUESTIONS.items()},
    "number": (QUESTIONS["number"][0], QUESTION_FAMILIES["number"] + NUMBERS),
    "yes or no": (parse_yes_no, QUESTION_FAMILIES["choice"]),
    "completion": (lambda text: parse_completion(text, mode="lenient"), tuple(COMPLETION_FAMILIES.values())),
    "records": (lambda text: parse_records(text, TVR), tuple(ANSWER_FAMILIES.values())),
}


@pytest.mark.parametrize("kind", READ)
def test_any_pieces_are_read(kind):
    read, pieces = READ[kind]
    pieces = (*pieces, *ODD)
    rng = random.Random(kind)
    longer = ["".join(rng.choices(pieces, k=rng.randrange(3, 8))) for _ in range(3000)]
    texts = ["".join(pair) for pair in product(pieces, repeat=2)] + longer
    found = [read(text) for text in texts]
    assert [read(text) for text in longer] == found[-len(longer) :]  # and the same when it is remembered
