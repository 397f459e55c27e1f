"""What each scene shall hold, decided beforehand: a data set is balanced, yet item i needs no other item.

Items come in blocks; every block has each pair (visible objects, steps) once, in an order drawn from the seed
and the block. All changes of all items are one long sequence that runs through the 17 (or, with moves, 33)
possible changes again and again, each time in another order; a block deals its share of that sequence to its
items.
"""

from __future__ import annotations

from collections import Counter
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import N_OBJECTS, PAIRS

if TYPE_CHECKING:
    from collections.abc import Sequence

STEPS: Final = (1, 2, 3, 4)
MOVE_TYPES: Final = ("inner", "out", "in")
_BLOCKS, _CYCLES, SCENES = range(3)  # purposes of random streams


class PlannedChange(NamedTuple):
    """One change to be made: a code into `PAIRS`, and the type of move where it is one."""

    pair: int
    move: str | None


class ScenePlan(NamedTuple):
    """What one scene shall hold.

    Attributes:
        n_visible: objects in the image at first, 1 to 10.
        slots: its 1 to 4 changes, in order.
    """

    n_visible: int
    slots: tuple[PlannedChange, ...]


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random numbers of one purpose: a function of the seed and the key alone."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(seed, spawn_key=key)))


def plan_scene(seed: int, index: int, attributes: tuple[str, ...]) -> ScenePlan:
    """Return the plan of item ``index``.

    Args:
        seed: not negative.
        index: not negative.
        attributes: which attributes change, a non-empty part of the five.

    >>> plans = [plan_scene(0, index, ("color", "shape", "size", "material")) for index in range(40)]
    >>> sorted(Counter(plan.n_visible for plan in plans).values())
    [4, 4, 4, 4, 4, 4, 4, 4, 4, 4]
    """
    block, place = divmod(index, len(_shapes(attributes)))
    return _block(seed, block, attributes)[place]


def _shapes(attributes: tuple[str, ...]) -> list[tuple[int, int]]:
    """All (visible objects, steps) in which no object needs the same attribute changed twice."""
    return [(n, steps) for n, steps in product(range(1, N_OBJECTS + 1), STEPS) if steps <= n * len(attributes)]


@lru_cache(maxsize=64)
def _block(seed: int, block: int, attributes: tuple[str, ...]) -> tuple[ScenePlan, ...]:
    """Deal the changes of a block to its items, first to those that can take the fewest kinds."""
    shapes = _shapes(attributes)
    size = sum(steps for _, steps in shapes)
    pool = [_slot(seed, number, attributes) for number in range(block * size, (block + 1) * size)]
    rng = stream(seed, _BLOCKS, block)
    order = rng.permutation(len(shapes))
    slots: dict[tuple[int, int], list[PlannedChange]] = {}
    for n_visible, steps in sorted(shapes, key=lambda shape: (_freedom(shape[0]), -shape[1])):
        taken = slots[n_visible, steps] = []
        for _ in range(steps):
            place = next(place for place, slot in enumerate(pool) if _fits([*taken, slot], n_visible))
            taken.append(pool.pop(place))
    plans = []
    for n_visible, steps in shapes:
        taken = slots[n_visible, steps]
        plans.append(ScenePlan(n_visible, tuple(taken[k] for k in rng.permutation(steps))))
    return tuple(plans[place] for place in order)


def _freedom(n_visible: int) -> int:
    """Few objects limit what can change; ten leave none to move in. From four to six, all is possible."""
    return min(n_visible, 4, max(N_OBJECTS - n_visible, 1))


def _fits(slots: Sequence[PlannedChange], n_visible: int) -> bool:
    """Whether there are enough objects, when one that moves out does nothing else and none repeats."""
    moves = Counter(slot.move for slot in slots)
    attributes = Counter(PAIRS[slot.pair][0] for slot in slots if slot.move in (None, "inner"))
    needed = moves["out"] + max(attributes.values(), default=0)
    return needed <= n_visible and moves["in"] <= N_OBJECTS - n_visible


@lru_cache(maxsize=256)
def _cycle(seed: int, cycle: int, attributes: tuple[str, ...]) -> tuple[int, ...]:
    codes = [code for code, (attribute, _) in enumerate(PAIRS) if attribute in attributes]
    return tuple(stream(seed, _CYCLES, cycle).permutation(codes).tolist())


def _slot(seed: int, number: int, attributes: tuple[str, ...]) -> PlannedChange:
    """Return the change at one place of the long sequence; each move has each type once in three cycles."""
    width = sum(attribute in attributes for attribute, _ in PAIRS)
    cycle, place = divmod(number, width)
    pair = _cycle(seed, cycle, attributes)[place]
    return PlannedChange(pair, MOVE_TYPES[(cycle + pair) % 3] if PAIRS[pair][0] == "position" else None)
