"""The answer to a question for a quantity -> its value and unit. The grammar is ``number.lark``."""

from __future__ import annotations

import math
import re
import unicodedata
from functools import cache, lru_cache
from string import digits
from typing import TYPE_CHECKING, Any, NamedTuple

from parsers.choice import unreadable
from parsers.grammars import ASCII_LETTERS, ASCII_MARKS, build, without_tags
from parsers.types import Fault

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the cache's memory

# Name without the "s" of a plural -> what it measures, and its size in its first unit.
_UNITS = {
    name: (dimension, size)
    for dimension, sizes in (
        ("length", {
            "m meter metre 米 公尺": 1.0, "dm decimeter decimetre 分米": 0.1,
            "cm centimeter centimetre ㎝ 厘米 公分": 0.01, "mm millimeter millimetre ㎜ 毫米": 0.001,
            "km kilometer kilometre ㎞ 千米 公里": 1000.0, "um µm μm micrometer micrometre micron 微米": 1e-6,
            "nm nanometer nanometre": 1e-9,
            "ft foot feet 英尺": 0.3048, "in inch inche 英寸": 0.0254, "yd yard": 0.9144, "mi mile 英里": 1609.344,
        }),
        ("angle", {
            "° º ˚ deg degree 度": 1.0, "rad radian 弧度": 180 / math.pi, "gradian": 0.9,
            "arcmin arcminute": 1 / 60, "arcsec arcsecond": 1 / 3600,
        }),
        ("share", {"% percent pct": 1.0}),
        ("time", {
            "s sec second 秒": 1.0, "ms millisecond": 0.001, "min minute 分钟": 60.0, "h hr hour 小时": 3600.0,
            "day": 86400.0,
        }),
        ("mass", {
            "g gram": 1.0, "mg milligram": 0.001, "kg kilogram 公斤 千克": 1000.0, "lb pound": 453.59237,
            "oz ounce": 28.349523125,
        }),
        ("image", {"px pixel 像素": 1.0}),
    )
    for names, size in sizes.items()
    for name in names.split()
}  # fmt: skip
_SCALES = {
    "hundred": 100.0, "百": 100.0, "thousand": 1e3, "k": 1e3, "千": 1e3, "million": 1e6, "billion": 1e9, "dozen": 12.0,
    "万": 1e4, "萬": 1e4, "亿": 1e8, "億": 1e8,
}  # fmt: skip
_SPELLED = {
    word: number
    for words in (
        "zero one two three four five six seven eight nine ten eleven twelve",
        "_ _ _ _ _ _ _ _ _ _ _ _ _ thirteen fourteen fifteen sixteen seventeen eighteen nineteen",
        "零 一 二 三 四 五 六 七 八 九 十",
        "_ _ 两",
        "_ _ 兩",
    )
    for number, word in enumerate(words.split())
}
_TENS = ("twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety")
_SPELLED |= {word: 10 * at for at, word in enumerate(_TENS, 2)}
_RANGE = frozenset({"or", "to", "and", "through"})
_ANNOUNCING = frozenset(
    ["the", "answer", "is", "it", "it's", "it’s", "so", "final", "correct", "ans", "exactly", *"答案是为為个個"]
)


class Number(NamedTuple):
    """A quantity.

    Attributes:
        value: finite, or None where the text holds no single quantity.
        unit: the unit as written (``"m"``, ``"meters"``, ``"°"``), or None where none is written.
        fault: why there is no value: ``empty``, ``too_long``, ``no_number``, ``ambiguous`` (several different
            quantities, so a range and a bound too), ``out_of_range`` (not finite, or a division by zero).
        alone: True where the text is the quantity and no other word.
    """

    value: float | None
    unit: str | None = None
    fault: Fault | None = None
    alone: bool = False

    def in_unit(self, unit: str | None) -> float | None:
        """Return the value in another unit of its kind: lengths (and areas), angles, percent, times, masses, pixels.

        A number without unit, and any number for *unit* None, is taken as it stands; None where nothing converts.

        >>> Number(150.0, "cm").in_unit("meters"), Number(45.0, "°").in_unit("degrees")
        (1.5, 45.0)
        """
        if self.value is None or unit is None or self.unit is None or self.unit.casefold() == unit.casefold():
            return self.value
        (mine, size), (other, unit_size) = _measure(self.unit), _measure(unit)
        return self.value * (size / unit_size) if mine and mine == other else None


