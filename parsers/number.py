"""The answer to a question for a quantity -> its value and unit. The grammar is ``number.lark``."""

from __future__ import annotations

import math
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.choice import unreadable
from parsers.grammars import build
from parsers.values import Fault

if TYPE_CHECKING:
    from collections.abc import Callable

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the cache's memory

_METERS = {  # without the "s" of a plural
    "m": 1.0, "meter": 1.0, "metre": 1.0,
    "cm": 0.01, "centimeter": 0.01, "centimetre": 0.01,
    "mm": 0.001, "millimeter": 0.001, "millimetre": 0.001,
    "km": 1000.0, "kilometer": 1000.0, "kilometre": 1000.0,
    "ft": 0.3048, "foot": 0.3048, "feet": 0.3048,
    "in": 0.0254, "inch": 0.0254, "inche": 0.0254,
    "yd": 0.9144, "yard": 0.9144,
}  # fmt: skip


class Number(NamedTuple):
    """A quantity.

    Attributes:
        value: finite, or None where the text holds no single quantity.
        unit: the unit as written (``"m"``, ``"meters"``, ``"°"``), or None where none is written.
        fault: why there is no value: ``empty``, ``too_long``, ``no_number``, ``ambiguous`` (several different
            quantities, so a range too), ``out_of_range`` (not finite, or a division by zero).
        alone: True where the text is the quantity and no other word.
    """

    value: float | None
    unit: str | None = None
    fault: Fault | None = None
    alone: bool = False

    def in_unit(self, unit: str | None) -> float | None:
        """Return the value in another unit of length (m, cm, mm, km, ft, in, yd and their names).

        A number without unit, and any number for *unit* None, is taken as it stands; None where nothing converts.

        >>> Number(150.0, "cm").in_unit("meters")
        1.5
        """
        if self.value is None or unit is None or self.unit is None or self.unit.casefold() == unit.casefold():
            return self.value
        mine, other = _meters(self.unit), _meters(unit)
        return self.value * (mine / other) if mine and other else None


def _meters(unit: str) -> float | None:
    return _METERS.get(unit.casefold().removesuffix("s"))


def parse_number(text: str) -> Number:
    """Find the one quantity that an answer names, in linear time. Never raises on any text.

    Read are signs (also U+2212), decimals, thousands (``1,200``, ``1 200``), ``1.5e3``, ``1.5 × 10^3``, ``3/4`` and
    units, also within a sentence. The same quantity twice is one, in whatever unit. Digits are ASCII only, number
    words are not read, and ``nan`` and ``inf`` are words.

    Args:
        text: the answer, at most 64,000 characters.

    >>> parse_number("about 1.5 meters")
    Number(value=1.5, unit='meters', fault=None, alone=False)
    >>> parse_number("between 1 and 2 m").fault.code
    'ambiguous'
    """
    fault = unreadable(text)
    if fault is not None:
        return Number(None, None, fault)
    return _cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)


def _parse(text: str) -> Number:
    children = _parser()(text).children
    quantities = [child for child in children if not isinstance(child, str)]
    if not quantities:
        return Number(None, None, Fault("no_number", "there is no number"))
    first = _quantity(quantities[0])
    for tree in quantities[1:] if first.fault is None else ():
        other = _quantity(tree)
        if not _same(first, other):
            return Number(None, None, Fault("ambiguous", "different numbers are named", tree.children[0].start_pos))
        first = first if first.unit else first._replace(unit=other.unit)
    return first._replace(alone=len(children) == 1)


_cached = lru_cache(maxsize=4096)(_parse)


def _same(first: Number, other: Number) -> bool:
    value = other.in_unit(first.unit)
    return value is not None and first.value is not None and math.isclose(value, first.value)


def _quantity(tree: Any) -> Number:
    value, unit = 1.0, None
    for token in tree.children:
        if token.type == "NUMBER":
            value = _float(token)
        elif token.type == "DENOMINATOR":
            divisor = _float(token.replace("/", ""))
            value = value / divisor if divisor else math.inf
        elif token.type == "UNIT":
            unit = token.replace("\\text", "").replace("\\mathrm", "").strip("\\{},; \t\r\n")
        else:  # POWER_OF_TEN or TEN_TO_THE, which may have a sign
            sign = -1.0 if token[0] in "-−–" else 1.0
            value *= sign * _float("1e" + token.replace("**", "^").rpartition("^")[2].strip("{} \t\r\n"))
    if not math.isfinite(value):
        return Number(None, None, Fault("out_of_range", "the number is not finite", tree.children[0].start_pos))
    return Number(value, unit)


_ASCII = str.maketrans({"−": "-", "–": "-", **dict.fromkeys(", \xa0\u2009\u202f\t\r\n")})


def _float(text: str) -> float:
    return float(text.translate(_ASCII))


@cache
def _parser() -> Callable[[str], Any]:
    return build("number", "start").parse
