"""Numbers: the case table, properties, units, limits."""

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers import number as module
from parsers.number import Number, parse_number
from parsers.types import Fault
from tests.case_names import plain

CASES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "cases" / "number.jsonl").read_text(encoding="utf-8").splitlines()
]
PIECES = [
    "1",
    "2.5",
    "1,200",
    "1 200",
    "-",
    "−",
    ".",
    ",",
    " ",
    "e",
    "e5",
    "10",
    "^",
    "{",
    "}",
    "×",
    "/",
    "0",
    " m",
    "cm",
    "in",
]
PIECES += ["about", "to", "°", "\\text{", "٣", "½", "³", "\n", "nan", "inf", "_", "x", "9" * 400, "\ud800", "\x00", "'"]
TEXTS = st.text() | st.text("0123456789.,-+−eE^/× m") | st.lists(st.sampled_from(PIECES)).map("".join)
FINITE = st.floats(allow_nan=False, allow_infinity=False)
UNITS = {
    "m": 1,
    "meter": 1,
    "metres": 1,
    "cm": 0.01,
    "mm": 0.001,
    "km": 1000,
    "ft": 0.3048,
    "inches": 0.0254,
    "yd": 0.9144,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: plain(case["text"]))
def test_case(case):
    found = parse_number(case["text"])
    assert (found.unit, found.fault and found.fault.code) == (case["unit"], case["fault"])
    assert found.value == pytest.approx(case["value"], rel=1e-15) if case["value"] is not None else found.value is None


@given(TEXTS)
def test_any_text_gives_a_finite_number_or_a_fault(text):
    found = parse_number(text)
    if found.fault is None:
        assert math.isfinite(found.value)
    else:
        assert (found.value, found.unit) == (None, None)
        assert found.fault.code in ("empty", "no_number", "ambiguous", "out_of_range")
        assert found.fault.offset is None or 0 <= found.fault.offset <= len(text)


@given(FINITE)
def test_a_written_number_is_read_back(value):
    assert parse_number(repr(value)) == Number(value, alone=True)
    assert parse_number(f"about {value!r} m.") == Number(value, "m")
    assert parse_number(repr(value).replace("-", "−")).value == value


@given(st.integers(-(10**12), 10**12))
def test_thousands_may_be_parted(value):
    for sign in (",", " ", "\u00a0", "\u2009", "\u202f"):
        assert parse_number(f"{value:,}".replace(",", sign)).value == value


@given(FINITE, FINITE, st.sampled_from([" ", " to ", ", ", " or ", " – ", " m, ", "; "]))
def test_two_different_numbers_are_none(one, other, between):
    found = parse_number(f"{one!r}{between}{other!r}")
    if math.isclose(one, other, rel_tol=1e-9):
        assert found.value == one
    else:
        assert found.fault.code == "ambiguous"


@given(st.floats(-1e6, 1e6), st.sampled_from(sorted(UNITS)), st.sampled_from(sorted(UNITS)))
def test_lengths_convert_there_and_back(value, unit, other):
    number = parse_number(f"{value!r} {unit}")
    there = number.in_unit(other)
    assert there == pytest.approx(value * UNITS[unit] / UNITS[other])
    assert Number(there, other).in_unit(unit) == pytest.approx(value)


@pytest.mark.parametrize(
    ("text", "unit", "value"),
    [
        ("1 mile", "m", 1609.344), ("15 dm", "m", 1.5), ("150㎝", "m", 1.5), ("3英尺", "ft", 3.0),
        ("20 square meters", "m²", 20.0), ("20 m2", "sq m", 20.0), ("20平方米", "㎡", 20.0), ("2 m^{2}", "cm^2", 20_000.0),
        ("1 cubic meter", "m³", 1.0), ("90 sec", "minutes", 1.5), ("60 arcmin", "degrees", 1.0), ("2 kg", "g", 2000.0),
    ],
)  # fmt: skip
def test_units_of_a_kind_convert(text, unit, value):
    assert parse_number(text).in_unit(unit) == pytest.approx(value)


@pytest.mark.parametrize(
    "unit", ["seconds", "kg", "square meters", "m2", "㎡", "cubic m", "px", "km/h", "degrees", "%", "light years", "m³"]
)
def test_a_number_in_a_unit_of_another_kind_is_no_length(unit):
    assert parse_number(f"1.5 {unit}").in_unit("m") is None
    assert parse_number(f"1.5 {unit}").in_unit(None) == 1.5


def test_what_does_not_convert_is_none():
    assert Number(1.0, "degrees").in_unit("m") is None
    assert Number(1.0, "m²").in_unit("m") is None
    assert Number(None).in_unit("m") is None
    assert (
        Number(1.0).in_unit("m") == Number(1.0, "m").in_unit(None) == Number(1.0, "furlong").in_unit("Furlong") == 1.0
    )


def test_an_answer_has_a_greatest_length():
    assert parse_number("1" + " " * 63_999) == Number(1.0, alone=True)
    assert parse_number("1" + " " * 64_000).fault.code == "too_long"


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (" ", ("empty", "the answer is empty", 0)),
        ("1" * 64_001, ("too_long", "the answer has 64,001 characters; 64,000 are read", 64_000)),
        ("a chair", ("no_number", "there is no number", None)),
        ("about 1 to 3 m", ("ambiguous", "different numbers are named", 11)),
        ("2 m, 2, 3 cm", ("ambiguous", "different numbers are named", 8)),
        ("5, 1/0", ("ambiguous", "different numbers are named", 3)),
        ("it is 1e999 m", ("out_of_range", "the number is not finite", 6)),
        (" -1/0 or 1", ("out_of_range", "the number is not finite", 1)),
    ],
    ids=plain,
)
def test_words_and_places_of_faults(text, fault):
    assert parse_number(text) == Number(None, None, Fault(*fault))


def test_the_same_quantity_twice_is_one_and_has_the_unit_that_is_written():
    assert parse_number("2 or 2 m") == Number(2.0, "m")
    assert parse_number("2 m or 2") == Number(2.0, "m")
    assert parse_number("150 cm = 1.5 m") == Number(150.0, "cm")
    assert parse_number("2, 2 m, 2 cm").fault.code == "ambiguous"


def test_only_short_answers_are_remembered():
    module._cached.cache_clear()
    for length in (511, 512, 513, 1000):
        assert parse_number("7" + " " * (length - 1)) == Number(7.0, alone=True)
    assert module._cached.cache_info()[2:] == (4096, 2)
