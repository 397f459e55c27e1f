"""The TVR world: what a scene is, the rules of TRANCE for changing it, and the generator that keeps them.

Ten objects on a grid and one to four changes. Values and rules from hughplay/TVR (``trance/``); written anew. Item
``i`` depends on ``(seed, i)`` and the options alone, so any part of a data set can be made anywhere.

The rules are in one place for the generator and for `trainers.data.check`. Stricter than upstream
(``trance/render.py``) in one point: every change, not only of position or size, must leave all changed objects well in
view of all three cameras, so that every question can be answered from every final view.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import (
    ATTRIBUTES,
    MIN_GAP,
    N_OBJECTS,
    PAIR_COLUMN,
    PAIR_MOVE,
    PAIR_VALUE,
    PAIRS,
    POSITION,
    RADII,
    VALUES,
    WORLD,
    State,
    apply,
    move_options,
    move_type,
    overlaps,
    visible,
)
from parsers.types import Transformation
from rewards.errors import ConfigError
from trainers.scenes.cameras import Stage, jittered_stage, nominal_stage
from trainers.scenes.solids import Sight, bodies_of
from trainers.scenes.tvr_plan import SCENES, plan_scene, stream

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from trainers.scenes.solids import Floats
    from trainers.scenes.tvr_plan import PlannedChange, ScenePlan

    Cells = npt.NDArray[Any]


class Change(NamedTuple):
    """One transformation.

    Attributes:
        obj_idx: the object, 0-based.
        pair: code into `PAIRS`.
        move: inner, out, in; None where it is no move.
        options: all values that answer it: moves that end out of the image cannot be told apart.
    """

    obj_idx: int
    pair: int
    move: str | None
    options: tuple[Any, ...]


class Scene(NamedTuple):
    """One item of a data set.

    Attributes:
        idx: number of the item.
        initial: ten objects before the changes.
        final: the same objects after them.
        changes: the changes in order.
        rotations: ``(10,)`` radians about the vertical; they never change.
        stage: cameras and lamps, the same before and after.
    """

    idx: int
    initial: State
    final: State
    changes: tuple[Change, ...]
    rotations: Floats
    stage: Stage


def targets(scene: Scene) -> list[Transformation]:
    """Return the answer: the changes as ``2.color.cyan``, moves as ``2.position.front-left.2``."""
    return [Transformation(change.obj_idx, *PAIRS[change.pair]) for change in scene.changes]


# The rules

RULES: Final = {
    "no_change": "the new value is the old one",
    "changed_twice": "the same attribute of the same object changes twice",
    "bad_move": "the move leaves the world or stays out of the picture",
    "changed_moved_out": "an object that was changed before moves out of the picture",
    "hidden_changed": "an object outside the image changes, and not by moving in",
    "occluded_at_start": "the object is hidden behind others in the initial view",
    "overlap": "the object comes too near to another",
    "occluded": "a changed object is hidden behind others, or too small, in one of the three views",
}

_SHAPE, _SIZE = ATTRIBUTES.index("shape"), ATTRIBUTES.index("size")


class PartialScene(NamedTuple):
    """A scene part of the way through its changes; `begin` makes one, `after` goes on.

    Attributes:
        initial: what the cameras see before the first change.
        state: as it is now.
        sight: what all cameras see now; color and material, on which no rule about places depends, may be older.
        rotations: ``(10,)`` radians.
        stage: its cameras, or None where they are not known: then the two occlusion rules are not tested.
        changes: (object, pair) so far.
    """

    initial: Sight
    state: State
    sight: Sight
    rotations: Floats
    stage: Stage | None
    changes: tuple[tuple[int, int], ...]


def begin(state: State, rotations: Floats, stage: Stage | None) -> PartialScene:
    """Return a scene before its first change."""
    cameras = (nominal_stage() if stage is None else stage).cameras
    sight = Sight(bodies_of(state, rotations), cameras)
    return PartialScene(sight, state, sight, rotations, stage, ())


def after(scene: PartialScene, index: int, pair: int) -> PartialScene:
    """Return the scene with one more change; whether it is allowed is `broken_rule`'s to say."""
    state = apply(scene.state, index, pair)
    solid = PAIR_COLUMN[pair] in (_SHAPE, _SIZE, POSITION)
    sight = scene.sight.of(bodies_of(state, scene.rotations)) if solid else scene.sight
    return scene._replace(state=state, sight=sight, changes=(*scene.changes, (index, pair)))


def broken_rule(scene: PartialScene, index: int, pair: int, *, repeats: bool = False) -> str | None:
    """Return the first rule that a change would break, a key of `RULES`, or None where it is allowed.

    Args:
        scene: as far as it is changed.
        index: the object, 0 to 9.
        pair: code into `PAIRS`.
        repeats: whether an attribute of an object may change twice, as upstream lets it.
    """
    rule = _broken_by_value(scene, index, pair, repeats=repeats)
    return rule if rule is not None else _broken_by_place(scene, after(scene, index, pair))


def _broken_by_value(scene: PartialScene, index: int, pair: int, *, repeats: bool) -> str | None:
    """Rules about old and new values alone."""
    column = PAIR_COLUMN[pair]
    if column == POSITION:
        kind = kind_of_move(scene, index, pair)
        if kind is None:
            return "bad_move"
        if kind == "out" and any(i == index for i, _ in scene.changes):
            return "changed_moved_out"
    elif not scene.sight.bodies.shown[index]:
        return "hidden_changed"
    elif scene.state.attributes[index, column] == PAIR_VALUE[pair]:
        return "no_change"
    if not repeats and any(i == index and PAIR_COLUMN[p] == column for i, p in scene.changes):
        return "changed_twice"
    return None


