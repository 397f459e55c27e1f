"""The part of a completion that the strict protocol reads: its answer section, and nothing else."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from parsers.completion import parse_completion

if TYPE_CHECKING:
    from parsers.values import Fault

_TAG = re.compile(r"</?(?:think|answer)>", re.IGNORECASE)


class Section(NamedTuple):
    """The text of the answer, or None and the reason."""

    text: str | None
    fault: Fault | None


def answer_section(completion: str) -> Section:
    """Return the answer section of a completion. Never raises on any text.

    It is the last complete ``<answer>`` block after the reasoning. A completion without any ``<think>`` or
    ``<answer>`` tag is itself the answer, since some prompts ask for a bare letter. A tag that is broken or
    in capitals is not guessed at.

    >>> answer_section("<think>Perhaps <answer>A</answer></think><answer>B</answer>").text
    'B'
    >>> answer_section("``C``").text
    '``C``'
    >>> answer_section("<think>so it is C").fault.code
    'unclosed_think'
    """
    if not _TAG.search(completion):
        return Section(completion, None)
    found = parse_completion(completion, mode="lenient", think_prefilled="auto")
    return Section(found.answer, found.fault if found.answer is None else None)
