"""The rows that speed is measured on are what they are said to be."""

from itertools import islice
from statistics import fmean

import msgspec
import pytest

from parsers.completion import parse_completion
from parsers.records import parse_transformations
from tests.measure.prediction_rows import BRACKETED, GOOD_ANSWER, GOOD_TAGS, GROUP, make_rows


@pytest.fixture(scope="module")
def rows():
    return list(make_rows(4000, seed=1))


def test_sizes_and_shares(rows):
    assert fmean(len(msgspec.json.encode(row)) for row in rows) == pytest.approx(1700, abs=120)
    parsed = [parse_completion(row["completion"]) for row in rows]
    assert fmean(each.fault is None for each in parsed) == pytest.approx(GOOD_TAGS, abs=0.02)
    answers = [parse_transformations(each.answer) for each in parsed if each.fault is None]
    good = fmean(len(answer) > 0 and not answer.invalid for answer in answers)
    assert good == pytest.approx(GOOD_ANSWER, abs=0.02)
    bracketed = fmean((each.answer or "").startswith("(") for each in parsed if each.fault is None)
    assert bracketed == pytest.approx(BRACKETED, abs=0.02)
    assert len({each.answer for each in parsed}) > len(rows) / 4


def test_groups_share_their_target(rows):
    for start in range(0, len(rows), GROUP):
        assert len({str((row["prompt_id"], row["solution"])) for row in rows[start : start + GROUP]}) == 1


def test_a_row_depends_on_the_seed_and_its_number_alone(rows):
    assert list(islice(make_rows(10_000, seed=1), 50)) == rows[:50]
    assert next(make_rows(1, seed=2)) != rows[0]
