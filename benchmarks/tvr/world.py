"""The world of TRANCE: its grid, and the state of scenes as integer arrays. Its words are those of `parsers.formats`.

Facts from hughplay/TVR: ``trance/resource/values.json`` and ``properties.json``, and the order of values in
``src/dataset/components/vectorizer.py``. Lengths are in grid units of `GRID_UNIT` Blender units; positions
are integers, x grows towards ``behind``, y towards ``right``. The metrics work on batches of scenes, a
generator on one scene: functions of states take any number of leading dimensions, written ``...`` below.
"""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from parsers.formats import TRANCE, TVR

if TYPE_CHECKING:
    import numpy.typing as npt

    Bools = npt.NDArray[np.bool_]
    Ints = npt.NDArray[np.integer[Any]]

VALUES: Final = dict(TRANCE.fields[2].values_by)
"""Value names of each attribute, in upstream's order; a move is "direction.steps"."""
VALUES["size"] = VALUES["size"][::-1]  # upstream's values.json begins with the largest

COLORS, SHAPES, SIZES, MATERIALS = (VALUES[name] for name in ("color", "shape", "size", "material"))
DIRECTIONS: Final[dict[str, tuple[int, int]]] = {  # the way that each word means, in upstream's order
    "behind": (1, 0),
    "front": (-1, 0),
    "right": (0, 1),
    "left": (0, -1),
    "behind-right": (1, 1),
    "behind-left": (1, -1),
    "front-right": (-1, 1),
    "front-left": (-1, -1),
}
MOVE_STEPS: Final = (1, 2)

N_OBJECTS: Final = 10
GRID_UNIT: Final = 0.15  # Blender units to one grid unit
WORLD: Final = 40  # |x|, |y| <= WORLD is inside the world
VISIBLE: Final = 20  # |x|, |y| <= VISIBLE is inside the image
MOVE: Final = 10  # grid units to one step of a move, along each axis that moves
MIN_GAP: Final = 1
RADII: Final = (6, 4, 2)  # of SIZES, in that order

VIEWS: Final = ("center", "left", "right")  # in the order of upstream's final views
CAMERA_NAMES: Final = {view: f"Camera_{view.capitalize()}" for view in VIEWS}
ATTRIBUTES: Final = TVR.fields[1].values  # columns of State.attributes
SPOKEN_ORDER: Final = ("size", "color", "material", "shape")  # in which people name the attributes of an object
POSITION: Final = len(ATTRIBUTES)  # the fifth column, where moves are counted
ABSENT: Final = -1  # attribute code in the rows that fill a scene of fewer than N_OBJECTS objects

# The 33 changes that one object can undergo, numbered as upstream numbers its "pairs".
PAIRS: Final = tuple((name, value) for name in sorted(VALUES) for value in VALUES[name])
PAIR_CODE: Final = {pair: code for code, pair in enumerate(PAIRS)}
PAIR_COLUMN: Final = np.array([(*ATTRIBUTES, "position").index(name) for name, _ in PAIRS])
PAIR_VALUE: Final = np.array([VALUES[name].index(value) for name, value in PAIRS], dtype=np.int8)


def _displacement(name: str, value: str) -> tuple[int, int]:
    if name != "position":
        return 0, 0
    direction, step = value.rsplit(".", 1)
    dx, dy = DIRECTIONS[direction]
    return dx * int(step) * MOVE, dy * int(step) * MOVE


PAIR_MOVE: Final = np.array([_displacement(*pair) for pair in PAIRS], dtype=np.int32)  # (33, 2); zero if no move
_RADIUS: Final = np.array(RADII, dtype=np.int64)
# Where the filling rows stand: far from the world and from each other, so that they touch nothing.
PARKED: Final = np.array([(1_000_000 + 1_000 * k, 0) for k in range(N_OBJECTS)], dtype=np.int32)


class State(NamedTuple):
    """One scene or many.

    Attributes:
        attributes: ``(..., 10, 4)`` int8, codes into `VALUES` in the order of `ATTRIBUTES`; `ABSENT` where a
            scene has fewer objects.
        positions: ``(..., 10, 2)`` int32, grid units.
    """

    attributes: npt.NDArray[np.int8]
    positions: npt.NDArray[np.int32]


def visible(positions: Ints) -> Bools:
    """Whether a place is in the picture: both coordinates in [-20, 20]. ``(..., 2) -> (...)``."""
    return _within(positions, VISIBLE)


def in_world(positions: Ints) -> Bools:
    """Whether a place is in the world: both coordinates in [-40, 40]. ``(..., 2) -> (...)``."""
    return _within(positions, WORLD)


def _within(positions: Ints, limit: int) -> Bools:
    inside: Bools = np.asarray((np.abs(positions) <= limit).all(axis=-1))
    return inside


