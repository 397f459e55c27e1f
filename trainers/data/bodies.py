"""The objects of a scene as solids: where they stand, how large they are, what they are made of.

Facts from hughplay/TVR (``trance/scene.py``, ``trance/resource/properties.json``). All solids stand on the
ground.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import (
    ATTRIBUTES,
    COLORS,
    GRID_UNIT,
    MATERIALS,
    RADII,
    SHAPES,
    VISIBLE,
    present,
    visible,
)

if TYPE_CHECKING:
    import numpy.typing as npt

    from benchmarks.tvr.world import State

    Floats = npt.NDArray[np.float64]

CUBE, SPHERE, CYLINDER = range(len(SHAPES))
RUBBER, METAL, GLASS = range(len(MATERIALS))
# Upstream hands these, divided by 255, to the renderer as linear RGB: pictures look paler than the numbers.
COLOR_BYTES: Final = {
    "gray": (87, 87, 87),
    "red": (173, 35, 35),
    "blue": (42, 75, 215),
    "green": (29, 105, 20),
    "brown": (129, 74, 25),
    "purple": (129, 38, 192),
    "cyan": (41, 208, 208),
    "yellow": (255, 238, 51),
}
LINEAR_COLORS: Final = np.array([COLOR_BYTES[name] for name in COLORS]) / 255

# Four thin lines on the ground mark the square in which the centres of visible objects lie.
SQUARE: Final = VISIBLE * GRID_UNIT
LINE: Final = 0.03  # half their width


class Bodies(NamedTuple):
    """The solids of one scene or many, each field ``(..., 10)``.

    Attributes:
        x: centre, world units.
        y: centre, world units.
        half: half the height, which is also the height of the centre; half the edge of a cube.
        rotation: turn about the vertical, radians.
        shape: code into `SHAPES`.
        color: code into `COLORS`.
        material: code into `MATERIALS`.
        shown: whether the object is in the picture; the others are not drawn and cast no shadow.
    """

    x: Floats
    y: Floats
    half: Floats
    rotation: Floats
    shape: npt.NDArray[np.int8]
    color: npt.NDArray[np.int8]
    material: npt.NDArray[np.int8]
    shown: npt.NDArray[np.bool_]


def bodies_of(state: State, rotations: npt.ArrayLike) -> Bodies:
    """Return the solids of a state.

    Args:
        state: scenes of shape ``(...)``.
        rotations: ``(..., 10)`` radians.

    A cube is scaled so that the circle around its base has the radius of a sphere of the same size.
    """
    codes = {name: state.attributes[..., column] for column, name in enumerate(ATTRIBUTES)}
    radius = np.array(RADII)[codes["size"]] * GRID_UNIT
    places = state.positions * np.float64(GRID_UNIT)
    cube = codes["shape"] == CUBE
    return Bodies(
        x=places[..., 0],
        y=places[..., 1],
        half=np.where(cube, radius / np.sqrt(2), radius),
        rotation=np.broadcast_to(np.asarray(rotations, dtype=np.float64), cube.shape),
        shape=codes["shape"],
        color=codes["color"],
        material=codes["material"],
        shown=visible(state.positions) & present(state),
    )
