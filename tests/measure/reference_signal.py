"""What R_ref is worth to policies that do not look, and what it costs in signal: groups whose rewards are all equal.

    python -m tests.measure.reference_signal [--rows 300] [--seed 0]

Questions are those of ``star data generate --task multiview``; labels like MindCube's are made from its annotations.
Rollouts are simulated: an answer is right with the chance of its question, which is drawn uniformly, and references are
written as a policy of the table writes them. Rewards are this project's own.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import fmean, pstdev
from typing import TYPE_CHECKING, Any, NamedTuple

from benchmarks.mindcube.references import from_meta
from rewards import score_batch
from rewards.references import reference_names

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Sets = list[list[str]]
GROUP = 8


# --- questions -------------------------------------------------------------------------------------------------------


def generated_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return the rows of generated questions, of two to four views."""
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "made"
        options = ["--task", "multiview", "--count", str(count), "--seed", str(seed)]
        command = [sys.executable, "-m", "star_cli", "data", "generate", str(made), *options]
        subprocess.run(command, check=True, capture_output=True)
        lines = (made / "metadata.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


_NAMES = [f"{size} {thing}" for size in ("small", "tall", "old") for thing in ("sofa", "lamp", "plant", "desk", "bin")]
_FACES = {"rotation": 4, "among": 4, "around": 3}


def mindcube_rows(count: int, seed: int = 0) -> list[dict[str, Any]]:
    """Return rows whose references are labelled as MindCube's are, by ``meta_info``: rotation, among, around in turn.

    The views of *around* all show the same row of objects: no name tells them apart.
    """
    rng = random.Random(seed)
    rows = []
    for number in range(count):
        setting = list(_FACES)[number % 3]
        names = rng.sample(_NAMES, 5)
        images = [f"{side}_{number}.jpg" for side in ("front", "left", "back", "right")][: _FACES[setting]]
        meta: Any = {"rotation": names[:4], "among": [names], "around": [[3], [3, names[:3]]]}[setting]
        labels = from_meta(setting, meta, images)
        assert labels is not None
        row: dict[str, Any] = {"target": "A", "options": ["left", "right", "front", "behind"]}
        row["references"] = [sorted(names) for names in labels]
        rows.append(row)
    return rows


# --- policies --------------------------------------------------------------------------------------------------------


def _random_sets(truth: Sets, rng: random.Random) -> Sets:
    return [[name for name in _union(truth) if rng.random() < 0.5] for _ in truth]


def _random_words(truth: Sets, rng: random.Random) -> Sets:
    """Half of what is there and half of what is not, in each view."""
    words = [*_union(truth), *(f"thing {number}" for number in range(len(_union(truth))))]
    return [[name for name in words if rng.random() < 0.5] for _ in truth]


def _assigned(truth: Sets, rng: random.Random) -> Sets:
    """The true sets, given to the views by chance."""
    return rng.sample(truth, len(truth))


def _each_somewhere(truth: Sets, rng: random.Random) -> Sets:
    sets: Sets = [[] for _ in truth]
    for name in _union(truth):
        rng.choice(sets).append(name)
    return sets


def _one_view(truth: Sets, rng: random.Random) -> Sets:
    shown = rng.randrange(len(truth))
    return [names if view == shown else [] for view, names in enumerate(truth)]


def _copied(truth: Sets, rng: random.Random) -> Sets:
    return [rng.choice(truth)] * len(truth)


def _seen(skill: float) -> Callable[[Sets, random.Random], Sets]:
    """Name each object of a view with chance *skill*, and each other one of the scene with a tenth of what is left."""

    def look(truth: Sets, rng: random.Random) -> Sets:
        chance = {True: skill, False: 0.1 * (1 - skill)}
        return [[name for name in _union(truth) if rng.random() < chance[name in names]] for names in truth]

    return look


def _union(truth: Sets) -> list[str]:
    return sorted({name for names in truth for name in names})


BLIND: dict[str, Callable[[Sets, random.Random], Sets]] = {
    "nothing": lambda truth, rng: [[] for _ in truth],
    "everything in every view": lambda truth, rng: [_union(truth)] * len(truth),
    "one view's set in every view": _copied,
    "a random set in every view": lambda truth, rng: _random_sets(truth, rng)[:1] * len(truth),
    "random halves": _random_sets,
    "random halves, with names of nothing": _random_words,
    "the true sets, views guessed": _assigned,
    "each object in a view of its own": _each_somewhere,
}
"""Policies that look at no image; the first four write the same in every view."""

LOOKING: dict[str, Callable[[Sets, random.Random], Sets]] = {
    "the truth": lambda truth, rng: truth,
    "the truth, and as many names of nothing": lambda truth, rng: [
        [*names, *(f"thing {view} {at}" for at in range(len(names)))] for view, names in enumerate(truth)
    ],
    "one true view": _one_view,
    "sees a third": _seen(1 / 3),
    "sees two thirds": _seen(2 / 3),
}


def reasoning(sets: Sets) -> str:
    """Return the reasoning that names these objects in each view."""
    lines = [[f"[{name}, camera, near]" for name in names] for names in sets]
    return "\n".join(f"View {number}: {' '.join(line)}" for number, line in enumerate(lines, 1))


def true_sets(row: dict[str, Any]) -> Sets:
    """Return the true names of each view."""
    return [sorted(names) for _, names in sorted(reference_names(row["references"]).items())]


def score_rows(rows: Sequence[dict[str, Any]], texts: Sequence[str], **settings: Any) -> Any:
    """Score one completion a row."""
    columns = {name: [row.get(name) for row in rows] for name in ("references", "relations", "options")}
    return score_batch(texts, [row["target"] for row in rows], task="multiview", **columns, **settings)


def r_ref(
    rows: Sequence[dict[str, Any]], policy: Callable[[Sets, random.Random], Sets], seed: int = 0, **settings: Any
) -> list[float]:
    """Return R_ref of a policy on the rows whose references are scored, each beside a right answer."""
    rng = random.Random(seed)
    texts = [f"<think>{reasoning(policy(true_sets(row), rng))}</think><answer>{row['target']}</answer>" for row in rows]
    batch = score_rows(rows, texts, reference_weight=1.0, wrong_reference_share=1.0, **settings)
    return [float(value) for value, labelled in zip(batch.parts["reference"], batch.labelled, strict=True) if labelled]


# --- signal ----------------------------------------------------------------------------------------------------------


class Signal(NamedTuple):
    """What the groups of one policy tell: the share whose rewards are all equal, and the mean spread of the others."""

    equal: float
    spread: float


def signal(
    rows: Sequence[dict[str, Any]], policy: Callable[[Sets, random.Random], Sets], seed: int, **settings: Any
) -> Signal:
    """Simulate one group of rollouts a row and return what its rewards tell."""
    rng = random.Random(seed)
    repeated, texts = [], []
    for row in rows:
        chance = rng.random()
        wrong = next(letter for letter in "ABCD" if letter != row["target"])
        for _ in range(GROUP):
            answer = row["target"] if rng.random() < chance else wrong
            texts.append(f"<think>{reasoning(policy(true_sets(row), rng))}</think><answer>{answer}</answer>")
            repeated.append(row)
    totals = score_rows(repeated, texts, **settings).total.reshape(-1, GROUP).tolist()
    spreads = [pstdev(group) for group in totals if max(group) - min(group) > 1e-9]
    return Signal(1 - len(spreads) / len(totals), fmean(spreads) if spreads else 0.0)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    generated, mindcube = generated_rows(options.rows, options.seed), mindcube_rows(options.rows, options.seed)
    print(f"R_ref, mean (spread) over {options.rows} rows\n")
    print("| references | default | MindCube-like | `paper` |\n| --- | ---: | ---: | ---: |")
    for name, policy in (BLIND | LOOKING).items():
        found = [r_ref(generated, policy), r_ref(mindcube, policy), r_ref(generated, policy, reference_rule="f1")]
        print(f"| {name} | {' | '.join(f'{fmean(values):+.3f} ({pstdev(values):.2f})' for values in found)} |")
    rewards: dict[str, dict[str, Any]] = {
        "answer alone": {"reference_weight": 0.0},
        "default": {},
        "`paper`": {"preset": "paper"},
    }
    print(f"\nGroups of {GROUP} whose rewards are all equal, % (mean spread of the others)\n")
    print(f"| references | {' | '.join(rewards)} |\n| --- |{' ---: |' * len(rewards)}")
    for name, policy in (BLIND | LOOKING).items():
        found = [signal(generated, policy, options.seed, **settings) for settings in rewards.values()]
        print(f"| {name} | {' | '.join(f'{100 * each.equal:.0f} ({each.spread:.2f})' for each in found)} |")


if __name__ == "__main__":
    main()
