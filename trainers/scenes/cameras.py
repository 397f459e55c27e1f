"""The three cameras and three lamps of TRANCE, and the geometry of looking through a camera.

Facts from hughplay/TVR (``trance/resource/base_scene.blend``, ``trance/scene.py``). World units are
Blender's; the ground is z = 0, +x points to the center camera and +y to the right of its image. Cameras
look at the origin.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import VIEWS

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

VIEW_LETTERS: Final = {view: view[0].upper() for view in VIEWS}
LAMP_NAMES: Final = ("Lamp_Key", "Lamp_Back", "Lamp_Fill")

CAMERA_PLACES: Final = (
    (9.4811, 0.0, 6.3437),
    (7.4811, -6.5076, 6.3437),
    (7.4811, 6.5076, 6.3437),
)  # of VIEWS
LAMP_PLACES: Final = ((6.4467, -2.9052, 4.2584), (-1.1685, 2.6460, 5.8157), (-4.6711, -4.0136, 5.0112))
LAMP_WATTS: Final = (98.17, 117.81, 39.27)
LAMP_SIDES: Final = (0.5, 1.0, 0.5)  # the lamps are squares of these sides
LAMP_COLORS: Final = ((1.0, 0.932, 0.817), (1.0, 1.0, 1.0), (0.762, 0.818, 1.0))  # linear RGB
CAMERA_JITTER: Final = 0.5  # uniform, on each axis of each camera, per scene
LAMP_JITTER: Final = 1.0
HALF_WIDTH: Final = 16 / 35  # tangent of half the angle on the longer side: a 35 mm lens on a 32 mm sensor


class Stage(NamedTuple):
    """Where the cameras and lamps of one scene stand; the same for its initial and its final state.

    Attributes:
        cameras: ``(3, 3)``, x y z of the cameras in the order of `VIEWS`.
        lamps: ``(3, 3)``, x y z of the lamps in the order of `LAMP_NAMES`.
    """

    cameras: Floats
    lamps: Floats


class Frame(NamedTuple):
    """A camera's place and its unit axes, each ``(3,)``; the three axes are orthogonal."""

    origin: Floats
    right: Floats
    up: Floats
    forward: Floats


def nominal_stage() -> Stage:
    """Return the stage without jitter, for scenes whose record does not tell it."""
    return Stage(np.array(CAMERA_PLACES), np.array(LAMP_PLACES))


def jittered_stage(rng: np.random.Generator) -> Stage:
    """Draw the cameras and lamps of one scene as TRANCE does: uniform jitter on each axis."""
    cameras, lamps = nominal_stage()
    return Stage(
        cameras + CAMERA_JITTER * rng.uniform(-1, 1, cameras.shape),
        lamps + LAMP_JITTER * rng.uniform(-1, 1, lamps.shape),
    )


def frame_at(place: Floats) -> Frame:
    """Return the axes of a camera at ``place`` that looks at the origin, upright.

    >>> frame = frame_at(np.array([10.0, 0.0, 0.0]))
    >>> frame.forward.tolist(), frame.right.tolist(), frame.up.tolist()
    ([-1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0])
    """
    return _frame_at(*place.tolist())


@lru_cache(maxsize=256)  # a scene asks for its cameras again and again
def _frame_at(*place: float) -> Frame:
    origin = np.array(place)
    forward = -origin / np.linalg.norm(origin)
    right = np.array([forward[1], -forward[0], 0.0]) / np.hypot(forward[0], forward[1])
    up = np.array([right[1] * forward[2], -right[0] * forward[2], right[0] * forward[1] - right[1] * forward[0]])
    return Frame(origin, right + 0.0, up + 0.0, forward + 0.0)


def pixel_pitch(width: int, height: int) -> float:
    """Return the side of one pixel on the image plane at distance 1; the longer side spans 49.13 degrees."""
    return 2 * HALF_WIDTH / max(width, height)


def project(points: Floats, frame: Frame, width: int, height: int) -> tuple[Floats, Floats]:
    """Project world points onto an image.

    Args:
        points: ``(..., 3)``.
        frame: the camera.
        width: of the image, in pixels.
        height: of the image, in pixels.

    Returns:
        ``(..., 2)`` pixel coordinates x (to the right), y (down), where pixel (i, j) covers [i, i+1) x [j,
        j+1); and ``(...)`` depth along the camera's axis. Only points with positive depth are in front of the
        camera.

    >>> project(np.zeros(3), frame_at(np.array(CAMERA_PLACES[0])), 320, 240)[0].tolist()
    [160.0, 120.0]
    """
    offset = points - frame.origin
    depth = offset @ frame.forward
    scale = 1 / (depth * pixel_pitch(width, height))
    xy = np.stack([width / 2 + offset @ frame.right * scale, height / 2 - offset @ frame.up * scale], axis=-1)
    return xy, depth


def image_plane(columns: Floats, rows: Floats, width: int, height: int) -> tuple[Floats, Floats]:
    """Return where pixel coordinates lie on the image plane at distance 1: the inverse of `project`.

    Args:
        columns: x coordinates, any shape; the center of pixel i is at i + 0.5.
        rows: y coordinates, any shape.
        width: of the whole image, in pixels.
        height: of the whole image, in pixels.

    Returns:
        x to the right and y upwards, such that ``origin + depth * (forward + x * right + y * up)`` is the
        point at that depth.
    """
    pitch = pixel_pitch(width, height)
    return (columns - width / 2) * pitch, (height / 2 - rows) * pitch
