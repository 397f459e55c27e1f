"""``python -m tests.soak [--rows N] [--minutes M] [--seed S] [--kept FILE]``: fuzz inputs through every task.

Inputs are a task's own cases, cut, doubled and mended at random, its tags in any order, and bytes. None may raise, and
of each: the total is the sum of the parts, exactly; the parts are the task's; all numbers are finite; the normalized
reward is in [0, 1] and 1 for no wrong answer; no total exceeds what the exact answer earns; and of every thousandth
input: alone it scores as it did in its batch.

Each batch is drawn from its own seed and number, so that a soak goes on where an earlier one stopped: ``--kept`` names
the file that holds how many inputs of each task have been through.
"""

import argparse
import json
import random
import sys
import time
from itertools import islice
from pathlib import Path

import numpy as np

from rewards import score_batch, task_parts
from rewards.tasks import load_task, task_names
from tests.strategies import ODD, SHARDS, TAGS
from tests.test_fuzz import mutate, random_bytes

ROWS = 2000  # of a batch
PIECES = (
    *SHARDS,
    "A",
    "B",
    "(C)",
    "1/2",
    "3.5 m",
    "-7",
    "View 1: ",
    "[sofa, lamp, left]",
    "Mapping:",
    "\\boxed{B}",
    "100%",
)
SHAPES = (*TAGS, "<", "</", "think>", "answer>", "a", " ", "\n")


def inputs(task, rng):
    """Yield completions without end, each with the target and further columns of one of the task's cases."""
    cases = [case for case in load_task(task).cases if not {"preset", "mode", "think_prefilled"} & case.given.keys()]
    while True:
        case = rng.choice(cases)
        drawn = rng.random()
        if drawn < 0.5:
            text = mutate(rng, case.completion, PIECES)
        elif drawn < 0.7:
            target = case.target if isinstance(case.target, str) else json.dumps(case.target)
            text = f"<think>{mutate(rng, 'b', PIECES)}</think><answer>{mutate(rng, target, PIECES)}</answer>"
        elif drawn < 0.85:
            text = mutate(rng, case.completion, SHAPES)
        elif drawn < 0.95:
            text = "".join(rng.choices((*SHAPES, *ODD, *PIECES), k=rng.randrange(40)))
        else:
            text = random_bytes(rng)
        yield text, case.target, case.given


def check(task, rows, batch):
    """Raise an AssertionError that names the input for whatever does not hold."""
    parts = task_parts(task)
    assert tuple(batch.parts) == parts
    added = np.sum([batch.parts[name] for name in parts], axis=0)
    holds = (
        np.isfinite(batch.total)
        & (np.abs(batch.total - added) <= 1e-12)
        & (batch.unit >= 0)
        & (batch.unit <= 1)
        & (batch.parts["format"] <= 1)
        & (batch.total <= batch.best + 1 + 1e-9)
    )
    assert holds.all(), (task, ascii(rows[int(np.argmin(holds))]))
    assert len(batch.faults) == len(rows)


def soak(task, count, seconds, seed, first=0):
    """Score so many inputs of a task, or as many as fit the time; return how many, and how many were right.

    Args:
        first: number of the first input: batches before it have been through.
    """
    done = right = 0
    until = time.monotonic() + seconds
    while done < count and time.monotonic() < until:
        drawn = inputs(task, random.Random(f"{seed}/{task}/{(first + done) // ROWS}"))
        rows = list(islice(drawn, min(ROWS, count - done)))
        texts, targets = [row[0] for row in rows], [row[1] for row in rows]
        names = {name for row in rows for name in row[2]}
        columns = {name: [row[2].get(name) for row in rows] for name in names}
        batch = score_batch(texts, targets, task=task, **columns)
        check(task, rows, batch)
        for at in range(0, len(rows), 1000):
            alone = score_batch(
                [texts[at]], [targets[at]], task=task, **{name: [column[at]] for name, column in columns.items()}
            )
            assert alone.total[0] == batch.total[at], (task, ascii(rows[at]))
            assert alone.faults[0] == batch.faults[at], (task, ascii(rows[at]))
        done, right = done + len(rows), right + int(batch.correct.sum())
    return done, right


def main(arguments):
    asked = argparse.ArgumentParser(prog="python -m tests.soak")
    asked.add_argument("--rows", type=int, default=1_000_000, help="of each task")
    asked.add_argument("--minutes", type=float, default=600.0, help="for all of them")
    asked.add_argument("--seed", default="0")
    asked.add_argument("--kept", type=Path, help="JSON: inputs of each task that have been through; it is written anew")
    given = asked.parse_args(arguments)
    names = task_names()
    kept = json.loads(given.kept.read_text()) if given.kept and given.kept.exists() else {}
    kept = {name: kept.get(name, 0) // ROWS * ROWS for name in names}  # whole batches, so that none is counted twice
    before, begun, until = sum(kept.values()), time.monotonic(), time.monotonic() + given.minutes * 60
    for left, name in zip(range(len(names), 0, -1), names, strict=True):
        started = time.monotonic()
        if kept[name] < given.rows:
            done, right = soak(name, given.rows - kept[name], (until - started) / left, given.seed, kept[name])
            kept[name] += done
            sys.stdout.write(f"{name}: {done:,} inputs, {right:,} right, {time.monotonic() - started:.0f} s\n")
            sys.stdout.flush()
        if given.kept:
            given.kept.write_text(json.dumps(kept))
    total = sum(kept.values())
    sys.stdout.write(
        f"{total:,} inputs of {len(names)} tasks held, {total - before:,} of them now, {time.monotonic() - begun:.0f} s\n"
    )


if __name__ == "__main__":
    main(sys.argv[1:])
