"""How alike two cognitive maps are to DR-MV3D. See `benchmarks.zoo.dr_mv3d`.

.7 times the share of the true map's ordered pairs, views included, that lie in the same of four directions from each
other, plus .3 times the share of its views that face the same way.
"""

from __future__ import annotations

from typing import Any

UNREADABLE = -0.1
_SAME = {"top": "up", "north": "up", "bottom": "down", "south": "down", "east": "right", "west": "left"}
Cell = tuple[int, int]


def likeness(drawn: Any, true: Any) -> float:
    """Return how alike two maps are, in [0, 1], or −.1 where one cannot be read."""
    if (ours := _read(drawn)) is None or (theirs := _read(true)) is None:
        return UNREADABLE
    (cells, faces), (true_cells, true_faces) = ours, theirs
    pairs = [(one, other) for one in true_cells for other in true_cells if one != other]
    same = [
        one in cells
        and other in cells
        and _direction(cells[one], cells[other]) == _direction(true_cells[one], true_cells[other])
        for one, other in pairs
    ]
    facing = [faces.get(name) == face for name, face in true_faces.items() if face]
    return 0.7 * sum(same) / max(1, len(same)) + 0.3 * sum(facing) / max(1, len(facing))


def _read(cogmap: Any) -> tuple[dict[str, Cell], dict[str, str | None]] | None:
    objects, views = (cogmap.get(name) for name in ("objects", "views")) if isinstance(cogmap, dict) else (None, None)
    if not isinstance(objects, list) or not isinstance(views, list):
        return None
    cells: dict[str, Cell] = {}
    for entry in objects + views:
        name, place = (entry.get("name"), entry.get("position")) if isinstance(entry, dict) else (None, None)
        if not isinstance(name, str) or not name or not isinstance(place, list | tuple) or len(place) < 2:
            return None
        try:
            cells[name] = (round(float(place[0])), round(float(place[1])))
        except (TypeError, ValueError, OverflowError):
            return None
    return (cells, {view["name"]: _facing(view.get("facing")) for view in views}) if cells else None


def _facing(word: Any) -> str | None:
    word = word.strip().lower() if isinstance(word, str) else ""
    return facing if (facing := _SAME.get(word, word)) in ("up", "down", "left", "right") else None


def _direction(one: Cell, other: Cell) -> str:
    across, down = other[0] - one[0], other[1] - one[1]
    if (across, down) == (0, 0):
        return "same cell"
    if abs(across) > abs(down):
        return "right" if across > 0 else "left"
    return "down" if down > 0 else "up"
