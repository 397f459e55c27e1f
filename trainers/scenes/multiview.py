"""Scenes that no single image shows whole: a pair of objects in the middle, others around it, cameras in between.

Four directions lead out of the middle, a quarter turn apart. In each may stand an object, and before it a camera that
looks across the middle at the object on the other side. So every image shows the pair and one further object. What
stands behind or beside a camera is in other images only, and how these hang together can be told from the pair alone:
from the four sides one of the two is left of the other, behind it, right of it, in front of it. The scenes are made
of TRANCE's objects, cameras are this project's own; MindCube's *among* setting is the model.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import ABSENT, COLORS, GRID_UNIT, MATERIALS, N_OBJECTS, PARKED, SHAPES, SIZES, State, present
from parsers.types import Relation
from trainers.scenes.cameras import LAMP_JITTER, Stage, frame_at, nominal_stage
from trainers.scenes.solids import MAP_SIZE, MIN_PIXELS, Sight, bodies_of, id_map, percent_in_image, relation_in_view
from trainers.scenes.tvr_plan import stream

if TYPE_CHECKING:
    from trainers.scenes.solids import Bodies, Floats

PAIR: Final = (0, 1)  # indices of the objects in the middle
QUARTERS: Final = 4
DIRECTIONS: Final = ("behind", "right", "in front", "left")
"""Where things stand to somebody in the middle who looks the way of a camera: by quarter turns from the camera."""

_STREAM = 10  # of random numbers; those below belong to the generator of TRANCE
_APART = 5  # grid units from the middle to each of the pair
_PAIR_TURN = np.radians([12, 20])  # of the line between the pair, so that from no side one hides the other
_RADIUS = (36, 39)  # grid units from the middle to the other objects
_CAMERA = (4.3, 1.4)  # world units from the middle along the ground, and above it
_CAMERA_JITTER = 0.1
_TURN = np.radians(4)  # how far a camera or object stands beside its direction, at most
_MATERIALS = ("rubber", "metal")  # the color of glass is hard to name
_SEEN = 0.6  # least share of an object's pixels that nothing hides
_ATTEMPTS = 1000


class MultiviewScene(NamedTuple):
    """A scene and its views.

    Attributes:
        state: the objects; the pair comes first.
        rotations: ``(10,)`` radians about the vertical.
        stage: a camera for each view, and the lamps.
        names: of each object, all different: ``"red cube"``.
        slots: for each object its direction from the middle, 0 to 3 counter-clockwise; None for the pair.
        quarters: for each view the direction in which its camera stands.
    """

    state: State
    rotations: Floats
    stage: Stage
    names: tuple[str, ...]
    slots: tuple[int | None, ...]
    quarters: tuple[int, ...]

    def bodies(self) -> Bodies:
        """Return the solids; here all of them are drawn, wherever they stand."""
        return bodies_of(self.state, self.rotations)._replace(shown=present(self.state))


def multiview_scene(seed: int, index: int, quarters: tuple[int, ...]) -> MultiviewScene:
    """Generate a scene with given views; it depends on the arguments alone.

    Args:
        seed: of the data set, not negative.
        index: number of the item, not negative.
        quarters: for each view the direction in which its camera stands, all different.
    """
    rng = stream(seed, _STREAM, index)
    for _ in range(_ATTEMPTS):
        scene = _attempt(rng, quarters)
        if is_clear(scene):
            return scene
    raise RuntimeError(f"no multi-view scene found for seed {seed}, item {index}, views {quarters}")


def _attempt(rng: np.random.Generator, quarters: tuple[int, ...]) -> MultiviewScene:
    slots: tuple[int | None, ...] = (None, None, *((quarter + 2) % QUARTERS for quarter in quarters))
    turn = rng.uniform(0, 2 * np.pi)
    pair_turn = rng.uniform(*_PAIR_TURN) * rng.choice([-1, 1])
    state = State(_looks(rng, len(slots)), _places(rng, slots, turn, pair_turn))
    lamps = nominal_stage().lamps
    angles = turn + np.pi / 2 * np.array(quarters) + rng.uniform(-_TURN, _TURN, len(quarters))
    away, height = np.array(_CAMERA)[:, None] + rng.uniform(-_CAMERA_JITTER, _CAMERA_JITTER, (2, len(quarters)))
    cameras = np.stack([away * np.cos(angles), away * np.sin(angles), height], axis=-1)
    stage = Stage(cameras.round(6), (lamps + LAMP_JITTER * rng.uniform(-1, 1, lamps.shape)).round(6))
    names = tuple(f"{COLORS[color]} {SHAPES[shape]}" for color, shape, *_ in state.attributes[: len(slots)].tolist())
    return MultiviewScene(state, rng.uniform(0, 2 * np.pi, N_OBJECTS).round(6), stage, names, slots, quarters)


def _looks(rng: np.random.Generator, count: int) -> Any:
    """Draw the attributes: no two objects share color and shape; small in the middle, larger around it."""
    kinds = rng.permutation(len(COLORS) * len(SHAPES))[:count]
    color, shape = np.divmod(kinds, len(SHAPES))
    size = np.full(count, SIZES.index("medium"))
    cubes = np.flatnonzero(shape == SHAPES.index("cube"))  # of other shapes, the large would not fit into the images
    size[cubes] = rng.choice([SIZES.index("medium"), SIZES.index("large")], len(cubes))
    size[list(PAIR)] = SIZES.index("small")
    material = rng.choice([MATERIALS.index(name) for name in _MATERIALS], count)
    attributes = np.full((N_OBJECTS, 4), ABSENT, dtype=np.int8)
    attributes[:count] = np.stack([color, shape, size, material], axis=-1)
    return attributes


def _places(rng: np.random.Generator, slots: tuple[int | None, ...], turn: float, pair_turn: float) -> Any:
    positions = PARKED.copy()
    for index, slot in enumerate(slots):
        angle = turn + pair_turn + np.pi * index
        radius = float(_APART)
        if slot is not None:
            angle = turn + np.pi / 2 * slot + rng.uniform(-_TURN, _TURN)
            radius = rng.uniform(*_RADIUS)
        positions[index] = np.rint(radius * np.array([np.cos(angle), np.sin(angle)]))
    return positions


def is_clear(scene: MultiviewScene) -> bool:
    """Whether every image shows three objects, each whole and well seen, and nothing of any other."""
    bodies = scene.bodies()
    for view, camera in enumerate(scene.stage.cameras):
        square = id_map(bodies, camera, (MAP_SIZE[0], MAP_SIZE[0]))
        margin = (MAP_SIZE[0] - MAP_SIZE[1]) // 2
        wide = square[margin:-margin]  # the same camera's map of `MAP_SIZE`: the longer side sets the pitch of both
        seen = seen_in(scene, view)
        if set(np.unique(square).tolist()) - {-1} != set(seen):
            return False
        for index in seen:
            alone = Sight(bodies._replace(shown=np.arange(N_OBJECTS) == index), [camera]).seen_pixels(index)
            shown = int((wide == index).sum())
            cut = shown < int((square == index).sum())
            if cut or shown < max(MIN_PIXELS, _SEEN * alone):
                return False
    return True


def seen_in(scene: MultiviewScene, view: int) -> tuple[int, ...]:
    """Return the objects that an image shows: the pair, and what stands across the middle."""
    across = (scene.quarters[view] + 2) % QUARTERS
    return (*PAIR, *(index for index, slot in enumerate(scene.slots) if slot == across))


def view_relations(scene: MultiviewScene, view: int) -> list[Relation]:
    """Return how each two objects of an image stand to each other in it, true by its camera; the pair comes first.

    What stands across the middle is beyond both of the pair in every image, which alone would say nothing. Where the
    two of the pair stand side by side, it appears between them, and it is said which of them is left and which is
    right of it; where one is before the other, both are in front of it, which is said once as "in front of" and once
    as "behind". So all four relations are equally frequent, of the pair and of what shares an image with it.
    """
    bodies, camera = scene.bodies(), scene.stage.cameras[view]
    *_, across = seen_in(scene, view)
    (one, other), names = PAIR, scene.names
    pair = relation_in_view(bodies, one, other, camera)
    found = [Relation(names[one], names[other], pair)]
    if pair in ("left", "right"):
        column = percent_in_image(bodies, camera, MAP_SIZE)[:, 0]  # by where they appear: they differ in depth
        sides = ["left" if column[index] < column[across] else "right" for index in PAIR]
        return found + [Relation(names[index], names[across], side) for index, side in zip(PAIR, sides, strict=True)]
    return [*found, Relation(names[one], names[across], "in front of"), Relation(names[across], names[other], "behind")]


def direction_from_middle(scene: MultiviewScene, view: int, index: int) -> str:
    """Return where an object stands to somebody in the middle who looks the way of an image's camera.

    One of `DIRECTIONS`; the greater of the distances ahead and to the side decides.
    """
    frame = frame_at(scene.stage.cameras[view])
    place = scene.state.positions[index].astype(np.float64)
    ahead, right = float(place @ frame.forward[:2]), float(place @ frame.right[:2])
    if abs(right) > abs(ahead):
        return "right" if right > 0 else "left"
    return "in front" if ahead > 0 else "behind"


def distance_to_camera(scene: MultiviewScene, view: int, index: int) -> float:
    """Return how far an object stands from where an image was taken, along the ground, in world units."""
    place = scene.state.positions[index] * GRID_UNIT
    return float(np.hypot(*(place - scene.stage.cameras[view][:2])))
