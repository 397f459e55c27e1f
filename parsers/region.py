"""The answer to a question for a place in an image -> a box or a point, in the coordinates that the task declares.

Nothing is guessed: neither the unit of the numbers nor what they are of a box. Read are four (two) numbers, with or
without brackets, also in pairs (``(10, 20), (30, 40)``), also under the keys that models write: ``{"bbox_2d": [10, 20,
30, 40], "label": "cup"}`` (Qwen-VL, also in a list of one and in a fence), ``bbox``, ``box``, ``point_2d``, ``point``,
or ``x1``, ``y1``, ``x2``, ``y2`` (``x``, ``y``, ``width``, ``height``) one by one. Words may stand before and behind.
Any further number makes it no single region, so that naming several scores nothing.
"""

from __future__ import annotations

import itertools
import re
from functools import lru_cache
from typing import Literal, NamedTuple

from parsers.choice import unreadable
from parsers.grammars import ASCII_MARKS
from parsers.types import Fault

Coordinates = Literal["pixels", "unit", "thousand"]
"""Pixels from the upper left corner, shares of the image in [0, 1], or thousandths of it in [0, 1000]."""
Layout = Literal["xyxy", "xywh"]
"""Two corners, the upper left one first; or the upper left corner, width and height."""

LARGEST: dict[Coordinates, float] = {"pixels": 100_000.0, "unit": 1.0, "thousand": 1000.0}
"""The largest coordinate; the smallest is 0."""

Numbers = tuple[float, ...]


class Region(NamedTuple):
    """A box or a point.

    Attributes:
        value: ``(x1, y1, x2, y2)`` with x1 < x2 and y1 < y2, or ``(x, y)``; None where the text holds no single one.
        fault: why there is none: ``empty``, ``too_long``, ``no_region``, ``ambiguous`` (too many numbers),
            ``out_of_range`` (outside the coordinates that the task declares, or not finite), ``degenerate`` (a box
            without an area, or with its corners swapped), ``wrong_layout`` (keys of another layout than the declared).
    """

    value: Numbers | None
    fault: Fault | None = None


def parse_box(text: str, *, coordinates: Coordinates, layout: Layout) -> Region:
    """Find the one box that an answer names, in linear time. Never raises on any text.

    >>> parse_box('[{"bbox_2d": [10, 20, 30, 40], "label": "cup 2"}]', coordinates="pixels", layout="xyxy")
    Region(value=(10.0, 20.0, 30.0, 40.0), fault=None)
    >>> parse_box("[10, 20, 30, 40]", coordinates="thousand", layout="xywh").value
    (10.0, 20.0, 40.0, 60.0)
    >>> parse_box("[1, 2, 3, 4] or [5, 6, 7, 8]", coordinates="pixels", layout="xyxy").fault.code
    'ambiguous'
    """
    numbers, fault = _numbers(text, 4, layout)
    if numbers is None:
        return Region(None, fault)
    x, y, *other = numbers
    x2, y2 = other if layout == "xyxy" else (x + other[0], y + other[1])
    fault = _outside((x, y, x2, y2), coordinates)
    if fault is None and not (x < x2 and y < y2):
        fault = Fault("degenerate", "the box has no area, or its corners are swapped", 0)
    return Region(None, fault) if fault else Region((x, y, x2, y2))


def parse_point(text: str, *, coordinates: Coordinates) -> Region:
    """Find the one point that an answer names, in linear time. Never raises on any text.

    >>> parse_point("It is at (0.25, 0.5).", coordinates="unit").value
    (0.25, 0.5)
    >>> parse_point("(25, 50)", coordinates="unit").fault.code
    'out_of_range'
    """
    numbers, fault = _numbers(text, 2, "xy")
    fault = fault if numbers is None else _outside(numbers, coordinates)
    return Region(None, fault) if fault else Region(numbers)


def _outside(numbers: Numbers, coordinates: Coordinates) -> Fault | None:
    most = LARGEST[coordinates]
    wrong = [number for number in numbers if not 0 <= number <= most]  # also of what is no number
    if not wrong:
        return None
    return Fault("out_of_range", f"{wrong[0]:g} is no coordinate in {coordinates} (0 to {most:g})", 0)


