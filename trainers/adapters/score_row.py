"""One completion of a row as frameworks hold it: text, a target that may be packed, further columns -> its score."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from rewards.score import score_completion
from rewards.targets import unpack_gold
from rewards.tasks import task_names

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rewards.score import Score

COLUMNS: Final = ("references", "relations", "options", "task")


def score_row(completion: Any, target: Any, row: Mapping[str, Any] | None = None, **settings: Any) -> Score:
    """Score one completion of a row as frameworks hold it.

    Args:
        completion: text or messages.
        target: plain, or packed into one string by `star data export`.
        row: further columns, of which `COLUMNS` are read; a ``data_source`` ``star-r1/NAME`` names the task as well.
        **settings: of `rewards.score_completion`; ``task`` is that of rows that name none.

    Raises:
        DataError: for a target that is wrong.
        ConfigError: for a wrong setting.
    """
    row = row or {}
    gold = {name: row[name] for name in COLUMNS if row.get(name) is not None}
    _, ours, source = str(row.get("data_source") or "").partition("star-r1/")
    gold.setdefault("task", source if ours else None)
    if gold["task"] not in task_names():  # words of somebody's own, such as a category
        del gold["task"]
    return score_completion(completion, gold | unpack_gold(target), **settings)
