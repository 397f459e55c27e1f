"""A block is paid under its reward and two presets at once; each is what it would be alone, row by row."""

import json
from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.files.blocks import Block
from benchmarks.files.sources import START, Chunk
from benchmarks.run.reward_scorer import RewardScorer
from benchmarks.run.reward_summary import SCORE_NUMBERS
from rewards.score import resolve, score_batch, score_completion
from rewards.tasks import load_task
from rewards.tiered import SMALL_BATCH

PIECES = st.sampled_from(
    [
        "0.color.red",
        "0.color.blue",
        "0.shape.cube",
        "1.color.red",
        "1.size.small",
        "2.size.large",
        "0.color.teal",
        "x",
        "",
    ]
)
ANSWERS = st.lists(PIECES, max_size=5).map(lambda pieces: f"<think>a</think><answer>{', '.join(pieces)}</answer>")
COMPLETIONS = st.one_of(ANSWERS, st.sampled_from(["", "<think>cut", "<think>a</think>b"]))
GOLD = st.lists(
    st.sampled_from(["0.color.red", "0.color.blue", "0.shape.cube", "1.color.red", "1.size.small"]),
    unique=True,
    max_size=3,
)
ROWS = st.lists(st.tuples(COMPLETIONS, GOLD.map(", ".join)), max_size=12)
CHANGES = [{}, {"tiers": {"object": 0.0}}, {"incorrect": "no_tier"}, {"conflicts": "each"}, {"scale": "n_gt"}]


def block_of(rows, scorer):
    columns = {"completion": scorer.digest([text for text, _ in rows]), "target": [target for _, target in rows]}
    return Block(Chunk("f", [{}] * len(rows), range(len(rows)), None, START, None), range(len(rows)), columns)


@given(
    ROWS,
    st.sampled_from(["default", "paper", "calibrated"]),
    st.sampled_from(CHANGES),
    st.sampled_from([1, SMALL_BATCH]),
)
@settings(max_examples=200)
def test_as_if_each_were_counted_alone(rows, preset, changes, repeats):
    rows *= repeats  # once few enough to be counted in plain Python, once too many
    task, spec = resolve("tvr", preset, **changes)
    scorer = RewardScorer(task, spec)
    scored = scorer(block_of(rows, scorer))
    texts, targets = [text for text, _ in rows], [target for _, target in rows]
    totals = score_batch(texts, targets, preset=preset, **changes).total.tolist()
    assert [json.loads(line)["total"] for line in scored.lines()] == totals
    alone = {
        (row, name): score_completion(*row, preset=name).total for row in set(rows) for name in ("default", "paper")
    }
    expected = Counter(
        (total, alone[row, "default"], alone[row, "paper"]) for total, row in zip(totals, rows, strict=True)
    )
    assert totals_of(scored.tally) == expected


def totals_of(tally):
    """Count the rows of each (total, total under default, total under paper)."""
    at = [SCORE_NUMBERS.index(name) for name in ("total", "default", "paper")]
    found = Counter()
    for score, count in zip(tally.scores, tally.counts, strict=True):
        found[tuple(np.frombuffer(score)[at].tolist())] += count
    return found


def test_a_block_without_rows():
    for name in ("tvr", "multiview"):
        task = load_task(name)
        scorer = RewardScorer(task, task.spec)
        scored = scorer(block_of([], scorer))
        assert sum(scored.tally.counts) == 0
        assert scored.lines() == []
