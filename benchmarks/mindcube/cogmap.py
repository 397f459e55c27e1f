"""Metrics of a cognitive map against the true one, as MindCube computes them.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/cogmap/cogmap_metrics.py`` and ``graph_operations.py``. A
map is a 10x10 grid seen from above, ``[0, 0]`` top left, y down. It is either *complex* (lists ``objects``
and ``views`` of ``{"name", "position", "facing"}``) or *simple* (``{name: {"position", "facing"}}``).

The generated map is tried in six orientations, with the same floating-point matrices as upstream: the cosine
of 90 degrees is 6e-17 there, not 0, and that decides between "left" and "up" on exact diagonals.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.columns import column, text_column
from benchmarks.mindcube.cogmap_format import is_complex, is_valid, truncate
from benchmarks.mindcube.cogmap_text import extract_map

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

_FACING_ALIASES = {
    **dict.fromkeys(("top", "north"), "up"),
    **dict.fromkeys(("bottom", "south"), "down"),
    "east": "right",
    "west": "left",
    **dict.fromkeys(("front", "into", "inside", "forward"), "inner"),
    **dict.fromkeys(("back", "out", "outside", "backward"), "outer"),
}


class Place(NamedTuple):
    """Where a thing stands on the grid and which way it faces (None: not said)."""

    x: float
    y: float
    facing: str | None


class Rotation(NamedTuple):
    """One orientation in which a map is tried: a 3x3 matrix, and what becomes of each facing."""

    name: str
    matrix: NDArray[np.float64]
    facings: Mapping[str, str]


def _about_z(angle: int) -> Rotation:
    cosine, sine = np.cos(np.radians(angle)), np.sin(np.radians(angle))
    ring = ("up", "right", "down", "left")
    turned = {facing: ring[(position + angle // 90) % 4] for position, facing in enumerate(ring)}
    return Rotation(f"z_rot_{angle}", np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]), turned)


ROTATIONS = (
    Rotation("identity", np.eye(3), {}),
    _about_z(90),
    _about_z(180),
    _about_z(270),
    Rotation(
        "x_rot_90",
        np.array([[1.0, 0, 0], [0, 0, -1], [0, 1, 0]]),
        {"up": "inner", "down": "outer", "inner": "down", "outer": "up"},
    ),
    Rotation(
        "y_rot_90",
        np.array([[0, 0, 1], [0, 1, 0], [-1.0, 0, 0]]),
        {"left": "inner", "right": "outer", "inner": "right", "outer": "left"},
    ),
)
"""The orientations in the order in which they are tried; of equally good ones the first wins."""

Relations = dict[Any, dict[Any, str | None]]


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score the cognitive map in one response.

    Args:
        row: columns ``response`` (text) and ``grounded_cogmap`` (the true map, as JSON text or as a mapping).

    Returns:
        ``extracted_json`` (the map read, or None) and the columns of `compare_maps`.

    Raises:
        DataError: a column is missing.
    """
    generated = extract_map(text_column(row, "response"))
    truth = column(row, "grounded_cogmap")
    grounded = extract_map(truth) if isinstance(truth, str) else truth
    return {"extracted_json": generated, **compare_maps(generated, grounded)}


def compare_maps(generated: Any, grounded: Any) -> dict[str, Any]:
    """Compare a map with the true one. Never raises, whatever the maps hold.

    Returns:
        ``parsable_json``, ``valid_format``, ``valid_graph`` (bools: both maps are non-empty mappings; are
        well formed; name at least one thing), ``coverage`` (share of the true names that the map has),
        ``directional_similarity`` (share of the true relations between shared names that it repeats),
        ``facing_similarity`` (share of the true facings), ``overall_similarity`` = 0.7 directional + 0.3
        facing, all in [0, 1] and in the best orientation, ``isomorphic`` (it repeats *every* true relation
        there) and ``best_rotation`` (its name, or None).

    >>> sofa_and_lamp = {"sofa": {"position": [1, 1]}, "lamp": {"position": [4, 1]}}
    >>> compare_maps(sofa_and_lamp, sofa_and_lamp)["overall_similarity"]
    1.0
    """
    result = _no_match()
    if not (generated and grounded and isinstance(generated, dict) and isinstance(grounded, dict)):
        return result
    result["parsable_json"] = True
    if not is_complex(generated):
        generated = truncate(generated)
    if not (is_valid(generated) and is_valid(grounded)):
        return result
    result["valid_format"] = True
    drawn, true = read_places(generated), read_places(grounded)
    if not drawn or not true:
        return result
    names = _object_names(grounded) if "views" not in generated and "objects" in grounded else set(true)
    shared = names & set(drawn)
    result |= {"valid_graph": True, "coverage": len(shared) / len(names) if names else 0.0}
    return result | _best_orientation(drawn, true, names) if shared else result


def _no_match() -> dict[str, Any]:
    return {
        "parsable_json": False,
        "valid_format": False,
        "valid_graph": False,
        "coverage": 0.0,
        "directional_similarity": 0.0,
        "facing_similarity": 0.0,
        "overall_similarity": 0.0,
        "isomorphic": False,
        "best_rotation": None,
    }


