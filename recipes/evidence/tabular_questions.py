"""Which references GRPO teaches a policy that is not sure what stands in which view: a table of decisions, no model.

python -m recipes.evidence.tabular_questions    writes recipes/evidence/table-questions.json

Two views share two objects, which are always named in both; two more stand in each view alone. Of each of these the
policy believes a view, right with some chance, and knows how sure it is. It decides for each view whether to name it
there. Its answer is right half of the time, whatever it names, so that what is learned is learned for the references.
"""

from __future__ import annotations

import json
import sys
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.files.write import write_whole
from recipes.evidence.study import HERE
from rewards import answer_reward, multiview_reward

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

SHARED: Final = ("sofa", "lamp")
ALONE: Final = (("door", "plant"), ("clock", "bench"))  # in view 1, in view 2
NAMES: Final = ALONE[0] + ALONE[1]
DECISIONS: Final = tuple(product((0, 1), range(len(NAMES))))  # (view, name)
REWARDS: Final = ("answer alone", "plain sum", "default")
SURE: Final = (0.55, 0.7, 0.85)  # how often a belief is right
BINS, PROMPTS, GROUP, STEPS, RATE, SEEDS = 5, 64, 8, 300, 0.05, 3
AT_FIRST: Final = 1.0  # the logit of naming an object where it is believed to be; minus that elsewhere


class Rewards(NamedTuple):
    """What follows from what is named, by a bit for each of `DECISIONS`, 256 values each.

    Attributes:
        right: the reward where the answer is right.
        wrong: where it is wrong.
    """

    right: Floats
    wrong: Floats


def text(named: tuple[bool, ...], answer: str) -> str:
    """Return a completion that names some objects, as bits of `DECISIONS`."""
    lines = []
    for view in (0, 1):
        more = [NAMES[at] for (where, at), one in zip(DECISIONS, named, strict=True) if one and where == view]
        pairs = [(SHARED[0], SHARED[1]), *((name, SHARED[0]) for name in more)]
        lines.append(f"View {view + 1}: " + " ".join(f"[{one}, {two}, left]" for one, two in pairs))
    return "<think>" + "\n".join(lines) + f"</think><answer>{answer}</answer>"


@cache
def rewards(name: str) -> Rewards:
    """Return what a reward gives for all that can be named, by the reward function itself."""
    every = list(product((False, True), repeat=len(DECISIONS)))
    columns = {
        "target": ["A"] * len(every),
        "options": [["left", "right"]] * len(every),
        "references": [[[*SHARED, *each] for each in ALONE]] * len(every),
    }
    found = []
    for answer in "AB":
        texts = [text(named, answer) for named in every]
        if name == "answer alone":
            found.append(answer_reward(texts, **columns))
        else:
            found.append(multiview_reward(texts, preset="paper" if name == "plain sum" else "default", **columns))
    return Rewards(*(np.array(each, dtype=np.float64) for each in found))


def draw(rng: np.random.Generator, count: int, sure: float) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    """Return the state of each decision, (scenes, decisions), and whether the object stands in that view."""
    belief = 0.5 + 0.5 * rng.beta(4 * (2 * sure - 1), 4 * (2 - 2 * sure), (count, len(NAMES)))
    held = rng.random(belief.shape) < belief
    own = np.array([0, 0, 1, 1])  # the view of each name
    believed = np.where(held, own, 1 - own)
    level = np.minimum(((belief - 0.5) * 2 * BINS).astype(int), BINS - 1)
    state = np.stack([2 * level[:, at] + (believed[:, at] == view) for view, at in DECISIONS], axis=1)
    there = np.array([own[at] == view for view, at in DECISIONS])
    return state.astype(np.int64), np.broadcast_to(there, state.shape)


def train(table: Rewards, sure: float, seed: int) -> dict[str, float]:
    """Train a table by GRPO; return how often it names an object in its view, in the other, and in both.

    Decisions are drawn, as a policy's completions are.
    """
    rng = np.random.default_rng(seed)
    logits = np.tile([-AT_FIRST, AT_FIRST], BINS)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    bits = 2 ** np.arange(len(DECISIONS))[::-1]
    for step in range(1, STEPS + 1):
        state, _ = draw(rng, PROMPTS, sure)
        chance = 1 / (1 + np.exp(-logits[state]))
        named = rng.random((GROUP, *chance.shape)) < chance
        right = rng.random(named.shape[:2]) < 0.5
        key = named @ bits
        reward = np.where(right, table.right[key], table.wrong[key])
        weight = (reward - reward.mean(axis=0)) / (reward.std(axis=0, ddof=1) + 1e-4)
        gradient = np.zeros_like(logits)
        np.add.at(gradient, state, (weight[:, :, None] * (named - chance)).sum(axis=0))
        gradient /= PROMPTS * GROUP
        mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2  # Adam
        logits = logits + RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.95**step)) + 1e-8)
    state, there = draw(np.random.default_rng([seed, 1]), 2000, sure)
    named = np.random.default_rng([seed, 2]).random(state.shape) < 1 / (1 + np.exp(-logits[state]))
    first, second = named[:, : len(NAMES)], named[:, len(NAMES) :]
    return {
        "own": float(named[there].mean()),
        "other": float(named[~there].mean()),
        "both": float((first & second).mean()),
    }


def main() -> None:
    """Train under each reward and write what became of it."""
    found = []
    for name in REWARDS:
        table = rewards(name)
        found += [
            {"reward": name, "sure": sure, "seed": seed}
            | {key: round(v, 4) for key, v in train(table, sure, seed).items()}
            for sure in SURE
            for seed in range(SEEDS)
        ]
    told = {
        "command": "python -m recipes.evidence.tabular_questions",
        "config": {"prompts": PROMPTS, "group": GROUP, "steps": STEPS, "rate": RATE, "at_first": AT_FIRST},
        "runs": found,
    }
    write_whole(HERE / "table-questions.json", json.dumps(told, indent=1) + "\n")
    sys.stdout.write(f"{len(found)} runs\n")


if __name__ == "__main__":
    main()
