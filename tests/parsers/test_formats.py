"""Formats: what TVR and TRANCE are, letter for letter, and the small functions on formats."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import LARGEST, TRANCE, TVR, Field, RecordFormat, _transformation_format, fold, template_parts
from parsers.records import parse_records
from parsers.types import Transformation
from tests.strategies import FORMATS, records, vocabularies

VALUES = (
    ("color", ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")),
    ("shape", ("cube", "sphere", "cylinder")),
    ("size", ("small", "medium", "large")),
    ("material", ("rubber", "metal", "glass")),
)
MOVES = ("position", (
    "front.1", "front.2", "behind.1", "behind.2", "left.1", "left.2", "right.1", "right.2",
    "front-left.1", "front-left.2", "front-right.1", "front-right.2",
    "behind-left.1", "behind-left.2", "behind-right.1", "behind-right.2",
))  # fmt: skip


DIRECTIONS = (
    ("left-front", "front-left"), ("right-front", "front-right"), ("left-behind", "behind-left"), ("right-behind", "behind-right"),
    ("forward", "front"), ("forwards", "front"), ("ahead", "front"), ("in front", "front"),
    ("back", "behind"), ("backward", "behind"), ("backwards", "behind"), ("rear", "behind"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("record_format", "values", "synonyms"),
    [(TVR, VALUES, ()), (TRANCE, (*VALUES, MOVES), DIRECTIONS)],
    ids=["tvr", "trance"],
)
def test_the_worlds_own_words(record_format, values, synonyms):
    for each in (record_format, _transformation_format(dict(values), synonyms)):
        assert each.fields == (
            Field(name="index", kind="integer", values=(), by=None, values_by=(), limits=(0, LARGEST)),
            Field("attribute", "closed", tuple(key for key, _ in values)),
            Field("value", "closed", by="attribute", values_by=values),
        )
        assert each.forms == (
            "{index}.{attribute}.{value}",
            "({index}, {attribute}, {value})",
            "[{index}, {attribute}, {value}]",
            "change_{attribute}({index}, {value})",
        )
        assert each.synonyms == (("colour", "color"), ("grey", "gray"), *synonyms)
        made = each.make((1, "color", "red"))
        assert (type(made), made) == (Transformation, (1, "color", "red"))


def test_branches_are_one_for_each_value_that_another_field_depends_on():
    branches = list(TVR.branches())
    assert branches == [{"index": (), "attribute": (key,), "value": values} for key, values in VALUES]
    plain = RecordFormat((Field("name", "open"), Field("color", "closed", ("red", "blue"))), ("{name}: {color}",))
    assert list(plain.branches()) == [{"name": (), "color": ("red", "blue")}]


def test_spellings_begin_with_the_canonical_one():
    many = RecordFormat(
        (Field("c", "closed", ("gray", "red")),), ("{c}",), synonyms=(("grey", "gray"), ("ash", "gray"), ("x", "red"))
    )
    assert many.spellings("gray") == ["gray", "grey", "ash"]
    assert many.spellings("red") == ["red", "x"]
    assert many.spellings("blue") == ["blue"]
    assert parse_records("ASH, Grey, X", many).items == (("gray",), ("gray",), ("red",))


@given(FORMATS.flatmap(records) | vocabularies().flatmap(records))
def test_rendering_fills_the_first_form(record):
    form = "{kind} of {index}: {value}"
    one = RecordFormat((Field("index", "integer"), Field("kind", "open"), Field("value", "open")), (form, "{index}"))
    assert one.render(record) == f"{record[1]} of {record[0]}: {record[2]}"


@pytest.mark.parametrize("record", [(1, "color"), (1, "color", "red", "x"), ()])
def test_a_record_of_another_length_is_not_rendered(record):
    with pytest.raises(ValueError, match="zip"):
        TVR.render(record)


def test_formats_are_compared_by_identity():
    again = _transformation_format(dict(VALUES))
    assert again != TVR
    assert len({again, TVR, TRANCE}) == 3


def test_records_are_tuples_where_nothing_else_is_said():
    assert RecordFormat((Field("a", "open"),), ("{a}",)).make(["x"]) == ("x",)


@pytest.mark.parametrize(
    ("form", "parts"),
    [
        ("{a}.{b}", [("", "a"), (".", "b")]),
        ("({a}, {b})", [("(", "a"), (", ", "b"), (")", None)]),
        ("move_{a} to {b}!", [("move_", "a"), (" to ", "b"), ("!", None)]),
        ("plain", [("plain", None)]),
    ],
)
def test_template_parts(form, parts):
    assert template_parts(form) == parts


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Cyan", "cyan"),
        ("front_left . 2", "front-left-2"),
        (" --Front--LEFT ", "front-left"),
        ("X-Axis", "x-axis"),
        ("北", ""),
        ("é1", "1"),
    ],
)
def test_fold(text, folded):
    assert fold(text) == folded


@given(st.text())
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert set(fold(text)) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
