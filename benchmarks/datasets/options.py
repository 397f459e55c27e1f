"""Reading the options out of a question that carries them in its text."""

from __future__ import annotations

import re

_LETTERS = "ABCDEFGH"


def read_options(question: str, *, stop: str = ".", between: str = "") -> tuple[str, ...] | None:
    """Return the texts of the options A, B, ... of a question, or None where it has not at least two.

    The last ``A`` that begins an option counts, so a letter in the question itself does no harm.

    Args:
        question: the text, options included; an option ends with its line.
        stop: what follows an option's letter: ``.`` as in "A. left", ``:`` as in "A: left".
        between: what separates options on one line, apart from space, e.g. ``,``.

    >>> read_options("What is left of me? A. Sofa B. Desk lamp C. Door")
    ('Sofa', 'Desk lamp', 'Door')
    >>> read_options("Where? Options: A: left, B: right", stop=":", between=",")
    ('left', 'right')
    """
    marks = [
        (match.group(1), match.start(1), match.end())
        for match in re.finditer(rf"(?<![\w.])\(?([A-H])\)?\s?{re.escape(stop)}(?=\s)", question)
    ]
    starts = [place for place, (letter, _, _) in enumerate(marks) if letter == "A"]
    if not starts:
        return None
    chain = _chain(marks[starts[-1] :])
    ends = [begin for _, begin, _ in chain[1:]] + [len(question)]
    texts = tuple(
        question[body:end].strip().partition("\n")[0].strip().rstrip("(").removesuffix(between).strip()
        for (_, _, body), end in zip(chain, ends, strict=True)
    )
    return texts if len(texts) > 1 else None


def _chain(marks: list[tuple[str, int, int]]) -> list[tuple[str, int, int]]:
    """Return the marks of A, B, C, ... as far as they follow one another."""
    chain: list[tuple[str, int, int]] = []
    for mark in marks:
        if len(chain) < len(_LETTERS) and mark[0] == _LETTERS[len(chain)]:
            chain.append(mark)
    return chain
