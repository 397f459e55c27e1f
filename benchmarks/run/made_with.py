"""How predictions were made, as they say themselves in a column ``made_with``: model, decoding, images, packages.

``star predict`` writes it into every row. What a number depends on stands in its signature, and a comparison of two
runs says in what they differ. How completions ended is counted, since one that was cut off or refused is no answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import msgspec

from benchmarks.files.blocks import number_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ORDER: Final = (
    "model",
    "revision",
    "decoding",
    "prompt",
    "prompts",
    "images",
    "frames",
    "pixels",
    "server",
    "packages",
)
"""What a signature shows first; other keys follow."""
MOST: Final = 64
"""Different ways of a file that are told apart."""
_ENDS: Final = (
    ("cut off", "finish_reason", ("length", "max_tokens")),
    ("refused", "refusal", None),
    ("failed", "request_error", None),
)
_SHOWN: Final = 3  # of several values of one key


class Makers(msgspec.Struct):
    """How some rows were made. Those of two stretches of rows merge to those of both, whatever the stretches were.

    Attributes:
        ways: what rows say, as JSON: the different ones, the first `MOST` in their order.
        prompts: sum of the digests of what rows were asked, modulo 2^64.
        hashed: rows that have such a digest.
        ended: completions that are not whole: ``cut off`` at the token limit, ``refused`` by the model or its filter,
            ``failed`` where the server refused the request.
    """

    ways: list[str] = []
    prompts: int = 0
    hashed: int = 0
    ended: dict[str, int] = {}

    def add(self, columns: Mapping[str, Sequence[Any]]) -> None:
        """Add some rows, given by the values of their roles, see `benchmarks.files.columns.ROLES`."""
        found: set[str] = set()
        last = None
        for value in columns.get("made_with", ()):
            if value is not last and value != last:
                last, text = value, _as_text(value)
                found |= {text} if text else set()
        asked = asked_numbers(columns.get("prompt_hash", ()))
        ended = {what: sum(map(_says(ends), columns.get(role, ()))) for what, role, ends in _ENDS}
        counts = {what: count for what, count in ended.items() if count}
        self.merge(Makers(sorted(found), sum(asked), sum(number != 0 for number in asked), counts))

    def merge(self, later: Makers) -> None:
        """Add what is known of the rows that follow on these."""
        self.ways = sorted({*self.ways, *later.ways})[:MOST]  # the same ones in whatever order they come
        self.prompts = (self.prompts + later.prompts) % 2**64
        self.hashed += later.hashed
        for what, count in later.ended.items():
            self.ended[what] = self.ended.get(what, 0) + count

    def told(self) -> dict[str, str]:
        """Return what the rows say, key by key, several values of a key side by side; empty where they do not tell."""
        found: dict[str, list[str]] = {}
        for text in self.ways:
            for name, value in json.loads(text).items():
                found.setdefault(name, []).append(str(value))
        if self.hashed:
            found["prompts"] = [f"{self.prompts:016x}"[:8]]
        names = sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
        return {name: _several(found[name]) for name in names}


def _says(ends: tuple[str, ...] | None) -> Callable[[Any], bool]:
    """Return what tells whether a value is one of some words, or, without these, any text."""
    return lambda value: isinstance(value, str) and bool(value) and (ends is None or value in ends)


def _as_text(value: Any) -> str | None:
    """Return what a row says as JSON, the same for the same; None where it says nothing that can be understood."""
    if isinstance(value, str) and value.startswith("{"):  # as a cell of a table
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, dict):
        return None
    return json.dumps({str(name): str(each) for name, each in value.items() if each is not None}, sort_keys=True)


def _several(values: Sequence[str]) -> str:
    different = sorted(set(values))
    more = len(different) - _SHOWN
    return " + ".join(different[:_SHOWN]) + (f" + {more} more" if more > 0 else "")


def asked_numbers(hashes: Sequence[Any]) -> list[int]:
    """Return a number for what each row was asked, by its digest; 0 where it does not say."""
    return [0 if value is None else number_of(value) for value in hashes]


def signed(told: Mapping[str, str]) -> str:
    """Return what a signature shows of it.

    >>> signed({"model": "a|b", "images": "none"})
    '|model:a/b|images:none'
    """
    return "".join(f"|{name}:{' '.join(value.replace('|', '/').split())}" for name, value in told.items())


def unlike(first: Mapping[str, str], second: Mapping[str, str]) -> list[tuple[str, str, str]]:
    """Return what two runs do not have in common: the key, and the value of each, ``–`` where one does not say.

    A run that says nothing at all is one line.

    >>> unlike({"model": "a", "images": "all"}, {"model": "a", "images": "none"})
    [('images', 'all', 'none')]
    """
    if not first or not second:
        one, other = ("told" if told else "not told" for told in (first, second))
        return [("how they were made", one, other)] if one != other else []
    names = [*first, *(name for name in second if name not in first)]
    return [
        (name, first.get(name, "–"), second.get(name, "–"))
        for name in names
        if name != "prompts" and first.get(name) != second.get(name)
    ]
