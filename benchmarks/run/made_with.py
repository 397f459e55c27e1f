"""How predictions were made, as they say themselves in a column ``made_with``: model, decoding, images, packages.

``star predict`` writes it into every row. What a number depends on stands in its signature, and a comparison of two
runs says in what they differ. How completions ended is counted, since one that was cut off or refused is no answer.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from benchmarks.files.blocks import number_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.files.blocks import Block

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
_ENDS: Final = (("cut off", "finish_reason", ("length",)), ("refused", "refusal", None))
_MOST: Final = 16  # different ways of a file that are told apart
_SHOWN: Final = 3  # of several values of one key


class Makers:
    """Adds up how rows were made: ``ways`` are JSON of what rows say -> rows; ``prompts`` sums their prompts' digests;
    ``ended`` counts completions that are not whole.

    Args:
        state: what an earlier run's `state` was, to go on from there; it is changed in place.
    """  # noqa: D205

    def __init__(self, state: dict[str, Any]) -> None:
        self.state = state
        for name, start in (("ways", {}), ("prompts", 0), ("hashed", 0), ("ended", {})):
            state.setdefault(name, start)

    def add(self, block: Block) -> None:
        """Add the rows of a block."""
        last = text = None
        for value in block.columns.get("made_with", ()):
            if value is not last:
                last, text = value, _as_text(value)
            if text is not None:
                known = text if text in self.state["ways"] or len(self.state["ways"]) < _MOST else "{}"
                self.state["ways"][known] = self.state["ways"].get(known, 0) + 1
        for number in asked_numbers(block):
            self.state["prompts"] = (self.state["prompts"] + number) % 2**64
            self.state["hashed"] += number != 0
        for what, role, ends in _ENDS:
            count = sum(
                isinstance(value, str) and (ends is None or value in ends) for value in block.columns.get(role, ())
            )
            if count:
                self.state["ended"][what] = self.state["ended"].get(what, 0) + count

    @property
    def ended(self) -> dict[str, int]:
        """How many completions were ``cut off`` at the token limit, and ``refused`` by the model or its filter."""
        return dict(self.state["ended"])

    def told(self) -> dict[str, str]:
        """Return what the rows say, key by key, several values of a key side by side; empty where they do not tell."""
        found: dict[str, list[str]] = {}
        for text in self.state["ways"]:
            for name, value in json.loads(text).items():
                found.setdefault(name, []).append(str(value))
        if self.state["hashed"]:
            found["prompts"] = [f"{self.state['prompts']:016x}"[:8]]
        names = sorted(found, key=lambda name: (ORDER.index(name) if name in ORDER else len(ORDER), name))
        return {name: _several(found[name]) for name in names}


def _as_text(value: Any) -> str | None:
    if not isinstance(value, dict):
        return None
    return json.dumps({str(name): str(each) for name, each in value.items() if each is not None}, sort_keys=True)


def _several(values: Sequence[str]) -> str:
    different = sorted(set(values))
    more = len(different) - _SHOWN
    return " + ".join(different[:_SHOWN]) + (f" + {more} more" if more > 0 else "")


def asked_numbers(block: Block) -> list[int]:
    """Return a number for what each row was asked, 0 where it does not say."""
    hashes = block.columns.get("prompt_hash", [None] * len(block))
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
