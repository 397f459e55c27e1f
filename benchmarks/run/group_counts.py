"""What GRPO sees: the completions of one prompt compared with each other, counted over groups."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from math import fsum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from numpy.typing import NDArray

    from benchmarks.statistics import Floats

RECORD: np.dtype[np.void] = np.dtype(
    [("cluster", "<u8"), ("group", "<u8"), ("total", "<f8"), ("correct", "?"), ("default", "<f8"), ("paper", "<f8")]
)
"""What is kept of a row: its scene (else its group), its group, its reward, whether it is right, and its reward under
each of the presets default and paper. Rows of a group are of one scene."""
RECORDS_AT_ONCE = 1 << 15
"""Records that are compared at a time, about: whole clusters."""


class Runs(NamedTuple):
    """Rows that share a group or a scene with others, as they follow each other: the rows of a run are of one group.

    Attributes:
        cluster: (runs,), the number of its scene, or else of its group.
        group: (runs,), the number of its group.
        length: (runs,), its rows.
        codes: (rows,), the code of the score of each row, run by run.
    """

    cluster: np.ndarray  # of uint64
    group: np.ndarray  # of uint64
    length: np.ndarray  # of uint32
    codes: np.ndarray  # of uint32


@dataclass(frozen=True, slots=True)
class GroupCounts:
    """Counts over groups; those of two sets of groups add up.

    Attributes:
        groups: groups of at least two rows.
        rows: rows in them.
        smallest: rows of the smallest group of any size; 0 where there is none.
        largest: rows of the largest group.
        zero_variance: groups whose rows all have the same reward: their advantages are 0, and nothing is learned from.
        mixed: groups with a right and a wrong row.
        outranked: groups in which some wrong row is rewarded as much as some right one, or more.
        rows_ranked_differently: rows whose place in their group is another under ``default`` than under ``paper``. The
            place is the number of rows that are rewarded more, and half of the other rows that are rewarded the same.
        groups_ranked_differently: groups that have such a row.
        clusters: scenes, or else groups of any size, single rows included.
        total_residual: Σ over clusters of (Σ over rows of (total − mean))².
        correct_residual: the same of being right.
    """

    groups: int = 0
    rows: int = 0
    smallest: int = 0
    largest: int = 0
    zero_variance: int = 0
    mixed: int = 0
    outranked: int = 0
    rows_ranked_differently: int = 0
    groups_ranked_differently: int = 0
    clusters: int = 0
    total_residual: float = 0.0
    correct_residual: float = 0.0

    def __add__(self, other: GroupCounts) -> GroupCounts:
        added = GroupCounts(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))
        sizes = [each.smallest for each in (self, other) if each.smallest]
        return replace(added, smallest=min(sizes, default=0), largest=max(self.largest, other.largest))


def count_groups(records: NDArray[np.void], *, mean_total: float, mean_correct: float) -> GroupCounts:
    """Compare the rows of each group.

    Args:
        records: of type `RECORD`, (rows,); whole clusters, in any order.
        mean_total: mean of ``total`` over all rows there are, not only these.
        mean_correct: likewise of ``correct``.

    >>> rows = [(7, 7, 6.0, True, 6.0, 6.0), (7, 7, 5.0, False, 5.0, 11.0), (8, 8, 1.0, False, 1.0, 1.0)]
    >>> counts = count_groups(np.array(rows, dtype=RECORD), mean_total=4.0, mean_correct=1 / 3)
    >>> counts.groups, counts.mixed, counts.outranked, counts.rows_ranked_differently, counts.clusters
    (1, 1, 0, 2, 2)
    """
    if not len(records):
        return GroupCounts()
    records = records[np.lexsort((records["group"], records["cluster"]))]
    new_cluster = np.r_[True, records["cluster"][1:] != records["cluster"][:-1]]
    clusters = np.flatnonzero(new_cluster)
    starts = np.flatnonzero(new_cluster | np.r_[True, records["group"][1:] != records["group"][:-1]])
    size = np.diff(np.r_[starts, len(records)])
    several = size > 1
    total, right = records["total"], records["correct"]
    best_wrong = np.maximum.reduceat(np.where(right, -np.inf, total), starts)
    worst_right = np.minimum.reduceat(np.where(right, total, np.inf), starts)
    mixed = np.isfinite(best_wrong) & np.isfinite(worst_right)
    spread = np.maximum.reduceat(total, starts) - np.minimum.reduceat(total, starts)
    moved_in_group = np.add.reduceat(_moved(records, starts, size), starts, dtype=np.int64)
    return GroupCounts(
        groups=int(several.sum()),
        rows=int(size[several].sum()),
        zero_variance=int((several & (spread == 0)).sum()),
        mixed=int(mixed.sum()),
        outranked=int((mixed & (best_wrong >= worst_right)).sum()),
        rows_ranked_differently=int(moved_in_group.sum()),
        groups_ranked_differently=int((moved_in_group > 0).sum()),
        smallest=int(size.min()),
        largest=int(size.max()),
        clusters=len(clusters),
        total_residual=float(np.square(np.add.reduceat(total - mean_total, clusters)).sum()),
        correct_residual=float(np.square(np.add.reduceat(right - mean_correct, clusters)).sum()),
    )


def count_groups_of_runs(
    runs: Sequence[Runs], counts: Sequence[int], scores: Mapping[str, Floats], mean: Mapping[str, float]
) -> GroupCounts:
    """Compare the rows of each group; a row that is in no run is a group of its own.

    Args:
        runs: of all rows.
        counts: all rows by the code of their score, (codes,).
        scores: the numbers of each score by name, (codes,) each; see `RECORD` for those that are needed.
        mean: of all rows, by the same names.
    """
    means = {"mean_total": mean["total"], "mean_correct": mean["correct"]}
    alone = np.array(counts, dtype=np.int64)
    added = GroupCounts()
    if runs:
        together = Runs(*(np.concatenate(column) for column in zip(*runs, strict=True)))
        alone -= np.bincount(together.codes, minlength=len(alone))
        for records in _records(together, scores):
            added += count_groups(records, **means)
    if not alone.any():
        return added
    residual = {name: fsum(alone * np.square(scores[name] - mean[name])) for name in ("total", "correct")}
    rows = int(alone.sum())
    return added + GroupCounts(
        smallest=1,
        largest=1,
        clusters=rows,
        total_residual=residual["total"],
        correct_residual=residual["correct"],
    )


def _records(runs: Runs, scores: Mapping[str, Floats]) -> Iterator[NDArray[np.void]]:
    """Yield records of whole clusters at a time, in an order that depends on nothing but the records."""
    order = np.lexsort((runs.group, runs.cluster))
    cluster, group, length = runs.cluster[order], runs.group[order], runs.length[order].astype(np.int64)
    first = (np.cumsum(runs.length, dtype=np.int64) - runs.length)[order]  # of each run, among the codes
    before = np.cumsum(length, dtype=np.int64) - length
    starts = np.flatnonzero(np.r_[True, cluster[1:] != cluster[:-1]])
    # A cluster belongs to the portion in which its first record stands.
    portion = before[starts] // RECORDS_AT_ONCE
    cuts = starts[np.r_[True, portion[1:] != portion[:-1]]]
    rank = np.empty(len(scores["total"]), dtype=np.int64)
    rank[np.lexsort(tuple(scores.values()))] = np.arange(len(rank))
    for begin, end in zip(cuts, np.r_[cuts[1:], len(order)], strict=True):
        rows = length[begin:end]
        within = np.arange(rows.sum()) - np.repeat(np.cumsum(rows) - rows, rows)
        codes = runs.codes[np.repeat(first[begin:end], rows) + within]
        records = np.empty(len(codes), dtype=RECORD)
        records["cluster"], records["group"] = np.repeat(cluster[begin:end], rows), np.repeat(group[begin:end], rows)
        for name in ("total", "correct", "default", "paper"):
            records[name] = scores[name][codes]
        yield records[np.lexsort((rank[codes], records["group"], records["cluster"]))]


def _moved(records: NDArray[np.void], starts: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return which rows ``default`` and ``paper`` put at different places in their group. Rows stand by group."""
    moved = np.zeros(len(records), dtype=np.bool_)
    paid_apart = np.logical_or.reduceat(records["default"] != records["paper"], starts)
    looked_at = np.repeat(paid_apart, size)
    starts, size = np.cumsum(size[paid_apart]) - size[paid_apart], size[paid_apart]
    default, paper = (_places(records[preset][looked_at], starts, size) for preset in ("default", "paper"))
    moved[looked_at] = default != paper
    return moved


def _places(paid: NDArray[np.float64], starts: NDArray[np.int64], size: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return the place of each row in its group, from 0; rows of equal reward share one. Rows stand by group."""
    group = np.repeat(np.arange(len(starts)), size)
    order = np.lexsort((-paid, group))
    group, ordered = group[order], paid[order]
    new = np.concatenate(
        [np.ones(min(len(paid), 1), dtype=np.bool_), (group[1:] != group[:-1]) | (ordered[1:] != ordered[:-1])]
    )
    first = np.flatnonzero(new)
    length = np.diff(np.r_[first, len(paid)])
    shared = np.repeat(first + (length - 1) / 2, length)
    places = np.empty(len(paid))
    places[order] = shared
    return places - np.repeat(starts, size)
