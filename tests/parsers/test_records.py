"""Lists of records: a slow twin, any text, written forms, JSON lists, separators, limits."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from parsers import records as module
from parsers.formats import TRANCE, TVR
from parsers.record_grammar import _cached_record, forget, parse_record, record_grammar
from parsers.records import MAX_ANSWER, parse_records
from parsers.types import Fault, Records, Transformation
from tests.oracles.answers import read_piece, split
from tests.strategies import FORMATS, answers, hostile_answers, records, vocabularies, written

CODES = {
    "not_a_record", "empty_piece", "unknown_index", "missing_index", "unknown_attribute", "missing_attribute", "unknown_value",
    "missing_value", "unclosed_bracket", "trailing_text", "missing_separator",
}  # fmt: skip


@given(hostile_answers(), FORMATS)
@example("[2,", TVR)
@example("4.position.front-left.2]", TRANCE)
@example('[\n[2, "color", "cyan"]\n]', TVR)
@example("1.ſize.small", TVR)
@example("٢.color.red", TVR)
def test_agrees_with_the_slow_twin(text, record_format):
    found = module._as_records(module._plain_items(text, record_format))
    pieces = split(text)
    trailing = len(pieces) > 1 and pieces[-1] is None
    read = [piece and read_piece(piece, record_format) for piece in (pieces[:-1] if trailing else pieces)]
    assert found.items == tuple(record for record in read if record is not None)
    assert len(found.invalid) == read.count(None)
    assert [note.code for note in found.notes] == ["trailing_separator"] * trailing


@given(hostile_answers(), FORMATS)
def test_any_text_gives_records_and_known_faults_within_the_text(text, record_format):
    found = parse_records(text, record_format)
    for fault in found.invalid:
        assert fault.code in CODES
        assert 0 <= fault.offset <= len(text)
        assert fault.message
        assert len(fault.message) < 400
        assert "\n" not in fault.message
    for note in found.notes:
        assert note.code == "trailing_separator"
        assert 0 <= note.offset <= len(text)
    offsets = [fault.offset for fault in found.invalid]
    assert offsets == sorted(offsets)
    assert all(type(item) is Transformation for item in found)


@given(FORMATS.flatmap(lambda each: st.tuples(st.just(each), answers(each))))
def test_every_written_form_reads_as_what_was_meant(drawn):
    record_format, (text, items) = drawn
    found = parse_records(text, record_format)
    assert (list(found), found.invalid, len(found)) == (items, (), len(items))


@given(FORMATS.flatmap(lambda each: st.tuples(st.just(each), st.lists(records(each), max_size=20))))
def test_render_then_parse_is_the_identity(drawn):
    record_format, items = drawn
    text = ", ".join(record_format.render(item) for item in items)
    assert parse_records(text, record_format) == Records(tuple(items))
    if record_format is TVR:
        assert text == ", ".join(map(str, items))


@settings(max_examples=25)
@given(vocabularies().flatmap(lambda each: st.tuples(st.just(each), st.lists(records(each), max_size=6), st.data())))
def test_a_format_of_its_own_reads_what_it_writes(drawn):
    record_format, items, data = drawn
    assert parse_records("; ".join(map(record_format.render, items)), record_format).items == tuple(items)
    for item in items:
        assert parse_record(data.draw(written(item, record_format)), record_format) == item


@given(
    FORMATS.flatmap(lambda each: st.tuples(st.just(each), st.lists(records(each), min_size=1, max_size=5))), st.data()
)
def test_json_lists(drawn, data):
    """Triplets, moves as [direction, step], dotted strings, calls: as JSON, on one line or on many."""
    record_format, items = drawn
    indent = data.draw(st.sampled_from([None, 0, 2]))
    style = data.draw(st.sampled_from(["list", "canonical", "any form"]))
    if style == "list":
        plain = [[i, a, v.rsplit(".", 1) if a == "position" else v] for i, a, v in items]
        plain = [[i, a, [v[0], int(v[1])] if a == "position" else v] for i, a, v in plain]
    elif style == "canonical":
        plain = [record_format.render(item) for item in items]
    else:
        plain = [data.draw(written(item, record_format)).replace("`", "").replace("\n", " ") for item in items]
    text = json.dumps(plain, indent=indent).replace('\\"', "'")
    found = parse_records(text, record_format)
    assert (found.items, found.invalid, found.notes) == (tuple(items), (), ())


@given(st.lists(records(), min_size=2, max_size=5), st.sampled_from([",,", ";;", ",;", ", ,", ",\n,", "\n,,\n"]))
def test_two_separators_leave_a_piece_that_is_missing(items, separator):
    text = separator.join(map(str, items))
    found = parse_records(text, TVR)
    assert found.items == tuple(items)
    assert [fault.code for fault in found.invalid] == ["empty_piece"] * (len(items) - 1)


@given(records(), st.sampled_from([",", ";", ",\n", "\n,"]))
def test_a_separator_at_the_end_costs_nothing_and_one_at_the_start_does(item, separator):
    after, before = parse_records(f"{item}{separator}", TVR), parse_records(f" {separator}{item}", TVR)
    assert (after.items, after.invalid, [note.code for note in after.notes]) == ((item,), (), ["trailing_separator"])
    assert after.notes[0].offset == len(str(item))
    assert (before.items, [fault.code for fault in before.invalid], before.notes) == ((item,), ["empty_piece"], ())


@given(st.lists(records(), min_size=1, max_size=4), hostile_answers())
def test_an_invalid_piece_does_not_touch_the_others(items, junk):
    junk = "?" + "".join(char for char in junk if char not in "\n,;()[]")
    text = ", ".join([*map(str, items), junk, *map(str, items)])
    found = parse_records(text, TVR)
    assert (found.items[: len(items)], found.items[-len(items) :]) == (tuple(items), tuple(items))
    if len(found.items) == 2 * len(items):  # otherwise the junk is a list in a dialect
        assert len(found.invalid) == 1


def test_offsets_count_from_the_start_of_the_text():
    found = parse_records(" \n 2.color.cyan,\n  3.texture.red;  2.size ,, x\n", TVR)
    assert [(fault.code, fault.offset) for fault in found.invalid] == [
        ("unknown_attribute", 21),
        ("missing_value", 42),
        ("empty_piece", 42),
        ("not_a_record", 45),
    ]


def test_the_limit_is_exact():
    longest = "2.color.cyan" + " " * (MAX_ANSWER - 12)
    assert len(parse_records(longest, TVR)) == 1
    fault = Fault("too_long", "the answer has 64,001 characters; 64,000 are read", 64_000)
    assert parse_records(longest + " ", TVR) == Records(invalid=(fault,))


@pytest.mark.parametrize("length", [0, 1, 511, 512, 513, 1000])
def test_what_is_remembered_equals_what_is_parsed_anew(length):
    text = ("2.color.cyan, 3.texture.red, " * 40)[:length]
    assert parse_records(text, TVR) == parse_records(text, TVR) == module._parse(text, TVR)
    piece = "2.color." + "x" * length
    assert parse_record(piece, TVR) == record_grammar(TVR).parse(piece) == parse_record(piece, TVR)


def test_caches_are_bounded_and_hold_no_long_text():
    module._cached.cache_clear()
    forget()
    for number in range(20):
        parse_records(f"{number}.color.red" + " " * 600, TVR)
        parse_record(f"{number}.color." + "x" * 600, TVR)
    assert module._cached.cache_info().currsize == 0
    assert _cached_record.cache_info().currsize == 20  # the short pieces of the long answers
    assert module._cached.cache_info().maxsize == 8192
    assert _cached_record.cache_info().maxsize == 4096


@settings(max_examples=10)
@given(
    st.permutations(
        [
            "2.color.cyna",
            "3.texture.red",
            "2.size",
            "color.red",
            "2.color.red x",
            "(2, color, red",
            "-1.size.small",
            "$",
        ]
    )
)
def test_faults_do_not_depend_on_earlier_calls(order):
    module._cached.cache_clear()
    forget()
    expected = {
        "2.color.cyna": "unknown_value",
        "3.texture.red": "unknown_attribute",
        "2.size": "missing_value",
        "color.red": "missing_index",
        "2.color.red x": "trailing_text",
        "(2, color, red": "unclosed_bracket",
        "-1.size.small": "unknown_index",
        "$": "not_a_record",
    }
    record_grammar.cache_clear()
    assert [parse_records(text, TVR).invalid[0].code for text in order] == [expected[text] for text in order]
