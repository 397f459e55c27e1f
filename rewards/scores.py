"""What scoring gives: the rewards of one completion, and of a batch."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from parsers.values import Fault


@dataclass(frozen=True, slots=True)
class Score:
    """The reward of one completion.

    Attributes:
        total: the sum of ``parts``, exactly.
        parts: fixed keys per task, in a fixed order; penalties are negative or zero.
        correct: what a benchmark reports; never derived from ``total``.
        answer: the parsed answer, or None where none could be taken.
        fault: the first thing wrong with the text, or None.
        unit: max(0, R_acc / R_acc of the exact answer), in [0, 1]; for frameworks that filter by it.
    """

    total: float
    parts: Mapping[str, float]
    correct: bool
    answer: object
    fault: Fault | None
    unit: float


@dataclass(frozen=True)
class BatchScore:
    """The rewards of a batch: arrays of shape (rows,), and lists of as many.

    Attributes:
        total, parts, correct, answers, faults: as in `Score`.
        best: what the exact answer earns, its format aside.
        prefilled: whether the opening ``<think>`` was taken as written by the chat template.
        n_pred: predictions that were scored; of questions, whether an answer was given.
    """

    total: NDArray[np.float64]
    parts: Mapping[str, NDArray[np.float64]]
    correct: NDArray[np.bool_]
    answers: Sequence[object]
    faults: Sequence[Fault | None]
    best: NDArray[np.float64]
    prefilled: NDArray[np.bool_]
    n_pred: NDArray[np.int64]

    @cached_property
    def unit(self) -> NDArray[np.float64]:
        """What is earned of `best`, within [0, 1]; where nothing can be earned, whether the answer is right."""
        earned = sum(values for part, values in self.parts.items() if part != "format")
        ratio = np.divide(earned, self.best, out=self.correct.astype(np.float64), where=self.best > 0)
        return np.minimum(np.maximum(ratio, 0.0), 1.0)

    def __len__(self) -> int:
        return len(self.total)

    def __getitem__(self, row: int) -> Score:
        parts = {part: float(values[row]) for part, values in self.parts.items()}
        return Score(
            total=float(self.total[row]),
            parts=parts,
            correct=bool(self.correct[row]),
            answer=self.answers[row],
            fault=self.faults[row],
            unit=float(self.unit[row]),
        )

    def __iter__(self) -> Iterator[Score]:
        return (self[row] for row in range(len(self)))


def add_up(parts: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sum of each row's parts, (rows,): exactly what Python's `sum` of them gives.

    From Python 3.12 on, `sum` loses less to rounding than adding up step by step, so only `sum` itself agrees with it.
    """
    columns = [values.tolist() for values in parts.values()]
    return np.array([sum(row) for row in zip(*columns, strict=True)], dtype=np.float64)
