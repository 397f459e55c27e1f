"""How processor time grows with the length of a text, on adversarial families: ``python -m tests.measure.growth``.

Time is fitted as constant * length ** exponent; 1 is linear. Exponents above `LIMIT` are marked, and the exit code is
then 1. Completions are read strictly and then leniently, answers without anything remembered from before.
"""

from __future__ import annotations

import gc
import math
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from parsers import records
from parsers.choice import parse_choice, parse_yes_no
from parsers.cognitive_map import parse_map
from parsers.completion import parse_completion
from parsers.correspondences import find_correspondences
from parsers.formats import TVR
from parsers.number import parse_number
from parsers.record_grammar import forget
from parsers.references import parse_references
from parsers.region import parse_box
from parsers.word_set import parse_set
from tests.measure.families import (
    ANSWER_FAMILIES,
    COMPLETION_FAMILIES,
    QUESTION_FAMILIES,
    WRAPS,
    numbered,
    repeated,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from parsers.choice import Choice

LIMIT = 1.2
COMPLETION_SIZES = (10_000, 100_000, 1_000_000, 9_999_900)
ANSWER_SIZES = (10_000, 20_000, 40_000, records.MAX_ANSWER)
QUESTION_SIZES = (4_000, 16_000, 63_000)
OPTIONS = ("left", "no, no, no, no, no", "b, b, b, b, b")
_SHORTEST = 0.1  # seconds that are measured at a time, at least


class Growth(NamedTuple):
    """How the time of some work grows, and what the longest text takes."""

    exponent: float
    seconds: float


def seconds(work: Callable[[str], object], text: str, *, rounds: int = 3) -> float:
    """Return the least processor time of a run: what else the machine does only ever adds."""
    start = time.process_time()
    work(text)
    repeats = max(1, math.ceil(_SHORTEST / max(time.process_time() - start, 1e-6)))
    return min(_run(work, text, repeats) / repeats for _ in range(rounds))


def _run(work: Callable[[str], object], text: str, repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        work(text)
    return time.process_time() - start


def growth(work: Callable[[str], object], texts: Sequence[str]) -> Growth:
    """Fit the exponent over texts of growing length."""
    taken = [seconds(work, text) for text in texts]
    exponent, _ = np.polyfit(np.log([len(text) for text in texts]), np.log(taken), 1)
    return Growth(float(exponent), taken[-1])


def read_leniently(text: str) -> None:
    """Read a completion: strictly, and what that refuses leniently."""
    parse_completion(text, mode="lenient")


def read_anew(text: str) -> None:
    """Read an answer without the memory of pieces, which would make short texts look faster than they are."""
    forget()
    records._parse(text, TVR)


def read_choice(text: str) -> tuple[Choice, Choice]:
    """Read a choice, by its letter or an option's text, and as yes or no."""
    return parse_choice(text, options=OPTIONS), parse_yes_no(text)


QUESTIONS: dict[str, tuple[Callable[[str], object], str]] = {
    "references": (parse_references, "View 1 [a, b]"),
    "choice": (read_choice, "(B) yes"),
    "number": (parse_number, " 1 m"),
    "correspondences": (find_correspondences, " The cube of view 1 is in view 2."),
    "box": (partial(parse_box, coordinates="pixels", layout="xyxy"), " [1, 2, 3, 4]"),
    "set": (parse_set, ", a"),
    "map": (partial(parse_map, layout="simple", grid=10), '{"a": {"position": [1, 2]}}'),
}
"""Kind of text -> what reads it, and what stands at its end: something to be found there."""


def families() -> Iterator[tuple[str, str, Growth]]:
    """Yield the kind of text, the name of the family, and how its time grows."""
    for place, wrap in WRAPS.items():
        for name, unit in COMPLETION_FAMILIES.items():
            texts = [wrap.format(repeated(unit, size)) for size in COMPLETION_SIZES]
            yield f"completion, {place}", name, growth(read_leniently, texts)
    for name, unit in ANSWER_FAMILIES.items():
        yield "answer", name, growth(read_anew, [numbered(unit, size) for size in ANSWER_SIZES])
    for kind, (read, tail) in QUESTIONS.items():
        for unit in QUESTION_FAMILIES[kind]:
            yield kind, repr(unit), growth(read, [repeated(unit, size) + tail for size in QUESTION_SIZES])


def main() -> None:
    """Print the table."""
    gc.disable()
    print(f"{'text':32}{'family':28}{'exponent':>9}{'longest, ms':>13}")
    above = 0
    for kind, name, found in families():
        marked = found.exponent > LIMIT
        above += marked
        print(f"{kind:32}{name:28}{found.exponent:9.2f}{1e3 * found.seconds:13.1f}{' !' * marked}", flush=True)
    print(f"\n{above} above {LIMIT}")
    sys.exit(1 if above else 0)


if __name__ == "__main__":
    main()
