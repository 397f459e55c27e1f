"""Which share of completions name correspondences across views; where they do is in `parsers.correspondences`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final, NamedTuple

import msgspec
import numpy as np

from benchmarks.files.columns import ROLES
from benchmarks.files.paths import find_files
from benchmarks.run.executors import Executor
from benchmarks.run.parts import PART_BYTES
from benchmarks.run.score_files import Progress, Reading, Run, Scored, encode_line, score_files
from benchmarks.statistics import cluster_kinds, share_interval
from parsers.completion import MAX_COMPLETION
from parsers.correspondences import Correspondence, find_correspondences

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from benchmarks.files.blocks import Block
    from benchmarks.statistics import Interval

    Spans = tuple[Correspondence, ...] | None
    """Sentences and lines of a completion; None where it has no reasoning to look at."""

KNOWN: Final = ROLES | {"view": ("view",)}
SETTINGS: Final = {"center": "ID", "left": "OOD", "right": "OOD"}
"""The view of a final image -> its setting: that of the initial image, or another."""

_THINK_ENDS = re.compile(r"</think>|<answer>")
_THINK_BEGINS = re.compile(r"\s*<think>")


class ClusterCounts(NamedTuple):
    """Rows with reasoning, counted by what they share with others.

    Attributes:
        cluster: (clusters,), the number of a scene or a prompt, each once and in order.
        rows: (clusters,), its rows.
        named: (clusters,), those that name a correspondence.
    """

    cluster: np.ndarray  # of uint64
    rows: np.ndarray  # of int64
    named: np.ndarray  # of int64

    @staticmethod
    def of(parts: Sequence[ClusterCounts]) -> ClusterCounts:
        """Add counts, in which a cluster may stand several times."""
        cluster, rows, named = (np.concatenate(column) for column in zip(*parts, strict=True))
        cluster, at = np.unique(cluster, return_inverse=True)
        sums = (np.bincount(at, weights=each, minlength=len(cluster)).astype(np.int64) for each in (rows, named))
        return ClusterCounts(cluster, *sums)


class Share(msgspec.Struct):
    """Counts of rows, and the share of those with reasoning that name a correspondence.

    Attributes:
        clusters: counts of rows that share something with others; see `compact`.
        alone: rows with reasoning that share nothing.
        alone_named: those of them that name a correspondence.
        without: rows without reasoning; they are in no share.
    """

    clusters: list[ClusterCounts] = []
    alone: int = 0
    alone_named: int = 0
    without: int = 0

    def add(self, clusters: Iterable[int | None], spans: Iterable[Spans]) -> None:
        """Count some rows."""
        shared: list[tuple[int, bool]] = []
        for cluster, found in zip(clusters, spans, strict=True):
            if found is None:
                self.without += 1
            elif cluster is None:
                self.alone, self.alone_named = self.alone + 1, self.alone_named + bool(found)
            else:
                shared.append((cluster, bool(found)))
        if shared:
            numbers, named = zip(*shared, strict=True)
            rows = np.ones(len(shared), dtype=np.int64)
            self.clusters.append(ClusterCounts(np.array(numbers, dtype=np.uint64), rows, np.array(named, np.int64)))
            self.compact()

    def merge(self, other: Share) -> None:
        """Add the counts of other rows."""
        self.clusters += other.clusters
        self.alone, self.alone_named = self.alone + other.alone, self.alone_named + other.alone_named
        self.without += other.without
        self.compact()

    def compact(self) -> None:
        """Keep a cluster once, as soon as those that came since are as many as there were."""
        sizes = [len(each.cluster) for each in self.clusters]
        if sizes and sum(sizes) >= 2 * sizes[0]:
            self.clusters = [ClusterCounts.of(self.clusters)]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it, with the 95% interval of the share."""
        counts = ClusterCounts.of(self.clusters) if self.clusters else None
        shared, named = (0, 0) if counts is None else (int(counts.rows.sum()), int(counts.named.sum()))
        rows, named = shared + self.alone, named + self.alone_named
        share: dict[str, Any] = {"share": None, "low": None, "high": None, "method": None, "clusters": None}
        if rows:
            found = self._interval(counts, named / rows)
            share = {
                "share": found.estimate,
                "low": found.low,
                "high": found.high,
                "method": found.method,
                "clusters": found.clusters,
            }
        return share | {"rows": rows, "named": named, "without_reasoning": self.without}

    def _interval(self, counts: ClusterCounts | None, share: float) -> Interval:
        sums, sizes = np.zeros(self.alone), np.ones(self.alone)
        sums[: self.alone_named] = 1
        if counts is not None:
            sums, sizes = np.r_[sums, counts.named], np.r_[sizes, counts.rows]
        return share_interval(cluster_kinds(sums, sizes, share), clustered=counts is not None)