_POWER_OF_A_UNIT = re.compile(r"(?:(square|sq|平方)|(cubic|cu|立方))?\.?(.+?)(?:\^?\{?([²2])|\^?\{?([³3]))?\}?")


def _measure(unit: str) -> tuple[str, float]:
    """Return what a unit measures, and its size; ``("", 1.0)`` for one that is not known. An area is a ``length2``."""
    name = "".join(unit.casefold().split()).replace("㎡", "m²").replace("㎥", "m³")
    known = _UNITS.get(name) or _UNITS.get(name.removesuffix("s"))
    if known is not None:
        return known
    found = _POWER_OF_A_UNIT.fullmatch(name)
    square, cubic, base, squared, cubed = found.groups() if found else (None, None, name, None, None)
    dimension, size = _UNITS.get(base) or _UNITS.get(base.removesuffix("s")) or ("", 1.0)
    power = 2 if square or squared else 3
    if not dimension or sum(map(bool, (square, cubic, squared, cubed))) != 1:
        return "", 1.0
    return f"{dimension}{power}", size**power


def parse_number(text: str) -> Number:
    r"""Find the one quantity that an answer names, in linear time. Never raises on any text.

    Read are signs (also U+2212), decimals, thousands (``1,200``, ``1 200``), ``1.5e3``, ``1.5 × 10^3``, ``3/4``, ``½``,
    ``\frac{3}{4}``, ``π/2``, ``√2``, ``2 thousand`` and units, also within a sentence, and number words up to twelve
    before a unit or where there are no digits. The same quantity twice is one, in whatever unit. The number of a label
    (``image 2``) is passed over where there is another, and so are terms before what they come to (``2 + 1 = 3``).
    Digits are ASCII or of full width, and ``nan`` and ``inf`` are words.

    Args:
        text: the answer, at most 64,000 characters.

    >>> parse_number("about 1.5 meters")
    Number(value=1.5, unit='meters', fault=None, alone=False)
    >>> parse_number("forty-five degrees").value, parse_number("1.2k").value, parse_number("one twenty").value
    (45.0, 1200.0, None)
    >>> parse_number("between 1 and 2 m").fault.code, parse_number("at least 2 m").fault.code
    ('ambiguous', 'ambiguous')
    """
    fault = unreadable(text)
    if fault is not None:
        return Number(None, None, fault)
    return _cached(text) if len(text) <= _CACHED_LENGTH else _parse(text)


def _parse(text: str) -> Number:
    children: list[Any] = _parser()(without_tags(text.translate(_MARKS))).children
    quantities = [at for at, child in enumerate(children) if _is_quantity(child)]
    if not any(_is_a(child, "LARGE") for child in children):
        quantities = _with_words(children, quantities)
    for at in quantities:
        if at and _is_a(children[at - 1], "RULED"):
            return Number(None, None, Fault("no_number", "the number is ruled out", children[at - 1].start_pos))
    labels = [child for child in children if not isinstance(child, str) and child.data == "label"]
    found = [children[at] for at in quantities] or [number for label in labels for number in label.children[1:]]
    if not found:
        return Number(None, None, Fault("no_number", "there is no number"))
    first = _quantity(found[0])
    for each in found[1:] if first.fault is None else ():
        other = _quantity(each)
        if not _same(first, other):
            place: Any = each if isinstance(each, str) else each.children[0]
            return Number(None, None, Fault("ambiguous", "different numbers are named", place.start_pos))
        first = first if first.unit else first._replace(unit=other.unit)
    if "=" in text and first.fault is None and (place := _untrue(text, children[-1], found[-1])) is not None:
        return Number(None, None, Fault("ambiguous", "the equation is not true, and more follows", place))
    bound = next(filter(None, (_bound(children, at) for at in quantities)), None)
    if bound is not None and first.fault is None:
        return Number(None, None, Fault("ambiguous", "a bound is no single number", bound.start_pos))
    return first._replace(alone=len(children) == 1 and children[0].data == "quantity")