def _broken_by_place(scene: PartialScene, then: PartialScene) -> str | None:
    """Rules about where solids stand before and after the last change of ``then``, and who sees them."""
    index, pair = then.changes[-1]
    if PAIR_COLUMN[pair] in (POSITION, _SIZE) and overlaps(then.state, index):
        return "overlap"
    if scene.stage is None:
        return None
    if scene.initial.bodies.shown[index] and scene.sight.bodies.shown[index] and not scene.initial.well_seen(index):
        return "occluded_at_start"
    return None if then.sight.occluded(sorted({i for i, _ in then.changes})) is None else "occluded"


def kind_of_move(scene: PartialScene, index: int, pair: int) -> str | None:
    """Return inner, out or in; None for a move that TRANCE refuses."""
    place = scene.state.positions[index]
    return move_type(place, place + PAIR_MOVE[pair])


# The generator

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
    return generate_seen(seed, index, attributes=attributes, repeats=repeats)[0]


def generate_seen(
    seed: int, index: int, *, attributes: Sequence[str] = ATTRIBUTES, repeats: bool = False
) -> tuple[Scene, Sight, Sight]:
    """Generate an item as `generate_scene` does; return with it what all cameras see before and after the changes.

    Much of that was found out while the rules were tested, and the labels ask for it again.
    """
    plan = plan_scene(seed, index, check_attributes(attributes))
    rng = stream(seed, SCENES, index)
    for _ in range(MAX_ATTEMPTS):
        found = _attempt(index, plan, rng, repeats=repeats)
        if found is not None:
            return found
    raise RuntimeError(f"no scene found for seed {seed}, item {index}: {plan}")


def _attempt(
    index: int, plan: ScenePlan, rng: np.random.Generator, *, repeats: bool
) -> tuple[Scene, Sight, Sight] | None:
    """Draw a scene and try to make the planned changes in it; None where something does not fit."""
    stage = Stage(*(part.round(6) for part in jittered_stage(rng)))
    rotations = rng.uniform(0, 2 * np.pi, N_OBJECTS).round(6)
    columns = [rng.integers(len(VALUES[name]), size=N_OBJECTS, dtype=np.int8) for name in ATTRIBUTES]
    attributes = np.stack(columns, axis=-1)
    order = rng.permutation(N_OBJECTS).tolist()  # those in view, those that will move in, the others
    pools = [_IN_VIEW] * plan.n_visible + [
        _cells_before(planned.pair) for planned in plan.slots if planned.move == "in"
    ]
    pools += [_OUTSIDE] * (N_OBJECTS - len(pools))
    positions = _placed(attributes[:, ATTRIBUTES.index("size")], dict(zip(order, pools, strict=True)), rng)
    if positions is None:
        return None
    initial = State(attributes, positions)
    scene = begin(initial, rotations, stage)
    changes: list[Change] = []
    coming = iter(order[plan.n_visible :])
    for planned in plan.slots:
        candidates = [next(coming)] if planned.move == "in" else rng.permutation(N_OBJECTS).tolist()
        then = _first_allowed(scene, planned, candidates, repeats=repeats)
        if then is None:
            return None
        chosen, pair = then.changes[-1]
        changes.append(Change(chosen, pair, planned.move, _options(scene, chosen, pair)))
        scene = then
    return Scene(index, initial, scene.state, tuple(changes), rotations, stage), scene.initial, scene.sight


@cache
def _cells_before(pair: int) -> Cells:
    """Return the cells out of view from which a move leads into it."""
    return _OUTSIDE[visible(_OUTSIDE + PAIR_MOVE[pair])]


def _placed(sizes: Cells, pools: Mapping[int, Cells], rng: np.random.Generator) -> Cells | None:
    """Put one object after the other on a free cell of its pool; None where none was found."""
    placed: list[tuple[int, int, int]] = []  # x, y, radius
    for index, size in enumerate(sizes.tolist()):
        cells = pools[index]
        for number in rng.integers(len(cells), size=_TRIES).tolist():
            x, y = cells[number].tolist()
            # No two centers are nearer than both radii and the gap.
            if all((x - px) ** 2 + (y - py) ** 2 >= (r + RADII[size] + MIN_GAP) ** 2 for px, py, r in placed):
                placed.append((x, y, RADII[size]))
                break
        else:
            return None
    return np.array([place for *place, _ in placed], dtype=np.int32)


def _first_allowed(
    scene: PartialScene, planned: PlannedChange, candidates: Sequence[int], *, repeats: bool
) -> PartialScene | None:
    """Make one planned change on the first candidate that the rules let change so."""
    for index in candidates:
        if planned.move is not None and kind_of_move(scene, index, planned.pair) != planned.move:
            continue
        if _broken_by_value(scene, index, planned.pair, repeats=repeats) is None:
            then = after(scene, index, planned.pair)
            if _broken_by_place(scene, then) is None:
                return then
    return None


def _options(scene: PartialScene, index: int, pair: int) -> tuple[Any, ...]:
    attribute, value = PAIRS[pair]
    if attribute != "position":
        return (value,)
    return tuple(move_options(scene.state.positions[index], value))
