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


def without_places(kind, found):
    """Return what was read, each thing once: of a longer text of the same family it is the same."""
    if kind == "references":
        relations = {view: set(each) for view, each in found.relations.items()}
        return relations, {fault.code for fault in found.invalid}
    if kind == "choice":
        return [(each.letter, each.fault and each.fault.code) for each in found]
    return found.value, found.unit, found.fault and found.fault.code


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_calls(kind, unit):
    read, tail = QUESTIONS[kind]
    assert exponent(read, [repeated(unit, size) + tail for size in (1_000, 4_000, 16_000)]) < LIMIT


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_a_long_text_is_read(kind, unit):
    """A pattern that backtracks would never come to its end here."""
    read, tail = QUESTIONS[kind]
    short, long = (without_places(kind, read(repeated(unit, size) + tail)) for size in (1_000, 63_000))
    assert long == short
