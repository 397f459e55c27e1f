"""The gold of a row as one string, for trainers that hand a reward nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from rewards.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping


def pack_gold(gold: Mapping[str, Any]) -> str:
    """Return gold as one string: the target itself where there is nothing else, otherwise a JSON object.

    Args:
        gold: ``target`` and, of questions, some of ``options``, ``references``, ``relations``.

    >>> pack_gold({"target": "2.color.cyan"})
    '2.color.cyan'
    >>> pack_gold({"target": "B", "options": ["left", "right"]})
    '{"target": "B", "options": ["left", "right"]}'
    """
    target = gold["target"]
    if len(gold) == 1 and isinstance(target, str) and not target.lstrip().startswith("{"):
        return target
    return json.dumps(dict(gold), ensure_ascii=False)


def unpack_gold(text: Any) -> dict[str, Any]:
    """Return what `pack_gold` packed; any other string or value is a target.

    Raises:
        DataError: it begins like an object, but is none with a target.

    >>> unpack_gold("2.color.cyan")
    {'target': '2.color.cyan'}
    """
    if not isinstance(text, str) or not text.lstrip().startswith("{"):
        return {"target": text}
    try:
        gold = json.loads(text)
    except ValueError as error:
        raise DataError(f"the packed gold is no JSON ({error}): {text[:60]!r}") from error
    if not isinstance(gold, dict) or gold.get("target") is None:
        raise DataError(f"the packed gold has no target: {text[:60]!r}")
    return gold
