"""A block is paid under its reward and two presets at once; each is what it would be alone, row by row."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.files.blocks import Block
from benchmarks.files.sources import START, Chunk
from benchmarks.run.rewards import RewardScorer
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


def block_of(rows):
    columns = {"completion": [text for text, _ in rows], "target": [target for _, target in rows]}
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
    scored = RewardScorer(task, spec)(block_of(rows)).result
    texts, targets = [text for text, _ in rows], [target for _, target in rows]
    assert np.array_equal(scored.batch.total, score_batch(texts, targets, preset=preset, **changes).total)
    for name, found in {"default": scored.default, "paper": scored.paper}.items():
        alone = {row: score_completion(*row, preset=name).total for row in set(rows)}
        assert found.tolist() == [alone[row] for row in rows]


def test_a_block_without_rows():
    for name in ("tvr", "multiview"):
        task = load_task(name)
        scored = RewardScorer(task, task.spec)(block_of([]))
        assert len(scored.result.batch) == 0
        assert scored.rows() == []