def _best_orientation(drawn: Mapping[Any, Place], true: Mapping[Any, Place], names: AbstractSet[Any]) -> dict[str, Any]:
    """Return the similarities in the orientation with the highest overall similarity; above 0, or nothing."""
    wanted = relations(true, names)
    best: dict[str, Any] = {"overall_similarity": 0.0}
    for rotation in ROTATIONS:
        turned = rotate(drawn, rotation)
        found = relations(turned, turned.keys())
        directional, facing = _directional(found, wanted), _facing(turned, true, names)
        overall = 0.7 * directional + 0.3 * facing
        if overall > best["overall_similarity"]:
            best = {
                "directional_similarity": directional,
                "facing_similarity": facing,
                "overall_similarity": overall,
                "isomorphic": _isomorphic(found, wanted),
                "best_rotation": rotation.name,
            }
    return best


def _directional(found: Relations, wanted: Relations) -> float:
    pairs = [
        (relation, found[first][second])
        for first, others in wanted.items()
        if first in found
        for second, relation in others.items()
        if second in found and relation is not None
    ]
    return sum(relation == drawn for relation, drawn in pairs) / len(pairs) if pairs else 0.0


def _facing(drawn: Mapping[Any, Place], true: Mapping[Any, Place], names: AbstractSet[Any]) -> float:
    pairs = [(true[name].facing, drawn[name].facing) for name in names if name in drawn and true[name].facing]
    return sum(facing == other for facing, other in pairs) / len(pairs) if pairs else 1.0


def _isomorphic(found: Relations, wanted: Relations) -> bool:
    return all(
        first in found
        and all(second in found[first] and found[first][second] == relation for second, relation in others.items())
        for first, others in wanted.items()
    )


def relations(places: Mapping[Any, Place], names: Iterable[Any]) -> Relations:
    """Return where each name lies from each other: ``relations[a][b]`` is "b is ... of a" on the page."""
    listed = list(names)
    return {a: {b: _direction(places[a], places[b]) for b in listed if a != b} for a in listed}


def _direction(start: Place, end: Place) -> str | None:
    dx, dy = end.x - start.x, end.y - start.y
    # math.pow rounds as upstream's scalar power does (dx * dx need not); far apart is far apart, and cannot
    # overflow.
    distance = math.sqrt(math.pow(min(abs(dx), 1e150), 2) + math.pow(min(abs(dy), 1e150), 2))
    if distance < 0.5:
        return _depth(start, end)
    if abs(dx) > abs(dy):
        return "right" if dx > 0 else "left"
    return "down" if dy > 0 else "up"


def _depth(start: Place, end: Place) -> str | None:
    """Tell inner from outer for two things in one spot, by facing; without it only where they coincide."""
    if start.facing == "inner" or end.facing == "outer":
        return "inner"
    if start.facing == "outer" or end.facing == "inner":
        return "outer"
    apart = np.array([start.x, start.y]) - np.array([end.x, end.y])
    return "inner" if np.linalg.norm(apart) < 0.2 else None


def rotate(places: Mapping[Any, Place], rotation: Rotation) -> dict[Any, Place]:
    """Return the places after a rotation in space, projected back onto the grid."""
    with np.errstate(invalid="ignore", over="ignore"):
        return {
            name: Place(*_turned(place, rotation), rotation.facings.get(place.facing or "", place.facing))
            for name, place in places.items()
        }


def _turned(place: Place, rotation: Rotation) -> tuple[float, float]:
    x, y, _ = rotation.matrix @ np.array([place.x, place.y, 0.0])
    return float(x), float(y)


def read_places(cogmap: Mapping[str, Any]) -> dict[Any, Place]:
    """Return the place of everything that a well-formed map names, views included.

    Of equal names the last wins. What has no name, or a name that is no plain value, is left out.
    """
    if "objects" not in cogmap:
        return {name: _place(thing) for name, thing in cogmap.items() if isinstance(thing, dict)}
    listed = [*cogmap["objects"], *cogmap.get("views", ())]
    return {thing["name"]: _place(thing) for thing in listed if _is_named(thing)}


def _object_names(cogmap: Mapping[str, Any]) -> set[Any]:
    return {thing["name"] for thing in cogmap["objects"] if _is_named(thing)}


def _is_named(thing: Any) -> bool:
    return isinstance(thing, dict) and "name" in thing and not isinstance(thing["name"], list | dict)


def _place(thing: Mapping[str, Any]) -> Place:
    x, y = thing["position"][:2]
    return Place(float(x), float(y), _normal_facing(thing.get("facing")))


def _normal_facing(facing: Any) -> str | None:
    if isinstance(facing, list):
        facing = facing[0] if facing else None
    if not isinstance(facing, str):
        return None
    plain = facing.lower().strip()
    return _FACING_ALIASES.get(plain, plain) or None
