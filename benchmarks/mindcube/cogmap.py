"""Cognitive maps: read out of a response, checked, and compared with the true one, as MindCube does.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/core/extractors.py`` (reading), ``src/evaluation/cogmap/``
``cogmap_metrics.py`` and ``graph_operations.py`` (the rest). A map is a 10x10 grid seen from above, ``[0, 0]`` top
left, y down. It is either *complex* (lists ``objects`` and ``views`` of ``{"name", "position", "facing"}``) or *simple*
(``{name: {"position", "facing"}}``).

The same maps come out, but in time linear in the text, and no text raises: where upstream fails with an exception,
there is no map, and values on which it raises (an empty list for an object, a number too large for a float) are
ill-formed. Upstream's evaluator puts the *true* map in the place of a missing one where the response's column is
``cogmap_gen_answer``; that is left out.

The generated map is tried in six orientations, with the same floating-point matrices as upstream: the cosine
of 90 degrees is 6e-17 there, not 0, and that decides between "left" and "up" on exact diagonals.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet

    from numpy.typing import NDArray

# Reading a map out of a response

_COMMENT = re.compile(r"//.*")
_LINE_SPACE = re.compile(r"[\n\r\t]")
_BARE_KEY = re.compile(r"(?<!\w)(\w++)(\s*+):")
_COMMA_BRACE = re.compile(r",\s*+}")
_COMMA_BRACKET = re.compile(r",\s*+]")
_PAIR = re.compile(r'"([^"]+)":\s*{([^{}]*(?:{[^{}]*}[^{}]*)*)}')


def extract_map(text: str) -> dict[str, Any] | None:
    r"""Return the JSON object between the first ``{`` and the last ``}``, or None.

    Broken JSON is repaired in two steps: first comments, bare keys and trailing commas; then, piece by piece,
    every ``"name": {...}`` that can be read alone.

    >>> extract_map("Map: {sofa: {position: [1, 2],}} // done }")
    {'sofa': {'position': [1, 2]}}
    >>> extract_map("no map") is None
    True
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    body = text[start : end + 1]
    try:
        return _object(body)
    except json.JSONDecodeError:
        repaired = _repaired(body)
        return _pieces(body) if repaired is None else repaired
    except (ValueError, RecursionError):
        return None


def _object(body: str) -> dict[str, Any]:
    """Parse text that begins with a brace; JSON that begins so is an object."""
    value: dict[str, Any] = json.loads(body)
    return value


def _repaired(body: str) -> dict[str, Any] | None:
    """Parse without comments and trailing commas, with bare keys in quotes; None where that fails too."""
    cleaned = _LINE_SPACE.sub(" ", _COMMENT.sub("", body))
    try:
        return _object(_tidy(cleaned))
    except (ValueError, RecursionError):
        return None


def _tidy(body: str) -> str:
    quoted = _BARE_KEY.sub(r'"\1"\2:', body)
    return _COMMA_BRACKET.sub("]", _COMMA_BRACE.sub("}", quoted))


def _pieces(body: str) -> dict[str, Any] | None:
    """Collect every ``"name": {...}`` of the text that parses alone; the last of equal names wins."""
    found: dict[str, Any] = {}
    for name, inner in _PAIR.findall(body):
        try:
            found[name] = _object(_tidy("{" + inner + "}"))
        except (ValueError, RecursionError):
            continue
    return found or None


# Its form

FACINGS = frozenset(
    (
        *("up", "down", "left", "right", "inner", "outer", "top", "bottom", "north", "south", "east", "west"),
        *("front", "back", "into", "out", "inside", "outside", "forward", "backward"),
    )
)
"""Words that upstream accepts as a facing, in lower case."""


def is_complex(cogmap: Any) -> bool:
    """Return whether the map has the form with a list of ``objects``."""
    return isinstance(cogmap, dict) and isinstance(cogmap.get("objects"), list)


def truncate(cogmap: dict[Any, Any]) -> dict[Any, Any]:
    """Return a simple map with only the first of several places of one name; an empty list stays as it is."""
    return {name: place[0] if isinstance(place, list) and place else place for name, place in cogmap.items()}


def is_valid(cogmap: Any) -> bool:
    """Return whether the map is well formed: each thing has a position of two numbers and no unknown facing.

    >>> is_valid({"sofa": {"position": [1, "2"], "facing": "North"}})
    True
    >>> is_valid({"objects": [{"position": [1, 2]}]})
    False
    """
    if not isinstance(cogmap, dict):
        return False
    if not is_complex(cogmap):
        return all(_is_placed(thing) for thing in cogmap.values())
    views = cogmap.get("views", [])
    return isinstance(views, list) and all(
        _is_placed(thing) and "name" in thing for thing in [*cogmap["objects"], *views]
    )


def _is_placed(thing: Any) -> bool:
    return (
        isinstance(thing, dict)
        and _is_position(thing.get("position"))
        and ("facing" not in thing or _is_facing(thing["facing"]))
    )


def _is_position(position: Any) -> bool:
    if not isinstance(position, list) or len(position) < 2:
        return False
    try:
        float(position[0]), float(position[1])
    except (ValueError, TypeError, OverflowError):
        return False
    return True


def _is_facing(facing: Any) -> bool:
    if facing is None or facing == []:
        return True
    word = facing[0] if isinstance(facing, list) else facing
    return isinstance(word, str) and word.lower().strip() in FACINGS


# Comparing it with the true one

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
