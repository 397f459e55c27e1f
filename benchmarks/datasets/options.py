"""Reading the options out of a question that carries them in its text."""

from __future__ import annotations

import re

_LETTERS = "ABCDEFGH"


def read_options(question: str, *, stop: str = ".", between: str = "") -> tuple[str, ...] | None:
    """Return the texts of the options A, B, ... of a question, or None where it has not at least two.

    The options are the longest chain A, B, C, ...; of equal ones the last, since they end a question.

    Args:
        question: the text, options included; an option ends with its line.
        stop: what follows an option's letter: ``.`` as in "A. left", ``:`` as in "A: left".
        between: what separates options on one line, apart from space, e.g. ``,``.

    >>> read_options("What is left of vitamin A. or so? A. Sofa B. Desk lamp C. Door")
    ('Sofa', 'Desk lamp', 'Door')
    >>> read_options("Where? Options: A: left, B: right", stop=":", between=",")
    ('left', 'right')
    """
    gap = r"(?=\s)" if stop == "." else ""  # "A.M." is no option
    marks = list(re.finditer(rf"(?<![\w.])\(?([{_LETTERS}])\)?\s?{re.escape(stop)}{gap}", question))
    chains = [_chain(marks[place:]) for place, mark in enumerate(marks) if mark.group(1) == "A"]
    chain = max(reversed(chains), key=len, default=[])
    if len(chain) < 2:
        return None
    ends = [mark.start() for mark in chain[1:]] + [len(question)]
    bodies = [question[mark.end() : end].strip() for mark, end in zip(chain, ends, strict=True)]
    return tuple(body.partition("\n")[0].strip().removesuffix(between).strip() for body in bodies)


def _chain(marks: list[re.Match[str]]) -> list[re.Match[str]]:
    """Return the marks of A, B, C, ... as far as they follow one another."""
    chain: list[re.Match[str]] = []
    for mark in marks:
        if len(chain) < len(_LETTERS) and mark.group(1) == _LETTERS[len(chain)]:
            chain.append(mark)
    return chain
