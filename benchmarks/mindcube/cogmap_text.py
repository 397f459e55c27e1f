"""Reading a cognitive map out of a response, as MindCube does.

Source: mll-lab-nu/MindCube 6d8fd9a ``src/evaluation/core/extractors.py``. The same maps come out, but in time
linear in the text, and no text raises: where upstream fails with an exception, there is no map. Upstream's evaluator
puts the *true* map in the place of a missing one where the response's column is ``cogmap_gen_answer``; that is left
out.
"""

from __future__ import annotations

import json
import re
from typing import Any

_COMMENT = re.compile(r"//.*")
_LINE_SPACE = re.compile(r"[\n\r\t]")
_BARE_KEY = re.compile(r"(?<!\w)(\w++)(\s*+):")
_COMMA_BRACE = re.compile(r",\s*+}")
_COMMA_BRACKET = re.compile(r",\s*+]")
_PAIR = re.compile(r'"([^"]+)":\s*{([^{}]*(?:{[^{}]*}[^{}]*)*)}')


def extract_map(text: str) -> dict[str, Any] | None:
    r"""Return the JSON object between the first ``{`` and the last ``}``, or None.

    Broken JSON is repaired in two steps: first comments, bare keys and trailing commas; then, piece by piece,
    every ``"name": {...}`` that can be read alone.

    >>> extract_map("Map: {sofa: {position: [1, 2],}} // done }")
    {'sofa': {'position': [1, 2]}}
    >>> extract_map("no map") is None
    True
    """
    start, end = text.find("{"), text.rfind("}")
    if start < 0 or end < start:
        return None
    body = text[start : end + 1]
    try:
        return _object(body)
    except json.JSONDecodeError:
        repaired = _repaired(body)
        return _pieces(body) if repaired is None else repaired
    except (ValueError, RecursionError):
        return None


def _object(body: str) -> dict[str, Any]:
    """Parse text that begins with a brace; JSON that begins so is an object."""
    value: dict[str, Any] = json.loads(body)
    return value


def _repaired(body: str) -> dict[str, Any] | None:
    """Parse without comments and trailing commas, with bare keys in quotes; None where that fails too."""
    cleaned = _LINE_SPACE.sub(" ", _COMMENT.sub("", body))
    try:
        return _object(_tidy(cleaned))
    except (ValueError, RecursionError):
        return None


def _tidy(body: str) -> str:
    quoted = _BARE_KEY.sub(r'"\1"\2:', body)
    return _COMMA_BRACKET.sub("]", _COMMA_BRACE.sub("}", quoted))


def _pieces(body: str) -> dict[str, Any] | None:
    """Collect every ``"name": {...}`` of the text that parses alone; the last of equal names wins."""
    found: dict[str, Any] = {}
    for name, inner in _PAIR.findall(body):
        try:
            found[name] = _object(_tidy("{" + inner + "}"))
        except (ValueError, RecursionError):
            continue
    return found or None
