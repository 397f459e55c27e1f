"""The answer to a question for a set of things -> their names, in no order and each once."""

from __future__ import annotations

import json
import re
from functools import lru_cache
from typing import NamedTuple

from parsers.choice import parse_words, unreadable
from parsers.grammars import ASCII_MARKS, without_tags
from parsers.types import Fault

_CACHED_LENGTH = 512  # longer texts are parsed anew each time, which bounds the cache's memory

_SEPARATOR = re.compile(r"[,;\n&|]|\b(?i:and)\b|和|以及")
_ANNOUNCED = re.compile(
    r"\A(?i:(?:the\s)?(?:objects?|items?|names?|things?|set)(?:\s(?:is|are)\b|\s*+[:=])|both\b)[\s:]*+"
)
_OPEN = re.compile(r"\.{2,}|…|etc\.?", re.IGNORECASE)  # what else there is is not said
_KEYED = re.compile(r"\A\{\s*+[\"'][\w ]{1,20}[\"']\s*+:\s*+(\[[^\[\]{}]*+\])\s*+\}\Z")
_BULLET = re.compile(r"(?:[-+*•—]|[0-9]{1,3}[.)]|\([0-9]{1,3}\))\s++")
_NOTHING = re.compile(
    r"""["'`*\s]*+ (?: [\[({"'`*\s]*+
        (?: none (?:\ of\ (?:them|these|those))? | nothing | null | no\ (?:objects?|items?|things?)
          | (?:the\ )?empty(?:\ set)? | ∅ | \\emptyset | 无 | 無 | 没有 ) [\])}"'`*.\s]*+
      | \[\s*+\] | \{\s*+\} | \(\s*+\) ) ["'`*.\s]*+""",
    re.IGNORECASE | re.VERBOSE,
)
_FENCE = re.compile(r"\A\s*```\w*+\s|\s```\s*\Z")


class WordSet(NamedTuple):
    """A set of names.

    Attributes:
        items: each as `parsers.choice.parse_words` reads it; the empty set for ``none`` and the like. None where there
            is no set.
        fault: why there is none: ``empty``, ``too_long``, ``ambiguous`` (alternatives, ``a or b``, or
            left open, ``a, ...``).
    """

    items: frozenset[str] | None
    fault: Fault | None = None


def parse_set(text: str) -> WordSet:
    """Read the names that an answer lists, in linear time. Never raises on any text.

    Commas, semicolons, new lines and ``and`` separate them; in a JSON list its own strings are the names. Bullets and
    numbers before them say nothing. An answer without a word is no answer: the empty set is written ``none`` or ``[]``.

    Args:
        text: the answer, at most 64,000 characters.

    >>> sorted(parse_set("The answer is: a Lamp, the sofa and a lamp.").items)
    ['a lamp', 'the sofa']
    >>> parse_set("none").items, parse_set("lamp or sofa").fault.code
    (frozenset(), 'ambiguous')
    """
    fault = unreadable(text)
    if fault is not None:
        return WordSet(None, fault)
    return _cached(text) if len(text) <= _CACHED_LENGTH else _read(text)


def _read(text: str) -> WordSet:
    body = _FENCE.sub("", without_tags(text.translate(ASCII_MARKS))).strip()
    keyed = _KEYED.match(body)
    body = keyed[1] if keyed else _ANNOUNCED.sub("", body)
    if _NOTHING.fullmatch(body):
        return WordSet(frozenset())
    items = set()
    for piece in _pieces(body):
        if _OPEN.fullmatch(piece.strip()):
            return WordSet(None, Fault("ambiguous", "the set is left open"))
        read = parse_words(_BULLET.sub("", piece.strip(), count=1)) if piece.strip() else None
        if read is not None and read.fault is not None and read.fault.code == "ambiguous":
            return WordSet(None, Fault("ambiguous", "alternatives are named"))
        if read is not None and read.text:
            items.add(read.text)
    return WordSet(frozenset(items)) if items else WordSet(None, Fault("empty", "it holds no word", 0))


def _pieces(body: str) -> list[str]:
    """Return the names as they are written."""
    if body.startswith("["):
        try:
            listed = json.loads(body)
        except (ValueError, RecursionError):
            listed = None
        if isinstance(listed, list) and all(isinstance(each, str) for each in listed):
            return listed
    return _SEPARATOR.split(body)


_cached = lru_cache(maxsize=4096)(_read)
