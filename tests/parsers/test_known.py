"""Whatever is read without a grammar is what the grammar reads."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parsers import known as module
from parsers.completion import MAX_COMPLETION, find_sections, match_usual, parse_completion, usual_answers
from parsers.formats import TRANCE, TVR, Field, RecordFormat
from parsers.known import UNKNOWN, KnownRecords, known_records, pack
from parsers.record_grammar import _patterns, forget, parse_record, record_grammar
from parsers.records import MAX_ANSWER, parse_records
from rewards.tasks import load_task
from tests.measure.differential import make_row
from tests.strategies import FORMATS, SHARDS, answers, hostile_answers, hostile_completions, hostile_text, vocabularies


def check(known, text):
    codes, invalid, fault = known.read(text)
    parsed = parse_records(text, known.record_format)
    same = [known.records[code] for code in codes] == list(parsed.items)
    assert same, text[:200]
    assert (invalid, fault) == (len(parsed.invalid), parsed.invalid[0] if parsed.invalid else None)


@given(st.lists(hostile_answers() | FORMATS.flatmap(answers).map(lambda drawn: drawn[0]), max_size=8), FORMATS)
def test_known_answers_are_the_grammars(texts, record_format):
    """In any order, since what was read before is what the next answer is looked up in."""
    known = KnownRecords(record_format)
    for text in [*texts, *texts, ", ".join(texts), f"({'), ('.join(texts)})"]:
        check(known, text)


@given(vocabularies().flatmap(lambda each: st.tuples(st.just(each), st.lists(answers(each), max_size=4))))
def test_formats_of_ones_own(drawn):
    record_format, written = drawn
    known = KnownRecords(record_format)
    for text, _ in written:
        check(known, text)


OPEN = load_task("flowchart").record_format


@given(st.lists(hostile_text("start -> check : next", "none", "(a, b, yes)", ", ", "null", "x -> 2 : no"), max_size=5))
def test_open_fields(texts):
    known = KnownRecords(OPEN)
    for text in [*texts, ", ".join(texts)]:
        check(known, text)


ITEMS = hostile_text(*SHARDS, "7", "0", "00", "123456789", "1234567890", "４", ".left.", "position", "2")


@given(ITEMS | FORMATS.flatmap(answers).map(lambda drawn: drawn[0]), FORMATS)
def test_items_that_differ_in_a_number_are_read_alike(item, record_format):
    assert parse_record(item, record_format) == record_grammar(record_format).parse(item)


@given(vocabularies(), st.integers(0, 99), st.sampled_from(SHARDS))
def test_items_of_formats_of_ones_own(record_format, number, shard):
    for form in record_format.forms:
        for branch in record_format.branches():
            words = {"kind": branch["kind"][0], "value": branch["value"][-1]}
            for index in (number, shard):
                item = form.format(index=index, **words)
                assert parse_record(item, record_format) == record_grammar(record_format).parse(item)


@pytest.mark.parametrize(
    ("fields", "forms"),
    [
        ((Field("word", "open"), Field("n", "integer")), ("{word} {n}",)),
        ((Field("n", "integer", limits=(0, 9)), Field("v", "closed", ("a",))), ("{n}.{v}",)),
        ((Field("n", "integer"), Field("v", "closed", ("1st", "b"))), ("{n}.{v}",)),
        ((Field("v", "closed", ("left", "left.2")), Field("n", "integer")), ("{v}.{n}",)),
        ((Field("n", "integer"), Field("v", "closed", ("a",))), ("no 7 {n}.{v}",)),
        ((Field("v", "closed", ("a",)),), ("{v}",)),
    ],
)
def test_where_a_number_may_be_part_of_something_else_nothing_is_assumed(fields, forms):
    record_format = RecordFormat(fields, forms)
    assert _patterns(record_format) is None
    for item in ("left.2", "left.2.3", "left.5", "1.b", "5.a", "12.a", "no 7 3.a", "a", "x 7"):
        assert parse_record(item, record_format) == record_grammar(record_format).parse(item)


def test_numbers_of_every_length():
    forget()
    for digits in ("7", "007", "123456789", "1234567890", "", "٣"):
        item = f"{digits}.color.cyan"
        assert parse_record(item, TVR) == record_grammar(TVR).parse(item)


def test_a_long_answer_is_a_fault():
    known = KnownRecords(TVR)
    check(known, ", ".join(["2.color.cyan"] * 10))
    check(known, ", ".join(["2.color.cyan"] * (MAX_ANSWER // 10)))


def test_what_is_known_is_bounded(monkeypatch):
    monkeypatch.setattr(module, "MOST_KNOWN", 50)
    record_format = RecordFormat(TVR.fields, TVR.forms, TVR.synonyms, TVR.make)
    first = known_records(record_format)
    for index in range(60):
        check(known_records(record_format), f"{index}.color.cyan, x{index}")
    second = known_records(record_format)
    assert second is not first
    assert len(second.records) < 50
    assert first.texts()[0] == "0.color.cyan", "who still holds the old one can go on with it"


@given(hostile_completions())
def test_the_usual_completion_is_the_grammars(text):
    usual = match_usual(text)
    if usual is not None:
        sections = find_sections(text)
        assert sections.fault is None
        assert (text[7 : usual.start()], usual[1] or "") == (text[sections.think], text[sections.answer])


@pytest.mark.parametrize(
    "text",
    [
        "<think></think><answer></answer>",
        "<think>2 < 3 <b>x</b></think> \u2028<answer>2.color.cyan</answer>\n\n",
        "<think>a</think>x<answer>b</answer>",
        "<think>a</think><answer>b</answer>x",
        "<think>a</think><answer>b<</answer>",
        "<think>a</think><answer>b</answer><answer>c</answer>",
        "<think>a<think></think><answer>b</answer>",
        "<think>a <answer>x</answer></think><answer>b</answer>",
        "<think>a</think>",
        "<think>",
        "<think>a<",
        " <think>a</think><answer>b</answer>",
        "<think>a</think><answer>b</answer></think>",
    ],
)
def test_usual_and_unusual(text):
    for think_prefilled in ("auto", True, False):
        for mode in ("strict", "lenient"):
            sections = find_sections(text, mode=mode, think_prefilled=think_prefilled)
            found = parse_completion(text, mode=mode, think_prefilled=think_prefilled)
            assert found.answer == (None if sections.answer is None else text[sections.answer])
            assert found.think == (None if sections.think is None else text[sections.think])
            assert found[2:] == sections[2:]


@settings(max_examples=3)
@given(st.just("<"))
def test_a_long_completion_is_no_usual_one(mark):
    text = f"<think>{mark * MAX_COMPLETION}</think><answer>b</answer>"
    assert match_usual(text) is None
    assert parse_completion(text).fault.code == "too_long"


def test_answers_of_moves():
    known = KnownRecords(TRANCE)
    for text in ("4.position.front-left.2, 2.color.cyan", "4.position.left.1", '[4, "position", ["front-left", 2]]'):
        check(known, text)
        check(known, text)


# --- many at once -----------------------------------------------------------------------------------------------------

NUL = "\0"


def texts_of_rows():
    return [row["completion"] for number in range(3000) if "references" not in (row := make_row(7, number))]


@pytest.mark.parametrize("size", [1, 7, 40])
def test_completions_that_are_matched_at_once_are_those_that_are_matched_one_by_one(size):
    texts = texts_of_rows()
    told = 0
    for start in range(0, len(texts), size):
        some = texts[start : start + size]
        found = usual_answers(some)
        if found is None:
            assert any(NUL in text for text in some)
            continue
        for text, answer in zip(some, found, strict=True):
            usual = match_usual(text)
            expected = (usual[1] or "") if usual is not None and usual.start() == text.find("<", 7) else ""
            assert answer == expected, text
            told += bool(answer)
    assert told > len(texts) / 3


@pytest.mark.parametrize(
    "texts",
    [
        ["<think>a</think><answer>b", "<think>c</answer>"],
        ["<think>a</think><answer>b", "<think></answer>", "<think>c</think><answer>d\0e</answer>"],
        ["<think>a</think><answer>b\0</answer>", "<think>c"],
        ["<think>a<\0", "<think>a</think><answer>", "<think>a</answer>"],
        ["<think>a</think><answer>b</answer>\0", "<think>a</think><answer>c</answer>"],
    ],
)
def test_no_text_runs_into_the_next(texts):
    """A character stands between them; where a text has one of its own, nothing is said of any."""
    found = usual_answers(texts)
    assert found is None or found == [(match_usual(text) or {1: ""})[1] for text in texts]


@given(st.lists(hostile_completions(), max_size=6))
def test_hostile_completions_at_once(texts):
    found = usual_answers(texts)
    for text, answer in zip(texts, found or [], strict=found is not None):
        usual = match_usual(text)
        assert answer in ("", usual[1] if usual is not None else ""), text


@given(
    st.lists(hostile_answers() | FORMATS.flatmap(answers).map(lambda drawn: drawn[0]), min_size=1, max_size=8), FORMATS
)
def test_answers_that_are_looked_up_at_once(texts, record_format):
    known = KnownRecords(record_format)
    texts = [text.replace(NUL, "") for text in texts]
    read = [known.read(text) for text in texts]
    packed = known.look_up(texts)
    assert len(packed) == len(texts)
    for text, codes, (expected, invalid, _) in zip(texts, packed, read, strict=True):
        if UNKNOWN not in codes:
            assert (codes, invalid) == (pack(expected), 0), text
        assert known.read_packed(text) == (pack(expected), *known.read(text)[1:])


def test_a_list_of_known_items_is_looked_up_whole():
    known = KnownRecords(TVR)
    known.read("2.color.cyan, 0.size.small")
    assert known.look_up(["0.size.small", "", "2.color.cyan, 0.size.small"]) == [pack([1]), UNKNOWN, pack([0, 1])]


def test_an_answer_that_is_too_long_is_not_looked_up():
    """Items that are known do not make it one that is read."""
    known, item = KnownRecords(TVR), "2.color.cyan"
    most = (MAX_ANSWER + 2) // len(f"{item}, ")
    fits, too_long = (", ".join([item] * count) for count in (most, most + 1))
    known.read(item)
    assert known.look_up([fits, too_long, item]) == [pack([0] * most), UNKNOWN, pack([0])]
    codes, invalid, fault = known.read_packed(too_long)
    assert (codes, invalid, fault.code) == ("", 1, "too_long")