class CorrespondenceTally(msgspec.Struct):
    """What the rows of some files name.

    Attributes:
        most: sentences of each way to name one that are kept.
        views: the rows of each view; ``""`` for those without one.
        kinds: how many rows name a correspondence in each way.
        examples: of each way the first sentences.
        clustered_by: what rows of one cluster share: ``scene``, a column or columns, or ``""``.
        errors: rows that could not be read.
    """

    most: int = 0
    views: dict[str, Share] = {}
    kinds: dict[str, int] = {}
    examples: dict[str, list[str]] = {}
    clustered_by: str = ""
    errors: int = 0

    def merge(self, later: CorrespondenceTally) -> None:
        """Add what was tallied of the rows that follow on these."""
        self.most = max(self.most, later.most)
        for view, share in later.views.items():
            self.views.setdefault(view, Share()).merge(share)
        for kind, count in later.kinds.items():
            self.kinds[kind] = self.kinds.get(kind, 0) + count
            shown = self.examples.setdefault(kind, [])
            shown += later.examples[kind][: self.most - len(shown)]
        self.clustered_by = self.clustered_by or later.clustered_by

    def shares(self) -> dict[str, Share]:
        """Return the shares of ``all``, of ``ID`` and ``OOD``, and of each view that rows have."""
        found = {"all": Share()}
        for view, share in self.views.items():
            for name in ("all", *([SETTINGS[view]] if view in SETTINGS else []), *([view] if view else [])):
                found.setdefault(name, Share()).merge(share)
        order = {"all": 0, "ID": 1, "OOD": 2}
        return dict(sorted(found.items(), key=lambda item: (order.get(item[0], 3), item[0])))

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        return {
            "shares": {name: share.as_dict() for name, share in self.shares().items()},
            "kinds": dict(sorted(self.kinds.items(), key=lambda item: -item[1])),
            "clustered_by": self.clustered_by or None,
            "examples": self.examples,
            "errors": self.errors,
        }


def reasoning_of(completion: str) -> tuple[int, int] | None:
    """Return where the reasoning of a completion stands; None where it has none that is told from its answer.

    It is what stands before ``</think>`` or, where that is missing, before ``<answer>``; of a completion that was
    cut off in its reasoning, what stands behind ``<think>``.

    >>> reasoning_of("<think>So B.</think><answer>B</answer>"), reasoning_of("<think>So"), reasoning_of("B")
    ((7, 12), (7, 9), None)
    """
    begins, ends = _THINK_BEGINS.match(completion), _THINK_ENDS.search(completion)
    if begins is None and ends is None:
        return None
    start = 0 if begins is None else begins.end()
    stop = len(completion) if ends is None else max(ends.start(), start)
    return (start, stop) if completion[start:stop].strip() else None


def find_in(completion: str, *, whole: bool = False) -> tuple[Correspondence, ...] | None:
    """Return where a completion names correspondences; None where it has no reasoning, or is too long to be read.

    Args:
        completion: with or without tags.
        whole: look at all of it, its answer too.
    """
    if len(completion) > MAX_COMPLETION:
        return None
    place = ((0, len(completion)) if completion.strip() else None) if whole else reasoning_of(completion)
    if place is None:
        return None
    found = find_correspondences(completion[slice(*place)])
    return tuple(Correspondence(kind, start + place[0], end + place[0]) for kind, start, end in found)


