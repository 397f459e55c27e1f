"""Every reward of the zoo against its authors' own code, on rows of `tests.oracles.zoo`.

2,400 completions of each were compared, and all agree; the 400 kept of each are a random sample, with up to 40 of the rows
whose value depends on the hash seed there, or on which the authors' code raises.
"""

import pytest

pytest.importorskip("math_verify")
pytest.importorskip("rapidfuzz")

from benchmarks.zoo.compare import modules
from tests.json_lines import read
from tests.oracles.zoo_check import GOLDEN, agrees, ours

NAMES = sorted(path.name.removesuffix(".jsonl.gz") for path in GOLDEN.glob("*.gz"))


def rows(name):
    return read(GOLDEN / f"{name}.jsonl.gz")


@pytest.mark.parametrize("name", NAMES)
def test_every_row_agrees_with_the_authors(name):
    held = rows(name)
    assert len(held) == 400
    assert [row for found, row in zip(ours(name, held), held, strict=True) if not agrees(found, row)] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_row_that_is_scored_otherwise_would_be_seen(name):
    held = rows(name)
    assert len({round(value, 6) for row in held for value in row["expected"] if not isinstance(value, str)}) > 2
    assert not any(
        agrees(found + 0.25, row | {"expected": [found]}) for found, row in zip(ours(name, held), held, strict=True)
    )


def test_every_reward_has_rows():
    found, _ = modules()
    named = {
        f"{name}.{each.__name__}" for name, module in found.items() for many in module.AUDITED.values() for each in many
    }
    assert {*NAMES} == named | {"video_r1.transcription"}  # no task asks for transcriptions


def test_the_authors_of_reason_rft_depend_on_the_hash_seed():
    several = [row for row in rows("reason_rft.partial_credit") if len(row["expected"]) > 1]
    assert several
    assert not [row for row in rows("reason_rft.exact_only") if len(row["expected"]) > 1]