_cached = lru_cache(maxsize=4096)(_parse)


def _is_a(child: Any, *types: str) -> bool:
    return getattr(child, "type", None) in types  # a token has a type, a tree has none


def _untrue(text: str, last: Any, quantity: Any) -> int | None:
    """Return where terms stand that do not come to what they are said to, if that is not the last thing that is said.

    What an answer ends with, or says once more, is what it says, however it was worked out. Further up, the terms and
    their result are two readings. A result may be rounded to the digits that it is written with.

    Args:
        text: the answer.
        last: the last thing in it.
        quantity: the last quantity.
    """
    first: Any = quantity if isinstance(quantity, str) else quantity.children[0]
    for found in _EQUATION.finditer(text.translate(_MARKS)):
        unit, result = found["unit"], found["result"]
        if last is quantity or found.start("result") != first.start_pos:
            continue
        size = _LENGTHS.get(unit or "", 1.0)
        total, factor, sign = 0.0, 1.0, 1.0
        for operator, number, own in _TERM.findall(found["terms"]):
            value = _float(number) * (_LENGTHS[own] / size if own in _LENGTHS and unit in _LENGTHS else 1.0)
            if operator and operator in "×*·":
                factor *= value
            else:
                total, factor, sign = total + sign * factor * bool(operator), value, -1.0 if operator in _MINUS else 1.0
        total += sign * factor
        if abs(total - _float(result)) > 0.5000001 * 10.0 ** -len(result.partition(".")[2]):
            return found.start()
    return None


_MINUS = ("-", "−", "–")
_LENGTHS = {"m": 1.0, "cm": 0.01, "mm": 0.001}
_NUMERAL = r"[0-9]++(?:\.[0-9]++)?+"
_TERM = re.compile(rf"([-+−–×*·]?)\s*+({_NUMERAL})\s*+([cm]?m|)")
# The terms that the grammar passes over, with what they come to.
_EQUATION = re.compile(
    rf"(?<![\w.])(?P<terms>(?:{_NUMERAL}\s*+(?:[cm]?m|°)?+\s*+[-+−–×*·]\s*+){{1,9}}+{_NUMERAL}\s*+(?:[cm]?m|°)?+)\s*+="
    rf"\s*+(?P<result>[-+−–]?+{_NUMERAL})(?:\s*+(?P<unit>[cm]?m)(?!\w))?+(?!\s*+[-+−–×*·]\s*+[0-9])"
)


def _bound(children: Sequence[Any], at: int) -> Any:
    """Return what makes a quantity a bound: before it, or behind it and the noun that it counts; else None."""
    if at and _is_a(children[at - 1], "BOUND"):
        return children[at - 1]
    for behind in children[at + 1 : at + 4]:
        at_least = _is_a(behind, "BOUND") and behind is children[-1] and behind.casefold().startswith("at")
        if at_least or _is_a(behind, "LIMITED"):  # `2 at least`
            return behind
        if not _is_a(behind, "WORD", "HAN"):
            break
    return None


def _is_quantity(child: Any) -> bool:
    """Return whether a child is a quantity in digits; the number of a label is one only with a unit."""
    return not isinstance(child, str) and (
        child.data == "quantity" or (child.data == "label" and child.children[-1].type == "UNIT")
    )


def _with_words(children: Sequence[Any], quantities: list[int]) -> list[int]:
    """Return the places of the quantities, with those in words: all of them where there are no digits.

    Beside digits it is the ones with a unit, or at an end of ``two to three m``; ``one`` alone may be a pronoun, unless
    it is the whole answer.
    """
    spelled = [at for at, child in enumerate(children) if not isinstance(child, str) and child.data == "spelled"]
    sure = [at for at in spelled if _is_measured(children, at)]
    whole = all(not isinstance(child, str) or child.casefold() in _ANNOUNCING for child in children)
    if not quantities and not sure and (whole or any(_quantity(children[at]).value != 1 for at in spelled)):
        return spelled
    return sorted([*quantities, *sure])