@dataclass(frozen=True, slots=True)
class CorrespondenceScorer:
    """Looks through the rows of a block, see `benchmarks.run.score_files.Scorer`.

    Attributes:
        whole: look at whole completions, not only at their reasoning.
        examples: of each way to name one, how many sentences are kept.
    """

    whole: bool = False
    examples: int = 1

    tally: ClassVar = CorrespondenceTally
    digest: ClassVar = None
    schema: ClassVar = {"id": str, "view": str, "correspondence": bool, "spans": str, "error": str}
    """Parquet holds the spans as JSON."""

    def __call__(self, block: Block) -> Scored:
        """Find what each row names."""
        texts: Sequence[str] = block.columns.get("completion", ())
        views = [_view(each) for each in block.columns.get("view", [None] * len(block))]
        found = [find_in(text, whole=self.whole) for text in texts]
        return Scored(block, self._tally(block, texts, views, found), partial(_lines, block, texts, views, found))

    def _tally(self, block: Block, texts: Sequence[str], views: Sequence[str], found: Sequence[Spans]) -> Any:
        scenes = "scene" in block.columns
        clusters = block.numbers(("scene",)) if scenes else block.groups()
        tally = CorrespondenceTally(self.examples, clustered_by="scene" if scenes else block.group_name)
        for view in dict.fromkeys(views):
            at = [row for row, each in enumerate(views) if each == view]
            tally.views[view] = Share()
            tally.views[view].add([clusters[row] for row in at], [found[row] for row in at])
        for text, spans in zip(texts, found, strict=True):
            for kind, start, end in {each.kind: each for each in reversed(spans or ())}.values():
                tally.kinds[kind] = tally.kinds.get(kind, 0) + 1
                shown = tally.examples.setdefault(kind, [])
                if len(shown) < self.examples:
                    shown.append(text[start:end])
        return tally


def _view(value: Any) -> str:
    """Return how a view is called, as in ``left`` for ``Camera_Left``; "" where a row has none."""
    return "" if value is None else str(value).split("_")[-1].lower()


def _lines(block: Block, texts: Sequence[str], views: Sequence[str], found: Sequence[Spans]) -> list[bytes]:
    """Return an output row for each row of the block."""
    return [
        encode_line(
            {
                "id": id_,
                "view": view or None,
                "correspondence": None if spans is None else bool(spans),
                "spans": [
                    {"kind": kind, "start": start, "end": end, "text": text[start:end]}
                    for kind, start, end in spans or ()
                ],
                "error": None,
            }
        )
        for id_, view, text, spans in zip(block.ids(), views, texts, found, strict=True)
    ]


def read_correspondences(
    files: Sequence[str],
    *,
    mapping: Mapping[str, str] | None = None,
    whole: bool = False,
    examples: int = 1,
    out: str | None = None,
    overwrite: bool = False,
    workers: int = 1,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_notice: Callable[[str], None] | None = None,
    part_bytes: int = PART_BYTES,
) -> CorrespondenceTally:
    """Read files of completions and count those that name correspondences across views.

    Args:
        files: as ``star score`` reads them; no target is needed.
        mapping: role -> column, where the user says so.
        whole: look at whole completions, not only at their reasoning.
        examples: of each way to name one, how many sentences are kept.
        out: see `benchmarks.run.score_files.Run`, as all that follows but the workers.
        overwrite: likewise.
        workers: processes.
        on_error: takes ``file:line: what is wrong`` of each row that cannot be read.
        on_progress: called now and then.
        on_notice: called with a line for people.
        part_bytes: see `benchmarks.run.score_files.Run`.

    Raises:
        DataError: a file cannot be read, or has no column of completions.
        ConfigError: for an ambiguous column, a wrong *mapping*, or an output that cannot be written.
    """
    reading = Reading(needed=("completion",), required=(), known=KNOWN, mapping=mapping)
    run = Run(
        out=out,
        overwrite=overwrite,
        by=Executor(workers),
        on_error=on_error,
        on_progress=on_progress,
        on_notice=on_notice,
        part_bytes=part_bytes,
    )
    settings = {"whole": whole, "examples": examples, "mapping": dict(mapping or {})}
    total = score_files(find_files(files), CorrespondenceScorer(whole, examples), reading, run, settings=settings)
    tally: CorrespondenceTally = total.tally
    tally.errors = total.progress.errors
    return tally
