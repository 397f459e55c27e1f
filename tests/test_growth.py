"""Time grows with the length of the text and no faster, whatever the text: exponents below 1.2, over 10 kB to 10 MB."""

import gc
import math
from itertools import count
from time import process_time

import pytest

from parsers import records
from parsers.completion import parse_completion
from parsers.formats import TRANCE, TVR
from parsers.records import MAX_ANSWER
from rewards import score_completion
from tests.strategies import ANSWER_FAMILIES, COMPLETION_FAMILIES

LIMIT = 1.2
SMALLEST = 1e-4  # seconds; below this a measurement says more about the machine than about the text


def seconds(work, text, repeats):
    """Return the least processor time of several runs: what others do on the machine only ever adds."""
    best = math.inf
    for _ in range(repeats):
        start = process_time()
        work(text)
        best = min(best, process_time() - start)
    return max(best, SMALLEST)


def exponent(work, texts):
    """Fit seconds = constant * length ** exponent; give up as soon as a step is far beyond it."""
    points = []
    gc.collect()
    gc.disable()
    try:
        for text in texts:
            taken = seconds(work, text, 3 if len(text) < 30_000 else 2 if len(text) < 5_000_000 else 1)
            if points:
                length, before = points[-1]
                step = math.log(taken / before) / math.log(len(text) / length)
                if step > 1.7 and taken > 0.05:
                    return step
            points.append((len(text), taken))
    finally:
        gc.enable()
    xs, ys = [math.log(length) for length, _ in points], [math.log(taken) for _, taken in points]
    x, y = sum(xs) / len(xs), sum(ys) / len(ys)
    return sum((a - x) * (b - y) for a, b in zip(xs, ys, strict=True)) / sum((a - x) ** 2 for a in xs)


def repeated(unit, size):
    return unit * (size // len(unit))


def numbered(unit, size):
    """Repeat a unit with other digits each time, so that no piece is remembered from before."""
    pieces, length = [], 0
    for number in count():
        piece = unit.replace("2", str(100 + number))
        length += len(piece)
        if length > size:
            return "".join(pieces)
        pieces.append(piece)
    raise AssertionError


WRAPS = {
    "bare": "{}",
    "in the reasoning": "<think>{}</think><answer>a</answer>",
    "in the answer": "<think>a</think><answer>{}</answer>",
}


@pytest.mark.slow
@pytest.mark.parametrize("wrap", WRAPS)
@pytest.mark.parametrize("family", COMPLETION_FAMILIES)
def test_completions(family, wrap):
    """Leniency is tried after strictness, on the same text: this is both."""
    sizes = (10_000, 100_000, 1_000_000, 9_999_900)
    texts = (WRAPS[wrap].format(repeated(COMPLETION_FAMILIES[family], size)) for size in sizes)
    assert exponent(lambda text: parse_completion(text, mode="lenient"), texts) < LIMIT


NO_CHAIN = {("index", "attribute", "value"): 5.0, ("value",): 1.0, ("index",): 0.5}
SIZES = (10_000, 25_000, MAX_ANSWER)


def parse_anew(record_format):
    """Return the parser without its memory, which would make the shorter texts look faster than they are."""

    def work(text):
        records._cached_record.cache_clear()
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


@pytest.mark.slow
@pytest.mark.parametrize("wrap", ["[{}]", "({}", "[[{}", '["{}"]', "2.color.{}"])
@pytest.mark.parametrize("family", ["letters", "spaces", "brackets"])
def test_answers_inside_brackets(family, wrap):
    texts = [wrap.format(repeated(ANSWER_FAMILIES[family], size - 20)) for size in SIZES]
    assert exponent(parse_anew(TVR), texts) < LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(
    "options", [{}, {"preset": "paper"}, {"tiers": NO_CHAIN, "table": ()}], ids=["counting", "literal", "assignment"]
)
def test_matching(options):
    """Many predictions and few true changes."""
    target = "2.color.cyan, 3.color.red, 0.shape.cube, 101.color.cyan"
    texts = [f"<think></think><answer>{numbered('2.color.cyan,', size)}</answer>" for size in SIZES]

    def work(text):
        records._cached_record.cache_clear()
        score_completion(text, target, **options)

    assert exponent(work, texts) < LIMIT


def test_the_measure_sees_a_square():
    """What fails when an algorithm is quadratic, on one that is."""
    assert (
        exponent(
            lambda text: [text.count(text[-1] * 2, at) for at in range(0, len(text), 40)],
            ["a" * size for size in SIZES],
        )
        > LIMIT
    )
