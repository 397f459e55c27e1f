"""Small TVR scenes for models that learn from nothing: a few objects in a row, near cameras, no text about them.

Objects are numbered from left to right in the first picture. What a scene shows is only in its two pictures. Scenes
whose combination of attributes before and after hashes to the held-out tenth are never trained on.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from zlib import crc32

import numpy as np

from benchmarks.tvr.world import (
    ABSENT,
    ATTRIBUTES,
    MIN_GAP,
    N_OBJECTS,
    PAIR_CODE,
    PARKED,
    RADII,
    VALUES,
    State,
    apply,
)
from rewards.errors import ConfigError
from trainers.data.bodies import bodies_of
from trainers.data.cameras import Stage, frame_at, nominal_stage, project
from trainers.data.records import Change, Scene

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

USUAL: Final = {"color": "gray", "shape": "cube", "size": "large", "material": "rubber"}
"""What an attribute is that does not vary in a world."""

HELD_OUT: Final = 10  # one combination in so many


@dataclass(frozen=True, slots=True)
class World:
    """Which scenes there are.

    Attributes:
        objects: fewest and most objects.
        changes: fewest and most changes.
        attributes: those that vary and change.
        side: of the square pictures, pixels.
        distance: of the cameras, as a share of TRANCE's.
        spacing: of the row of objects, grid units.
        jitter: along the row, grid units; under half the spacing.
        depth: how far objects stand before or behind the row, grid units.
    """

    objects: tuple[int, int] = (2, 2)
    changes: tuple[int, int] = (1, 1)
    attributes: tuple[str, ...] = ("color", "shape")
    side: int = 32
    distance: float = 0.56
    spacing: float = 16.0
    jitter: float = 2.5
    depth: float = 3.5

    def __post_init__(self) -> None:
        few, most = self.objects
        if not 1 <= few <= most <= N_OBJECTS:
            raise ConfigError(f"objects {self.objects} are not a range within 1 to {N_OBJECTS}")
        if not 1 <= self.changes[0] <= self.changes[1] <= few * len(self.attributes):
            raise ConfigError(f"changes {self.changes} are not a range within 1 to objects times attributes")
        if any(name not in ATTRIBUTES for name in self.attributes):
            raise ConfigError(f"attributes {self.attributes} are not some of {', '.join(ATTRIBUTES)}")


def scenes(world: World, seed: int, *, part: int = 0, held_out: bool = False) -> Iterator[Scene]:
    """Yield scenes without end; the same for the same arguments.

    Args:
        world: which scenes there are.
        seed: of the draws.
        part: another number gives other scenes, so that several processes can draw one data set.
        held_out: only scenes of the held-out tenth, otherwise only others.

    >>> scene = next(scenes(World(), 0))
    >>> int((scene.initial.attributes[:, 0] >= 0).sum()), len(scene.changes)
    (2, 1)
    """
    rng = np.random.default_rng([seed, part, int(held_out)])
    index = 0
    while True:
        scene = _draw(world, rng, index)
        if scene is not None and is_held_out(scene) == held_out:
            yield scene
            index += 1


def is_held_out(scene: Scene) -> bool:
    """Return whether a scene's attributes, before and after, are of the tenth that is kept for tests."""
    codes = scene.initial.attributes.tobytes() + scene.final.attributes.tobytes()
    return crc32(codes) % HELD_OUT == 0


def _draw(world: World, rng: np.random.Generator, index: int) -> Scene | None:
    """Draw a scene; None where objects touch."""
    count = int(rng.integers(world.objects[0], world.objects[1] + 1))
    attributes = np.full((N_OBJECTS, len(ATTRIBUTES)), ABSENT, dtype=np.int8)
    for column, name in enumerate(ATTRIBUTES):
        varies = name in world.attributes
        usual = VALUES[name].index(USUAL[name])
        attributes[:count, column] = rng.integers(len(VALUES[name]), size=count) if varies else usual
    row = (np.arange(count) - (count - 1) / 2) * world.spacing + rng.uniform(-world.jitter, world.jitter, count)
    depth = rng.uniform(-world.depth, world.depth, count)
    places = np.rint(np.stack([depth, row], axis=-1)).astype(np.int32)
    radii = np.array(RADII)[attributes[:count, ATTRIBUTES.index("size")]]
    gap = np.hypot(*(places[:, None] - places).transpose(2, 0, 1)) - (radii[:, None] + radii + MIN_GAP)
    if (gap[np.triu_indices(count, 1)] < 0).any():
        return None
    rotations = np.zeros(N_OBJECTS)
    rotations[:count] = rng.uniform(0, np.pi / 2, count).round(6)
    stage = _stage(world)
    positions = PARKED.copy()
    positions[:count] = places
    initial = _numbered(State(attributes, positions), rotations, stage, count)
    changes = _changes(world, rng, initial, count)
    final = initial
    for change in changes:
        final = apply(final, change.obj_idx, change.pair)
    return Scene(index, initial, final, changes, rotations, stage)


def _stage(world: World) -> Stage:
    """The three cameras of TRANCE, nearer by a factor and without jitter."""
    nominal = nominal_stage()
    return Stage(nominal.cameras * world.distance, nominal.lamps)


def _numbered(state: State, rotations: npt.NDArray[np.float64], stage: Stage, count: int) -> State:
    """Sort the objects from left to right in the first picture."""
    bodies = bodies_of(state, rotations)
    centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)[:count]
    pixels, _ = project(centers, frame_at(stage.cameras[0]), 1000, 1000)
    order = np.arange(N_OBJECTS)
    order[:count] = np.argsort(pixels[:, 0], kind="stable")
    return State(state.attributes[order], state.positions[order])


def _changes(world: World, rng: np.random.Generator, initial: State, count: int) -> tuple[Change, ...]:
    """Draw distinct (object, attribute) cells and give each another value."""
    many = int(rng.integers(world.changes[0], world.changes[1] + 1))
    cells = np.sort(rng.permutation(count * len(world.attributes))[:many])
    changes = []
    for cell in cells.tolist():
        index, which = divmod(cell, len(world.attributes))
        name = world.attributes[which]
        values = VALUES[name]
        old = int(initial.attributes[index, ATTRIBUTES.index(name)])
        value = values[(old + int(rng.integers(1, len(values)))) % len(values)]
        changes.append(Change(index, PAIR_CODE[name, value], None, (value,)))
    return tuple(changes)
