"""One way to make an image of a scene, whatever the renderer.

``raycast`` (torch) is fast enough to make images while training; ``mitsuba`` (extra ``render``) traces paths
and looks like TRANCE's own images. Both read the same scenes and cameras.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.tvr.world import N_OBJECTS, VIEWS, State
from rewards.errors import ConfigError
from trainers.scenes.solids import Bodies, bodies_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from trainers.scenes.multiview import MultiviewScene
    from trainers.scenes.raycast import Solids
    from trainers.scenes.solids import Floats
    from trainers.scenes.tvr import Scene

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
    """Return width and height.

    Raises:
        ConfigError: one of them is not positive.

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
    """Draw one image of a TVR scene.

    Equal scenes give equal bytes on one type of CPU.

    Args:
        scene: any scene.
        view: center, left or right.
        size: side of a square image, or (width, height), in pixels; the longer side spans 49 degrees.
        backend: one of `BACKENDS`.
        final: the state after the changes, not the one before.

    Returns:
        ``(height, width, 3)`` uint8, sRGB.

    Raises:
        ConfigError: an unknown view or backend, an impossible size, or a backend that is not installed.
    """
    picture = Picture(scene, view, final)
    if _known(backend) == "raycast":
        return np.asarray(raycast_batch([picture], size).numpy()[0])
    from trainers.scenes.mitsuba import mitsuba_picture

    number, state = _view_number(view), _state(picture)
    seed = _seed(view, *state, scene.rotations, *scene.stage)
    return mitsuba_picture(bodies_of(state, scene.rotations), scene.stage, number, width_height(size), seed)


def draw_views(scene: MultiviewScene, size: Size, backend: str = "raycast") -> list[Image]:
    """Draw all images of a multi-view scene; see `render`."""
    views = len(scene.quarters)
    bodies = scene.bodies()
    if _known(backend) == "raycast":
        every: list[Any] = [np.stack([field] * views) for field in bodies]
        lamps = np.stack([scene.stage.lamps] * views)
        return list(_raycast(Bodies(*every), scene.stage.cameras, lamps, size).numpy())
    from trainers.scenes.mitsuba import mitsuba_picture

    seed = _seed("", *scene.state, scene.rotations, *scene.stage)
    return [
        mitsuba_picture(bodies, scene.stage, view, width_height(size), seed ^ view, all_round=True)
        for view in range(views)
    ]


def raycast_batch(
    pictures: Sequence[Picture],
    size: Size = 128,
    *,
    device: Any = "cpu",
    samples: int = 2,
    compiled: bool = False,
) -> Any:
    """Draw many images at once on a torch device, for training on the fly.

    Args:
        pictures: what to draw.
        size: as for `render`.
        device: a torch device; on a GPU hand over a few hundred at a time.
        samples: rays along each side of a pixel, 1 for a draft; files have 2.
        compiled: by ``torch.compile``: much faster on a GPU after the first call with these sizes, but a few
            pixels at edges differ.

    Returns:
        torch uint8 ``(len(pictures), height, width, 3)`` on that device.
    """
    bodies, cameras, lamps = _bodies_of_pictures(pictures)
    return _raycast(bodies, cameras, lamps, size, device=device, samples=samples, compiled=compiled)


def solids_of_pictures(pictures: Sequence[Picture], device: Any = "cpu", *, slots: int = 1) -> Solids:
    """Return what the rays of images can meet.

    Args:
        pictures: what is to be drawn.
        device: a torch device.
        slots: objects an image in the tensors are a multiple of it: compiled code wants few shapes.
    """
    from trainers.scenes.raycast import solids_of

    bodies, cameras, lamps = _bodies_of_pictures(pictures)
    most = max(1, int(bodies.shown.sum(axis=-1).max()))
    return solids_of(bodies, cameras, lamps, device, slots=min(N_OBJECTS, -(-most // slots) * slots))


def _bodies_of_pictures(pictures: Sequence[Picture]) -> tuple[Bodies, Floats, Floats]:
    """Return the bodies of each image ``(images, 10)``, its camera and its lamps."""
    states = [_state(picture) for picture in pictures]
    together = State(*(np.stack(parts) for parts in zip(*states, strict=True)))
    bodies = bodies_of(together, np.stack([picture.scene.rotations for picture in pictures]))
    cameras = np.stack([picture.scene.stage.cameras[_view_number(picture.view)] for picture in pictures])
    lamps = np.stack([picture.scene.stage.lamps for picture in pictures])
    return bodies, cameras, lamps


def _raycast(
    bodies: Bodies,
    cameras: Floats,
    lamps: Floats,
    size: Size,
    *,
    device: Any = "cpu",
    samples: int = 2,
    compiled: bool = False,
) -> Any:
    """Draw ``(images, 10)`` bodies, each by its own camera ``(images, 3)`` and lamps ``(images, lamps, 3)``."""
    try:
        import torch
    except ImportError:
        raise ConfigError("the backend 'raycast' needs torch: pip install 'star-r1[train]'") from None
    from trainers.scenes.raycast import compiled_raycast, raycast, solids_of

    width, height = width_height(size)
    with torch.no_grad():
        solids = solids_of(bodies, cameras, lamps, device, slots=N_OBJECTS if compiled else None)
        draw = compiled_raycast() if compiled else raycast
        return draw(solids, width, height, samples=samples)


def _known(backend: str) -> str:
    if backend not in BACKENDS:
        raise ConfigError(f"backend {backend!r} is not one of {', '.join(BACKENDS)}")
    return backend


def _state(picture: Picture) -> State:
    return picture.scene.final if picture.final else picture.scene.initial


def _view_number(view: str) -> int:
    if view not in VIEWS:
        raise ConfigError(f"view {view!r} is not one of {', '.join(VIEWS)}")
    return VIEWS.index(view)


def _seed(view: str, *parts: Any) -> int:
    """Return the seed of a path-traced image: a function of what is drawn."""
    digest = hashlib.sha256(view.encode())
    for part in parts:
        digest.update(np.ascontiguousarray(part).tobytes())
    return int.from_bytes(digest.digest()[:4], "little")
