"""Does the answer say what the reasoning came to? The last values that the reasoning states, against the answer.

This is a reading of prose, so it is careful: it calls a contradiction only what is stated and is something else. What
the reasoning does not state, or states in words that are not in the vocabulary, contradicts nothing.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from parsers.formats import RecordFormat

_HEADING = re.compile(r"\s*(?:view|image|picture)\s*\d+\b[^:\n]*:", re.IGNORECASE)
"""A line of what is seen in one view: it states what is there, not what has changed."""

_NO_OBJECT = re.compile(r"\b(?:view|image|picture|step)\s*\d+|\([\d\s.,%]+\)|(?<!\d)\d+(?:\.\d+)?\s*%", re.IGNORECASE)
"""Numbers that are no object: of a view or step, coordinates, percentages."""

_TOKEN = re.compile(r"\d+|[a-z]+(?:-[a-z]+)*")
_SENTENCE_END = re.compile(r"[.!?]\s+|[;\n]")


def contradicts_records(reasoning: str, records: Sequence[tuple[int | str, ...]], record_format: RecordFormat) -> bool:
    """Return whether the last values that a reasoning states of an object are none of those that the answer gives it.

    A statement is a sentence that names one number, or of a sentence that names several, each number with the words up
    to the next. It is about a record if the number is the record's first field and a word is in the vocabulary of its
    last one. Only the last statement about a record counts; it contradicts the record if the record's value is not in
    it, so that "was red, is blue now" and "is blue now, not red" both agree with blue. Lines that begin with
    ``View 1:`` list what is seen and state nothing. Of several records for one cell (all fields but the last), the last
    one is compared.

    Args:
        reasoning: the text.
        records: the predicted records.
        record_format: theirs. Where the first field is no number, or the last has no vocabulary, nothing contradicts.

    >>> from parsers.formats import TVR
    >>> contradicts_records("Object 2 was gray and is now red.", [(2, "color", "cyan")], TVR)
    True
    >>> contradicts_records("Object 2 is cyan now, not gray.", [(2, "color", "cyan")], TVR)
    False
    """
    if record_format.fields[0].kind != "integer" or record_format.fields[-1].kind != "closed":
        return False
    stated: dict[int | str, list[list[str]]] = {}  # by number, so that a long answer takes no longer than it is
    for number, words in _statements(reasoning):
        stated.setdefault(number, []).append(words)
    for record in {record[:-1]: record for record in records}.values():
        vocabulary = _vocabulary(record, record_format)
        said = ({vocabulary[word] for word in words if word in vocabulary} for words in stated.get(record[0], ())[::-1])
        last = next(filter(None, said), None)
        if last is not None and record[-1] not in last:
            return True
    return False


def _vocabulary(record: tuple[int | str, ...], record_format: RecordFormat) -> dict[str, str]:
    """Return the spellings of the values that the record's last field may take, beside the fields before it."""
    names = [field.name for field in record_format.fields]
    for branch in record_format.branches():
        closed = [(name, value) for name, value in zip(names[:-1], record, strict=False) if branch[name]]
        if all(value in branch[name] for name, value in closed):
            return {spelling: value for value in branch[names[-1]] for spelling in record_format.spellings(value)}
    return {}


def _statements(reasoning: str) -> Iterator[tuple[int, list[str]]]:
    """Yield the numbers that a reasoning names, in order, each with the words that are said of it."""
    lines = (line for line in reasoning.lower().splitlines() if not _HEADING.match(line))
    for sentence in _SENTENCE_END.split(_NO_OBJECT.sub(" ", "\n".join(lines))):
        tokens = _TOKEN.findall(sentence)
        places = [at for at, token in enumerate(tokens) if token.isdigit() and len(token) < 10]
        if len(places) == 1:
            yield int(tokens[places[0]]), tokens
        else:
            for at, end in zip(places, [*places[1:], len(tokens)], strict=False):
                yield int(tokens[at]), tokens[at + 1 : end]


def last_sentence(reasoning: str) -> str:
    r"""Return the last sentence of a reasoning, in which a question's answer may be stated.

    >>> last_sentence("View 1: [sofa, lamp, left]\nThe sofa is behind. So the answer is B.")
    'So the answer is B.'
    """
    sentences = [each.strip() for each in _SENTENCE_END.split(reasoning) if each.strip()]
    return sentences[-1] if sentences else ""