def _is_measured(children: Sequence[Any], at: int) -> bool:
    """Return whether a quantity in words has a unit, or is an end of a range."""
    sides = (children[max(at - 2, 0) : at][::-1], children[at + 1 : at + 3])
    in_range = any(len(side) == 2 and side[0] in _RANGE and not isinstance(side[1], str) for side in sides)
    unit = children[at].children[-1]  # `one second` may be prose
    return in_range or (unit.type == "UNIT" and _measure(unit)[0] not in ("time", "mass", "image"))


def _same(first: Number, other: Number) -> bool:
    value = other.in_unit(first.unit)
    return value is not None and first.value is not None and math.isclose(value, first.value)


def _quantity(tree: Any) -> Number:
    """Return the number that a quantity or a number word is, or that the token of a label's number is."""
    value, unit, minus = 1.0, None, 1.0
    tokens: list[Any] = [tree] if isinstance(tree, str) else tree.children
    for token in tokens:
        match token.type:
            case "NUMBER":
                value = _float(token)
            case "SPELLED":
                value = _spelled(token)
            case "FRACTION":  # `1 ½`: a whole number may stand before the character
                sign, whole = -1.0 if token[0] in "-−–" else 1.0, "".join(filter(digits.__contains__, token))
                value = sign * (float(whole or 0) + unicodedata.numeric(token[-1]))
            case "LATEX_FRACTION":
                if "{" in token:
                    above, below = (part.strip("}{ \t\r\n") for part in token.partition("{")[2].split("{"))
                else:  # `\frac12`
                    above, below = tuple("".join(token.split())[-2:])
                times = _float(above.rstrip("\\piπ \t") or "1") * (math.pi if above.endswith(("i", "π")) else 1.0)
                value = (-1.0 if token[0] in "-−–" else 1.0) * times / (_float(below) or math.nan)
            case "PI":
                value *= -math.pi if token[0] in "-−–" else math.pi
            case "ROOT":  # also behind a number: `2√3`
                sign, radicand = -1.0 if token[0] in "-−–" else 1.0, "".join(filter(f"{digits}.".__contains__, token))
                value *= sign * math.sqrt(float(radicand))
            case "HALF":
                value += math.copysign(0.5, value)
            case "SCALE":
                value *= _SCALES[token.strip().casefold()]
            case "DENOMINATOR":
                divisor = _float(token.replace("/", ""))
                value = value / divisor if divisor else math.inf
            case "UNIT":
                unit = token.replace("\\text", "").replace("\\mathrm", "").strip("\\{},; \t\r\n")
                unit = "°" if "circ" in unit else unit.strip()
            case "NEGATIVE":
                minus = -1.0
            case "POWER_OF_TEN" | "TEN_TO_THE":  # the latter may have a sign
                sign = -1.0 if token[0] in "-−–" else 1.0
                power = token.replace("**", "^").partition("10")[2].translate(_POWERS)
                value *= sign * _float("1e" + power.strip("^{} \t\r\n"))
    if not math.isfinite(value):
        return Number(None, None, Fault("out_of_range", "the number is not finite", tokens[0].start_pos))
    return Number(minus * value, unit)


def _spelled(text: str) -> float:
    """Return the number that words are: ``one hundred and twenty-five``."""
    thousands, rest = 0.0, 0.0
    for word in text.casefold().replace("-", " ").replace(",", " ").split():
        if word == "hundred":
            rest *= 100
        elif word == "thousand":
            thousands, rest = rest * 1000, 0.0
        else:
            rest += 1 if word in ("a", "an") else _SPELLED.get(word, 0)  # `and`
    return thousands + rest


_POWERS = str.maketrans("⁺⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "+-0123456789", "^{}")
_MARKS = {char: mark for char, mark in ASCII_MARKS.items() if mark not in ",.—•"} | ASCII_LETTERS | {ord("．"): "."}


def _float(text: str) -> float:
    return float("".join(text.split()).replace(",", "").replace("−", "-").replace("–", "-"))


@cache
def _parser() -> Callable[[str], Any]:
    return build("number", "start").parse
