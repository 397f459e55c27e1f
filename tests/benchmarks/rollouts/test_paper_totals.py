"""What ``paper`` pays is counted anew only where it can differ from ``default``; the answer is the same."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.rollouts.scoring import RewardScorer, _paper_totals
from rewards.score import read_envelopes, read_records, read_targets, resolve, score_readings
from rewards.spec import preset_spec
from rewards.tasks import load_task

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


@given(ROWS, st.sampled_from([{}, {"tiers": {"object": 0.0}}, {"tiers": {"object": 9.0}}, {"incorrect": "no_tier"}]))
@settings(max_examples=200)
def test_as_if_all_were_counted_anew(rows, changes):
    task, base = resolve("tvr", **changes)
    reading = read_records(
        read_envelopes([text for text, _ in rows], mode="strict", think_prefilled="auto"), task.record_format
    )
    gold = read_targets([target for _, target in rows], task.record_format)
    default, paper = preset_spec(base, "default"), preset_spec(base, "paper")
    found = _paper_totals(reading, gold, score_readings(reading, gold, default).total, paper)
    assert np.array_equal(found, score_readings(reading, gold, paper).total)


def test_a_block_without_rows():
    from benchmarks.files.blocks import Block
    from benchmarks.files.rows import START, Chunk

    block = Block(Chunk("f", [], [], None, START, None), [], {"completion": [], "target": []})
    for name in ("tvr", "multiview"):
        task = load_task(name)
        scored = RewardScorer(task, task.spec)(block)
        assert len(scored.result.batch) == 0
        assert scored.rows() == []
