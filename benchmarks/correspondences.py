"""Which share of completions name correspondences across views; where they do is in `parsers.correspondences`."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from benchmarks.files.blocks import Block, read_block, spread_attempts
from benchmarks.files.columns import ROLES, find_columns
from benchmarks.files.paths import find_files
from benchmarks.files.sources import read_chunks
from benchmarks.statistics import Interval, mean_interval
from parsers.completion import MAX_COMPLETION
from parsers.correspondences import Correspondence, find_correspondences

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence

    from benchmarks.files.columns import Columns

KNOWN: Final = ROLES | {"view": ("view",)}
SETTINGS: Final = {"center": "ID", "left": "OOD", "right": "OOD"}
"""The view of a final image -> its setting: that of the initial image, or another."""

_THINK_ENDS = re.compile(r"</think>|<answer>")
_THINK_BEGINS = re.compile(r"\s*<think>")


class Found(NamedTuple):
    """A row, and where its reasoning names correspondences.

    Attributes:
        id: of the row; ``file:line`` where it has none.
        view: ``center``, ``left``, ...; None where the row has none.
        cluster: what it shares with the rows of its scene, or of its prompt; None where it is on its own.
        completion: the whole of it.
        spans: sentences and lines of the completion; None where there is no reasoning to look at.
    """

    id: Any
    view: str | None
    cluster: Hashable
    completion: str
    spans: tuple[Correspondence, ...] | None

    def as_dict(self) -> dict[str, Any]:
        """Return the row of an output file."""
        named = None if self.spans is None else bool(self.spans)
        places = [
            {"kind": kind, "start": start, "end": end, "text": self.completion[start:end]}
            for kind, start, end in self.spans or ()
        ]
        return {"id": self.id, "view": self.view, "correspondence": named, "spans": places}


@dataclass
class Share:
    """Counts of rows and the share of those with reasoning that name a correspondence.

    Attributes:
        named: of each row with reasoning whether it does.
        clusters: what each shares with others.
        without: rows without reasoning; they are in no share.
    """

    named: list[bool] = field(default_factory=list)
    clusters: list[Hashable] = field(default_factory=list)
    without: int = 0

    def add(self, row: Found) -> None:
        """Count a row."""
        if row.spans is None:
            self.without += 1
        else:
            self.named.append(bool(row.spans))
            self.clusters.append(row.cluster)

    def interval(self) -> Interval | None:
        """Return the share with its 95% interval; None where no row has reasoning."""
        if not self.named:
            return None
        alone = all(cluster is None for cluster in self.clusters)
        return mean_interval(np.array(self.named), clusters=None if alone else self.clusters)

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        found = self.interval()
        share: dict[str, Any] = {"share": None, "low": None, "high": None, "method": None, "clusters": None}
        if found is not None:
            share = {
                "share": found.estimate,
                "low": found.low,
                "high": found.high,
                "method": found.method,
                "clusters": found.clusters,
            }
        return share | {"rows": len(self.named), "named": sum(self.named), "without_reasoning": self.without}


@dataclass
class Tally:
    """What the rows of some files name.

    Attributes:
        shares: ``all``; ``ID`` and ``OOD``; and each view that rows have.
        kinds: how many rows name a correspondence in each way.
        examples: of each way the first sentences.
        errors: rows that could not be read.
        clustered_by: what rows of one cluster share: ``scene``, a column or columns, or ``""``.
    """

    shares: dict[str, Share] = field(default_factory=lambda: {"all": Share()})
    kinds: dict[str, int] = field(default_factory=dict)
    examples: dict[str, list[str]] = field(default_factory=dict)
    errors: int = 0
    clustered_by: str = ""

    def add(self, row: Found, *, examples: int) -> None:
        """Count a row."""
        for name in ("all", *([SETTINGS[row.view]] if row.view in SETTINGS else []), *([row.view] if row.view else [])):
            self.shares.setdefault(name, Share()).add(row)
        for kind, start, end in {each.kind: each for each in reversed(row.spans or ())}.values():
            self.kinds[kind] = self.kinds.get(kind, 0) + 1
            shown = self.examples.setdefault(kind, [])
            if len(shown) < examples:
                shown.append(row.completion[start:end])

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as JSON has it."""
        order = {"all": 0, "ID": 1, "OOD": 2}
        names = sorted(self.shares, key=lambda name: (order.get(name, 3), name))
        return {
            "shares": {name: self.shares[name].as_dict() for name in names},
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


def read_correspondences(
    files: Sequence[str],
    *,
    mapping: Mapping[str, str] | None = None,
    whole: bool = False,
    examples: int = 1,
    on_row: Callable[[Found], None] | None = None,
    on_error: Callable[[str], None] | None = None,
    on_progress: Callable[[int, float | None], None] | None = None,
) -> Tally:
    """Read files of completions and count those that name correspondences across views.

    Args:
        files: as ``star score`` reads them; no target is needed.
        mapping: role -> column, where the user says so.
        whole: look at whole completions, not only at their reasoning.
        examples: of each way to name one, how many sentences are kept.
        on_row: takes each row.
        on_error: takes ``file:line: what is wrong`` of each row that cannot be read.
        on_progress: called with the rows read so far and the share of the current file.

    Raises:
        DataError: a file cannot be read, or has no column of completions.
        ConfigError: for an ambiguous column or a wrong *mapping*.
    """
    tally, done = Tally(), 0
    for block, names in _blocks(files, mapping):
        for message in (f"{block.chunk.place(at)}: {text}" for at, text in sorted(block.errors.items())):
            tally.errors += 1
            if on_error is not None:
                on_error(message)
        tally.clustered_by = tally.clustered_by or names
        for row in _rows(block, whole=whole):
            tally.add(row, examples=examples)
            if on_row is not None:
                on_row(row)
        done += len(block.chunk.rows)
        if on_progress is not None:
            on_progress(done, block.chunk.read)
    return tally


def _blocks(files: Sequence[str], mapping: Mapping[str, str] | None) -> Iterator[tuple[Block, str]]:
    """Yield the rows of all files, each block with what tells its clusters."""
    for file in find_files(files):
        columns: Columns | None = None
        for chunk in read_chunks(file):
            if columns is None and len(chunk.bad_rows()) < len(chunk.rows):
                columns = find_columns(chunk, needed=("completion",), mapping=mapping, known=KNOWN)
            if columns is None:
                yield Block(chunk, (), {}, chunk.bad_rows()), ""
                continue
            block = read_block(spread_attempts(chunk, columns), columns, required=())
            yield block, columns.roles.get("scene", "") or block.group_name


def _rows(block: Block, *, whole: bool) -> Iterator[Found]:
    blank: Sequence[Any] = [None] * len(block)
    views = block.columns.get("view", blank)
    clusters = block.numbers(("scene",)) if "scene" in block.columns else block.groups()
    for id_, view, cluster, text in zip(block.ids(), views, clusters, block.columns.get("completion", ()), strict=True):
        name = None if view is None else str(view).split("_")[-1].lower()
        yield Found(id_, name, cluster, text, find_in(text, whole=whole))


def row_line(row: Found) -> str:
    """Return the line of an output file."""
    return json.dumps(row.as_dict(), ensure_ascii=False)
