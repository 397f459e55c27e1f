"""The TRANCE generator: ten objects on a grid and one to four changes.

Rules and values from hughplay/TVR (``trance/``); written anew. Item ``i`` depends on ``(seed, i)`` and the
options alone, so any part of a data set can be made anywhere.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from benchmarks.tvr.world import (
    ATTRIBUTES,
    MIN_GAP,
    N_OBJECTS,
    PAIR_MOVE,
    PAIRS,
    RADII,
    VALUES,
    WORLD,
    State,
    move_options,
    visible,
)
from rewards.errors import ConfigError
from trainers.data.cameras import Stage, jittered_stage
from trainers.data.plans import SCENES, plan_scene, stream
from trainers.data.records import Change, Scene
from trainers.data.rules import Course, after, broken_rule, kind_of_move

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from trainers.data.plans import Plan, Slot

    Cells = npt.NDArray[Any]

MAX_ATTEMPTS: Final = 100_000  # the hardest plans need a few hundred
_GRID: Final = np.stack(np.meshgrid(*[np.arange(-WORLD, WORLD + 1)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
_IN_VIEW: Final = _GRID[visible(_GRID)]
_OUTSIDE: Final = _GRID[~visible(_GRID)]
_TRIES: Final = 64  # cells that are tried for an object before the scene is given up


def check_attributes(attributes: Sequence[str]) -> tuple[str, ...]:
    """Return the attributes that change in the world's order.

    Raises:
        ConfigError: an unknown one, or none at all.
    """
    known = (*ATTRIBUTES, "position")
    for name in attributes:
        if name not in known:
            raise ConfigError(f"attribute {name!r} is not one of {', '.join(known)}")
    if not attributes:
        raise ConfigError(f"no attribute may change; choose some of {', '.join(known)}")
    return tuple(name for name in known if name in attributes)


def generate_scene(seed: int, index: int, *, attributes: Sequence[str] = ATTRIBUTES, repeats: bool = False) -> Scene:
    """Generate item ``index`` of a data set.

    Args:
        seed: of the data set, not negative.
        index: number of the item, not negative.
        attributes: which attributes change: the paper's four, or with ``position``.
        repeats: whether the same attribute of an object may change twice, as upstream lets it.

    >>> scene = generate_scene(0, 3)
    >>> [(change.obj_idx, *PAIRS[change.pair]) for change in scene.changes]
    [(2, 'size', 'large'), (0, 'material', 'rubber')]
    """
    plan = plan_scene(seed, index, check_attributes(attributes))
    rng = stream(seed, SCENES, index)
    for _ in range(MAX_ATTEMPTS):
        scene = _attempt(index, plan, rng, repeats=repeats)
        if scene is not None:
            return scene
    raise RuntimeError(f"no scene found for seed {seed}, item {index}: {plan}")


def _attempt(index: int, plan: Plan, rng: np.random.Generator, *, repeats: bool) -> Scene | None:
    """Draw a scene and try to make the planned changes in it; None where something does not fit."""
    stage = Stage(*(part.round(6) for part in jittered_stage(rng)))
    rotations = rng.uniform(0, 2 * np.pi, N_OBJECTS).round(6)
    columns = [rng.integers(len(VALUES[name]), size=N_OBJECTS, dtype=np.int8) for name in ATTRIBUTES]
    attributes = np.stack(columns, axis=-1)
    order = rng.permutation(N_OBJECTS).tolist()  # those in the picture, those that will move in, the others
    pools = [_IN_VIEW] * plan.n_visible + [_cells_before(slot.pair) for slot in plan.slots if slot.move == "in"]
    pools += [_OUTSIDE] * (N_OBJECTS - len(pools))
    positions = _placed(attributes[:, ATTRIBUTES.index("size")], dict(zip(order, pools, strict=True)), rng)
    if positions is None:
        return None
    initial = State(attributes, positions)
    course = Course(initial, initial, rotations, stage)
    changes: list[Change] = []
    coming = iter(order[plan.n_visible :])
    for slot in plan.slots:
        candidates = [next(coming)] if slot.move == "in" else rng.permutation(N_OBJECTS).tolist()
        change = _change(course, slot, candidates, repeats=repeats)
        if change is None:
            return None
        changes.append(change)
        course = after(course, change.obj_idx, change.pair)
    return Scene(index, initial, course.state, tuple(changes), rotations, stage)


@cache
def _cells_before(pair: int) -> Cells:
    """Return the cells outside the picture from which a move leads into it."""
    return _OUTSIDE[visible(_OUTSIDE + PAIR_MOVE[pair])]


def _placed(sizes: Cells, pools: Mapping[int, Cells], rng: np.random.Generator) -> Cells | None:
    """Put one object after the other on a free cell of its pool; None where none was found."""
    positions = np.zeros((N_OBJECTS, 2), dtype=np.int32)
    radii = np.array(RADII)[sizes]
    for index in range(N_OBJECTS):
        cells = pools[index]
        tried = cells[rng.integers(len(cells), size=_TRIES)]
        reach = radii[:index] + radii[index] + MIN_GAP
        near = ((tried[:, None] - positions[:index]) ** 2).sum(axis=-1) < reach**2
        free = np.flatnonzero(~near.any(axis=-1))
        if not free.size:
            return None
        positions[index] = tried[free[0]]
    return positions


def _change(course: Course, slot: Slot, candidates: Sequence[int], *, repeats: bool) -> Change | None:
    """Make one planned change on the first candidate that the rules let change so."""
    for index in candidates:
        move = None if slot.move is None else kind_of_move(course, index, slot.pair)
        if move == slot.move and broken_rule(course, index, slot.pair, repeats=repeats) is None:
            return Change(index, slot.pair, move, _options(course, index, slot.pair))
    return None


def _options(course: Course, index: int, pair: int) -> tuple[Any, ...]:
    attribute, value = PAIRS[pair]
    if attribute != "position":
        return (value,)
    return tuple(move_options(course.state.positions[index], value))
