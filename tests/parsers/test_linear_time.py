"""The parsers of questions take work in proportion to the text, on adversarial families too; see `tests/test_growth.py`."""

import pytest

from tests.counting import LIMIT, exponent
from tests.measure.families import QUESTION_FAMILIES, repeated
from tests.measure.growth import QUESTIONS

CASES = [
    pytest.param(kind, unit, id=f"{kind}-{at}")
    for kind, units in QUESTION_FAMILIES.items()
    for at, unit in enumerate(units)
]


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_calls(kind, unit):
    read, tail = QUESTIONS[kind]
    assert exponent(read, [repeated(unit, size) + tail for size in (1_000, 4_000, 16_000)]) < LIMIT


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_a_long_text_is_read(kind, unit):
    """A pattern that backtracks would never come to its end here."""
    read, tail = QUESTIONS[kind]
    read(repeated(unit, 63_000) + tail)
