"""MMSI-Bench under the strict protocol: the letter in the answer section, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.columns import text_column
from benchmarks.mmsi.circular import circular_accuracy
from benchmarks.mmsi.types import TYPES, canonical_type
from benchmarks.strict import score_completion, tally, tally_by

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one response.

    Args:
        row: columns ``response`` and ``answer`` (a letter), optionally ``options`` (texts in order, or by
            letter), with which an option's text is an answer too.

    Returns:
        The columns of `benchmarks.strict.score_section`.

    Raises:
        DataError: a column is missing, or the true answer is no letter.
    """
    response, truth = text_column(row, "response"), text_column(row, "answer")
    return score_completion(response, truth, kind="choice", options=row.get("options"))


def aggregate(rows: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the tally over all rows (the micro average), by type, and circular accuracy where rows have an index.

    Args:
        rows: optionally ``category`` or ``question_type``, and ``index``, together with the columns of
            `score_row`.
    """
    rows = list(rows)
    table = {"overall": tally(rows), "types": tally_by(rows, TYPES, _type_of)}
    if rows and all("index" in row for row in rows):
        table["circular"] = circular_accuracy(rows)
    return table


def _type_of(row: Mapping[str, Any]) -> str:
    return canonical_type(str(row.get("category", row.get("question_type", "other"))))
