"""The objects of a scene as solids: where they stand, which pixels show them, how they stand to each other.

All that can be known about an image without drawing it, in numpy: exact intersections of rays with solids, TRANCE's
rule of what counts as occluded, and the relations that are true by a camera. Facts from hughplay/TVR
(``trance/scene.py``, ``trance/resource/properties.json``). All solids stand on the ground.
"""

from __future__ import annotations

import math
from functools import cached_property
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import ATTRIBUTES, COLORS, GRID_UNIT, MATERIALS, N_OBJECTS, RADII, SHAPES, VISIBLE
from parsers.types import Relation
from trainers.scenes.cameras import frame_at, image_plane, pixel_pitch, project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from benchmarks.tvr.world import State
    from trainers.scenes.cameras import Frame

    Floats = npt.NDArray[np.float64]

CUBE, SPHERE, CYLINDER = range(len(SHAPES))
RUBBER, METAL, GLASS = range(len(MATERIALS))
# Upstream hands these, divided by 255, to the renderer as linear RGB: images look paler than the numbers.
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

# Four thin lines on the ground mark the square in which the centers of visible objects lie.
SQUARE: Final = VISIBLE * GRID_UNIT
LINE: Final = 0.03  # half their width


class Bodies(NamedTuple):
    """The solids of one scene or many, each field ``(..., 10)``.

    Attributes:
        x: center, world units.
        y: center, world units.
        half: half the height, which is also the height of the center; half the edge of a cube.
        rotation: turn about the vertical, radians.
        shape: code into `SHAPES`.
        color: code into `COLORS`.
        material: code into `MATERIALS`.
        shown: whether the object is in the image; the others are not drawn and cast no shadow.
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
        rotation=np.asarray(rotations, dtype=np.float64),
        shape=codes["shape"],
        color=codes["color"],
        material=codes["material"],
        # In view are both coordinates in [-20, 20]; rows without an object stand far outside the world.
        shown=np.asarray((np.abs(state.positions) <= VISIBLE).all(axis=-1)),
    )


# What cameras see of each object

MAP_SIZE: Final = (320, 240)  # width, height
MIN_PIXELS: Final = 150  # an object of which fewer are seen counts as occluded
_SAMPLED: Final = 600  # pixels of an object that are looked at before all of them are
_SLABS: Final = {CUBE: slice(0, 3), SPHERE: slice(0, 0), CYLINDER: slice(2, 3)}  # axes cut by two planes
_ROUND: Final = {SPHERE: 3, CYLINDER: 2}  # axes in which it is round
_CORNERS: Final = np.array([*product((-1.0, 1.0), repeat=3), (0.0, 0.0, 0.0)])  # and the center, last


class Sight:
    """What some cameras see of the solids of one scene, by exact intersection; what was found out once is kept.

    Rays are cast only where the answer depends on them: whether an object is well seen follows mostly from the boxes
    around the objects, or from a few of its pixels.

    Args:
        bodies: one scene.
        cameras: ``(cameras, 3)`` their places.
        size: width and height of the images.
    """

    def __init__(self, bodies: Bodies, cameras: Iterable[Floats], size: tuple[int, int] = MAP_SIZE) -> None:
        self.bodies, self.places, self.size = bodies, tuple(cameras), size
        self._frames = [frame_at(camera) for camera in self.places]
        self._well_seen: dict[tuple[int, int], bool] = {}

    @cached_property
    def _boxes(self) -> _Boxes:
        return _boxes(self.bodies, self._frames, self.size)

    def of(self, bodies: Bodies) -> Sight:
        """Return what the same cameras see of other solids."""
        return Sight(bodies, self.places, self.size)

    def id_map(self, camera: int = 0) -> npt.NDArray[np.int64]:
        """Return the index of the object seen at each pixel's center, ``(height, width)``; -1 where none is."""
        ids = np.full((self.size[1], self.size[0]), -1)
        nearest = np.full(ids.shape, np.inf)
        for index in np.flatnonzero(self.bodies.shown).tolist():
            left, top, right, bottom = self._boxes.edges[camera, index].tolist()
            window = np.s_[top:bottom, left:right]
            depth = self._depth(index, camera, np.arange(left, right), np.arange(top, bottom))
            closer = depth < nearest[window]
            ids[window][closer] = index
            nearest[window][closer] = depth[closer]
        return ids

    def seen_pixels(self, index: int, camera: int = 0) -> int:
        """Count the pixels at whose center one object is seen; equals its count in `id_map`."""
        return self._count(index, camera, step=1)

    def well_seen(self, index: int, camera: int = 0) -> bool:
        """Whether `seen_pixels` are at least `MIN_PIXELS`: TRANCE's rule."""
        if (index, camera) not in self._well_seen:
            self._well_seen[index, camera] = self._find_well_seen(index, camera)
        return self._well_seen[index, camera]

    def seen(self, camera: int = 0) -> npt.NDArray[np.bool_]:
        """Return which objects are in view and well seen, ``(10,)``."""
        return np.array([bool(shown) and self.well_seen(k, camera) for k, shown in enumerate(self.bodies.shown)])

    def occluded(self, indices: Iterable[int]) -> int | None:
        """Return the first of some visible objects that is occluded in one of the cameras, or None.

        Objects out of view are neither seen nor occluded. (Upstream tests the index itself for truth, so that an
        occluded object 0 goes unnoticed; here it does not.)
        """
        for index in indices:
            if self.bodies.shown[index] and not all(self.well_seen(index, k) for k in range(len(self._frames))):
                return index
        return None

    def _find_well_seen(self, index: int, camera: int) -> bool:
        if self._boxes.seen[camera, index]:
            return True
        # Enough pixels among some of them are enough.
        left, top, right, bottom = self._boxes.edges[camera, index].tolist()
        step = math.isqrt((right - left) * (bottom - top) // _SAMPLED)
        if step > 1 and self._count(index, camera, step=step) >= MIN_PIXELS:
            return True
        return self._count(index, camera, step=1) >= MIN_PIXELS

    def _count(self, index: int, camera: int, *, step: int) -> int:
        """Count the pixels of an object that are seen, of every ``step``-th row and column."""
        left, top, right, bottom = self._boxes.edges[camera, index].tolist()
        columns, rows = np.arange(left, right, step), np.arange(top, bottom, step)
        depth = self._depth(index, camera, columns, rows)
        seen = np.isfinite(depth)
        for other in np.flatnonzero(self._boxes.before[camera, index]).tolist():
            x0, y0, x1, y1 = self._boxes.edges[camera, other].tolist()
            common = np.s_[slice(*rows.searchsorted((y0, y1))), slice(*columns.searchsorted((x0, x1)))]
            hides = self._depth(other, camera, columns[common[1]], rows[common[0]]) < depth[common]
            seen[common] &= ~hides
        return int(seen.sum())

    def _depth(self, index: int, camera: int, columns: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> Floats:
        """Cast a ray through the centers of some pixels at one solid.

        Returns:
            ``(rows, columns)`` depth along the camera's axis at which the ray enters it, infinite where it goes past.
        """
        bodies, frame = self.bodies, self._frames[camera]
        shape, half, rotation = int(bodies.shape[index]), float(bodies.half[index]), float(bodies.rotation[index])
        x, y = image_plane(columns + np.float64(0.5), rows + np.float64(0.5), *self.size)
        # The camera's place and axes, in the axes of the solid.
        center = np.array([bodies.x[index], bodies.y[index], half])
        axes = (frame.origin - center, frame.right, frame.up, frame.forward)
        start, across, upwards, ahead = (_turned(axis, rotation) for axis in axes)
        rays = (ahead + across * x) + upwards * y[:, None]  # (3, rows, columns)
        with np.errstate(divide="ignore", invalid="ignore"):
            # Between two planes from t = -start/ray - |half/ray| to -start/ray + |half/ray|.
            cut = _SLABS[shape]
            middle, spread = -start[cut] / rays[cut], np.abs(half / rays[cut])
            enters, leaves = [*(middle - spread)], [*(middle + spread)]
            if shape != CUBE:
                # In a sphere (three axes) or an endless upright tube (two) where a t^2 + 2 b t + c < 0.
                k = _ROUND[shape]
                a, b = _summed(rays[:k] * rays[:k]), _summed(rays[:k] * start[:k])
                root = np.sqrt(b * b - a * (_summed(start[:k] * start[:k]) - half**2))
                enters, leaves = [*enters, (-b - root) / a], [*leaves, (root - b) / a]
            enter, leave = enters[0], leaves[0]
            for first, last in zip(enters[1:], leaves[1:], strict=True):
                enter, leave = np.maximum(enter, first), np.minimum(leave, last)
            return np.where(leave > enter, enter, np.inf)


def id_map(bodies: Bodies, camera: Floats, size: tuple[int, int] = MAP_SIZE) -> npt.NDArray[np.int64]:
    """Return the index of the object that one camera sees at each pixel, see `Sight.id_map`."""
    return Sight(bodies, [camera], size).id_map()


class _Boxes(NamedTuple):
    """What the upright boxes around solids tell.

    Attributes:
        edges: ``(cameras, 10, 4)`` first column and row of pixels that a solid could cover, and those after the last.
        before: ``(cameras, 10, 10)`` whether the second could hide the first: it is in view, their boxes overlap in the
            image, and its own is not wholly behind.
        seen: ``(cameras, 10)`` whether `MIN_PIXELS` are seen whatever the others hide; where not, rays must tell.
    """

    edges: npt.NDArray[np.int64]
    before: npt.NDArray[np.bool_]
    seen: npt.NDArray[np.bool_]


def _boxes(bodies: Bodies, frames: Sequence[Frame], size: tuple[int, int]) -> _Boxes:
    # Whichever way it is turned, a solid lies in the upright box of this reach around its center.
    reach = bodies.half * np.where(bodies.shape == CUBE, math.sqrt(2), 1.0)
    extent = np.stack([reach, reach, bodies.half], axis=-1)
    center = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)
    corners = center[:, None] + _CORNERS * extent[:, None]  # (10, 9, 3)
    # As `project`, for all cameras at once: along each camera's axes (cameras, 10, 9, 3), then in pixels.
    axes = np.array([(frame.right, frame.up, frame.forward) for frame in frames])[:, None]
    offset = corners - np.array([frame.origin for frame in frames])[:, None, None]
    right, up, depth = np.moveaxis(offset @ axes.swapaxes(-1, -2), -1, 0)
    pitch = pixel_pitch(*size)
    near, far = depth.min(axis=-1), depth.max(axis=-1)
    ahead = near > 0  # a solid behind the camera, or beside it, covers nothing
    with np.errstate(divide="ignore", invalid="ignore"):
        x, y = size[0] / 2 + right / (depth * pitch), size[1] / 2 - up / (depth * pitch)
        radius = bodies.half / (depth[..., -1] * pitch)
    box = np.array([x.min(axis=-1), y.min(axis=-1), x.max(axis=-1), y.max(axis=-1)])
    # Every solid holds a ball of its half height, and the ball a disc that faces the camera: in the image a disc of
    # ``radius`` pixels r. At least pi (r - 1 / sqrt 2)^2 pixels have their centers in it.
    whole = (x[..., -1] >= radius) & (x[..., -1] <= size[0] - radius)
    whole &= (y[..., -1] >= radius) & (y[..., -1] <= size[1] - radius)
    sure = np.where(ahead & whole, math.pi * np.maximum(radius - 0.75, 0) ** 2 - 1, 0)
    disc = np.array([x[..., -1] - radius, y[..., -1] - radius, x[..., -1] + radius, y[..., -1] + radius])
    edges = np.where(ahead, [box, disc], 0)  # (2, 4, cameras, 10)
    edges[:, :2], edges[:, 2:] = np.floor(edges[:, :2]), np.ceil(edges[:, 2:])
    edges = np.clip(edges, 0, np.array([*size, *size])[:, None, None]).astype(np.int64)
    boxes, discs = edges.transpose(0, 2, 3, 1)
    # Of its disc, the others hide at most what lies in their boxes: (cameras, object, other).
    overlap = (boxes[:, None, :, :2] < boxes[:, :, None, 2:]) & (boxes[:, None, :, 2:] > boxes[:, :, None, :2])
    before = overlap.all(axis=-1) & (near[:, None] <= far[..., None] + 1e-9) & bodies.shown
    before &= ~np.eye(N_OBJECTS, dtype=bool)
    first = np.maximum(boxes[:, None, :, :2], discs[:, :, None, :2])
    last = np.minimum(boxes[:, None, :, 2:], discs[:, :, None, 2:])
    hidden_at_most = np.maximum(last - first, 0).prod(axis=-1)
    return _Boxes(boxes, before, sure - (hidden_at_most * before).sum(axis=-1) >= MIN_PIXELS)


def _summed(parts: Floats) -> Floats:
    """Add up along the first axis, always in its order, so that equal scenes give equal bytes."""
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return np.asarray(total)


def _turned(vector: Floats, rotation: float) -> Floats:
    """Express a world vector in the axes of an object, ``(3, 1, 1)``."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    x, y, z = vector.tolist()
    return np.array([x * cos + y * sin, y * cos - x * sin, z])[:, None, None]


# How objects stand to each other in an image


def relation_in_view(bodies: Bodies, one: int, other: int, camera: Floats) -> str:
    """Return where ``one`` stands as seen from ``other``, on the ground and along the camera's own axes.

    The greater of the two distances decides: to the side (left, right) or in depth (in front of: nearer to
    the camera; behind).

    Args:
        bodies: one scene.
        one: index of the object that is described.
        other: index of the object that it is described by.
        camera: ``(3,)`` its place.
    """
    frame = frame_at(camera)
    ahead = frame.forward[:2] / np.hypot(*frame.forward[:2])
    offset = np.array([bodies.x[one] - bodies.x[other], bodies.y[one] - bodies.y[other]])
    side, depth = float(offset @ frame.right[:2]), float(offset @ ahead)
    if abs(side) >= abs(depth):
        return "right" if side > 0 else "left"
    return "behind" if depth > 0 else "in front of"


def nearest_seen(sight: Sight, index: int, camera: int = 0) -> int | None:
    """Return the nearest other object that is well seen, by the distance of the centers, or None."""
    bodies = sight.bodies
    distance = np.hypot(bodies.x - bodies.x[index], bodies.y - bodies.y[index])
    for other in np.argsort(distance, kind="stable").tolist():
        if other != index and bodies.shown[other] and sight.well_seen(other, camera):
            return int(other)
    return None


def placed(sight: Sight, indices: Iterable[int], camera: int = 0) -> list[Relation]:
    """Place some objects of an image, each by its nearest neighbor that is well seen: ``[object 4, object 0, left]``.

    Objects out of view, and one that is alone in it, have no relation.
    """
    found = []
    for index in indices:
        other = nearest_seen(sight, index, camera) if sight.bodies.shown[index] else None
        if other is not None:
            relation = relation_in_view(sight.bodies, index, other, sight.places[camera])
            found.append(Relation(f"object {index}", f"object {other}", relation))
    return found


def percent_in_image(bodies: Bodies, camera: Floats, size: tuple[int, int]) -> npt.NDArray[np.int64]:
    """Return where the centers fall in an image, ``(10, 2)`` x and y, in percent of its width and height."""
    centers = np.stack([bodies.x, bodies.y, bodies.half], axis=-1)
    pixels, _ = project(centers, frame_at(camera), *size)
    return np.rint(100 * pixels / size).astype(int)
