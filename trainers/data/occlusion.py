"""Which object is seen at each pixel, by exact intersection, and TRANCE's rule of what counts as occluded.

No torch, no picture: each object is met only by the rays of the small patch that it can cover, and patches
are kept, because one change of a scene moves one object. Upstream renders a flat picture of 320 x 240 for
this rule.
"""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import product
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from trainers.data.bodies import CUBE, CYLINDER, SPHERE
from trainers.data.cameras import frame_at, image_plane, project

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import numpy.typing as npt

    from trainers.data.bodies import Bodies, Floats

MAP_SIZE: Final = (320, 240)  # width, height
MIN_PIXELS: Final = 150  # an object of which fewer are seen counts as occluded
_SLABS: Final = {CUBE: (0, 1, 2), SPHERE: (), CYLINDER: (2,)}  # axes along which a solid is cut by two planes
_ROUND: Final = {SPHERE: 3, CYLINDER: 2}  # axes in which it is round
_CORNERS: Final = np.array(list(product((-1.0, 1.0), repeat=3)))


class Patch(NamedTuple):
    """The part of a picture that one object covers when nothing stands before it.

    Attributes:
        left: column of the first pixel.
        top: row of the first pixel.
        depth: ``(h, w)`` depth along the camera's axis at the pixels' centres, infinite beside the object.
    """

    left: int
    top: int
    depth: Floats


def id_map(bodies: Bodies, camera: Floats, size: tuple[int, int] = MAP_SIZE) -> npt.NDArray[np.int64]:
    """Return the index of the object seen at each pixel's centre, ``(height, width)``; -1 where none is.

    Args:
        bodies: one scene.
        camera: ``(3,)`` its place.
        size: width and height of the picture.
    """
    ids = np.full((size[1], size[0]), -1)
    nearest = np.full(ids.shape, np.inf)
    for index in np.flatnonzero(bodies.shown):
        left, top, depth = _patch_of(bodies, int(index), camera, size)
        window = np.s_[top : top + depth.shape[0], left : left + depth.shape[1]]
        closer = depth < nearest[window]
        ids[window][closer] = index
        nearest[window][closer] = depth[closer]
    return ids


def seen_pixels(bodies: Bodies, index: int, camera: Floats, size: tuple[int, int] = MAP_SIZE) -> int:
    """Count the pixels at whose centre one object is seen; equals its count in `id_map`."""
    left, top, depth = _patch_of(bodies, index, camera, size)
    seen = np.isfinite(depth)
    bottom, right = top + depth.shape[0], left + depth.shape[1]
    for other in np.flatnonzero(bodies.shown):
        if other == index:
            continue
        x, y, before = _patch_of(bodies, int(other), camera, size)
        x0, x1 = max(left, x), min(right, x + before.shape[1])
        y0, y1 = max(top, y), min(bottom, y + before.shape[0])
        if x0 >= x1 or y0 >= y1:
            continue
        mine = np.s_[y0 - top : y1 - top, x0 - left : x1 - left]
        hidden = before[y0 - y : y1 - y, x0 - x : x1 - x] < depth[mine]
        seen[mine] &= ~hidden
    return int(seen.sum())


def occluded(bodies: Bodies, indices: Iterable[int], cameras: Iterable[Floats]) -> int | None:
    """Return the first of some visible objects that is occluded in one of the cameras, or None.

    Objects outside the picture are neither seen nor occluded. (Upstream tests the index itself for truth, so
    that an occluded object 0 goes unnoticed; here it does not.)
    """
    cameras = tuple(cameras)
    for index in indices:
        if not bodies.shown[index]:
            continue
        if any(seen_pixels(bodies, index, camera) < MIN_PIXELS for camera in cameras):
            return index
    return None


class _Solid(NamedTuple):
    """One object, as the key under which its patch is kept."""

    shape: int
    x: float
    y: float
    half: float
    rotation: float


def _patch_of(bodies: Bodies, index: int, camera: Floats, size: tuple[int, int]) -> Patch:
    shape, numbers = int(bodies.shape[index]), (bodies.x, bodies.y, bodies.half, bodies.rotation)
    return _patch(_Solid(shape, *(float(part[index]) for part in numbers)), tuple(camera.tolist()), size)


@lru_cache(maxsize=512)
def _patch(solid: _Solid, camera: tuple[float, float, float], size: tuple[int, int]) -> Patch:
    """Cast a ray through each pixel that a solid could cover."""
    frame = frame_at(np.array(camera))
    center = np.array([solid.x, solid.y, solid.half])
    reach = solid.half * (math.sqrt(2) if solid.shape == CUBE else 1.0)
    xy, distance = project(center + _CORNERS * (reach, reach, solid.half), frame, *size)
    if distance.min() <= 0:  # it stands behind the camera, or beside it
        return Patch(0, 0, np.zeros((0, 0)))
    left, top = np.clip(np.floor(xy.min(axis=0)).astype(int), 0, size)
    right, bottom = np.clip(np.ceil(xy.max(axis=0)).astype(int), 0, size)
    x, y = image_plane(np.arange(left, right) + 0.5, np.arange(top, bottom) + 0.5, *size)
    axes = (frame.origin - center, frame.right, frame.up, frame.forward)
    offset, across, upwards, ahead = (_turned(axis, solid.rotation) for axis in axes)
    rays = [(f + x * r) + (y * u)[:, None] for f, r, u in zip(ahead, across, upwards, strict=True)]
    return Patch(int(left), int(top), _depth(solid.shape, solid.half, offset, rays))


def _turned(vector: Floats, rotation: float) -> tuple[float, float, float]:
    """Express a world vector in the axes of an object."""
    cos, sin = math.cos(rotation), math.sin(rotation)
    x, y, z = vector.tolist()
    return x * cos + y * sin, y * cos - x * sin, z


def _depth(shape: int, half: float, start: Sequence[float], ray: Sequence[Floats]) -> Floats:
    """Where rays (three arrays ``(h, w)``) from ``start`` enter a solid around the origin, or infinity."""
    with np.errstate(divide="ignore", invalid="ignore"):
        spans = [_slab(half, start[axis], ray[axis]) for axis in _SLABS[shape]]
        if shape != CUBE:
            spans.append(_round(half, start[: _ROUND[shape]], ray[: _ROUND[shape]]))
        enter, leave = spans[0]
        for near, far in spans[1:]:
            enter, leave = np.maximum(enter, near), np.minimum(leave, far)
        return np.where(leave > enter, enter, np.inf)


def _slab(half: float, start: float, ray: Floats) -> tuple[Floats, Floats]:
    """Where rays enter and leave the space between two planes."""
    middle, spread = -start / ray, np.abs(half / ray)
    return middle - spread, middle + spread


def _round(half: float, start: Sequence[float], ray: Sequence[Floats]) -> tuple[Floats, Floats]:
    """Where rays enter and leave a sphere (three axes) or an endless upright tube (two), or nan."""
    a = sum(part * part for part in ray)
    b = sum(part * first for part, first in zip(ray, start, strict=True))
    root = np.sqrt(b * b - a * (sum(first * first for first in start) - half**2))
    return (-b - root) / a, (root - b) / a
