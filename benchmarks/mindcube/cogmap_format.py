"""What MindCube accepts as a well-formed cognitive map.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/cogmap/cogmap_metrics.py``. Values on which upstream
raises (an empty list for an object, a number too large for a float) are ill-formed here.
"""

from __future__ import annotations

from typing import Any

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
