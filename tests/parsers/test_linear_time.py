"""The parsers of questions take work in proportion to the text, on adversarial families too; see `tests/test_growth.py`."""

from collections.abc import Mapping

import pytest

from parsers.references import References
from parsers.types import Fault
from tests.counting import LIMIT, exponent
from tests.measure.families import QUESTION_FAMILIES, repeated
from tests.measure.growth import QUESTIONS

CASES = [
    pytest.param(kind, unit, id=f"{kind}-{at}")
    for kind, units in QUESTION_FAMILIES.items()
    for at, unit in enumerate(units)
]


def once(found):
    """Return what was read without places, each thing once, of texts the beginning: longer texts of a family are alike."""
    if isinstance(found, Fault):
        return found.code
    if isinstance(found, str):
        return found[:4]
    if isinstance(found, References):
        return once(found.relations), once(found.invalid)
    if isinstance(found, Mapping):
        return {name: once(each) for name, each in found.items()}
    if not isinstance(found, tuple | frozenset):
        return found
    return tuple(map(once, found)) if hasattr(found, "_fields") else frozenset(map(once, found))


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_calls(kind, unit):
    read, tail = QUESTIONS[kind]
    assert exponent(read, [repeated(unit, size) + tail for size in (1_000, 4_000, 16_000)]) < LIMIT


@pytest.mark.parametrize(("kind", "unit"), CASES)
def test_a_long_text_is_read(kind, unit):
    """A pattern that backtracks would never come to its end here."""
    read, tail = QUESTIONS[kind]
    if kind == "correspondences":  # what one sentence is depends on the length: it is cut after 600 characters
        text = repeated(unit, 63_000) + tail
        assert all(0 <= found.start < found.end <= len(text) for found in read(text))
        return
    short, long = (once(read(repeated(unit, size) + tail)) for size in (1_000, 63_000))
    assert long == short
