"""Rows to measure with: seeded, of about 1,700 bytes, with the faults that models make."""

from __future__ import annotations

import json
import random
from typing import TYPE_CHECKING, Any

from parsers.formats import TVR

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

GROUP = 8
GOOD_TAGS = 0.87
GOOD_ANSWER = 0.81
BRACKETED = 0.11
REASONING = 1500

_VALUES = dict(TVR.fields[2].values_by)
_PHRASES = (
    "the object in view one seems to be",
    "left of the large metal sphere",
    "and stays behind the small rubber cube",
    "so I compare each pair: first, second.",
    "[red cube, blue sphere, left]",
    "View 2: the camera moves while",
    "it matches the glass cylinder,",
)
_BAD_ANSWERS = ("{0}.color", "the cube turned red", "{0}.texture.rough", "{0}.color.teal", "", "{0} is cyan")
_BAD_TAGS = (
    "<think>{0}",
    "<think>{0}</think>\nThe answer is {1}.",
    "{0}\n{1}",
    "<think>{0}</think><answer>{1}</answer> I hope this helps.",
    "<think>{0}</think><answer>{1}",
)


def make_rows(count: int, seed: int = 0) -> Iterator[dict[str, Any]]:
    """Yield rows with the columns id, prompt_id, completion and solution; row i depends on (seed, i) alone."""
    for number in range(count):
        group, rng = random.Random(f"{seed}/{number // GROUP}"), random.Random(f"{seed}/row/{number}")
        cells = group.sample([(index, attribute) for index in range(10) for attribute in _VALUES], group.randint(1, 4))
        gold = [(index, attribute, group.choice(_VALUES[attribute])) for index, attribute in cells]
        yield {
            "id": f"row-{number}",
            "prompt_id": number // GROUP,
            "completion": _completion(rng, gold),
            "solution": ", ".join(f"{index}.{attribute}.{value}" for index, attribute, value in gold),
        }


def _completion(rng: random.Random, gold: list[tuple[int, str, str]]) -> str:
    phrases = rng.choices(_PHRASES, k=REASONING // 16)
    reasoning = " ".join(phrases)[: rng.randint(REASONING - 200, REASONING + 200)]
    if rng.random() < GOOD_ANSWER:
        guess = [(i, a, v if rng.random() < 0.7 else rng.choice(_VALUES[a])) for i, a, v in gold]
        form = "({}, {}, {})" if rng.random() < BRACKETED / GOOD_ANSWER else "{}.{}.{}"
        answer = ", ".join(form.format(*record) for record in guess[: rng.randint(1, len(guess))])
    else:
        answer = rng.choice(_BAD_ANSWERS).format(rng.randrange(10))
    good = rng.random() < GOOD_TAGS
    shape = "<think>{0}</think>\n<answer>{1}</answer>" if good else rng.choice(_BAD_TAGS)
    return shape.format(reasoning, answer)


def write_rows(path: Path, count: int, seed: int = 0) -> None:
    """Write rows as JSON Lines."""
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row) + "\n" for row in make_rows(count, seed))
