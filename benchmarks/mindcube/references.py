"""Which objects each view of a MindCube item refers to, and how they stand there: from its map, or its annotation.

These labels are this project's own: the paper does not say how it made its own. They are derived from the map
and not from the official reasoning chains, some of which name the neighbor of the object that is seen.
"""

from __future__ import annotations

from itertools import combinations
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from benchmarks.mindcube.cogmap import Place, is_valid, read_places
from parsers.references import VIEWER
from parsers.types import Relation

if TYPE_CHECKING:
    from collections.abc import Sequence

References = tuple[frozenset[str], ...]
Relations = tuple[tuple[Relation, ...], ...]

_AHEAD = {"up": (0, -1), "down": (0, 1), "left": (-1, 0), "right": (1, 0)}
_SIDES = ("front", "left", "back", "right")
_BEYOND = {"front": 3, "left": 4, "back": 1, "right": 2}  # places in [center, front, left, back, right]


def from_map(cogmap: dict[str, Any]) -> References | None:
    """Return for each view of a map the names of the objects in its field of view, or None for no such map.

    A view sees what lies ahead of it, at most twice as far to the side as ahead. On MindCube's schematic
    grids that is exactly what its images show: of *among* the center and the object beyond it, of *around*
    the whole row, of *rotation* the one object in front. A view that looks into the page sees what lies at
    most one cell away.
    """
    seen = _seen_by_view(cogmap)
    return None if seen is None else tuple(frozenset(names) for _, names in seen)


def relations_from_map(cogmap: dict[str, Any]) -> Relations | None:
    """Return for each view of a map how each two objects in its field of view stand to each other, as seen from there.

    An object is left or right of another, in front of it (nearer to the camera) or behind it, whichever is the greater
    distance; both where they are equal (``behind-left``). The only object of a view stands in front of the camera.
    None for no such map, and where a view looks into the page: its relations are not those of the ground.
    """
    seen = _seen_by_view(cogmap)
    if seen is None or any(view.facing not in _AHEAD for view, _ in seen):
        return None
    return tuple(_relations(view, things) for view, things in seen)


def _seen_by_view(cogmap: dict[str, Any]) -> list[tuple[Place, dict[str, Place]]] | None:
    """Return each view with the objects that it sees, or None for no such map."""
    if not isinstance(cogmap.get("views"), list) or not isinstance(cogmap.get("objects"), list):
        return None
    if not is_valid(cogmap):
        return None
    objects = read_places({"objects": cogmap["objects"]})
    views = [view for named in cogmap["views"] for view in read_places({"objects": [named]}).values()]
    return [
        (view, {str(name).strip(): place for name, place in objects.items() if _sees(view, place)}) for view in views
    ]


def _sees(view: Place, thing: Place) -> bool:
    if view.facing not in _AHEAD:
        return max(abs(thing.x - view.x), abs(thing.y - view.y)) <= 1
    ahead, right = _from(view, thing)
    return ahead > 0 and abs(right) <= 2 * ahead


def _from(view: Place, thing: Place) -> tuple[float, float]:
    """Return how far a thing stands ahead of a view that faces along the page, and how far to its right."""
    dx, dy = thing.x - view.x, thing.y - view.y
    forward_x, forward_y = _AHEAD[str(view.facing)]
    return dx * forward_x + dy * forward_y, dy * forward_x - dx * forward_y


def _relations(view: Place, things: dict[str, Place]) -> tuple[Relation, ...]:
    if len(things) == 1:
        return (Relation(next(iter(things)), VIEWER, "in front of"),)
    placed = {name: _from(view, place) for name, place in things.items()}
    found = []
    for (one, (ahead, right)), (other, (other_ahead, other_right)) in combinations(placed.items(), 2):
        deeper, aside = ahead - other_ahead, right - other_right
        parts = []
        if deeper and abs(deeper) >= abs(aside):
            parts.append("behind" if deeper > 0 else "in front of")
        if aside and abs(aside) >= abs(deeper):
            parts.append("right" if aside > 0 else "left")
        if parts:  # two objects on one cell stand in no direction from each other
            found.append(Relation(one, other, " and ".join(parts)))
    return tuple(found)


def from_meta(setting: str, meta: Any, images: Sequence[str]) -> References | None:
    """Return the references of each image by the raw file's ``meta_info``, or None where it does not tell.

    *rotation*: image k shows the k-th name. *among*: an image named after its side (``front_039.jpg``) shows
    the center and the object beyond; four images of other names are front, left, back, right. *around*: every
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
