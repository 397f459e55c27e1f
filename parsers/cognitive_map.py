"""The answer to "draw the scene from above" -> a cognitive map: where objects and views are on a grid, how they face.

A map is one object of JSON, in one of MindCube's two layouts, with or without a fence and words around it:

    complex   {"objects": [{"name": "sofa", "position": [2, 5], "facing": "down"}, ...],
               "views": [{"name": "View 1", "position": [5, 9], "facing": "up"}, ...]}
    simple    {"sofa": {"position": [2, 5], "facing": "down"}, ...}

``[0, 0]`` is the upper left corner, x grows to the right and y downward. Nothing is repaired, cut or moved: a map that
is broken anywhere is none. Names are compared without case and with single blanks.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from parsers.choice import unreadable
from parsers.types import Fault

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

MapLayout = Literal["complex", "simple"]
"""Lists of objects and of views; or objects alone, each under its name."""

FACINGS = ("up", "right", "down", "left")
"""The words for facings, clockwise from the top of the grid."""

_ARROWS = "↑→↓←"


class Thing(NamedTuple):
    """An object or a view on the grid.

    Attributes:
        x, y: its place, right and down from the upper left corner.
        facing: in quarter turns clockwise from the top of the grid, 0 to 3; None: not said.
    """

    x: float
    y: float
    facing: int | None = None


class CognitiveMap(NamedTuple):
    """Objects and views by name, in the order in which they are listed."""

    objects: Mapping[str, Thing]
    views: Mapping[str, Thing]

    @property
    def things(self) -> dict[str, Thing]:
        """All of them, the objects first."""
        return {**self.objects, **self.views}

    def __str__(self) -> str:
        """Return the map in one line: ``sofa [2, 5] ↓; View 1 [5, 9] ↑``."""
        return "; ".join(
            f"{name} [{thing.x:g}, {thing.y:g}]" + (f" {_ARROWS[thing.facing]}" if thing.facing is not None else "")
            for name, thing in self.things.items()
        )


class MapReading(NamedTuple):
    """What was read.

    Attributes:
        value: the map, or None where the text holds none, or more than one.
        fault: why there is none, with its place: ``empty``, ``too_long``, ``no_map``, ``not_json``, ``ambiguous``
            (several), ``wrong_layout``, ``wrong_entry`` (not a name, a position and perhaps a facing), ``off_grid``,
            ``unknown_facing``, ``no_facing`` (of a view), ``duplicate_name``.
    """

    value: CognitiveMap | None
    fault: Fault | None = None


class _Wrong(Exception):  # noqa: N818  no error that anyone sees: the way out of a map's reading
    def __init__(self, code: str, message: str, about: str | None = None, number: int = 1) -> None:
        super().__init__(message)
        self.code, self.about, self.number = code, about, number


def parse_map(text: str, *, layout: MapLayout, grid: int, facings: tuple[str, ...] = FACINGS) -> MapReading:
    """Read the one map of an answer, in linear time. Never raises on any text.

    Args:
        text: the answer, at most 64,000 characters.
        layout: which of the two layouts is asked for; the other is a fault.
        grid: cells along a side; a coordinate is a number from 0 to grid - 1.
        facings: the words for facings, clockwise from the top of the grid.

    >>> drawn = 'My map: {"Sofa": {"position": [2, 5], "facing": "down"}, "lamp": {"position": [7, 5]}}'
    >>> print(parse_map(drawn, layout="simple", grid=10).value)
    sofa [2, 5] ↓; lamp [7, 5]
    >>> parse_map('{"sofa": {"position": [2, 12]}}', layout="simple", grid=10).fault
    Fault(code='off_grid', message="'sofa' is at [2, 12], and the grid goes from 0 to 9", offset=1)
    """
    fault = unreadable(text)
    if fault is not None:
        return MapReading(None, fault)
    start = text.find("{")
    if start < 0:
        return MapReading(None, Fault("no_map", "there is no object of JSON", 0))
    try:
        data, end = _DECODER.raw_decode(text, start)
        if "{" in text[end:]:
            return MapReading(None, Fault("ambiguous", "there is more than one object of JSON", text.index("{", end)))
        return MapReading(_map(data, layout, grid, facings))
    except _Wrong as wrong:
        return MapReading(None, Fault(wrong.code, str(wrong), _place(text, start, wrong)))
    except json.JSONDecodeError as error:
        return MapReading(None, Fault("not_json", f"this is no JSON: {error.msg}", min(error.pos, len(text))))
    except (ValueError, RecursionError):  # numbers of thousands of digits; brackets in brackets
        return MapReading(None, Fault("not_json", "this is no JSON that can be read", start))


def _place(text: str, start: int, wrong: _Wrong) -> int:
    """Return where the name that a fault is about is written; the place of the map where that cannot be told."""
    at = start
    for _ in range(wrong.number if wrong.about is not None else 0):
        at = text.find(f'"{wrong.about}"', at + 1)
        if at < 0:
            return start
    return at


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for at, name in enumerate(names) if name in names[:at])
        raise _Wrong("duplicate_name", f"{twice[:40]!r} stands there twice", twice, 2)
    return found


_DECODER = json.JSONDecoder(object_pairs_hook=_once)


def _map(data: dict[str, Any], layout: MapLayout, grid: int, facings: tuple[str, ...]) -> CognitiveMap:
    listed = isinstance(data.get("objects"), list)
    if listed != (layout == "complex"):
        asked = "lists of objects and views are" if layout == "complex" else "each object under its name is"
        raise _Wrong("wrong_layout", f"{asked} asked for")
    known: dict[str, str] = {}
    if not listed:
        objects = _things([{"name": name, **_entry(name, each)} for name, each in data.items()], known, grid, facings)
        views: dict[str, Thing] = {}
    else:
        other = next((key for key in data if key not in ("objects", "views")), None)
        if other is not None or not isinstance(data.get("views", []), list):
            raise _Wrong("wrong_layout", "a map holds the lists objects and views, and nothing else", other or "views")
        objects = _things(data["objects"], known, grid, facings)
        views = _things(data.get("views", []), known, grid, facings)
        if blind := next((name for name, view in views.items() if view.facing is None), None):
            raise _Wrong("no_facing", f"{known[blind][:40]!r} is a view without a facing", known[blind])
    if not known:
        raise _Wrong("empty", "the map holds nothing")
    return CognitiveMap(objects, views)


def _entry(name: str, entry: Any) -> dict[str, Any]:
    if not isinstance(entry, dict) or "name" in entry:
        raise _Wrong("wrong_entry", f"{name[:40]!r} has no position and perhaps facing alone", name)
    return entry


def _things(entries: Sequence[Any], known: dict[str, str], grid: int, facings: tuple[str, ...]) -> dict[str, Thing]:
    """Read a list of things; *known* holds how each name was written so far, and takes the new ones."""
    found = {}
    for entry in entries:
        written = entry.get("name") if isinstance(entry, dict) else None
        if not isinstance(written, str) or not written.strip():
            raise _Wrong("wrong_entry", f"{json.dumps(entry)[:60]} has no name")
        other = next((key for key in entry if key not in ("name", "position", "facing")), None)
        if other is not None:
            raise _Wrong("wrong_entry", f"{written[:40]!r} has {other[:40]!r} beside position and facing", other)
        name = fold_name(written)
        if name in known:
            number = 2 if known[name] == written else 1
            raise _Wrong("duplicate_name", f"{written[:40]!r} stands there twice", written, number)
        known[name] = written
        place, facing = _position(written, entry.get("position"), grid), entry.get("facing")
        found[name] = Thing(*place, _facing(written, facing, facings))
    return found


def _position(name: str, position: Any, grid: int) -> tuple[float, float]:
    numbers = position if isinstance(position, list) else []
    if len(numbers) != 2 or any(type(number) not in (int, float) for number in numbers):
        raise _Wrong("wrong_entry", f"the position of {name[:40]!r} is not of the form [x, y]", name)
    if not all(0 <= number <= grid - 1 for number in numbers):  # so is what is no number
        shown = ", ".join(f"{min(max(number, -1e9), 1e9):g}" for number in numbers)
        raise _Wrong("off_grid", f"{name[:40]!r} is at [{shown}], and the grid goes from 0 to {grid - 1}", name)
    return float(numbers[0]), float(numbers[1])


def _facing(name: str, facing: Any, facings: tuple[str, ...]) -> int | None:
    if facing is None:
        return None
    word = facing.strip().casefold() if isinstance(facing, str) else None
    if word not in facings:
        said = json.dumps(facing)[:40]
        raise _Wrong("unknown_facing", f"{name[:40]!r} faces {said}, which is none of {', '.join(facings)}", name)
    return facings.index(word)


def fold_name(name: str) -> str:
    """Return a name as names are compared.

    >>> fold_name(" Red  Cube")
    'red cube'
    """
    return " ".join(name.casefold().split())


def map_json(objects: Mapping[str, Thing], views: Mapping[str, Thing], facings: Sequence[str] = FACINGS) -> str:
    """Return a map of the complex layout as text, with the names as they are given.

    >>> map_json({"sofa": Thing(2, 5)}, {"View 1": Thing(5, 9, 0)})  # doctest: +NORMALIZE_WHITESPACE
    '{"objects": [{"name": "sofa", "position": [2, 5]}],
      "views": [{"name": "View 1", "position": [5, 9], "facing": "up"}]}'
    """
    lists = {"objects": objects, "views": views}
    return json.dumps(
        {
            key: [{"name": name} | map_entry(thing, facings) for name, thing in each.items()]
            for key, each in lists.items()
        },
        ensure_ascii=False,
    )


def map_entry(thing: Thing, facings: Sequence[str] = FACINGS) -> dict[str, Any]:
    """Return what a map says of a thing: its position, whole numbers as such, and its facing."""
    place = {"position": [int(number) if number == int(number) else number for number in thing[:2]]}
    return place if thing.facing is None else {**place, "facing": facings[thing.facing]}
