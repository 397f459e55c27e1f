"""SPAR-Bench under the strict protocol: the letter, number or camera moves in the answer section, and nothing else.

Apart from what is read, it differs from the official scorer in that numbers have signs and thousands
separators and must be unique and `benchmarks.sparbench.moves` divides by the true values.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchmarks.columns import column, text_column
from benchmarks.sparbench.moves import score_moves
from benchmarks.sparbench.official import metric_of
from benchmarks.sparbench.tasks import NUMERIC, VIEW_CHANGE
from benchmarks.strict import score_completion, score_section

if TYPE_CHECKING:
    from collections.abc import Mapping


def score_row(row: Mapping[str, Any]) -> dict[str, Any]:
    """Score one prediction.

    Args:
        row: columns ``task``, ``prediction`` and ``answer`` (a letter, yes or no, a number, or camera moves),
            optionally ``options`` (texts in order, or by letter), with which an option's text is an answer
            too.

    Returns:
        The columns of `benchmarks.strict.score_section`. ``score`` of a number is its MRA; a number or camera
        moves are ``correct`` where every value is within 5 % of the truth.

    Raises:
        DataError: a column is missing, there is no such task, or the true answer is not of its kind.
    """
    task, prediction, truth = column(row, "task"), text_column(row, "prediction"), text_column(row, "answer")
    metric_of(task)
    if task == VIEW_CHANGE:
        return score_section(prediction, lambda text: score_moves(text, truth))
    if task in NUMERIC:
        return score_completion(prediction, truth, kind="number")
    if truth.strip().lower() in {"yes", "no"}:
        return score_completion(prediction, truth, kind="yes_no")
    return score_completion(prediction, truth, kind="choice", options=row.get("options"))
