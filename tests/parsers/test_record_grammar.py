"""Grammars of formats that are not TVR's: fields of each kind, words in forms, limits, and the words of each fault."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parsers.formats import LARGEST, TVR, Field, RecordFormat
from parsers.record_grammar import parse_record, record_grammar
from parsers.records import parse_records
from parsers.types import Fault
from tests.case_names import plain
from tests.strategies import hostile_answers

LETTERS = tuple("abcdefghijklm")

LINK = RecordFormat(
    (Field("start", "open"), Field("end_point", "open"), Field("label", "closed", ("yes", "no"))),
    ("{start} -> {end_point}: {label}", "({start}; {end_point}; {label})"),
    synonyms=(("yeah", "yes"),),
)
COUNT = RecordFormat(
    (Field("Xaxis", "closed", ("light bulb", "cube")), Field("n", "integer", limits=(1, 20))),
    ("{Xaxis}: {n}", "{n} x {Xaxis}"),
)
STEP = RecordFormat(
    (Field("n", "integer"), Field("way", "closed", ("left", "right"))), ("Step {n} Goes {way}", "z{n}={way}")
)
NAME = RecordFormat((Field("name", "open"),), ("{name}",))
NUMBER = RecordFormat((Field("n", "integer"),), ("{n}",))
DEPENDENT = RecordFormat(
    (
        Field("kind", "closed", ("color", "on axis")),
        Field("value", "closed", by="kind", values_by=(("color", ("red",)), ("on axis", ("x 1", "y")))),
    ),
    ("{kind}={value}", "{value} as {kind}"),
)


def read(text, record_format):
    found = parse_record(text, record_format)
    return found if not isinstance(found, Fault) else (found.code, found.offset, found.message)


RECORDS = [
    (LINK, "a b -> c: yes", ("a b", "c", "yes")),
    (LINK, "A  b ->c:YEAH", ("A b", "c", "yes")),
    (LINK, "(a; b; no)", ("a", "b", "no")),
    (LINK, "( a-1's ;b_2; No )", ("a-1's", "b_2", "no")),
    (STEP, "step 3 goes left", (3, "left")),
    (STEP, "STEP 3 Goes RIGHT", (3, "right")),
    (STEP, "Z3=left", (3, "left")),
    (LINK, "'é' -> '北': no", ("é", "北", "no")),
    (COUNT, "cube: 20", ("cube", 20)),
    (COUNT, "Light_Bulb: 007", ("light bulb", 7)),
    (COUNT, "3 x cube", ("cube", 3)),
    (COUNT, '3 X ["light", "bulb"]', ("light bulb", 3)),
    (NAME, "  a red   car ", ("a red car",)),
    (NAME, "7", ("7",)),
    (NUMBER, "00", (0,)),
    (NUMBER, str(LARGEST), (LARGEST,)),
    (DEPENDENT, "color=red", ("color", "red")),
    (DEPENDENT, "ON-AXIS = x.1", ("on axis", "x 1")),
    (DEPENDENT, "y AS on_axis", ("on axis", "y")),
]


@pytest.mark.parametrize(("record_format", "text", "record"), RECORDS, ids=[plain(text) for _, text, _ in RECORDS])
def test_records(record_format, text, record):
    assert read(text, record_format) == record
    assert parse_records(text, record_format).items == (record,)
    if record_format is not TVR:
        assert type(parse_record(text, record_format)) is tuple


FORM = "{start} -> {end_point}: {label}"
FAULTS = [
    (LINK, "a ->", ("missing_end_point", 4, f"the end_point is missing: the form is {FORM}")),
    (LINK, "a -> b", ("missing_label", 6, f"the label is missing: the form is {FORM}")),
    (LINK, "a -> b: ", ("missing_label", 8, f"the label is missing: the form is {FORM}")),
    (LINK, "a -> b: nope", ("unknown_label", 8, "'nope' is not a label (did you mean 'no'?)")),
    (LINK, "a -> b: zzz", ("unknown_label", 8, "'zzz' is not a label (one of yes, no)")),
    (LINK, "a -> $: yes", ("unknown_end_point", 5, "'$' is not an end_point")),
    (LINK, "a -> b: yes $", ("trailing_text", 12, "'$' follows where nothing should")),
    (LINK, "a -> b: yes c -> d: no", ("trailing_text", 12, "'c' follows where nothing should")),
    (LINK, "(a; b; no", ("unclosed_bracket", 9, "a bracket is not closed")),
    (STEP, "step 3 left", ("not_a_record", 7, "this is not of the form Step {n} Goes {way}")),
    (STEP, "step x goes left", ("unknown_n", 5, "'x' is not a n")),
    (STEP, "step 3 goes lef", ("unknown_way", 12, "'lef' is not a way (did you mean 'left'?)")),
    (STEP, "step 3 goes left step 4 goes right", ("missing_separator", 17, "a separator is missing before 'step'")),
    (LINK, "$", ("not_a_record", 0, f"this is not of the form {FORM}")),
    (COUNT, "cub: 3", ("not_a_record", 0, "this is not of the form {Xaxis}: {n}")),
    (COUNT, "5 x cub", ("unknown_Xaxis", 4, "'cub' is not a Xaxis (did you mean 'cube'?)")),
    (COUNT, "cube: 21", ("unknown_n", 6, "'21' is not a n (1 to 20)")),
    (COUNT, "cube: 0", ("unknown_n", 6, "'0' is not a n (1 to 20)")),
    (COUNT, "cube: -1", ("unknown_n", 6, "'-1' is not a n")),
    (COUNT, "cube: 1234567890", ("unknown_n", 6, "'1234567890' is not a n")),
    (COUNT, "cube", ("missing_n", 4, "the n is missing: the form is {Xaxis}: {n}")),
    (NAME, "$", ("not_a_record", 0, "this is not of the form {name}")),
    (NUMBER, "x", ("not_a_record", 0, "this is not of the form {n}")),
    (NUMBER, "1 2", ("missing_separator", 2, "a separator is missing before '2'")),
    (DEPENDENT, "color=y", ("unknown_value", 6, "'y' is not a color (one of red)")),
    (DEPENDENT, "on axis=red", ("unknown_value", 8, "'red' is not an on axis (one of x 1, y)")),
    (DEPENDENT, "colour=red", ("not_a_record", 0, "this is not of the form {kind}={value}")),
]


@pytest.mark.parametrize(("record_format", "text", "fault"), FAULTS, ids=[plain(text) for _, text, _ in FAULTS])
def test_faults(record_format, text, fault):
    assert read(text, record_format) == fault


@pytest.mark.parametrize(
    ("length", "shown"), [(39, "y" * 39), (40, "y" * 40), (41, "y" * 40 + "..."), (60_000, "y" * 40 + "...")]
)
def test_a_long_word_is_shortened(length, shown):
    found = parse_record("2.color." + "y" * length, TVR)
    assert found.message.startswith(f"{shown!r} is not a color (one of gray, ")


@pytest.mark.parametrize(("number", "listed"), [(1, True), (12, True), (13, False)])
def test_long_vocabularies_are_not_listed(number, listed):
    letters = RecordFormat((Field("n", "integer"), Field("c", "closed", LETTERS[:number])), ("{n}.{c}",))
    expected = f" (one of {', '.join(LETTERS[:number])})" if listed else ""
    assert read("1.zzz", letters) == ("unknown_c", 2, f"'zzz' is not a c{expected}")


def test_synonyms_are_suggested_by_what_they_mean():
    assert read("2.color.graye", TVR)[2] == "'graye' is not a color (did you mean 'gray'?)"
    assert read("a -> b: yeahh", LINK)[2] == "'yeahh' is not a label (did you mean 'yes'?)"
    assert read("a -> b: zzz", LINK)[2].count("yes") == 1


@given(hostile_answers() | st.text(), st.sampled_from([LINK, COUNT, STEP, NAME, NUMBER, DEPENDENT]))
def test_any_text_is_a_record_or_a_fault(text, record_format):
    for piece in (text, *text.split(",")):
        found = parse_record(piece, record_format)
        if isinstance(found, Fault):
            assert found.code.split("_")[0] in ("unknown", "missing", "not", "empty", "trailing", "unclosed")
            assert 0 <= found.offset <= len(piece)
        else:
            assert len(found) == len(record_format.fields)
            assert parse_record(record_format.render(found), record_format) == found
    parse_records(text, record_format)


def test_a_grammar_is_built_once():
    assert record_grammar(LINK) is record_grammar(LINK)
    assert record_grammar(LINK) is not record_grammar(COUNT)
    assert (record_grammar(TVR).limited, record_grammar(COUNT).limited, record_grammar(NUMBER).limited) == (
        (),
        (1,),
        (),
    )
