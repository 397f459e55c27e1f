"""How objects stand to each other in a picture: left, right, in front of, behind, true by the camera."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parsers.values import Relation
from trainers.data.cameras import frame_at

if TYPE_CHECKING:
    from collections.abc import Iterable

    from trainers.data.bodies import Bodies, Floats


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


def nearest_shown(bodies: Bodies, index: int) -> int | None:
    """Return the nearest other object in the picture, by the distance of the centres, or None."""
    distance = np.hypot(bodies.x - bodies.x[index], bodies.y - bodies.y[index])
    distance[~bodies.shown] = np.inf
    distance[index] = np.inf
    best = int(distance.argmin())
    return best if np.isfinite(distance[best]) else None


def placed(bodies: Bodies, indices: Iterable[int], camera: Floats) -> list[Relation]:
    """Place some objects of a picture, each by its nearest neighbour: ``[object 4, object 0, left]``.

    Objects outside the picture, and an object that is alone in it, have no relation.
    """
    found = []
    for index in indices:
        other = nearest_shown(bodies, index) if bodies.shown[index] else None
        if other is not None:
            relation = relation_in_view(bodies, index, other, camera)
            found.append(Relation(f"object {index}", f"object {other}", relation))
    return found
