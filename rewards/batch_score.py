"""What scoring gives: the score of one completion, and those of a batch as arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from parsers.first_time import FIRST_TIME
from parsers.types import Records
from rewards.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from parsers.types import Fault
    from rewards.spans import Spans


@dataclass(frozen=True, slots=True)
class Score:
    """The reward of one completion.

    Attributes:
        total: the sum of ``parts``, exactly.
        parts: fixed keys per task, in a fixed order; penalties are negative or zero, and ``reference`` may be negative.
        correct: what a benchmark reports; never derived from ``total``.
        answer: the parsed answer, or None where none could be taken.
        fault: the first thing wrong with the text, or None.
        unit: max(0, R_acc / R_acc of the exact answer), in [0, 1]; for frameworks that filter by it.
        prefilled: whether the opening ``<think>`` was taken as written by the chat template.
        source: what finds the spans, or None where the score was made without its completion.
    """

    total: float
    parts: Mapping[str, float]
    correct: bool
    answer: object
    fault: Fault | None
    unit: float
    prefilled: bool = False
    source: Callable[[], Spans] | None = field(default=None, repr=False, compare=False)

    @property
    def spans(self) -> Spans:
        """Where the reward comes from: the place, tier and share of each record and reference, found when asked for.

        Raises:
            ConfigError: for a score that is not from `score_completion` or `score_batch`.

        >>> from rewards import score_completion
        >>> score = score_completion("<think>b</think><answer>2.color.red</answer>", "2.color.cyan")
        >>> score.spans.records[0]._replace(value=None)
        Span(start=24, end=35, kind='record', value=None, tier='attribute', share=0.5)
        """
        if self.source is None:
            raise ConfigError("this score was made without its completion; use rewards.spans.score_spans")
        return self.source()

    def flat(self) -> dict[str, float]:
        """Return the score as numbers alone, with the same keys for every completion of a task.

        ``total``; ``correct``, ``parsed`` (no fault) and ``prefilled`` as 1 or 0; ``unit``, and the parts.

        >>> from rewards import score_completion
        >>> score_completion("<think>b</think><answer>C</answer>", "B", task="multiview").flat()
        ... # doctest: +NORMALIZE_WHITESPACE
        {'total': 0.0, 'correct': 0.0, 'parsed': 1.0, 'prefilled': 0.0, 'unit': 0.0,
         'format': 0.0, 'answer': 0.0, 'reference': 0.0}
        """
        facts = {"correct": self.correct, "parsed": self.fault is None, "prefilled": self.prefilled}
        return {"total": self.total, **{name: float(value) for name, value in facts.items()}, "unit": self.unit} | dict(
            self.parts
        )


@dataclass(frozen=True)
class BatchScore:
    """The rewards of a batch: arrays of shape (rows,), and lists of as many.

    Attributes:
        total, parts, correct, answers, faults: as in `Score`.
        best: what the exact answer scores, its format aside.
        prefilled: whether the opening ``<think>`` was taken as written by the chat template.
        n_pred: predictions that were scored; of questions, whether an answer was given.
        well_formed: whether the tags are right, whatever the format weighs.
        labelled: of questions, whether the references are labelled and tell views apart, so that R_ref is scored; None
            of list tasks.
        source: what finds the spans of a row, or None where the batch was scored without its completions.
    """

    total: NDArray[np.float64]
    parts: Mapping[str, NDArray[np.float64]]
    correct: NDArray[np.bool_]
    answers: Sequence[object]
    faults: Sequence[Fault | None]
    best: NDArray[np.float64]
    prefilled: NDArray[np.bool_]
    n_pred: NDArray[np.int64]
    well_formed: Sequence[bool]
    labelled: NDArray[np.bool_] | None = None
    source: Callable[[int], Spans] | None = field(default=None, repr=False, compare=False)

    @property
    def unit(self) -> NDArray[np.float64]:
        """What is scored of `best`, within [0, 1]; where nothing can be scored, whether the answer is right."""
        # Not a `cached_property`: that of Python 3.11 has a lock, which forks copy.
        kept: dict[str, NDArray[np.float64]] = vars(self)
        if "_unit" not in kept:
            earned = sum(values for part, values in self.parts.items() if part != "format")
            ratio = np.divide(earned, self.best, out=self.correct.astype(np.float64), where=self.best > 0)
            kept["_unit"] = np.minimum(np.maximum(ratio, 0.0), 1.0)
        return kept["_unit"]

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
            prefilled=bool(self.prefilled[row]),
            source=None if self.source is None else partial(self.source, row),
        )

    def __iter__(self) -> Iterator[Score]:
        return (self[row] for row in range(len(self)))

    def __repr__(self) -> str:
        means = f", total {self.total.mean():.3f}, correct {self.correct.mean():.1%}" if len(self) else ""
        return f"BatchScore({len(self)} rows{means})"

    def _repr_html_(self) -> str:
        with FIRST_TIME:
            from rewards.frames import html_table  # noqa: PLC0415  only notebooks need it

        return html_table(repr(self), self._columns())

    def to_pandas(self) -> Any:
        """Return a data frame with a row for each completion: ``total``, the parts, ``correct``, ``unit``, the
        ``answer`` as text and the code of the ``fault``.

        Raises:
            ConfigError: pandas is not installed.
        """  # noqa: D205
        with FIRST_TIME:
            from rewards.frames import data_frame  # noqa: PLC0415  as above

        return data_frame(self._columns())

    def _columns(self) -> dict[str, list[Any]]:
        numbers = {"total": self.total, **self.parts, "correct": self.correct, "unit": self.unit}
        answers = list(map(answer_text, self.answers))
        faults = [None if fault is None else fault.code for fault in self.faults]
        return {name: values.tolist() for name, values in numbers.items()} | {"answer": answers, "fault": faults}


def add_up(parts: Mapping[str, NDArray[np.float64]]) -> NDArray[np.float64]:
    """Return the sum of each row's parts, (rows,): exactly what Python's `sum` of them gives.

    From Python 3.12 on, `sum` loses less to rounding than adding up step by step, so only `sum` itself agrees with it.
    """
    columns = [values.tolist() for values in parts.values()]
    return np.array([sum(row) for row in zip(*columns, strict=True)], dtype=np.float64)


def answer_text(answer: Any) -> str | None:
    """Return a parsed answer as people write it: ``"2.color.cyan, 0.shape.cube"``; None where there is none."""
    if answer is None:
        return None
    return ", ".join(map(str, answer.items)) if isinstance(answer, Records) else str(answer)
