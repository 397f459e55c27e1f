"""One way to make a picture of a scene, whatever the renderer.

``raycast`` (torch) is fast enough to make images while training; ``mitsuba`` (extra ``render``) traces paths
and looks like TRANCE's own images. Both read the same scenes and cameras.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import N_OBJECTS, State
from rewards.errors import ConfigError
from trainers.data.bodies import bodies_of
from trainers.data.cameras import VIEWS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from trainers.data.records import Scene

    Image = npt.NDArray[np.uint8]  # (height, width, 3), sRGB

BACKENDS: Final = ("raycast", "mitsuba")
Size = int | tuple[int, int]  # side of a square, or width and height, in pixels


class Picture(NamedTuple):
    """What is to be drawn.

    Attributes:
        scene: any scene.
        view: center, left or right.
        final: after the changes, not before.
    """

    scene: Scene
    view: str
    final: bool = False


def width_height(size: Size) -> tuple[int, int]:
    """Return width and height; both must be positive.

    >>> width_height(128)
    (128, 128)
    """
    width, height = (size, size) if isinstance(size, int) else size
    if width < 1 or height < 1:
        raise ConfigError(f"an image of {width} x {height} pixels cannot be drawn")
    return width, height


def render(
    scene: Scene, view: str = "center", size: Size = 128, backend: str = "raycast", *, final: bool = False
) -> Image:
    """Draw one picture.

    Equal scenes give equal bytes on one type of CPU.

    Args:
        scene: any scene.
        view: center, left or right.
        size: side of a square picture, or (width, height), in pixels; the longer side spans 49 degrees.
        backend: one of `BACKENDS`.
        final: the state after the changes, not the one before.

    Returns:
        ``(height, width, 3)`` uint8, sRGB.

    Raises:
        ConfigError: an unknown view or backend, an impossible size, or a backend that is not installed.
    """
    picture = Picture(scene, view, final)
    if backend == "raycast":
        return np.asarray(raycast_batch([picture], size).numpy()[0])
    if backend != "mitsuba":
        raise ConfigError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    from trainers.data.mitsuba_render import mitsuba_picture

    number = _view_number(view)
    bodies = bodies_of(_state(picture), scene.rotations)
    return mitsuba_picture(bodies, scene.stage, number, width_height(size), _seed(picture))


def raycast_batch(
    pictures: Sequence[Picture],
    size: Size = 128,
    *,
    device: Any = "cpu",
    samples: int = 2,
    compiled: bool = False,
) -> Any:
    """Draw many pictures at once on a torch device, for training on the fly.

    Args:
        pictures: what to draw.
        size: as for `render`.
        device: a torch device; on a GPU hand over a few hundred pictures at a time.
        samples: rays along each side of a pixel, 1 for a draft; files have 2.
        compiled: by ``torch.compile``: much faster on a GPU after the first call with these sizes, but a few
            pixels at edges differ.

    Returns:
        torch uint8 ``(len(pictures), height, width, 3)`` on that device.
    """
    try:
        import torch
    except ImportError:
        raise ConfigError("the backend 'raycast' needs torch: pip install 'star-r1[train]'") from None
    from trainers.data.raycast import compiled_raycast, raycast
    from trainers.data.solids import solids_of

    width, height = width_height(size)
    states = [_state(picture) for picture in pictures]
    together = State(*(np.stack(parts) for parts in zip(*states, strict=True)))
    bodies = bodies_of(together, np.stack([picture.scene.rotations for picture in pictures]))
    cameras = np.stack([picture.scene.stage.cameras[_view_number(picture.view)] for picture in pictures])
    lamps = np.stack([picture.scene.stage.lamps for picture in pictures])
    with torch.no_grad():
        solids = solids_of(bodies, cameras, lamps, device, slots=N_OBJECTS if compiled else None)
        draw = compiled_raycast() if compiled else raycast
        return draw(solids, width, height, samples=samples)


def _state(picture: Picture) -> State:
    return picture.scene.final if picture.final else picture.scene.initial


def _view_number(view: str) -> int:
    if view not in VIEWS:
        raise ConfigError(f"view {view!r} is not one of {', '.join(VIEWS)}")
    return VIEWS.index(view)


def _seed(picture: Picture) -> int:
    """Return the seed of a path-traced picture: a function of what is drawn."""
    parts = [*_state(picture), picture.scene.rotations, *picture.scene.stage]
    digest = hashlib.sha256(picture.view.encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return int.from_bytes(digest.digest()[:4], "little")
