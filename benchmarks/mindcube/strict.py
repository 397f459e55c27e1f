"""MindCube under the strict protocol: the letter in the answer section, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.columns import text_column
from benchmarks.mindcube.settings import OUTSIDE_OVERALL, SETTINGS, setting_of
from benchmarks.strict import score_completion, tally, tally_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response.

    Args:
        row: columns ``response`` and ``gt_answer`` (a letter), optionally ``options`` (texts in order, or by
            letter), with which an option's text is an answer too.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the true answer is no letter.
    """
    response, truth = text_column(row, "response"), text_column(row, "gt_answer")
    return score_completion(response, truth, kind="choice", options=row.get("options"))


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tally over all rows but translation, as in MindCube's own overall number, and by setting.

    Args:
        rows: the column ``id`` together with those of `score_row`.
    """
    rows = list(rows)
    counted = [row for row in rows if setting_of(str(row["id"])) not in OUTSIDE_OVERALL]
    settings = tally_by(rows, SETTINGS, lambda row: setting_of(str(row["id"])))
    return {"overall": tally(counted), "settings": settings}
