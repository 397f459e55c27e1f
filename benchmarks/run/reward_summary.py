"""What a file of predictions scored: the table that ``star score`` prints, added up within bounded memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from math import fsum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
import numpy as np

from benchmarks.run.group_counts import GroupCounts, Runs, count_groups_of_runs
from benchmarks.run.made_with import Makers, signed
from benchmarks.statistics import Estimate, mean_of_sums, share_of_sums
from rewards.tasks.load import part_names
from rewards.tasks.readable import unweighted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from benchmarks.run.score_files import Progress
    from benchmarks.statistics import Floats
    from rewards.spec import QuestionSpec, TieredSpec


FIGURES = ("total", "accuracy", "parse_rate", "unit")
"""Numbers that every task has, beside its parts; see `Summary.figures`."""
MOST_VALUES = 1000
"""Different values of a histogram beyond which they are rounded to fewer digits, so that its memory is bounded."""


class FaultCount(NamedTuple):
    """How often a fault occurred, with the first row that had it (``file:line``) and what was wrong there."""

    code: str
    rows: int
    example: str
    message: str


@dataclass(frozen=True, slots=True)
class Summary:
    """The scores of some files.

    Attributes:
        rows: rows that were scored.
        errors: rows that could not be scored.
        total: mean total.
        parts: mean of each part.
        unit: mean of `rewards.batch_score.Score.unit`.
        accuracy: share of rows that are correct.
        parse_rate: share of rows without a fault.
        prefilled: rows whose opening ``<think>`` was taken as written by the chat template.
        faults: the most frequent first.
        groups: what GRPO sees; None where nothing says which rows belong together.
        grouped_by: the columns that said it, e.g. ``uid and step``; several where files differ.
        scenes: number of scenes, by which the intervals are clustered; None where no column tells them, and groups are
            the clusters.
        compared: whether ``default`` and ``paper`` were compared in *groups*.
        dialects: the systems that wrote the files, as far as they were recognized.
        histograms: of the total and of each part, pairs of a value and the number of rows that have it.
        unweighted: parts that count nothing under these settings, whose mean of 0 says nothing.
        signature: the settings that the numbers depend on.
        made_with: how the predictions were made, as they say themselves, see `benchmarks.run.made_with`.
        source: the files, and how they were read and scored: what finds the same rows again.
        ended: how many completions were ``cut off`` at the token limit, and how many ``refused``, where rows say so.
    """

    rows: int
    errors: int
    total: Estimate
    parts: Mapping[str, float]
    unit: float
    accuracy: Estimate
    parse_rate: float
    prefilled: int
    faults: Sequence[FaultCount]
    groups: GroupCounts | None
    grouped_by: Sequence[str]
    scenes: int | None
    compared: bool
    dialects: Sequence[str]
    histograms: Mapping[str, Sequence[tuple[float, int]]]
    unweighted: Sequence[str]
    signature: str
    made_with: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)
    source: Mapping[str, Any] = field(default_factory=dict, compare=False)

    def figures(self) -> dict[str, float]:
        """Return the numbers that a threshold can be set for, by name."""
        common = (self.total.value, self.accuracy.value, self.parse_rate, self.unit)
        return {**dict(zip(FIGURES, common, strict=True)), **self.parts}

    def as_dict(self) -> dict[str, Any]:
        """Return everything as JSON takes it."""
        plain = asdict(self)
        plain["total"], plain["accuracy"] = self.total._asdict(), self.accuracy._asdict()
        plain["faults"] = [fault._asdict() for fault in self.faults]
        if self.groups is not None:
            hidden = ["clusters", "total_residual", "correct_residual"]
            hidden += [] if self.compared else ["rows_ranked_differently", "groups_ranked_differently"]
            plain["groups"] = {name: value for name, value in asdict(self.groups).items() if name not in hidden}
        return plain

    def __repr__(self) -> str:
        numbers = f"total {self.total.value:.3f}, accuracy {self.accuracy.value:.1%}, parse_rate {self.parse_rate:.1%}"
        return f"Summary({self.rows:,} rows, {self.errors:,} errors, {numbers})"

    def _repr_html_(self) -> str:
        from rewards.frames import html_table  # noqa: PLC0415  only notebooks need it

        return html_table(repr(self), self._columns())

    def to_pandas(self) -> Any:
        """Return a data frame with a row for each of `figures`: its mean and, where there are any, its bounds.

        Raises:
            ConfigError: pandas is not installed.
        """
        from rewards.frames import data_frame  # noqa: PLC0415  as above

        return data_frame(self._columns(), index="figure")

    def _columns(self) -> dict[str, list[Any]]:
        figures, bounded = self.figures(), {"total": self.total, "accuracy": self.accuracy}
        low, high = ([getattr(bounded.get(name), end, None) for name in figures] for end in ("low", "high"))
        return {"figure": list(figures), "mean": list(figures.values()), "low": low, "high": high}


class RewardTally(msgspec.Struct):
    """The scores of some rows, in whole numbers: how many rows have which score, and which scores each group has.

    Tallies of two stretches of rows merge to that of both, whatever the stretches were. Means and intervals are
    computed from the whole alone, in an order of its own, and so are the same bit by bit.

    Attributes:
        scores: each different score, the numbers of `score_numbers` as bytes -> its code, from 0.
        counts: rows by code.
        runs: the rows that are not alone, see `benchmarks.run.group_counts.Runs`; codes are those of *scores*.
        prefilled: rows whose opening ``<think>`` was taken as written by the chat template.
        faults: code -> rows, and place and message of the first.
        grouped_by: see `Summary`.
        scenes: whether some row has a scene.
        makers: how the predictions were made.
    """

    scores: dict[bytes, int] = {}
    counts: list[int] = []
    runs: list[Runs] = []
    prefilled: int = 0
    faults: dict[str, tuple[int, str, str]] = {}
    grouped_by: list[str] = []
    scenes: bool = False
    makers: Makers = msgspec.field(default_factory=Makers)

    def merge(self, later: RewardTally) -> None:
        """Add what was tallied of the rows that follow on these."""
        codes = [self.scores.setdefault(score, len(self.scores)) for score in later.scores]
        self.counts += [0] * (len(self.scores) - len(self.counts))
        for code, count in zip(codes, later.counts, strict=True):
            self.counts[code] += count
        renumber = np.array(codes, dtype=np.uint32)
        self.runs += [runs._replace(codes=renumber[runs.codes]) for runs in later.runs]
        self.prefilled += later.prefilled
        for fault, found in later.faults.items():
            count, place, message = self.faults.get(fault, (0, *found[1:]))
            self.faults[fault] = (count + found[0], place, message)
        self.grouped_by += [name for name in later.grouped_by if name not in self.grouped_by]
        self.scenes = self.scenes or later.scenes
        self.makers.merge(later.makers)

    def summary(
        self, spec: TieredSpec | QuestionSpec, progress: Progress, *, signature: str, compared: bool
    ) -> Summary | None:
        """Return what it comes to; None where no row was scored.

        Args:
            spec: settings of the reward.
            progress: how many rows were read.
            signature: see `Summary`.
            compared: likewise.
        """
        rows = sum(self.counts)
        if not rows:
            return None
        parts = part_names(spec)
        names = [*SCORE_NUMBERS, *parts]
        scores = dict(zip(names, np.frombuffer(b"".join(self.scores)).reshape(-1, len(names)).T, strict=True))
        mean = {name: fsum(values * np.array(self.counts)) / rows for name, values in scores.items()}
        groups = count_groups_of_runs(self.runs, self.counts, scores, mean)
        faults = [FaultCount(code, *found) for code, found in self.faults.items()]
        of_rows = {"rows": rows, "clusters": groups.clusters}
        told, scenes = self.makers.told(), f"|clusters:scene={groups.clusters}" if self.scenes else ""
        return Summary(
            rows=rows,
            errors=progress.errors,
            total=mean_of_sums(mean["total"], **of_rows, residual=groups.total_residual),
            parts={part: mean[part] for part in parts},
            unit=mean["unit"],
            accuracy=share_of_sums(mean["correct"], **of_rows, residual=groups.correct_residual),
            parse_rate=1 - sum(fault.rows for fault in faults) / rows,
            prefilled=self.prefilled,
            faults=sorted(faults, key=lambda fault: (-fault.rows, fault.code)),
            groups=groups if self.grouped_by else None,
            grouped_by=tuple(self.grouped_by),
            scenes=groups.clusters if self.scenes else None,
            compared=compared,
            dialects=progress.dialects,
            histograms={name: histogram(scores[name], self.counts) for name in ("total", "unit", *parts)},
            unweighted=unweighted(spec),
            signature=f"{signature}{scenes}|n:{rows}{signed(told)}",
            made_with=told,
            ended=self.makers.ended,
        )


SCORE_NUMBERS = ("total", "unit", "correct", "default", "paper")
"""What a score is besides its parts; totals under the presets default and paper. See `rewards.batch_score.Score`."""


def histogram(values: Floats, counts: Sequence[int]) -> list[tuple[float, int]]:
    """Return the different values from the least, each with its count; rounded where there are too many to keep.

    >>> histogram(np.array([5.0, -1.0, 5.0]), [2, 1, 1])
    [(-1.0, 1), (5.0, 3)]
    """
    found: dict[float, int] = {}
    for digits in (6, 3, 2, 1):
        found = {}
        for value, count in zip(values.tolist(), counts, strict=True):
            rounded = float(f"{value:.{digits}g}") + 0.0  # no -0.0
            found[rounded] = found.get(rounded, 0) + count
        if len(found) <= MOST_VALUES:
            break
    return sorted(found.items())
