"""What GRPO makes of a policy that knows what the start knows: a table of decisions, trained in seconds, a reward each.

python -m recipes.evidence.tabular --study FILE --out FOLDER    from the start's result in FOLDER, to a file beside FILE

`star audit --predict` says what maximizes the expected reward, for a policy that knows how many changes there are. Here
it does not know: of a second change it sees a sign, which is there as often as the start names a second one. And it is
trained by GRPO's own steps, with the advantage divided by the spread of each group, or of the batch, so that what that
does can be seen apart from perception. Nothing in it is fitted to a trained arm.
"""

from __future__ import annotations

import argparse
import json
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import numpy as np

from benchmarks.files.write import write_whole
from recipes.evidence.study import read_result, read_study
from rewards import tvr_accuracy_reward
from rewards.errors import ConfigError

if TYPE_CHECKING:
    import numpy.typing as npt

    from recipes.evidence.study import Study

    Floats = npt.NDArray[np.float64]
    Ints = npt.NDArray[np.int64]

Scale = Literal["group", "batch"]

BINS: Final = 5  # of how sure the policy is of a guess
PROMPTS, GROUP, STEPS, RATE = 64, 8, 300, 0.05
TESTED: Final = 4000  # scenes
TIERS: Final = ("attribute", "object", "none")
NAMED: Final = ((), (0,), (1,), (0, 1))  # which of two guesses at a change are named
RIGHT: Final = ("first", "second", "neither", "not there")  # of the guesses at a change; or there is no such change
KINDS: Final = tuple(product(RIGHT, TIERS))
# logits at first: a first change; a second with and without its sign; second guesses
USUAL: Final = (3.0, 2.0, -2.0, -3.0)


class Outcomes(NamedTuple):
    """What follows from what is named of two changes, by (kind, named) of each: 12 x 4 x 12 x 4.

    Attributes:
        reward: R_acc.
        right: 1 where the set is exactly right.
        wrong: cells of the final state that differ, per true change.
        named: how many changes are named.
    """

    reward: Floats
    right: Floats
    wrong: Floats
    named: Floats


def outcomes(**options: Any) -> Outcomes:
    """Return them for a reward, by the reward function itself.

    Args:
        **options: of ``tvr_accuracy_reward``: preset and overrides.
    """
    shape = (len(KINDS), len(NAMED)) * 2
    texts, targets, found = [], [], []
    for (one, first), (two, second) in product(product(KINDS, NAMED), repeat=2):
        true = {**_true(one, 0), **_true(two, 1)} or {(9, "size"): "small"}  # a scene without any change does not occur
        said = [
            record for kind, named, slot in ((one, first, 0), (two, second, 1)) for record in _said(kind, named, slot)
        ]
        texts.append(f"<think> </think><answer>{', '.join('.'.join(map(str, record)) for record in said)}</answer>")
        targets.append(", ".join(f"{index}.{attribute}.{value}" for (index, attribute), value in true.items()))
        last = {(index, attribute): value for index, attribute, value in said}
        wrong = sum(last.get(cell) != true.get(cell) for cell in last.keys() | true.keys())
        found.append((float(last == true and len(said) == len(true)), wrong / len(true), float(len(said))))
    rewards = tvr_accuracy_reward(texts, target=targets, **options)
    right, diff, named = (np.array(column).reshape(shape) for column in zip(*found, strict=True))
    return Outcomes(np.array(rewards, dtype=np.float64).reshape(shape), right, diff, named)


def _true(kind: tuple[str, str], slot: int) -> dict[tuple[int, str], str]:
    return {} if kind[0] == "not there" else {(slot, "color"): "red"}


def _said(kind: tuple[str, str], named: tuple[int, ...], slot: int) -> list[tuple[int, str, str]]:
    right, tier = kind
    wrong = {
        "attribute": ((slot, "color", "blue"), (slot, "color", "green")),
        "object": ((slot, "shape", "cube"), (slot, "material", "glass")),
        "none": ((slot + 2, "color", "blue"), (slot + 4, "color", "green")),
    }["none" if right == "not there" else tier]
    hit = {"first": 0, "second": 1}.get(right)
    return [(slot, "color", "red") if guess == hit else wrong[guess] for guess in named]


class Scenes(NamedTuple):
    """Drawn scenes.

    Attributes:
        kind: of each of two changes, an index of `KINDS`, (scenes, 2).
        state: of the decision on each guess, (scenes, 2, 2).
    """

    kind: Ints
    state: Ints


