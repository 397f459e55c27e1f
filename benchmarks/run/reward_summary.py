"""What a file of predictions earned: the table that ``star score`` prints, added up within bounded memory."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from benchmarks.run.group_counts import RECORD, GroupCounts, count_groups
from benchmarks.run.made_with import Makers, signed
from benchmarks.run.spool import Spool
from benchmarks.statistics import Estimate, mean_of_sums, share_of_sums

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from benchmarks.run.score_files import Progress, Scored
    from rewards.score import BatchScore


FIGURES = ("total", "accuracy", "parse_rate", "unit")
"""Numbers that every task has, beside its parts; see `Summary.figures`."""
MOST_VALUES = 1000
"""Different values of a histogram beyond which they are rounded to fewer digits, so that its memory is bounded."""


class Rewarded(NamedTuple):
    """A block's scores.

    Attributes:
        batch: under the reward that was asked for.
        default: totals under the preset ``default``, (rows,); None where the task knows no presets.
        paper: likewise under ``paper``.
    """

    batch: BatchScore
    default: NDArray[np.float64] | None = None
    paper: NDArray[np.float64] | None = None


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
        unit: mean of `rewards.score.Score.unit`.
        accuracy: share of rows that are correct.
        parse_rate: share of rows without a fault.
        prefilled: rows whose opening ``<think>`` was taken as written by the chat template.
        faults: the most frequent first.
        groups: what GRPO sees; None where nothing says which rows belong together.
        grouped_by: the columns that said it, e.g. ``uid and step``; several where files differ.
        scenes: number of scenes, by which the intervals are clustered; None where no column tells them, and groups are
            the clusters.
        compared: whether ``default`` and ``paper`` were compared in *groups*.
        dialects: the systems that wrote the files, as far as they were recognised.
        histograms: of the total and of each part, pairs of a value and the number of rows that have it.
        signature: the settings that the numbers depend on.
        made_with: how the predictions were made, as they say themselves, see `benchmarks.run.made_with`.
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
    signature: str
    made_with: Mapping[str, str] = field(default_factory=dict)
    ended: Mapping[str, int] = field(default_factory=dict)

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

    @property
    def groups_differ(self) -> bool:
        """Whether groups have different numbers of rows: the key may not tell prompts apart, or rows are missing."""
        return self.groups is not None and self.groups.smallest < self.groups.largest


class RewardTally:
    """Adds up the scores of blocks, see `benchmarks.run.score_files.Tally`.

    Args:
        parts: names of the parts.
        spool: where the records of rows are kept until the end; None for a temporary file.
        state: what an earlier run's `save` returned, to go on from there.
    """

    def __init__(
        self, parts: Sequence[str], *, spool: Path | None = None, state: Mapping[str, Any] | None = None
    ) -> None:
        sums = dict.fromkeys(("total", "unit", *parts), 0.0)
        self._state: dict[str, Any] = {"rows": 0, "right": 0, "prefilled": 0, "grouped": 0, "sums": sums, "faults": {}}
        self._state |= {"grouped_by": [], "scenes": False}
        self._state["histograms"] = {}
        self._state |= state or {}
        self._makers = Makers(self._state.setdefault("made_with", {}))
        self._parts = tuple(parts)
        self._spool = Spool(RECORD, spool, size=self._state.get("spooled", 0))

    def add(self, scored: Scored) -> None:
        """Add a block."""
        rewarded: Rewarded = scored.result
        batch, state = rewarded.batch, self._state
        numbers = scored.block.groups()
        grouped = [number is not None for number in numbers]
        alone = range(state["rows"], state["rows"] + len(batch))
        records = np.empty(len(batch), dtype=RECORD)
        groups = [own if number is None else number for own, number in zip(alone, numbers, strict=True)]
        records["group"] = records["cluster"] = groups
        if "scene" in scored.block.columns:
            scenes = scored.block.numbers(["scene"])
            records["cluster"] = [own if scene is None else scene for own, scene in zip(groups, scenes, strict=True)]
            state["scenes"] = state["scenes"] or any(scene is not None for scene in scenes)
        if any(grouped) and scored.block.group_name not in state["grouped_by"]:
            state["grouped_by"].append(scored.block.group_name)
        records["total"], records["correct"] = batch.total, batch.correct
        records["default"] = batch.total if rewarded.default is None else rewarded.default
        records["paper"] = batch.total if rewarded.paper is None else rewarded.paper
        self._spool.add(records)
        self._makers.add(scored.block)
        state["rows"] += len(batch)
        state["right"] += int(batch.correct.sum())
        state["prefilled"] += int(batch.prefilled.sum())
        state["grouped"] += sum(grouped)
        for name, values in {"total": batch.total, "unit": batch.unit, **batch.parts}.items():
            state["sums"][name] += float(values.sum())
            state["histograms"][name] = count_values(state["histograms"].get(name, {}), values)
        self._add_faults(scored)

    def _add_faults(self, scored: Scored) -> None:
        faults = self._state["faults"]
        for row, fault in enumerate(scored.result.batch.faults):
            if fault is not None:
                if fault.code not in faults:
                    faults[fault.code] = [0, scored.block.chunk.place(scored.block.at[row]), fault.message]
                faults[fault.code][0] += 1

    def save(self) -> dict[str, Any]:
        """Make what was added last, and return the rest of the state."""
        return {**self._state, "spooled": self._spool.save()}

    def close(self, *, remove: bool = True) -> None:
        """Close the file of records and, by default, remove it."""
        self._spool.close(remove=remove)

    def summary(self, progress: Progress, *, signature: str, compared: bool) -> Summary | None:
        """Return the sum of everything; None where no row was scored."""
        state, rows = self._state, self._state["rows"]
        if not rows:
            return None
        mean = {name: value / rows for name, value in state["sums"].items()}
        right = state["right"] / rows
        counts = GroupCounts()
        for records in self._spool.parts():
            counts += count_groups(records, mean_total=mean["total"], mean_correct=right)
        faults = [FaultCount(code, *found) for code, found in state["faults"].items()]
        told = self._makers.told()
        scenes = f"|clusters:scene={counts.clusters}" if state["scenes"] else ""
        of_rows = {"rows": rows, "clusters": counts.clusters}
        return Summary(
            rows=rows,
            errors=progress.errors,
            total=mean_of_sums(mean["total"], **of_rows, residual=counts.total_residual),
            parts={part: mean[part] for part in self._parts},
            unit=mean["unit"],
            accuracy=share_of_sums(right, **of_rows, residual=counts.correct_residual),
            parse_rate=1 - sum(fault.rows for fault in faults) / rows,
            prefilled=state["prefilled"],
            faults=sorted(faults, key=lambda fault: (-fault.rows, fault.code)),
            groups=counts if state["grouped"] else None,
            grouped_by=tuple(state["grouped_by"]),
            scenes=counts.clusters if state["scenes"] else None,
            compared=compared,
            dialects=progress.dialects,
            histograms={name: in_order(counts) for name, counts in state["histograms"].items()},
            signature=f"{signature}{scenes}|n:{rows}{signed(told)}",
            made_with=told,
            ended=self._makers.ended,
        )


def count_values(counts: Mapping[str, int], values: NDArray[np.float64]) -> dict[str, int]:
    """Return a histogram with some values added: of rewards there are few different ones, and each is counted.

    A value is its text, which JSON can have as a key.

    >>> count_values({"5": 1}, np.array([5.0, -1.0, 5.0]))
    {'5': 3, '-1': 1}
    """
    new = dict(counts)
    for value, count in zip(*np.unique(values, return_counts=True), strict=True):
        _add_count(new, float(value), int(count), digits=6)
    for digits in (3, 2, 1):
        if len(new) > MOST_VALUES:
            fine, new = new, {}
            for text, count in fine.items():
                _add_count(new, float(text), count, digits=digits)
    return new


def _add_count(counts: dict[str, int], value: float, count: int, *, digits: int) -> None:
    text = f"{value:.{digits}g}"
    text = "0" if text == "-0" else text
    counts[text] = counts.get(text, 0) + count


def in_order(counts: Mapping[str, int]) -> list[tuple[float, int]]:
    """Return the values from the least, each with its count.

    >>> in_order({"5": 3, "-1": 1})
    [(-1.0, 1), (5.0, 3)]
    """
    return sorted((float(text), count) for text, count in counts.items())
