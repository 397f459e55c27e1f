"""Fuzzing with fixed seeds: random bytes, and mutations of the grammars' own sentences, against the slow twins."""

import random

import pytest

from parsers import records
from parsers.completion import parse_completion
from parsers.formats import TRANCE, TVR
from parsers.records import parse_records
from rewards import score_batch
from tests.oracles.answers import read_piece, split
from tests.oracles.envelope import last_answer, read_strict
from tests.strategies import ODD, SHARDS, TAGS

ENCODINGS = (("utf-8", "surrogateescape"), ("utf-8", "replace"), ("utf-16-le", "surrogatepass"), ("latin-1", "strict"))
SENTENCES = (
    "2.color.cyan, 0.shape.cube",
    "(2, color, cyan); (0, 'shape', \"cube\")",
    "change_color(2, 'cyan')\nchange_shape(0, cube)",
    '[[2, "color", "cyan"], [0, "shape", "cube"]]',
    '["2.color.cyan", "change_size(1, small)"]',
    "4.position.front-left.2, [3, position, left, 1]",
    '[[4, "position", ["front-left", 2]]]',
    "none",
)


def random_bytes(rng):
    return rng.randbytes(2 * rng.randrange(40)).decode(*rng.choice(ENCODINGS))


def mutate(rng, text, pieces):
    """Cut, double, move, replace: one to four times."""
    for _ in range(rng.randrange(1, 5)):
        at = rng.randrange(len(text) + 1)
        end = min(len(text), at + rng.choice([0, 1, 1, 2, 5, 12]))
        piece = rng.choice([rng.choice(pieces), rng.choice(ODD), chr(rng.randrange(0x3000)), text[at:end] * 2, ""])
        text = text[:at] + piece + text[end:]
    return text


def texts(seed, number):
    rng = random.Random(seed)
    tags = (*TAGS, "<", "</", "think>", "answer>", "a", " ", "\n")
    for _ in range(number):
        answer = rng.choice(SENTENCES)
        if rng.random() < 0.6:
            answer = mutate(rng, answer, SHARDS)
        whole = f"<think>{rng.choice(['a', '', 'so <answer>x</answer>'])}</think>{rng.choice(['', ' ', chr(10)])}<answer>{answer}</answer>"
        yield (
            rng.choice(
                [whole, mutate(rng, whole, tags), random_bytes(rng), "".join(rng.choices(tags, k=rng.randrange(9)))]
            ),
            answer,
        )


@pytest.mark.parametrize("seed", range(4))
def test_completions(seed):
    right = 0
    for text, _ in texts(seed, 500):
        expected = read_strict(text)
        strict, lenient = parse_completion(text), parse_completion(text, mode="lenient")
        if expected is None:
            assert (strict.answer, lenient.answer) == (None, last_answer(text)), ascii(text)
            assert strict.fault == lenient.fault
            assert 0 <= strict.fault.offset <= len(text)
        else:
            right += 1
            assert strict == lenient
            assert (strict.think, strict.answer, strict.prefilled, strict.fault) == (*expected, None), ascii(text)
    assert 50 < right < 450


@pytest.mark.parametrize("seed", range(4))
def test_answers(seed):
    found = {True: 0, False: 0}
    for text, answer in texts(100 + seed, 500):
        for record_format in (TVR, TRANCE):
            for each in (text, answer):
                parsed = records._as_records(records._plain_items(each, record_format))
                pieces = split(each)
                pieces = pieces[:-1] if len(pieces) > 1 and pieces[-1] is None else pieces
                read = [piece and read_piece(piece, record_format) for piece in pieces]
                assert parsed.items == tuple(record for record in read if record), ascii(each)
                assert len(parsed.invalid) == read.count(None), ascii(each)
                found_at_all = parse_records(each, record_format)  # as a dialect, if it is no plain list
                assert len(found_at_all.items) >= len(parsed.items), ascii(each)
                assert all(0 <= fault.offset <= len(each) and fault.message for fault in found_at_all.invalid)
                found[bool(parsed.items)] += 1
    assert min(found.values()) > 200


@pytest.mark.parametrize(
    "options", [{}, {"preset": "paper", "mode": "lenient"}, {"task": "trance", "preset": "calibrated", "scale": "n_gt"}]
)
def test_scores(options):
    drawn = [text for text, _ in texts(7, 1500)]
    batch = score_batch(drawn, ["2.color.cyan, 0.shape.cube"] * len(drawn), **options)
    rows = list(batch)
    assert [sum(score.parts.values()) for score in rows] == batch.total.tolist()
    assert [score.parts["format"] for score in rows] == [read_strict(text) is not None for text in drawn]
    assert len({fault.code for fault in batch.faults if fault}) > 15