def draw(rng: np.random.Generator, count: int, known: dict[str, Any], signs: tuple[float, float]) -> Scenes:
    """Draw scenes of one or two changes.

    Args:
        rng: of the draws.
        count: how many.
        known: the start's knowledge, see `recipes.evidence.held_out.Knowledge`.
        signs: how often the sign of a second change is seen where there is none, and where there is one.
    """
    p, spread = known["p"], max(known["spread"], 1e-6)
    sure = rng.beta(p * (1 / spread - 1), (1 - p) * (1 / spread - 1), (count, 2))
    there = np.stack([np.ones(count, bool), rng.random(count) < 0.5], axis=1)
    first, second = rng.random((count, 2)) < sure, rng.random((count, 2)) < sure
    right = np.where(there, np.where(first, 0, np.where(second, 1, 2)), 3)
    tier = rng.choice(len(TIERS), (count, 2), p=_shares(known))
    sign = rng.random(count) < np.where(there[:, 1], signs[1], signs[0])
    # a first change; a second with, without a sign
    place = np.stack([np.zeros(count, int), np.where(sign, 1, 2)], axis=1)
    level = np.minimum((sure * BINS).astype(int), BINS - 1)
    state = ((place * BINS + level)[:, :, None] * 2 + np.arange(2)).astype(np.int64)
    return Scenes(right * len(TIERS) + tier, state)


def _shares(known: dict[str, Any]) -> Floats:
    shares = np.array([known["wrong"][tier] for tier in TIERS], dtype=np.float64)
    return shares / shares.sum()


def train(
    found: Outcomes, known: dict[str, Any], signs: tuple[float, float], scale: Scale, seed: int
) -> dict[str, float]:
    """Train a table by GRPO and return what its likeliest decisions do: ``tacc``, ``ndiff``, ``predictions``."""
    rng = np.random.default_rng(seed)
    places = np.repeat([USUAL[0], USUAL[1], USUAL[2]], BINS)
    logits = np.stack([places, np.full(len(places), USUAL[3])], axis=1).reshape(-1)
    mean, square = np.zeros_like(logits), np.zeros_like(logits)
    for step in range(1, STEPS + 1):
        scenes = draw(rng, PROMPTS, known, signs)
        chance = 1 / (1 + np.exp(-logits[scenes.state]))
        named = rng.random((GROUP, *chance.shape)) < chance
        reward = found.reward[_key(scenes.kind, named)]
        centered = reward - reward.mean(axis=0)
        spread = reward.std(axis=0, ddof=1) if scale == "group" else reward.std(ddof=1)
        weight = centered / (spread + 1e-4)
        gradient = np.zeros_like(logits)
        np.add.at(gradient, scenes.state, (weight[:, :, None, None] * (named - chance)).sum(axis=0))
        gradient /= PROMPTS * GROUP
        mean, square = 0.9 * mean + 0.1 * gradient, 0.95 * square + 0.05 * gradient**2  # Adam
        logits = logits + RATE * (mean / (1 - 0.9**step)) / (np.sqrt(square / (1 - 0.95**step)) + 1e-8)
    scenes = draw(np.random.default_rng([seed, 1]), TESTED, known, signs)
    key = _key(scenes.kind, (logits > 0)[scenes.state][None])
    told = {"tacc": found.right, "ndiff": found.wrong, "predictions": found.named}
    return {name: float(values[key].mean()) for name, values in told.items()}


def _key(kind: Ints, named: npt.NDArray[np.bool_]) -> tuple[Any, ...]:
    which = named[..., 0] + 2 * named[..., 1]  # of NAMED
    return kind[None, :, 0], which[..., 0], kind[None, :, 1], which[..., 1]


def simulated(
    study: Study, names: list[str], start: dict[str, Any], scale: Scale, seeds: int = 3
) -> dict[str, dict[str, float]]:
    """Return what is said of some arms: the mean over seeds.

    Args:
        study: what they are part of.
        names: of the arms.
        start: its result; of it its knowledge counts, and how many changes it names where one and two are true.
        scale: by what the advantage is divided.
        seeds: how many.
    """
    by_count = start["final"]["changes"]
    none, one = (float(np.clip(by_count[count]["predictions"] - 1, 0.01, 0.99)) for count in ("1", "2"))
    said = {}
    for name in names:
        arm = study.arm(name)
        table = outcomes(preset=arm.get("preset", "default"), **arm.get("overrides", {}))
        each = [train(table, start["knowledge"], (none, one), scale, seed) for seed in range(seeds)]
        said[name] = {key: round(float(np.mean([run[key] for run in each])), 4) for key in each[0]}
    return said


def main() -> None:
    """Write what is said of the arms of a study, with either advantage."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--study", type=Path, required=True)
    options.add_argument("--out", type=Path, required=True, help="where results are")
    given = options.parse_args()
    study = read_study(given.study)
    start = read_result(given.out, "start", 0)
    if start is None or "knowledge" not in start:
        raise ConfigError(f"{given.out}: no result of the start that tells its knowledge")
    names = study.call(study.values["predicted"])["arms"]
    found = {scale: simulated(study, names, start, scale) for scale in ("group", "batch")}
    told = {"from": {key: start[key] for key in ("arm", "seed", "commit", "config_hash")}} | found
    write_whole(study.path.with_name(f"table-{study.path.stem}.json"), json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
