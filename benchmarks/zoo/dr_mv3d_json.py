"""JSON as DR-MV3D reads it, with patience. See `benchmarks.zoo.dr_mv3d`.

Tried in turn, each as JSON and as a Python literal: the text without its code fence; from its first bracket of a kind
to the last, the kind that comes first first; and an array without the element that is cut off.
"""

from __future__ import annotations

import ast
import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_STRING = re.compile(r'"(?:\\.|[^"\\])*+"?', re.DOTALL)


def relaxed_json(text: str | None) -> Any:
    """Return what a text holds as JSON, or nearly so; None where it holds nothing."""
    text = (text or "").strip()
    if text.startswith("```"):
        text = text.partition("\n")[2] or text
        text = (text.rpartition("```")[0] if "```" in text else text).strip()
    for candidate in _candidates(text) if text else ():
        for read in (json.loads, ast.literal_eval):
            with suppress(ValueError, SyntaxError, RecursionError, MemoryError):
                return read(candidate)
    return None


def _candidates(text: str) -> Iterator[str]:
    yield text
    pairs = sorted((text.find(opening), opening, closing) for opening, closing in ("[]", "{}"))
    yield from (text[at : text.rfind(closing) + 1] for at, _, closing in pairs if -1 < at < text.rfind(closing))
    rest, depth, begin, elements = text[text.find("[") :] if "[" in text else "", 0, 0, []
    for bracket in re.finditer(r"[\[\]{}]", _STRING.sub(lambda string: " " * len(string[0]), rest)):
        depth += 1 if bracket[0] in "[{" else -1
        if bracket[0] in "[{" and depth == 2:
            begin = bracket.start()
        elif bracket[0] in "]}" and depth == 1:
            elements.append(rest[begin : bracket.end()])
        elif depth == 0:
            break
    if elements:
        yield f"[{','.join(elements)}]"
