"""Work grows with the length of the text and no faster, whatever the text: exponents below 1.2.

Nothing is timed here, since a busy machine is no bug (`tests.measure.growth` times the same texts). In Python, work is
counted: calls of functions, Python's and C's. A regular expression cannot be counted, so the largest texts are simply
read: one that backtracks takes hours for what takes a second, and never gets to its assertion.
"""

import pytest

from parsers import records
from parsers.completion import parse_completion
from parsers.formats import TRANCE, TVR
from parsers.record_grammar import forget
from parsers.records import MAX_ANSWER
from rewards import score_completion
from tests.counting import LIMIT, exponent
from tests.measure.families import ANSWER_FAMILIES, COMPLETION_FAMILIES, WRAPS, numbered, repeated


@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("family", COMPLETION_FAMILIES)
def test_completions(family, wrap):
    """Leniency is tried after strictness, on the same text: this is both."""
    small, large = (
        parse_completion(WRAPS[wrap].format(repeated(COMPLETION_FAMILIES[family], size)), mode="lenient")
        for size in (10_000, 9_999_900)
    )
    assert [small.fault and small.fault.code, small.prefilled] == [large.fault and large.fault.code, large.prefilled]
    assert [len(part or "") > 0 for part in (small.think, small.answer)] == [
        len(part or "") > 0 for part in (large.think, large.answer)
    ]


@pytest.mark.parametrize("family", COMPLETION_FAMILIES)
def test_completions_make_few_calls(family):
    texts = [repeated(COMPLETION_FAMILIES[family], size) for size in (10_000, 40_000)]
    assert exponent(lambda text: parse_completion(text, mode="lenient"), texts) < LIMIT


NO_CHAIN = {("index", "attribute", "value"): 5.0, ("value",): 1.0, ("index",): 0.5}
SIZES = (4_000, 16_000, MAX_ANSWER)


def parse_anew(record_format):
    """Return the parser without its memory, which would make the shorter texts look cheaper than they are."""

    def work(text):
        forget()
        records._parse(text, record_format)

    return work


@pytest.mark.slow
@pytest.mark.parametrize("family", ANSWER_FAMILIES)
def test_answers(family):
    texts = [numbered(ANSWER_FAMILIES[family], size) for size in SIZES]
    assert exponent(parse_anew(TVR), texts) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize("family", ["hyphens", "open lists", "positions", "half positions"])
def test_answers_with_moves(family):
    """Values of several words, with brackets around them or without."""
    unit = {"positions": '4.position.["front-left", 2],', "half positions": "4.position.front - "}.get(
        family
    ) or ANSWER_FAMILIES[family]
    assert exponent(parse_anew(TRANCE), [numbered(unit, size) for size in SIZES]) < LIMIT


@pytest.mark.parametrize("wrap", ["[{}]", "({}", "[[{}", '["{}"]', "2.color.{}"])
@pytest.mark.parametrize("family", ["letters", "spaces", "brackets"])
def test_answers_inside_brackets(family, wrap):
    texts = [wrap.format(repeated(ANSWER_FAMILIES[family], size - 20)) for size in SIZES]
    assert exponent(parse_anew(TVR), texts) < LIMIT


BLANKS = 200_000
"""Of these, what is quadratic takes a quarter of an hour for what takes a tenth of a second."""


@pytest.mark.parametrize("end", ["", "]", "x", ",", "2.color.cyan", "- x", "2. x", "["])
@pytest.mark.parametrize("blank", [" ", "\n", "\t", "\u00a0"])
def test_a_bracket_and_blanks(blank, end):
    """An opener looks past the blanks behind it for what tells a list, and must not do so from each of them."""
    few, many = (records._parse(f"[{blank * number}{end}", TVR) for number in (2, BLANKS))
    assert few.items == many.items
    assert [fault.code for fault in few.invalid] == [fault.code for fault in many.invalid]


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"preset": "paper"}, {"tiers": NO_CHAIN, "table": ()}], ids=["counting", "literal", "assignment"]
)
def test_matching(options):
    """Many predictions and few true changes."""
    target = "2.color.cyan, 3.color.red, 0.shape.cube, 101.color.cyan"
    texts = [f"<think></think><answer>{numbered('2.color.cyan,', size)}</answer>" for size in SIZES]

    def work(text):
        forget()
        score_completion(text, target, **options)

    assert exponent(work, texts) < LIMIT