# A number that is no part of a word: `bbox_2d`, `x1` and `cup2` have none.
_NUMBER = r"[-+−]?+(?:[0-9]++(?:\.[0-9]*+)?+|\.[0-9]++)(?:[eE][-+]?+[0-9]++)?+"
_ANY_NUMBER = re.compile(rf"(?<![\w.])(?:{_NUMBER}|(?i:[-+]?+(?:nan|inf(?:inity)?+)))(?![\w.]*+\w)")
_BETWEEN = re.compile(r"[\s\[\](){}]*+(?:,[\s\[\](){}]*+)?+")
# What a model writes beside a box: its label and how sure it is.
_BESIDE = re.compile(
    r"""["'](?:label|text|text_content|name|description|category|caption|confidence|score)["']\s*+:\s*+"""
    rf"""(?:"[^"]*+"|'[^']*+'|{_NUMBER})"""
)
_KEY = re.compile(r"""["'`]?([A-Za-z]\w*+)["'`]?\s*+[:=]\s*+\Z""")
_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "xyxy": (("x1", "y1", "x2", "y2"), ("xmin", "ymin", "xmax", "ymax"), ("left", "top", "right", "bottom")),
    "xywh": (("x", "y", "w", "h"), ("x", "y", "width", "height"), ("left", "top", "width", "height")),
    "xy": (("x", "y"),),
}
_OPEN = {"]": "[", ")": "(", "}": "{"}
_APART = 80  # characters between two numbers of a region, at most
_CACHED_LENGTH = 512


def _numbers(text: str, many: int, layout: str) -> tuple[Numbers | None, Fault | None]:
    fault = unreadable(text)
    if fault is not None:
        return None, fault
    return _cached(text, many, layout) if len(text) <= _CACHED_LENGTH else _read(text, many, layout)


def _read(text: str, many: int, layout: str) -> tuple[Numbers | None, Fault | None]:
    text = text.translate(ASCII_MARKS)
    text = _BESIDE.sub(lambda found: " " * len(found[0]), text)
    found = list(_ANY_NUMBER.finditer(text))
    if len(found) > many:
        return None, Fault("ambiguous", f"there are {len(found)} numbers, and {many} make one", found[many].start())
    if len(found) < many:
        return None, Fault("no_region", f"there are {len(found)} numbers, and {many} make one", 0)
    if found[-1].start() - found[0].end() > _APART * many:  # also so that what stands between is looked at once
        return None, Fault("no_region", f"these numbers are no list of {many}", found[0].start())
    between = [text[one.end() : other.start()] for one, other in itertools.pairwise(found)]
    values = tuple(float(each[0].replace("−", "-")) for each in found)
    before = text[: found[0].start()]
    keys = [_KEY.search(each) for each in (before[-40:], *between)]
    named = tuple(key[1].casefold() for key in keys if key is not None)
    listed = all(
        _BETWEEN.fullmatch(each[: key.start()] if key else each) for each, key in zip(between, keys[1:], strict=True)
    )
    if listed and len(named) == many:
        return _by_keys(named, values, layout)
    opened = re.search(r"[\[({\s]*+\Z", before[-40:])
    brackets = "0".join((opened[0] if opened else "", *between, text[found[-1].end() : found[-1].end() + 40]))
    if not listed or any(keys[1:]) or not _is_one(brackets, many):
        return None, Fault("no_region", f"these numbers are no list of {many}", found[0].start())
    return values, None


_cached = lru_cache(maxsize=4096)(_read)


def _by_keys(named: tuple[str, ...], values: Numbers, layout: str) -> tuple[Numbers | None, Fault | None]:
    """Return the numbers in the order of their layout, each by its key."""
    given = dict(zip(named, values, strict=True))
    for keys in _KEYS[layout]:
        if set(keys) == set(given):
            return tuple(given[key] for key in keys), None
    return None, Fault("wrong_layout", f"the keys {', '.join(named)} are none of {layout}", 0)


def _is_one(brackets: str, many: int) -> bool:
    """Return whether brackets around numbers, 0 each, close what they open and hold all numbers, or pairs of them.

    What closes brackets that were opened before is the object's or the list's that the region stands in.
    """
    stack, opened, groups = [0], 0, []
    kinds: list[str] = []
    for char in brackets:
        if char == "0":
            groups.append(stack[-1])
        elif char in "[({":
            opened += 1
            stack.append(opened)
            kinds.append(char)
        elif char in _OPEN:
            if not kinds:
                if len(groups) < many:
                    return False
                break
            if kinds.pop() != _OPEN[char]:
                return False
            stack.pop()
        elif len(groups) == many and not char.isspace():
            break
    sizes = [groups.count(group) for group in dict.fromkeys(groups)]
    return not kinds and (sizes == [many] or (many == 4 and sizes == [2, 2] and groups[0] == groups[1] != 0))
