"""Where records and triplets stand: each place re-parses alone to what was read there, whatever the dialect."""

import json
from pathlib import Path
from random import Random

import pytest
from hypothesis import given

from parsers.completion import find_sections, parse_completion
from parsers.formats import TRANCE, TVR
from parsers.records import MAX_ANSWER, locate_records, parse_records
from parsers.references import locate_references, parse_references
from parsers.types import Fault
from tests.case_names import plain
from tests.parsers.test_dialects import AROUND, STYLES
from tests.strategies import FORMATS, hostile_answers, hostile_completions, hostile_text

CASES = Path(__file__).parents[1] / "cases"


def texts(name):
    with (CASES / name).open(encoding="utf-8") as lines:
        return [json.loads(line)["text"] for line in lines]


def check_records(text, record_format):
    items = locate_records(text, record_format)
    parsed = parse_records(text, record_format)
    assert tuple(item.read for item in items if not isinstance(item.read, Fault)) == parsed.items
    assert tuple(item.read for item in items if isinstance(item.read, Fault)) == parsed.invalid
    last = 0
    for item in items:
        assert last <= item.start <= item.end <= len(text), "ordered, apart, and in the text"
        last = item.end
        if not isinstance(item.read, Fault):
            alone = parse_records(text[item.start : item.end], record_format)
            assert (list(alone), alone.invalid) == ([item.read], ()), text[item.start : item.end]
            assert text[item.start : item.end].strip() == text[item.start : item.end]
    return items


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("record_format", [TVR, TRANCE], ids=["tvr", "trance"])
def test_records_of_every_dialect_have_their_place(style, record_format):
    drawn = Random(style)
    vocabulary = [(key, value) for key, values in record_format.fields[2].values_by for value in values]
    for around in AROUND:
        items = [record_format.make((drawn.randrange(12), *pair)) for pair in drawn.sample(vocabulary, 3)]
        found = check_records(around.format(STYLES[style](items)), record_format)
        assert [item.read for item in found] == items
        assert all(item.end > item.start for item in found)


@pytest.mark.parametrize("text", texts("transformations.jsonl"), ids=plain)
def test_records_of_the_case_table_have_their_place(text):
    for record_format in (TVR, TRANCE):
        check_records(text, record_format)


@given(record_format=FORMATS, text=hostile_answers())
def test_records_of_any_answer_have_their_place(record_format, text):
    check_records(text, record_format)


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("2.color.cyan, 0.shape.cube", ["2.color.cyan", "0.shape.cube"]),
        ('```json\n[[2, "color", "cyan"]]\n```', ['[2, "color", "cyan"]']),
        ("- **2.color.cyan**.\n- 0.shape.cube", ["**2.color.cyan**", "0.shape.cube"]),
        ("\\boxed{2.color.cyan，0.shape.cube}", ["2.color.cyan", "0.shape.cube"]),
        ('[{"index": 2, "attribute": "color", "value": "cyan"}]', ['{"index": 2, "attribute": "color", "value": "cyan"}']),
        ("2.color.cyan,, 0.shape.cube,", ["2.color.cyan", "", "0.shape.cube"]),
        ("2.color.cyna, (0, shape, cube)", ["2.color.cyna", "(0, shape, cube)"]),
        ("", []),
    ],
)  # fmt: skip
def test_places(text, pieces):
    assert [text[item.start : item.end] for item in locate_records(text, TVR)] == pieces


def test_an_answer_that_is_too_long_is_one_item():
    text = "2.color.cyan," * MAX_ANSWER
    (item,) = locate_records(text, TVR)
    assert (item.read.code, item.start, item.end) == ("too_long", 0, len(text))


@given(hostile_completions())
def test_sections_are_where_their_texts_are(text):
    for mode in ("strict", "lenient"):
        for prefilled in ("auto", True, False):
            settings = {"mode": mode, "think_prefilled": prefilled}
            sections, parsed = find_sections(text, **settings), parse_completion(text, **settings)
            assert parsed.think == (None if sections.think is None else text[sections.think])
            assert parsed.answer == (None if sections.answer is None else text[sections.answer])
            for place in (sections.think, sections.answer):
                assert place is None or 0 <= place.start <= place.stop <= len(text)
            assert sections[2:] == parsed[2:]


def test_empty_sections_have_a_place():
    text = " <think></think>\n<answer></answer>"
    sections = find_sections(text)
    assert text[: sections.think.start].endswith("<think>")
    assert text[: sections.answer.start].endswith("<answer>")


PIECES = (
    "View 1: ",
    "Image 2:\n",
    "[sofa, ball, left]",
    '["a", "b", "near"]',
    "(ball, lamp, left)",
    "[a, b",
    "，",
    "【x, y, on】",
)


def check_references(text):
    mentions = locate_references(text)
    parsed = parse_references(text)
    triplets = {}
    for mention in mentions:
        if not isinstance(mention.triplet, Fault):
            triplets.setdefault(mention.view, []).append(mention.triplet)
    assert {view: list(said) for view, said in parsed.relations.items() if said} == triplets
    assert [mention.triplet for mention in mentions if isinstance(mention.triplet, Fault)] == list(parsed.invalid)
    last = 0
    for mention in mentions:
        assert last <= mention.start < mention.end <= len(text)
        last = mention.end
        inner = mention.start
        for start, end in sorted(mention.parts):  # the relation may stand in the middle
            assert inner <= start < end <= mention.end
            inner = end
        if mention.parts:
            parts = [text[start:end] for start, end in mention.parts]
            alone = parse_references(f"View 1: [{', '.join(parts)}]")
            assert alone.relations[1] == (mention.triplet,)


@pytest.mark.parametrize("text", texts("references.jsonl"), ids=plain)
def test_triplets_of_the_case_table_have_their_place(text):
    check_references(text)


@given(hostile_text(*PIECES, "\n", " ", "Mapping: x\n"))
def test_triplets_of_any_text_have_their_place(text):
    check_references(text)
