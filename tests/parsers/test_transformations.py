"""The case table of TVR's answers, and what the public function promises."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import parsers
from parsers.formats import TRANCE, TVR
from parsers.records import parse_records, parse_transformations
from parsers.types import Transformation
from tests.strategies import FORMATS, hostile_answers, records

CASES = Path(__file__).parents[1] / "cases" / "transformations.jsonl"
CODES = {
    "not_a_record", "empty_piece", "unknown_index", "missing_index", "unknown_attribute", "missing_attribute", "unknown_value",
    "missing_value", "unclosed_bracket", "trailing_text", "missing_separator", "too_long",
}  # fmt: skip


def cases():
    return [json.loads(line) for line in CASES.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("case", cases(), ids=lambda case: case["name"])
def test_case(case):
    record_format = TRANCE if case.get("format") == "TRANCE" else TVR
    found = parse_transformations(case["text"] * case.get("times", 1), record_format=record_format)
    assert [str(change) for change in found] == case["items"]
    assert [[fault.code, fault.offset, fault.message] for fault in found.invalid] == case["invalid"]
    assert [[note.code, note.offset] for note in found.notes] == case["notes"]


def test_cases_show_every_fault():
    assert {code for case in cases() for code, *_ in case["invalid"]} == CODES
    assert len({case["name"] for case in cases()}) == len(cases())


@given(hostile_answers())
def test_the_default_is_tvr(text):
    assert parse_transformations(text) == parse_records(text, TVR) == parsers.parse_transformations(text)


@given(FORMATS.flatmap(lambda each: st.tuples(st.just(each), st.lists(records(each)))))
def test_str_is_canonical(drawn):
    record_format, items = drawn
    found = parse_transformations(", ".join(map(str, items)), record_format=record_format)
    assert list(found) == items
    assert all(type(item) is Transformation and type(item.index) is int for item in found)
    assert [record_format.render(item) for item in found] == [str(item) for item in items]


def test_trance_holds_tvr():
    """Every change of TVR is one of TRANCE, and TRANCE adds moves alone."""
    tvr, trance = dict(TVR.fields[2].values_by), dict(TRANCE.fields[2].values_by)
    moves = trance.pop("position")
    assert tvr == trance
    assert TVR.fields[1].values == tuple(tvr)
    assert TRANCE.fields[1].values == (*tvr, "position")
    assert len(moves) == len(set(moves)) == 16
    assert sum(map(len, tvr.values())) == 17