def present(state: State) -> Bools:
    """Which of the ten rows hold an object, ``(..., 10)``."""
    return np.asarray(state.attributes[..., 0] != ABSENT)


def apply(state: State, objects: npt.ArrayLike, pairs: npt.ArrayLike) -> State:
    """Return the state after one transformation per scene.

    Args:
        state: scenes of shape ``(...)``.
        objects: ``(...)``, 0-based index of the object that changes.
        pairs: ``(...)``, code into `PAIRS`. A move may leave the world; nothing is refused here.

    >>> from benchmarks.tvr.codec import encode_scene
    >>> scene = encode_scene([{"color": "red", "shape": "cube", "size": "small", "material": "glass",
    ...                        "position": [15, 0]}])
    >>> after = apply(scene, 0, PAIR_CODE["position", "behind.1"])
    >>> after.positions[0].tolist(), bool(visible(after.positions[0]))
    ([25, 0], False)
    """
    after = State(state.attributes.copy(), state.positions.copy())
    rows = np.arange(after.positions[..., 0, 0].size)
    batch = State(after.attributes.reshape(-1, N_OBJECTS, POSITION), after.positions.reshape(-1, N_OBJECTS, 2))
    edit(batch, rows, np.broadcast_to(objects, rows.shape), np.broadcast_to(pairs, rows.shape))
    return after


def edit(state: State, rows: Ints, objects: Ints, pairs: Ints) -> None:
    """Apply one change in place to each of some scenes of a batch.

    Args:
        state: of n scenes, ``(n, 10, 4)`` and ``(n, 10, 2)``; it is changed.
        rows: ``(k,)``, which scenes, each once.
        objects: ``(k,)``, the index of the object in each, 0 to 9.
        pairs: ``(k,)``, codes into `PAIRS`.
    """
    state.positions[rows, objects] += PAIR_MOVE[pairs]
    columns = PAIR_COLUMN[pairs]
    keep = columns != POSITION
    state.attributes[rows[keep], objects[keep], columns[keep]] = PAIR_VALUE[pairs[keep]]


def overlaps(state: State, objects: npt.ArrayLike) -> Bools:
    """Whether one object of each scene stands too near to another: center distance < r1 + r2 + gap.

    Args:
        state: scenes of shape ``(...)``.
        objects: ``(...)``, index of the object that is tested against all others, visible or not.
    """
    one = np.broadcast_to(objects, state.positions.shape[:-2])[..., None]
    places = state.positions.astype(np.int64)
    offset = places - np.take_along_axis(places, one[..., None], axis=-2)
    radii = _RADIUS[state.attributes[..., ATTRIBUTES.index("size")]]
    reach = radii + np.take_along_axis(radii, one, axis=-1) + MIN_GAP
    near = (offset**2).sum(axis=-1) < reach**2
    return np.asarray((near & (np.arange(N_OBJECTS) != one)).any(axis=-1))


def differences(state: State, reference: State) -> Bools:
    """Which cells of a state are not the reference's, ``(..., 10, 5)``: the four attributes, then position.

    Positions agree where the reference is visible and both are the same cell, or where both are invisible,
    inside the world, wherever they are. (So a reference outside the world would agree with nothing.)
    """
    seen, reference_seen = visible(state.positions), visible(reference.positions)
    same_cell = (state.positions == reference.positions).all(axis=-1)
    both_hidden = ~seen & ~reference_seen & in_world(state.positions) & in_world(reference.positions)
    agree = (reference_seen & same_cell) | both_hidden | ~present(reference)
    return np.concatenate([state.attributes != reference.attributes, ~agree[..., None]], axis=-1)


def move_type(before: Ints, after: Ints) -> str | None:
    """Return upstream's type of a move between two places: inner, out or in; None if TRANCE refuses it."""
    if not in_world(after) or not (visible(before) or visible(after)):
        return None
    if not visible(after):
        return "out"
    return "inner" if visible(before) else "in"


def move_options(before: Ints, value: str) -> list[tuple[str, int]]:
    """Return the (direction, steps) accepted as answer for a move from a place, the move's own included.

    A move out of the image cannot be told from others: all that end invisible in the world are accepted.

    >>> move_options(np.array([-14, 0]), "front.1")
    [('front', 1), ('front', 2), ('front-right', 1), ('front-right', 2), ('front-left', 1), ('front-left', 2)]
    >>> move_options(np.array([-14, 0]), "behind.1")
    [('behind', 1)]
    """

    def ends_hidden(option: tuple[str, int]) -> bool:
        place = before + PAIR_MOVE[PAIR_CODE["position", f"{option[0]}.{option[1]}"]]
        return bool(in_world(place) and not visible(place))

    direction, step = value.rsplit(".", 1)
    own = (direction, int(step))
    if visible(before) and ends_hidden(own):
        return [option for option in product(DIRECTIONS, MOVE_STEPS) if ends_hidden(option)]
    return [own]
