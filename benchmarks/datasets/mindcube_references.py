"""Which objects each view of a MindCube item refers to: from its cognitive map, or else from its annotation.

These labels are this project's own: the paper does not say how it made its own. They are derived from the map
and not from the official reasoning chains, some of which name the neighbour of the object that is seen.
"""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from benchmarks.mindcube.cogmap import Place, read_places
from benchmarks.mindcube.cogmap_format import is_valid

if TYPE_CHECKING:
    from collections.abc import Sequence

References = tuple[frozenset[str], ...]

_AHEAD = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
_SIDES = ("front", "left", "back", "right")
_BEYOND = {"front": 3, "left": 4, "back": 1, "right": 2}  # places in [centre, front, left, back, right]


def from_map(cogmap: dict[str, Any]) -> References | None:
    """Return for each view of a map the names of the objects in its field of view, or None for no such map.

    A view sees what lies ahead of it, at most twice as far to the side as ahead. On MindCube's schematic
    grids that is exactly what its images show: of *among* the centre and the object beyond it, of *around*
    the whole row, of *rotation* the one object in front. A view that looks into the page sees what lies at
    most one cell away.
    """
    if not isinstance(cogmap.get("views"), list) or not isinstance(cogmap.get("objects"), list):
        return None
    if not is_valid(cogmap):
        return None
    objects = read_places({"objects": cogmap["objects"]})
    views = [read_places({"objects": [view]}) for view in cogmap["views"]]
    return tuple(
        frozenset(str(name).strip() for name, place in objects.items() if _sees(view, place))
        for named in views
        for view in named.values()
    )


def _sees(view: Place, thing: Place) -> bool:
    dx, dy = thing.x - view.x, thing.y - view.y
    if view.facing not in _AHEAD:
        return max(abs(dx), abs(dy)) <= 1
    forward_x, forward_y = _AHEAD[view.facing]
    ahead, aside = dx * forward_x + dy * forward_y, dx * forward_y - dy * forward_x
    return ahead > 0 and abs(aside) <= 2 * ahead


def from_meta(setting: str, meta: Any, images: Sequence[str]) -> References | None:
    """Return the references of each image by the raw file's ``meta_info``, or None where it does not tell.

    *rotation*: image k shows the k-th name. *among*: an image named after its side (``front_039.jpg``) shows
    the centre and the object beyond; four images of other names are front, left, back, right. *around*: every
    image shows the whole row.

    >>> from_meta("rotation", ["window", "door"], ["a.jpg", "b.jpg"])
    (frozenset({'window'}), frozenset({'door'}))
    """
    try:
        if setting == "rotation":
            return tuple(_names([name]) for name in meta) if all(isinstance(name, str) for name in meta) else None
        if setting == "among":
            return tuple(_names([meta[0][0], meta[0][_BEYOND[side]]]) for side in _sides(images))
        if setting == "around":
            return (_names(meta[1][1]),) * len(images)
    except (TypeError, LookupError):  # another shape of annotation
        return None
    return None


def _names(names: Sequence[Any]) -> frozenset[str]:
    return frozenset(name.strip() for name in names if isinstance(name, str) and name.strip())


def _sides(images: Sequence[str]) -> Sequence[str]:
    """Return the side from which each image was taken.

    Raises:
        LookupError: it cannot be told.
    """
    sides = [PurePosixPath(image).name.split("_")[0] for image in images]
    if all(side in _SIDES for side in sides):
        return sides
    if len(images) == len(_SIDES):
        return _SIDES
    raise LookupError(images)
