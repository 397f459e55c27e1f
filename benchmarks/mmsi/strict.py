"""MMSI-Bench under the strict protocol: the letter in the answer section, and nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.columns import text_column
from benchmarks.strict import score_completion

if TYPE_CHECKING:
    from collections.abc import Mapping


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
